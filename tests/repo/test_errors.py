"""Error codes are permanent: the list is kept in a file and only ever grows."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import huitong
from huitong.core.errors import registered_errors

REGISTER = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def _import_everything() -> None:
    for found in pkgutil.walk_packages(huitong.__path__, "huitong."):
        if not {"proto", "migrations"} & {
            *found.name.split(".")
        } and not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def test_every_error_code_is_in_the_register() -> None:
    _import_everything()
    register = REGISTER.read_text(encoding="utf-8")
    lines = re.sub(r'<a id="[^"]*"></a>', "", register).splitlines()
    rows = {
        tuple(c.strip(" `") for c in line.split("|")[1:4])
        for line in lines
        if line.startswith("| `")
    }
    wanted = {
        (space, str(code), kind.__name__)
        for (space, code), kind in registered_errors().items()
        if kind.__module__.startswith("huitong.")
    }
    assert wanted - rows == set(), "run `make docs`; a code once given stays"


def test_every_error_text_is_filled_from_its_fields_only() -> None:
    _import_everything()
    for kind in registered_errors().values():
        assert "{}" not in kind.text, kind
