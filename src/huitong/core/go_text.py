"""Texts as programs in Go read and write them, where both sides must agree to the byte."""

from __future__ import annotations

import json
from typing import Final

#: What Go's encoding/json escapes besides what JSON demands.
_ESCAPES: Final = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)
#: What Go calls blank; named by number, because Unicode's classes change with versions.
_BLANK: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


def go_json_string(text: str) -> bytes:
    """Return ``text`` as a JSON string, quotes included, with Go's escapes.

    Half a surrogate pair has no UTF-8; what replaces it differs from any input.
    """
    written = json.dumps(text, ensure_ascii=False)
    return written.translate(_ESCAPES).encode(errors="replace")


def is_blank(text: str) -> bool:
    """Return whether a text is empty or consists of what Go calls blank."""
    return not text.strip(_BLANK)
