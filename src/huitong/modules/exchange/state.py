"""Exchanges, waiting requests and the zone's rules in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.invariants import invariant
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange.errors import ExchangeNotFoundError
from huitong.modules.exchange.keys import (
    DEADLINE_PREFIX,
    EXCHANGE_PREFIX,
    PARAMS_KEY,
    PUSH_PREFIX,
    STORE,
    WAITING_PREFIX,
    deadline_key,
    deadline_prefix,
    exchange_key,
    exchange_prefix,
    parts_of_deadline_key,
    push_prefix,
    waiting_count_key,
    waiting_key,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange, Params
from huitong.proto.huitong.exchange.v1.handover_pb2 import HandOver
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Packet

_LISTED = b"\x01"

#: Rules of a zone whose genesis says nothing else.
DEFAULT_PARAMS = Params(ask_officer=True, officer_term=259_200, level_max=3)


def status_name(status: int) -> str:
    """Return the status of an exchange in lower case, for events and texts."""
    name = exchange_pb2.ExchangeStatus.Name(status)
    return name.removeprefix("EXCHANGE_STATUS_").lower()


def outcome_name(outcome: int) -> str:
    """Return the outcome of a decision as one lower-case word, for events and texts."""
    return exchange_pb2.Outcome.Name(outcome).removeprefix("OUTCOME_").lower()


def get_params(ctx: Context) -> Params:
    """Return the zone's rules."""
    value = ctx.store(STORE).get(PARAMS_KEY)
    return DEFAULT_PARAMS if value is None else Params.FromString(value)


def save_params(ctx: Context, params: Params) -> None:
    """Write the zone's rules."""
    ctx.store(STORE).set(PARAMS_KEY, encode(params))


def deadline_of(ctx: Context, packet: Packet) -> int:
    """Return until when a packet may wait for an officer, nanoseconds since the epoch.

    A packet that was received can no longer time out, so the term ends here.
    """
    deadline = ctx.block.time_ns + get_params(ctx).officer_term * NS_PER_SECOND
    if packet.timeout_timestamp:
        deadline = min(deadline, packet.timeout_timestamp)
    return deadline


def find_exchange(
    ctx: Context, side: int, channel_id: str, sequence: int, push_number: int = 0
) -> Exchange | None:
    """Return an exchange, or with a number a push under it, or None."""
    key = exchange_key(side, channel_id, sequence, push_number)
    value = ctx.store(STORE).get(key)
    return None if value is None else Exchange.FromString(value)


def get_exchange(
    ctx: Context, side: int, channel_id: str, sequence: int, push_number: int = 0
) -> Exchange:
    """Return an exchange, or with a number a push under it.

    Raises:
        ExchangeNotFoundError: this zone holds none.
    """
    exchange = find_exchange(ctx, side, channel_id, sequence, push_number)
    if exchange is None:
        raise not_found(channel_id, sequence, push_number)
    return exchange


def not_found(
    channel_id: str, sequence: int, push_number: int
) -> ExchangeNotFoundError:
    """Return the refusal of an exchange or a push that this zone does not hold."""
    shown = f"{sequence}/{push_number}" if push_number else sequence
    return ExchangeNotFoundError(channel_id=channel_id, sequence=shown)


def save_exchange(ctx: Context, exchange: Exchange) -> None:
    """Write an exchange."""
    key = exchange_key(
        exchange.side, exchange.channel_id, exchange.sequence, exchange.push_number
    )
    ctx.store(STORE).set(key, encode(exchange))


def exchanges_after(
    ctx: Context, side: int, channel_id: str, start_after: int
) -> Iterator[Exchange]:
    """Walk over one side of a channel by ascending sequence, behind ``start_after``."""
    prefix = exchange_prefix(side, channel_id)
    start = exchange_key(side, channel_id, start_after) + b"\x00"
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield Exchange.FromString(value)


def pushes_after(
    ctx: Context, side: int, channel_id: str, sequence: int, start_after: int
) -> Iterator[Exchange]:
    """Walk over the pushes of a subscription by ascending number."""
    prefix = push_prefix(side, channel_id, sequence)
    start = prefix + start_after.to_bytes(8, "big") + b"\x00"
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield Exchange.FromString(value)


def all_pushes(ctx: Context) -> Iterator[Exchange]:
    """Walk over all pushes, in the order of their keys."""
    for _, value in iterate_prefix(ctx.store(STORE), PUSH_PREFIX):
        yield Exchange.FromString(value)


def all_exchanges(ctx: Context) -> Iterator[Exchange]:
    """Walk over all exchanges but pushes, in the order of their keys."""
    for _, value in iterate_prefix(ctx.store(STORE), EXCHANGE_PREFIX):
        yield Exchange.FromString(value)


def find_waiting(ctx: Context, channel_id: str, sequence: int) -> Packet | None:
    """Return the packet of a request that waits for an officer, or None."""
    value = ctx.store(STORE).get(waiting_key(channel_id, sequence))
    return None if value is None else Packet.FromString(value)


def get_waiting(ctx: Context, exchange: Exchange | HandOver) -> Packet:
    """Return the packet of what waits for an officer, which must be kept."""
    packet = find_waiting(ctx, exchange.channel_id, exchange.sequence)
    invariant(
        packet is not None,
        "what waits has its packet",
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
    )
    return packet or Packet()


def all_waiting(ctx: Context) -> Iterator[Packet]:
    """Walk over all packets that wait, in the order of their keys."""
    for _, value in iterate_prefix(ctx.store(STORE), WAITING_PREFIX):
        yield Packet.FromString(value)


def waiting_count(ctx: Context, channel_id: str) -> int:
    """Return how many requests and hand-overs of a channel wait."""
    value = ctx.store(STORE).get(waiting_count_key(channel_id))
    return 0 if value is None else int.from_bytes(value, "big")


def save_waiting(ctx: Context, packet: Packet, deadline_ns: int) -> None:
    """Write that a packet waits until a deadline. Cost: 3 writes."""
    store = ctx.store(STORE)
    channel_id, sequence = packet.destination_channel, packet.sequence
    store.set(waiting_key(channel_id, sequence), encode(packet))
    store.set(deadline_key(deadline_ns, channel_id, sequence), _LISTED)
    _save_waiting_count(ctx, channel_id, waiting_count(ctx, channel_id) + 1)


def delete_waiting(ctx: Context, exchange: Exchange | HandOver) -> None:
    """Write that a request or a hand-over waits no more."""
    store = ctx.store(STORE)
    channel_id, sequence = exchange.channel_id, exchange.sequence
    store.delete(waiting_key(channel_id, sequence))
    store.delete(deadline_key(exchange.deadline, channel_id, sequence))
    _save_waiting_count(ctx, channel_id, waiting_count(ctx, channel_id) - 1)


def due_exchanges(ctx: Context, now_ns: int, count_max: int) -> list[tuple[str, int]]:
    """Return channel and sequence of packets whose deadline is at or before now.

    The earliest deadlines come first, at most ``count_max`` of them.
    """
    due: list[tuple[str, int]] = []
    end = deadline_prefix(now_ns + 1)
    for key, _ in ctx.store(STORE).iterate(DEADLINE_PREFIX, end):
        due.append(parts_of_deadline_key(key))
        if len(due) >= count_max:
            break
    return due


def _save_waiting_count(ctx: Context, channel_id: str, count: int) -> None:
    key = waiting_count_key(channel_id)
    if count > 0:
        ctx.store(STORE).set(key, count.to_bytes(8, "big"))
    else:
        ctx.store(STORE).delete(key)
