"""Data recorded from real software; ``README.md`` beside this file says from which."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
#: Documents and vectors of other projects; they lie beside the checkout, not in it.
SHARED = _HERE.parent.parent.parent / "shared"


@cache
def load_vector(name: str) -> Any:
    """Return the JSON of ``tests/vectors/<name>``."""
    return json.loads((_HERE / name).read_bytes())


def shared_vector(name: str) -> Any:
    """Return the JSON of ``../shared/vectors/<name>``; skip the test where it is absent."""
    path = SHARED / "vectors" / name
    if not path.exists():
        pytest.skip(f"{name} is another project's file and not on this machine")
    return json.loads(path.read_bytes())
