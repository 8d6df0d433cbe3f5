"""How one transaction is carried out: authentication, then its messages, all or none.

Stages, each in a branch of its own:

1. *Reading*: the bytes become a transaction and its messages, strictly.
2. *Authentication*: account, signature, sequence, roles. It stays even if a message
   fails, so that the same signature cannot be used twice.
3. *Messages*: one after the other; the first failure undoes all of them.

Only ``code``, ``data`` and the two gas numbers are consensus data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from google.protobuf.message import Message

from huitong.core.abci import TxResult
from huitong.core.codec import decode, encode, pack_any
from huitong.core.context import Context
from huitong.core.errors import (
    BrokenError,
    GovernedMessageError,
    HuitongError,
    InsufficientFundsError,
    OutOfGasError,
    PanicError,
    RedundantTxError,
    RejectedError,
    TxDecodeError,
    TxTimeoutHeightError,
    UnauthorizedError,
    UnavailableError,
    UnknownRequestError,
)
from huitong.core.events import Event, event
from huitong.core.gas import (
    GAS_MESSAGE,
    GAS_SIGNATURE,
    GAS_TRANSACTION,
    GAS_TRANSACTION_BYTE,
    GasMeter,
)
from huitong.core.module import MessageRoute, Module
from huitong.core.tx import Transaction, decode_transaction
from huitong.proto.cosmos.base.abci.v1beta1 import abci_pb2

ResultT = TypeVar("ResultT")

CheckSignature = Callable[[int], None]
"""Takes the signer's account number; raises UnauthorizedError for a wrong signature."""


#: What may come out of a handler on one node and not on another.
FAULTS_OF_THE_MACHINE: Final = (
    UnavailableError,
    BrokenError,
    OSError,
    MemoryError,
    RecursionError,
)


#: What the Cosmos SDK puts before the text of a message's failure, and its index.
_FAILED_MESSAGE: Final = "failed to execute message; message index: "


class Authenticator(Protocol):
    """Who may sign what; implemented by the ``members`` module."""

    def authenticate(
        self,
        ctx: Context,
        tx: Transaction,
        check_signature: CheckSignature,
        while_frozen: bool = False,
    ) -> None:
        """Check the signer and count the transaction in its sequence.

        Args:
            ctx: the branch to read from and to write the sequence to.
            tx: the transaction.
            check_signature: called once with the account number the signature must
                cover; raises UnauthorizedError if it does not.
            while_frozen: whether all messages are such that a member may send them
                although it froze itself.

        Raises:
            RejectedError: codespace ``sdk``: 4, 9 or 32.
        """
        ...

    def check_roles(
        self, ctx: Context, address: str, roles: tuple[str, ...], what: str
    ) -> None:
        """Raise UnauthorizedError unless the account holds one of ``roles``."""
        ...


@dataclass(frozen=True, slots=True)
class Routed:
    """A message with the way it goes."""

    type_url: str
    route: MessageRoute
    message: Message


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction that has been read, with its messages."""

    tx: Transaction
    sender: str
    """Address of the one account that signs all messages."""
    messages: tuple[Routed, ...]


def prepare(raw: bytes, routes: Mapping[str, MessageRoute]) -> Prepared:
    """Read a transaction and all of its messages; a pure function of its arguments.

    Raises:
        RejectedError: codespace ``sdk``: 2, 6, 15, 18, 21 and others of ``core.tx``.
    """
    return route_messages(decode_transaction(raw), routes)


def route_messages(tx: Transaction, routes: Mapping[str, MessageRoute]) -> Prepared:
    """Decode the messages of a transaction and find out who signs them.

    Raises:
        RejectedError: codespace ``sdk``: 2, 4 or 6, or what the form of a message breaks.
    """
    routed = tuple(
        route_message(packed.type_url, packed.value, routes) for packed in tx.messages
    )
    signers = {item.route.signer(item.message) for item in routed}
    if len(signers) != 1:
        named = ", ".join(sorted(signers))
        raise UnauthorizedError(reason=f"messages name several signers ({named})")
    return Prepared(tx, signers.pop(), routed)


def route_message(
    type_url: str, value: bytes, routes: Mapping[str, MessageRoute]
) -> Routed:
    """Decode one message, find its way and check its form.

    Raises:
        RejectedError: codespace ``sdk``: 2 or 6, or what the form of the message breaks.
    """
    route = routes.get(type_url)
    if route is None:
        raise UnknownRequestError(reason=f"unrecognized message route: {type_url!r}")
    try:
        message = decode(route.request, value)
    except RejectedError as wrong:
        raise TxDecodeError(reason=f"{type_url}: {wrong}") from wrong
    if route.check_form is not None:
        route.check_form(message)
    return Routed(type_url, route, message)


def authenticate(
    ctx: Context,
    prepared: Prepared,
    authenticator: Authenticator,
    check_signature: CheckSignature,
) -> None:
    """Check everything that comes before the messages; see ``Authenticator``.

    The price of a signature is paid whether or not a node has checked it before, so that
    gas is the same everywhere.
    """
    tx = prepared.tx
    for item in prepared.messages:
        if item.route.governed:
            raise GovernedMessageError(what=item.type_url)
    work = GAS_TRANSACTION + GAS_SIGNATURE + GAS_TRANSACTION_BYTE * len(tx.raw)
    ctx.gas.consume(work, "transaction")
    for coin in tx.fee:
        if coin.amount:
            raise InsufficientFundsError(
                reason=f"fee of {coin.amount}{coin.denom}, but this zone has no coin; "
                "name a fee of amount 0, or none"
            )
    height = ctx.block.height.revision_height
    if tx.timeout_height and height > tx.timeout_height:
        raise TxTimeoutHeightError(height=height, timeout_height=tx.timeout_height)
    while_frozen = all(item.route.while_frozen for item in prepared.messages)
    authenticator.authenticate(ctx, tx, check_signature, while_frozen)
    if tx.address != prepared.sender:
        raise UnauthorizedError(
            reason=f"signed by {tx.address}, but the messages name {prepared.sender}"
        )
    for item in prepared.messages:
        authenticator.check_roles(ctx, tx.address, item.route.roles, item.type_url)


def is_redundant(ctx: Context, prepared: Prepared) -> bool:
    """Tell whether what the transaction relays is on this chain already (ICS-18).

    All of its messages must be relayed ones. New headers do not count beside packets,
    because they were brought for their sake only; headers alone count for themselves.
    This is what ibc-go's redundant relay decorator does.
    """
    for item in prepared.messages:
        if item.route.is_redundant is None:
            return False
    packets = [item for item in prepared.messages if not item.route.brings_header]
    for item in packets or prepared.messages:
        ask = item.route.is_redundant
        if ask is not None and not ask(ctx, item.message):
            return False
    return True


def check_not_redundant(ctx: Context, prepared: Prepared) -> None:
    """Refuse relayed messages without effect before they take room in a block.

    Raises:
        RedundantTxError: all messages are relayed ones and none has an effect.
    """
    if is_redundant(ctx, prepared):
        raise RedundantTxError


def run_messages(ctx: Context, prepared: Prepared) -> bytes:
    """Carry out the messages in ``ctx`` and return the encoded TxMsgData.

    Raises:
        HuitongError: the first message that failed; the caller drops ``ctx``.
    """
    responses = abci_pb2.TxMsgData()
    for index, item in enumerate(prepared.messages):
        try:
            response = run_message(ctx, item, prepared.sender, index)
        except OutOfGasError:
            raise  # the transaction's, not the message's; a Cosmos SDK node says so too
        except RejectedError as refused:
            refused.prefixed(f"{_FAILED_MESSAGE}{index}")
            raise
        responses.msg_responses.append(pack_any(response))
    return encode(responses)


def run_message(ctx: Context, item: Routed, sender: str, index: int) -> Message:
    """Carry out one message in ``ctx``, as number ``index`` of several.

    Raises:
        HuitongError: it failed; the caller drops ``ctx``.
    """
    ctx.gas.consume(GAS_MESSAGE, item.type_url)
    told_before = len(ctx.events)
    ctx.emit(event("message", action=item.type_url, sender=sender))
    item.route.check(ctx, item.message)
    response = item.route.apply(ctx, item.message)
    _number_events(ctx.events, told_before, str(index))
    return response


def attempt(work: Callable[[], ResultT]) -> ResultT | HuitongError:
    """Return what ``work`` returns, or the failure that every node sees alike.

    A bug in a handler fails what it was asked for on every node alike, instead of
    stopping the zone. A damaged disk, too few readers, no memory or no stack are the
    machine's state and not the message's, so they must stop this node.

    Raises:
        UnavailableError, BrokenError: this node cannot read its state. A result made of
            that would be this node's alone.
    """
    try:
        return work()
    except RejectedError as refused:
        return refused
    except Exception as bug:
        if isinstance(bug, FAULTS_OF_THE_MACHINE):
            raise
        return PanicError(reason=type(bug).__name__)


def _number_events(events: list[Event], start: int, index: str) -> None:
    """Add ``msg_index`` to the events of one message, as the Cosmos SDK does."""
    for place in range(start, len(events)):
        told = events[place]
        events[place] = Event(told.kind, (*told.attributes, ("msg_index", index)))


def deliver(
    block_ctx: Context,
    prepared: Prepared,
    authenticator: Authenticator,
    check_signature: CheckSignature,
) -> TxResult:
    """Carry out one transaction of a block; writes what stays to ``block_ctx``.

    Raises:
        UnavailableError, BrokenError: this node cannot read its state. A result made of
            that would be this node's alone.
    """
    tx = prepared.tx
    meter = GasMeter(tx.gas_limit)
    entry = block_ctx.branch(gas=meter, signer=prepared.sender)
    try:
        authenticate(entry, prepared, authenticator, check_signature)
    except RejectedError as refused:
        return failed_result(refused, tx.gas_limit, meter.used)
    entry.emit(event("tx", acc_seq=f"{prepared.sender}/{tx.sequence}"))
    block_ctx.merge_writes(entry)
    work = block_ctx.branch(gas=meter, signer=prepared.sender)
    done = attempt(lambda: run_messages(work, prepared))
    if isinstance(done, HuitongError):
        return failed_result(done, tx.gas_limit, meter.used, tuple(entry.events))
    block_ctx.merge_writes(work)
    return TxResult(
        code=0,
        codespace="",
        data=done,
        log="",
        gas_wanted=tx.gas_limit,
        gas_used=meter.used,
        events=(*entry.events, *work.events),
    )


def failed_result(
    error: HuitongError,
    gas_wanted: int,
    gas_used: int,
    events: tuple[Event, ...] = (),
) -> TxResult:
    """Describe a failure; its text is for people and not part of consensus."""
    return TxResult(
        code=error.code,
        codespace=error.codespace,
        data=b"",
        log=str(error),
        gas_wanted=gas_wanted,
        gas_used=gas_used,
        events=events,
    )


def message_routes(modules: Iterable[Module]) -> dict[str, MessageRoute]:
    """Return the routing table of a zone: type URL to route."""
    table: dict[str, MessageRoute] = {}
    for module in modules:
        for route in module.messages:
            type_url = f"/{route.request.DESCRIPTOR.full_name}"
            if type_url in table:
                raise TypeError(f"two modules handle {type_url}")
            table[type_url] = route
    return table
