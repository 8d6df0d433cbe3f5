"""The shape of a module: its messages, queries, genesis and block hooks.

A zone is a static list of modules. A message is routed by its type URL to one pair of
functions: ``check`` reads and raises, ``apply`` writes and does not fail for reasons that
``check`` could have seen. Both run in the same branch, one right after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.store.snapshot_layout import SideRows


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRoute:
    """How one kind of message is carried out."""

    request: type[Message]
    """The generated class; its full name makes the type URL."""
    check: Callable[[Context, Any], None]
    """Raises unless the message may be applied; writes nothing."""
    apply: Callable[[Context, Any], Message]
    """Writes, emits events, returns the response message."""
    check_form: Callable[[Any], None] | None = None
    """Raises for what no state could make right; asked before a block takes it."""
    signer: Callable[[Any], str] = attrgetter("signer")
    """Returns the address in the message that must have signed the transaction."""
    roles: tuple[str, ...] = ()
    """Roles of which the signing account must hold one; empty: any active account."""
    governed: bool = False
    """Whether only a passed proposal carries it out, whoever signs a transaction."""
    while_frozen: bool = False
    """Whether an account may sign it although its own organisation froze itself."""
    is_redundant: Callable[[Context, Any], bool] | None = None
    """For relayed messages: whether the state already has their effect (ICS-18)."""
    brings_header: bool = False
    """Whether it only brings what the other relayed messages are proven against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRoute:
    """How one query is answered."""

    path: str
    """gRPC path, for example ``/ibc.core.client.v1.Query/ClientState``."""
    request: type[Message]
    """The generated class of the request."""
    answer: Callable[[Context, Any], Message]
    """Reads the state at the asked height and returns the response message."""


def _no_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Refuse state for a module that has none.

    Raises:
        InvalidRequestError: there is something.
    """
    if state:
        raise InvalidRequestError(reason=f"genesis state {sorted(state)} has no use")


def _no_export(ctx: Context) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of the state machine."""

    name: str
    """Name in genesis, events and error codespaces."""
    store: str
    """Name of its tree in the multistore; empty for none."""
    version: int = 1
    """Version of its state's layout, which a migration raises."""
    messages: tuple[MessageRoute, ...] = ()
    """Every message that it carries out."""
    queries: tuple[QueryRoute, ...] = ()
    """Every query that it answers."""
    init_genesis: Callable[[Context, dict[str, Any]], None] = field(default=_no_genesis)
    """Writes the state given in the genesis file; raises on anything it does not know."""
    export_genesis: Callable[[Context], dict[str, Any]] = field(default=_no_export)
    """Returns what ``init_genesis`` needs to make the same state again; byte-stable."""
    begin_block: Callable[[Context], None] | None = None
    """Runs before the transactions of each block; must not fail."""
    end_block: Callable[[Context], None] | None = None
    """Runs after the transactions of each block; must not fail."""
    side_rows: SideRows | None = None
    """What it keeps beside the state and a node that joins by snapshot needs."""
