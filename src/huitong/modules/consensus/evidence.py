"""Evidence against validators: suspended at once, and recorded.

The engine has verified it. A validator that misbehaved gets no power until members vote
to reinstate it; the record stays when it is reinstated or removed.
"""

from __future__ import annotations

from typing import Final

from huitong.core.abci import Misbehaviour, MisbehaviourKind
from huitong.core.context import Context
from huitong.core.limits import MISBEHAVIOUR_ENTRIES_MAX, MISBEHAVIOUR_RECORDS_MAX
from huitong.modules.consensus import events
from huitong.modules.consensus.state import (
    SUSPENDED,
    delete_misbehaviours,
    find_misbehaviours,
    find_validator_at,
    misbehaviours_after,
    save_misbehaviours,
    save_validator,
)
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb

_KINDS: Final = {
    MisbehaviourKind.DUPLICATE_VOTE: pb.MISBEHAVIOUR_KIND_DUPLICATE_VOTE,
    MisbehaviourKind.LIGHT_CLIENT_ATTACK: pb.MISBEHAVIOUR_KIND_LIGHT_CLIENT_ATTACK,
}


def suspend_misbehaving(ctx: Context) -> None:
    """Take in the evidence of the block. Cost: nothing if there is none."""
    for misbehaviour in ctx.block.misbehaviours:
        validator = find_validator_at(ctx, misbehaviour.validator_address)
        _record(ctx, misbehaviour, validator)
        ctx.emit(events.validator_misbehaved(validator, misbehaviour))
        if validator is not None and validator.status != SUSPENDED:
            validator.status = SUSPENDED
            validator.changed_height = ctx.block.height.revision_height
            save_validator(ctx, validator)
            ctx.emit(events.validator_suspended(validator))


def _record(
    ctx: Context, misbehaviour: Misbehaviour, validator: pb.Validator | None
) -> None:
    address = misbehaviour.validator_address
    record = find_misbehaviours(ctx, address)
    if record is None:
        _make_room(ctx)
        record = pb.MisbehaviourRecord(address=address)
    if validator is not None:
        record.public_key = validator.public_key
        record.member_id = validator.member_id
    record.total += 1
    record.entries.append(
        pb.MisbehaviourEntry(
            kind=_KINDS[misbehaviour.kind],
            height=misbehaviour.height,
            time=misbehaviour.time_ns,
            power=misbehaviour.power,
            total_power=misbehaviour.total_power,
            recorded_height=ctx.block.height.revision_height,
        )
    )
    del record.entries[:-MISBEHAVIOUR_ENTRIES_MAX]
    save_misbehaviours(ctx, record)


def _make_room(ctx: Context) -> None:
    """Forget the record that is oldest, if there are as many as may be."""
    known = [
        (record.entries[-1].recorded_height, record.address)
        for record in misbehaviours_after(ctx, b"")
    ]
    if len(known) >= MISBEHAVIOUR_RECORDS_MAX:
        delete_misbehaviours(ctx, min(known)[1])
