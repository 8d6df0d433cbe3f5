"""Whether a node answers, asked without the client's machinery."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final

_TIMEOUT_S: Final = 5.0


def find_status(rpc_url: str) -> dict[str, Any] | None:
    """Return what the node says of itself; None if it does not answer."""
    return _find(rpc_url, "status")


def find_height(rpc_url: str) -> int | None:
    """Return the height of the node's newest block; None if it does not answer."""
    status = _find(rpc_url, "status")
    return None if status is None else int(status["sync_info"]["latest_block_height"])


def find_block_hash(rpc_url: str, height: int) -> str | None:
    """Return the hash of the header at ``height``; None if the node does not tell."""
    answer = _find(rpc_url, f"commit?height={height}")
    if answer is None:
        return None
    return str(answer["signed_header"]["commit"]["block_id"]["hash"])


def _find(rpc_url: str, call: str) -> dict[str, Any] | None:
    address = rpc_url.replace("tcp://", "http://", 1)
    try:
        with urllib.request.urlopen(f"{address}/{call}", timeout=_TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)["result"]
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError):
        return None
    return found
