"""Validators and what they did in the genesis file.

::

    {"validators": [Validator…], "misbehaviours": [MisbehaviourRecord…],
     "unbonding_time": "1209600000000000"}

Each may be left out. The unbonding time is in nanoseconds, three weeks if not given. The genesis document itself says who signs the first block and how
large blocks may be; an entry here adds whose validator it is::

    {"public_key": "<base64>", "member_id": "hz-tax", "name": "node 1"}

Without a status it is active, without a power it has that of the document.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import check_size, check_text
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import (
    MISBEHAVIOUR_ENTRIES_MAX,
    MISBEHAVIOUR_RECORDS_MAX,
    TITLE_BYTES_MAX,
    UNBONDING_TIME_NS_MAX,
)
from huitong.modules.consensus.handlers import check_unbonding_time
from huitong.modules.consensus.state import (
    ACTIVE,
    all_validators,
    find_misbehaviours,
    find_validator,
    get_unbonding_time_ns,
    misbehaviours_after,
    save_misbehaviours,
    save_unbonding_time_ns,
    save_validator,
)
from huitong.modules.members.state import get_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb

_ADDRESS_SIZE_BYTES = 20
_PUBLIC_KEY_SIZE_BYTES = 32


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the validators and records of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or without its member.
    """
    check_known_keys(
        state, ("validators", "misbehaviours", "unbonding_time"), "consensus"
    )
    _init_unbonding_time(ctx, state)
    where = "consensus.validators"
    validators = messages_from_json(pb.Validator, state.get("validators", []), where)
    for index, validator in enumerate(validators):
        try:
            _init_validator(ctx, validator)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong
    where = "consensus.misbehaviours"
    records = messages_from_json(
        pb.MisbehaviourRecord, state.get("misbehaviours", []), where
    )
    if len(records) > MISBEHAVIOUR_RECORDS_MAX:
        raise GenesisError(where=where, reason=f"at most {MISBEHAVIOUR_RECORDS_MAX}")
    for index, record in enumerate(records):
        try:
            _init_record(ctx, record)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all validators and records, each in the order of its keys."""
    exported: dict[str, Any] = {
        "validators": [message_to_json(item) for item in all_validators(ctx)],
        "misbehaviours": [
            message_to_json(item) for item in misbehaviours_after(ctx, b"")
        ],
    }
    unbonding_time_ns = get_unbonding_time_ns(ctx)
    if unbonding_time_ns != UNBONDING_TIME_NS_MAX:
        exported["unbonding_time"] = str(unbonding_time_ns)
    return exported


def _init_unbonding_time(ctx: Context, state: dict[str, Any]) -> None:
    where = "consensus.unbonding_time"
    time_ns = integer_from_json(
        state.get("unbonding_time", UNBONDING_TIME_NS_MAX), where
    )
    try:
        check_unbonding_time(time_ns)
    except RejectedError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
    save_unbonding_time_ns(ctx, time_ns)


def _init_validator(ctx: Context, validator: pb.Validator) -> None:
    check_size(validator.public_key, "public_key", _PUBLIC_KEY_SIZE_BYTES)
    check_text(validator.name, "name", TITLE_BYTES_MAX)
    if validator.power < 0:
        raise GenesisError(where="power", reason="is negative")
    if validator.member_id:
        get_member(ctx, validator.member_id)
    validator.status = validator.status or ACTIVE
    if find_validator(ctx, validator.public_key) is not None:
        raise GenesisError(where=validator.public_key.hex(), reason="stands twice")
    save_validator(ctx, validator)


def _init_record(ctx: Context, record: pb.MisbehaviourRecord) -> None:
    check_size(record.address, "address", _ADDRESS_SIZE_BYTES)
    check_size(record.public_key, "public_key", _PUBLIC_KEY_SIZE_BYTES, required=False)
    where = record.address.hex()
    count = len(record.entries)
    if not 0 < count <= min(record.total, MISBEHAVIOUR_ENTRIES_MAX):
        raise GenesisError(
            where=where,
            reason=f"{count} entries, expected 1 to {MISBEHAVIOUR_ENTRIES_MAX}",
        )
    if find_misbehaviours(ctx, record.address) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_misbehaviours(ctx, record)
