"""The zone's rules, the ways of vouchers and the totals of escrows in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import iterate_prefix
from huitong.modules.claims.amounts import AMOUNT_SIZE_BYTES
from huitong.modules.transfer.keys import (
    PARAMS_KEY,
    STORE,
    TRACE_PREFIX,
    escrow_total_key,
    trace_key,
)
from huitong.modules.transfer.traces import full_denom_of, hash_of
from huitong.proto.huitong.transfer.v1.transfer_pb2 import Params
from huitong.proto.ibc.applications.transfer.v1.transfer_pb2 import DenomTrace

#: Before the rules: if all of them are off they encode to nothing, which no store keeps.
_PRESENT = b"\x01"
#: Rules of a zone whose genesis says nothing else: no client may carry transfers.
DEFAULT_PARAMS = Params(allow_any_client=False, send_enabled=True, receive_enabled=True)


def get_params(ctx: Context) -> Params:
    """Return the zone's rules."""
    value = ctx.store(STORE).get(PARAMS_KEY)
    if value is None:
        return DEFAULT_PARAMS
    return Params.FromString(value.removeprefix(_PRESENT))


def save_params(ctx: Context, params: Params) -> None:
    """Write the zone's rules."""
    ctx.store(STORE).set(PARAMS_KEY, _PRESENT + encode(params))


def find_trace(ctx: Context, digest: bytes) -> DenomTrace | None:
    """Return the way that a voucher came, by the hash in its name, or None."""
    value = ctx.store(STORE).get(trace_key(digest))
    return None if value is None else DenomTrace.FromString(value)


def save_trace(ctx: Context, trace: DenomTrace) -> None:
    """Write the way that a voucher came; it never changes."""
    key = trace_key(hash_of(full_denom_of(trace)))
    ctx.store(STORE).set(key, encode(trace))


def all_traces(ctx: Context) -> Iterator[DenomTrace]:
    """Walk over all ways, by ascending hash."""
    for _, value in iterate_prefix(ctx.store(STORE), TRACE_PREFIX):
        yield DenomTrace.FromString(value)


def get_escrow_total(ctx: Context, denom: str) -> int:
    """Return how much of a denomination the escrows of all channels hold."""
    value = ctx.store(STORE).get(escrow_total_key(denom))
    return 0 if value is None else int.from_bytes(value, "big")


def save_escrow_total(ctx: Context, denom: str, amount: int) -> None:
    """Write how much of a denomination the escrows of all channels hold."""
    key = escrow_total_key(denom)
    if amount:
        ctx.store(STORE).set(key, amount.to_bytes(AMOUNT_SIZE_BYTES, "big"))
    else:
        ctx.store(STORE).delete(key)
