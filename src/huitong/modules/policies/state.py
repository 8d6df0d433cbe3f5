"""Policies, uses of broken glass and the module's rules in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.modules.policies.errors import PolicyNotFoundError, UseNotFoundError
from huitong.modules.policies.keys import (
    COUNT_KEY,
    DUE_PREFIX,
    NEXT_USE_ID_KEY,
    PARAMS_KEY,
    POLICY_PREFIX,
    STORE,
    USE_PREFIX,
    VERSION_PREFIX,
    due_key,
    due_prefix,
    policy_key,
    unreviewed_key,
    unreviewed_prefix,
    use_key,
    version_key,
)
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb
from huitong.proto.huitong.policies.v1.policies_pb2 import (
    BreakGlassUse,
    Params,
    Policy,
)

_LISTED = b"\x01"
_ID_SIZE_BYTES = 8
#: Rules of a zone whose genesis says nothing else: three days.
DEFAULT_PARAMS = Params(review_term=259_200)


def status_name(status: int) -> str:
    """Return the status of a use as one lower-case word, for events and texts."""
    return pb.UseStatus.Name(status).removeprefix("USE_STATUS_").lower()


def get_params(ctx: Context) -> Params:
    """Return the module's rules."""
    value = ctx.store(STORE).get(PARAMS_KEY)
    return DEFAULT_PARAMS if value is None else Params.FromString(value)


def save_params(ctx: Context, params: Params) -> None:
    """Write the module's rules."""
    ctx.store(STORE).set(PARAMS_KEY, encode(params))


# --- policies -----------------------------------------------------------------------------


def find_policy(ctx: Context, record_type: str) -> Policy | None:
    """Return the newest policy for a type, removed ones too, or None."""
    value = ctx.store(STORE).get(policy_key(record_type))
    return None if value is None else Policy.FromString(value)


def get_policy(ctx: Context, record_type: str, version: int = 0) -> Policy:
    """Return a policy; version 0 is the newest.

    Raises:
        PolicyNotFoundError: there is none.
    """
    key = version_key(record_type, version) if version else policy_key(record_type)
    value = ctx.store(STORE).get(key)
    if value is None:
        raise PolicyNotFoundError(record_type=record_type, version=version)
    return Policy.FromString(value)


def save_policy(ctx: Context, policy: Policy) -> None:
    """Write a policy as the newest of its type and as its version, and count the type."""
    store = ctx.store(STORE)
    key = policy_key(policy.record_type)
    if not store.has(key):
        store.set(COUNT_KEY, (policy_count(ctx) + 1).to_bytes(8, "big"))
    store.set(key, encode(policy))
    store.set(version_key(policy.record_type, policy.version), encode(policy))


def policy_count(ctx: Context) -> int:
    """Return how many types have or had a policy."""
    value = ctx.store(STORE).get(COUNT_KEY)
    return 0 if value is None else int.from_bytes(value, "big")


def policies_after(ctx: Context, start_after: str) -> Iterator[Policy]:
    """Walk over the newest policies by ascending record type, those behind one."""
    start = policy_key(start_after) + b"\x00" if start_after else POLICY_PREFIX
    for _, value in ctx.store(STORE).iterate(start, prefix_end(POLICY_PREFIX)):
        yield Policy.FromString(value)


def all_versions(ctx: Context) -> Iterator[Policy]:
    """Walk over all versions by ascending record type, the oldest first."""
    for _, value in iterate_prefix(ctx.store(STORE), VERSION_PREFIX):
        yield Policy.FromString(value)


# --- broken glass -------------------------------------------------------------------------


def find_use(ctx: Context, use_id: int) -> BreakGlassUse | None:
    """Return a use of broken glass, or None."""
    value = ctx.store(STORE).get(use_key(use_id))
    return None if value is None else BreakGlassUse.FromString(value)


def get_use(ctx: Context, use_id: int) -> BreakGlassUse:
    """Return a use of broken glass.

    Raises:
        UseNotFoundError: there is none.
    """
    use = find_use(ctx, use_id)
    if use is None:
        raise UseNotFoundError(use_id=use_id)
    return use


def save_use(ctx: Context, use: BreakGlassUse) -> None:
    """Write a use, and among those that are due or wait as its status says."""
    store = ctx.store(STORE)
    store.set(use_key(use.use_id), encode(use))
    due, user = use.review_due, use.user
    queued = due_key(due, use.use_id)
    listed = unreviewed_key(user, due, use.use_id)
    if use.status == pb.USE_STATUS_OPEN:
        store.set(queued, _LISTED)
    elif store.has(queued):
        store.delete(queued)
    if is_unreviewed(use):
        store.set(listed, _LISTED)
    elif store.has(listed):
        store.delete(listed)


def is_unreviewed(use: BreakGlassUse) -> bool:
    """Return whether nobody has judged a use yet."""
    return use.status in (pb.USE_STATUS_OPEN, pb.USE_STATUS_OVERDUE)


def uses_after(ctx: Context, start_after: int) -> Iterator[BreakGlassUse]:
    """Walk over all uses by ascending id, those behind ``start_after``."""
    start = use_key(start_after) + b"\x00"
    for _, value in ctx.store(STORE).iterate(start, prefix_end(USE_PREFIX)):
        yield BreakGlassUse.FromString(value)


def due_uses(ctx: Context, now_ns: int, count_max: int) -> list[int]:
    """Return the ids of open uses whose review was due by now, the earliest first."""
    due: list[int] = []
    for key, _ in ctx.store(STORE).iterate(DUE_PREFIX, due_prefix(now_ns + 1)):
        due.append(int.from_bytes(key[-_ID_SIZE_BYTES:], "big"))
        if len(due) >= count_max:
            break
    return due


def find_overdue(ctx: Context, user: str) -> BreakGlassUse | None:
    """Return a use of this user whose review is overdue now, or None.

    Cost: one step of a walk, and 1 read if there is one.
    """
    prefix = unreviewed_prefix(user)
    for key, _ in ctx.store(STORE).iterate(prefix, prefix_end(prefix)):
        use = get_use(ctx, int.from_bytes(key[-_ID_SIZE_BYTES:], "big"))
        return use if use.review_due <= ctx.block.time_ns else None
    return None


def next_use_id(ctx: Context) -> int:
    """Return the id that the next use will have; ids begin at 1."""
    value = ctx.store(STORE).get(NEXT_USE_ID_KEY)
    return 1 if value is None else int.from_bytes(value, "big")


def save_next_use_id(ctx: Context, use_id: int) -> None:
    """Write the id that the next use will have."""
    ctx.store(STORE).set(NEXT_USE_ID_KEY, use_id.to_bytes(8, "big"))
