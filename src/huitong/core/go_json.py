"""JSON texts as Go writes them, for bytes that are hashed on chains written in Go."""

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


def go_json_string(text: str) -> bytes:
    """Return ``text`` as a JSON string, quotes included, with Go's escapes.

    Half a surrogate pair has no UTF-8; what replaces it differs from any input.
    """
    written = json.dumps(text, ensure_ascii=False)
    return written.translate(_ESCAPES).encode(errors="replace")
