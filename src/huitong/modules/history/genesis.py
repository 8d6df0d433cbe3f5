"""The history in the genesis file: ``{"accumulator": Accumulator}`` or nothing."""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    message_from_json,
    message_to_json,
)
from huitong.modules.history.mountain import is_well_formed
from huitong.modules.history.state import (
    find_accumulator,
    mountains_of,
    save_accumulator,
    save_peaks,
)
from huitong.proto.huitong.history.v1.history_pb2 import Accumulator


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the accumulator of a zone that goes on; a new zone has none.

    Raises:
        GenesisError: it is malformed, or does not end right before the first block.
    """
    check_known_keys(state, ("accumulator",), "history")
    if "accumulator" not in state:
        return
    where = "history.accumulator"
    accumulator = message_from_json(Accumulator, state["accumulator"], where)
    if not is_well_formed(mountains_of(accumulator)) or not accumulator.first_height:
        raise GenesisError(where=where, reason="peaks do not fit the leaf count")
    first_block = ctx.block.height.revision_height
    if accumulator.first_height + accumulator.leaf_count != first_block:
        raise GenesisError(
            where=where,
            reason=f"it ends before height "
            f"{accumulator.first_height + accumulator.leaf_count}, but the zone begins "
            f"at initial_height {first_block}",
        )
    save_accumulator(ctx, accumulator)
    save_peaks(ctx, accumulator)


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return the accumulator, if there is one."""
    accumulator = find_accumulator(ctx)
    return {} if accumulator is None else {"accumulator": message_to_json(accumulator)}
