"""Versions of packs: three numbers that are compared one after the other."""

from __future__ import annotations

import re
from typing import Final

from huitong.core.limits import PACK_VERSION_NUMBER_MAX
from huitong.modules.packs.errors import PackVersionError

_NUMBER: Final = rf"(0|[1-9][0-9]{{0,{len(str(PACK_VERSION_NUMBER_MAX)) - 1}}})"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}", re.ASCII)


def parse_version(text: str) -> tuple[int, int, int]:
    """Return the three numbers of ``MAJOR.MINOR.PATCH``.

    Raises:
        PackVersionError: other text, leading zeros, or a number above 999,999.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise PackVersionError(version=text)
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch)
