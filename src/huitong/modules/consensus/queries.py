"""Answers about validators and block limits."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.paging import page_of
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.modules.consensus.state import (
    find_misbehaviours,
    get_block_params,
    get_told,
    get_validator,
    misbehaviours_after,
    told_powers,
    validators_after,
)
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb


def answer_validator(
    ctx: Context, request: pb.QueryValidatorRequest
) -> pb.QueryValidatorResponse:
    """Return one validator, its power in effect, and what it did.

    Raises:
        ValidatorNotFoundError: there is none.
    """
    validator = get_validator(ctx, request.public_key)
    powers = told_powers(get_told(ctx))
    return pb.QueryValidatorResponse(
        info=_info(validator, powers),
        misbehaviours=find_misbehaviours(
            ctx, address_of_public_key(request.public_key)
        ),
    )


def answer_validators(
    ctx: Context, request: pb.QueryValidatorsRequest
) -> pb.QueryValidatorsResponse:
    """Return validators by ascending public key."""
    found, more = page_of(validators_after(ctx, request.start_after), request.limit)
    powers = told_powers(get_told(ctx))
    return pb.QueryValidatorsResponse(
        validators=[_info(item, powers) for item in found],
        next=found[-1].public_key if more else b"",
    )


def answer_misbehaviours(
    ctx: Context, request: pb.QueryMisbehavioursRequest
) -> pb.QueryMisbehavioursResponse:
    """Return what validators did, also those that are gone, by ascending address."""
    found, more = page_of(misbehaviours_after(ctx, request.start_after), request.limit)
    return pb.QueryMisbehavioursResponse(
        records=found, next=found[-1].address if more else b""
    )


def answer_block_params(
    ctx: Context, request: pb.QueryBlockParamsRequest
) -> pb.QueryBlockParamsResponse:
    """Return the limits of the next block."""
    return pb.QueryBlockParamsResponse(params=get_block_params(ctx))


def _info(validator: pb.Validator, powers: dict[bytes, int]) -> pb.ValidatorInfo:
    return pb.ValidatorInfo(
        validator=validator, power_in_effect=powers.get(validator.public_key, 0)
    )
