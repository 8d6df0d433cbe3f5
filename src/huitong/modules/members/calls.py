"""First calls for an emergency freeze: at most one for each member that they name."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import prefix_end
from huitong.modules.members.keys import EMERGENCY_CALL_PREFIX, STORE, call_key
from huitong.modules.members.state import is_in_force
from huitong.proto.huitong.members.v1.members_pb2 import EmergencyCall


def find_live_call(ctx: Context, member_id: str) -> EmergencyCall | None:
    """Return the call that waits for a second one, or None.

    A call counts until it expires and while its caller is in force.
    """
    value = ctx.store(STORE).get(call_key(member_id))
    if value is None:
        return None
    call = EmergencyCall.FromString(value)
    return call if is_live(ctx, call) else None


def is_live(ctx: Context, call: EmergencyCall) -> bool:
    """Return whether a second call would make the freeze."""
    return ctx.block.time_ns < call.expires and is_in_force(ctx, call.caller)


def waiting_calls(ctx: Context) -> Iterator[EmergencyCall]:
    """Walk over all calls by the member that they name, expired ones among them."""
    end = prefix_end(EMERGENCY_CALL_PREFIX)
    for _, value in ctx.store(STORE).iterate(EMERGENCY_CALL_PREFIX, end):
        yield EmergencyCall.FromString(value)


def save_call(ctx: Context, call: EmergencyCall) -> None:
    """Write a call; one that expired makes room for it."""
    ctx.store(STORE).set(call_key(call.member_id), encode(call))


def delete_call(ctx: Context, member_id: str) -> None:
    """Remove the call for a member."""
    ctx.store(STORE).delete(call_key(member_id))
