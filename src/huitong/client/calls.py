"""Calls of a node's RPC in their JSON form, and what comes back for several of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from huitong.client.errors import RpcError
from huitong.client.rpc import Call

#: Validators asked for in one page; the most that CometBFT gives.
VALIDATORS_PER_PAGE: Final = 100
#: Pages of validators of one height; a hundred pages are ten thousand validators.
VALIDATOR_PAGES_MAX: Final = 100


def all_answered(answers: Sequence[Any | RpcError]) -> list[Any]:
    """Return the answers, or raise the first refusal among them.

    Raises:
        RpcError: the node refused a call.
    """
    for answer in answers:
        if isinstance(answer, RpcError):
            raise answer
    return list(answers)


def abci_query_call(
    path: str, data: bytes, height: int = 0, prove: bool = False
) -> Call:
    params = {"path": path, "data": data.hex(), "height": str(height), "prove": prove}
    return "abci_query", params


def validators_call(height: int, page: int) -> Call:
    return "validators", {
        "height": str(height),
        "page": str(page),
        "per_page": str(VALIDATORS_PER_PAGE),
    }


def to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
