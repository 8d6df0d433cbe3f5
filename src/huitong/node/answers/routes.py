"""The table of what only a node answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from huitong.core.app import Application
from huitong.node.answers.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What answers are made from."""

    app: Application
    """The state machine."""
    source: Source
    """The node's RPC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRoute:
    """How one query is answered by a node."""

    path: str
    """gRPC path, for example ``/cosmos.tx.v1beta1.Service/GetTx``."""
    request: type[Message]
    """The generated class of the request."""
    answer: Callable[[Node, Any], Message]
    """Returns the response message; raises ``HuitongError`` to refuse."""
