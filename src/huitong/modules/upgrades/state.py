"""The planned upgrade, and those that were carried out."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import prefix_end
from huitong.modules.upgrades.keys import (
    DONE_COUNT_KEY,
    DONE_PREFIX,
    NEWEST_DONE_KEY,
    PLAN_KEY,
    STORE,
    done_key,
)
from huitong.proto.huitong.upgrades.v1.upgrades_pb2 import DoneUpgrade, Plan


def find_plan(ctx: Context) -> Plan | None:
    """Return the planned upgrade, or None. Cost: 1 read."""
    value = ctx.store(STORE).get(PLAN_KEY)
    return None if value is None else Plan.FromString(value)


def save_plan(ctx: Context, plan: Plan) -> None:
    """Write the planned upgrade."""
    ctx.store(STORE).set(PLAN_KEY, encode(plan))


def delete_plan(ctx: Context) -> None:
    """Forget the planned upgrade."""
    ctx.store(STORE).delete(PLAN_KEY)


def find_done(ctx: Context, name: str) -> DoneUpgrade | None:
    """Return an upgrade that was carried out, or None."""
    value = ctx.store(STORE).get(done_key(name))
    return None if value is None else DoneUpgrade.FromString(value)


def save_done(ctx: Context, upgrade: DoneUpgrade) -> None:
    """Write that an upgrade was carried out."""
    store, encoded = ctx.store(STORE), encode(upgrade)
    count = done_count(ctx) + 1
    newest = find_newest_done(ctx)
    store.set(done_key(upgrade.name), encoded)
    store.set(DONE_COUNT_KEY, count.to_bytes(8, "big"))
    if newest is None or newest.height < upgrade.height:
        store.set(NEWEST_DONE_KEY, encoded)


def find_newest_done(ctx: Context) -> DoneUpgrade | None:
    """Return the upgrade that was carried out last, or None."""
    value = ctx.store(STORE).get(NEWEST_DONE_KEY)
    return None if value is None else DoneUpgrade.FromString(value)


def done_count(ctx: Context) -> int:
    """Return how many upgrades were carried out."""
    value = ctx.store(STORE).get(DONE_COUNT_KEY)
    return 0 if value is None else int.from_bytes(value, "big")


def done_after(ctx: Context, start_after: str) -> Iterator[DoneUpgrade]:
    """Walk over the upgrades carried out by ascending name, those behind one."""
    start = done_key(start_after) + b"\x00" if start_after else DONE_PREFIX
    for _, value in ctx.store(STORE).iterate(start, prefix_end(DONE_PREFIX)):
        yield DoneUpgrade.FromString(value)
