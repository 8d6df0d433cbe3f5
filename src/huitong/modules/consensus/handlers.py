"""What members decide about validators and blocks; each message by vote only."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import check_name, check_size, check_text
from huitong.core.limits import (
    BLOCK_GAS_MAX_LIMIT,
    BLOCK_GAS_MAX_MIN,
    BLOCK_SIZE_BYTES_MAX_LIMIT,
    BLOCK_SIZE_BYTES_MAX_MIN,
    TEXT_BYTES_MAX,
    TITLE_BYTES_MAX,
    UNBONDING_TIME_NS_MAX,
    UNBONDING_TIME_NS_MIN,
    VALIDATORS_MAX,
    VALIDATORS_POWER_MAX,
)
from huitong.modules.consensus import events
from huitong.modules.consensus.errors import (
    BlockParamsError,
    LastValidatorError,
    MemberNotInForceError,
    PowerLimitError,
    TooManyValidatorsError,
    UnbondingTimeError,
    ValidatorNotSuspendedError,
    ValidatorSuspendedError,
)
from huitong.modules.consensus.state import (
    ACTIVE,
    SUSPENDED,
    all_validators,
    delete_validator,
    find_validator,
    get_told,
    get_validator,
    save_block_params,
    save_unbonding_time_ns,
    save_validator,
    told_powers,
    wanted_powers,
)
from huitong.modules.members.state import is_in_force
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb

#: Bytes of an ed25519 public key.
PUBLIC_KEY_SIZE_BYTES = 32


def check_set_validator(ctx: Context, msg: pb.MsgSetValidator) -> None:
    """Raise unless the validator may get this power, member and name.

    Raises:
        InvalidRequestError: key, member id or name is malformed.
        MemberNotInForceError: the member is unknown, suspended or frozen.
        ValidatorSuspendedError: it misbehaved, and ``reinstate`` is not said.
        ValidatorNotSuspendedError: ``reinstate`` is said of one that is active or new.
        TooManyValidatorsError, PowerLimitError: the zone would have too much of either.
    """
    check_size(msg.public_key, "public_key", PUBLIC_KEY_SIZE_BYTES)
    check_name(msg.member_id, "member_id")
    check_text(msg.name, "name", TITLE_BYTES_MAX)
    if not is_in_force(ctx, msg.member_id):
        raise MemberNotInForceError(member_id=msg.member_id)
    known = find_validator(ctx, msg.public_key)
    is_suspended = known is not None and known.status == SUSPENDED
    if is_suspended and not msg.reinstate:
        raise ValidatorSuspendedError(public_key=msg.public_key)
    if msg.reinstate and not is_suspended:
        raise ValidatorNotSuspendedError(public_key=msg.public_key)
    others = [
        item.power for item in all_validators(ctx) if item.public_key != msg.public_key
    ]
    if len(others) >= VALIDATORS_MAX:
        raise TooManyValidatorsError(count=len(others), maximum=VALIDATORS_MAX)
    total = sum(others) + msg.power
    if msg.power < 1 or total > VALIDATORS_POWER_MAX:
        raise PowerLimitError(
            total=total if msg.power > 0 else msg.power, maximum=VALIDATORS_POWER_MAX
        )


def apply_set_validator(
    ctx: Context, msg: pb.MsgSetValidator
) -> pb.MsgSetValidatorResponse:
    """Write the validator; the engine is told at the end of the block."""
    known = find_validator(ctx, msg.public_key)
    validator = pb.Validator(
        public_key=msg.public_key,
        power=msg.power,
        member_id=msg.member_id,
        name=msg.name,
        status=ACTIVE,
        changed_height=ctx.block.height.revision_height,
    )
    save_validator(ctx, validator)
    ctx.emit(
        events.validator_set(
            validator, previous_power=0 if known is None else known.power
        )
    )
    return pb.MsgSetValidatorResponse()


def check_remove_validator(ctx: Context, msg: pb.MsgRemoveValidator) -> None:
    """Raise unless the validator exists and others sign blocks without it.

    Raises:
        InvalidRequestError: the key or the reason is malformed, or no reason is given.
        ValidatorNotFoundError: there is none with this key.
        LastValidatorError: nobody would be left.
    """
    check_size(msg.public_key, "public_key", PUBLIC_KEY_SIZE_BYTES)
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    get_validator(ctx, msg.public_key)
    known = told_powers(get_told(ctx))
    if not wanted_powers(ctx, known).keys() - {msg.public_key}:
        raise LastValidatorError(public_key=msg.public_key)


def apply_remove_validator(
    ctx: Context, msg: pb.MsgRemoveValidator
) -> pb.MsgRemoveValidatorResponse:
    """Remove the validator; the engine is told at the end of the block."""
    validator = get_validator(ctx, msg.public_key)
    delete_validator(ctx, msg.public_key)
    ctx.emit(events.validator_removed(validator, reason=msg.reason))
    return pb.MsgRemoveValidatorResponse()


def check_update_block_params(ctx: Context, msg: pb.MsgUpdateBlockParams) -> None:
    """Raise unless blocks with these limits can be made, and in time.

    Raises:
        BlockParamsError: a limit is too low or too high.
    """
    for field, actual, minimum, maximum in (
        (
            "size_bytes_max",
            msg.params.size_bytes_max,
            BLOCK_SIZE_BYTES_MAX_MIN,
            BLOCK_SIZE_BYTES_MAX_LIMIT,
        ),
        ("gas_max", msg.params.gas_max, BLOCK_GAS_MAX_MIN, BLOCK_GAS_MAX_LIMIT),
    ):
        if not minimum <= actual <= maximum:
            raise BlockParamsError(
                field=field, actual=actual, minimum=minimum, maximum=maximum
            )


def apply_update_block_params(
    ctx: Context, msg: pb.MsgUpdateBlockParams
) -> pb.MsgUpdateBlockParamsResponse:
    """Write the limits; they act from the next block on."""
    save_block_params(ctx, msg.params)
    ctx.emit(events.block_params_changed(msg.params))
    return pb.MsgUpdateBlockParamsResponse()


def check_unbonding_time(time_ns: int) -> None:
    """Raise unless validators may answer so long for what they signed.

    Raises:
        UnbondingTimeError: too short or too long.
    """
    if not UNBONDING_TIME_NS_MIN <= time_ns <= UNBONDING_TIME_NS_MAX:
        raise UnbondingTimeError(
            actual=time_ns,
            minimum=UNBONDING_TIME_NS_MIN,
            maximum=UNBONDING_TIME_NS_MAX,
        )


def check_set_unbonding_time(ctx: Context, msg: pb.MsgSetUnbondingTime) -> None:
    """Raise as ``check_unbonding_time``."""
    check_unbonding_time(msg.unbonding_time)


def apply_set_unbonding_time(
    ctx: Context, msg: pb.MsgSetUnbondingTime
) -> pb.MsgSetUnbondingTimeResponse:
    """Write the time; new light clients of other zones go by it."""
    save_unbonding_time_ns(ctx, msg.unbonding_time)
    ctx.emit(events.unbonding_time_changed(msg.unbonding_time))
    return pb.MsgSetUnbondingTimeResponse()
