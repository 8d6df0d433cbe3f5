"""What the application asks about validators and block limits (``core.consensus``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

from huitong.core.abci import BlockParams, GenesisRequest, ValidatorUpdate
from huitong.core.consensus import ConsensusChanges
from huitong.core.context import Context
from huitong.core.genesis import GenesisError
from huitong.core.limits import VALIDATORS_MAX, VALIDATORS_POWER_MAX
from huitong.modules.consensus import events
from huitong.modules.consensus.state import (
    ACTIVE,
    all_validators,
    find_validator,
    get_block_params,
    get_told,
    save_block_params,
    save_told,
    save_validator,
    told_of,
    told_powers,
    wanted_powers,
)
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb

#: Powers that a block changes act from this many blocks later on, as in CometBFT.
POWER_DELAY_BLOCKS: Final = 2


@final
class ZoneConsensus:
    """Validators and block limits of a zone; keeps nothing outside the state."""

    __slots__ = ()

    def begin(self, ctx: Context, request: GenesisRequest) -> None:
        """Take over the validators and limits of the genesis document.

        The document says who signs the first block. The state of this module may say
        more: members and names, and powers that act later, as after an export.

        Raises:
            GenesisError: a validator has no power in either, or there are too many, or
                with too much power.
        """
        powers = {item.public_key: item.power for item in request.validators}
        for public_key, power in powers.items():
            known = find_validator(ctx, public_key)
            if known is None:
                known = pb.Validator(
                    public_key=public_key,
                    status=ACTIVE,
                    changed_height=request.initial_height,
                )
            known.power = known.power or power
            save_validator(ctx, known)
        _check_validators(ctx, powers)
        params = pb.BlockParams(
            size_bytes_max=request.block_bytes_max, gas_max=request.block_gas_max
        )
        save_block_params(ctx, params)
        save_told(ctx, told_of(powers, params))

    def block_gas_max(self, ctx: Context) -> int:
        """Return the sum of gas that the transactions of a block may want."""
        return get_block_params(ctx).gas_max

    def take_changes(self, ctx: Context) -> ConsensusChanges:
        """Return what differs from what the engine was told last.

        If nobody had any power, the set stays as it is: a zone whose last validator is
        suspended goes on with it until members set another.
        """
        told = get_told(ctx)
        known = told_powers(told)
        wanted = wanted_powers(ctx, known) or known
        params = get_block_params(ctx)
        if wanted == known and params == told.block_params:
            return ConsensusChanges()
        save_told(ctx, told_of(wanted, params))
        is_same = params == told.block_params
        return ConsensusChanges(
            validator_updates=_updates(ctx, known, wanted),
            block_params=None
            if is_same
            else BlockParams(
                size_bytes_max=params.size_bytes_max, gas_max=params.gas_max
            ),
        )


def _updates(
    ctx: Context, known: Mapping[bytes, int], wanted: Mapping[bytes, int]
) -> tuple[ValidatorUpdate, ...]:
    """Return the powers that change, and tell the world of each."""
    updates: list[ValidatorUpdate] = []
    acts_from = ctx.block.height.revision_height + POWER_DELAY_BLOCKS
    for public_key in sorted({**known, **wanted}):
        power, previous = wanted.get(public_key, 0), known.get(public_key, 0)
        if power != previous:
            updates.append(ValidatorUpdate(public_key=public_key, power=power))
            ctx.emit(
                events.power_changed(
                    public_key, power=power, previous=previous, height=acts_from
                )
            )
    return tuple(updates)


def _check_validators(ctx: Context, powers: Mapping[bytes, int]) -> None:
    where = "consensus.validators"
    validators = list(all_validators(ctx))
    for validator in validators:
        if validator.power < 1:
            raise GenesisError(
                where=where, reason=f"{validator.public_key.hex()} has no power"
            )
    if len(validators) > VALIDATORS_MAX:
        raise GenesisError(
            where=where,
            reason=f"{len(validators)} validators, at most {VALIDATORS_MAX}",
        )
    total = max(sum(item.power for item in validators), sum(powers.values()))
    if total > VALIDATORS_POWER_MAX:
        raise GenesisError(
            where=where,
            reason=f"voting power of {total} in all, at most {VALIDATORS_POWER_MAX}",
        )
