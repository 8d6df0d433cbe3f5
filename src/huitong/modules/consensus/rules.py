"""What the application asks about validators and block limits (``core.consensus``)."""

from __future__ import annotations

from typing import final

from huitong.core.abci import GenesisRequest, ValidatorUpdate
from huitong.core.consensus import ConsensusChanges
from huitong.core.context import Context
from huitong.modules.consensus.state import (
    all_validators,
    find_validator,
    get_block_params,
    save_block_params,
    save_told_power,
    save_validator,
    told_powers,
)
from huitong.proto.huitong.consensus.v1 import consensus_pb2 as pb


@final
class ZoneConsensus:
    """Validators and block limits of a zone; keeps nothing outside the state."""

    __slots__ = ()

    def begin(self, ctx: Context, request: GenesisRequest) -> None:
        """Write the validators and limits of the genesis document."""
        for update in request.validators:
            if find_validator(ctx, update.public_key) is None:
                save_validator(
                    ctx,
                    pb.Validator(
                        public_key=update.public_key,
                        power=update.power,
                        status=pb.VALIDATOR_STATUS_ACTIVE,
                        changed_height=request.initial_height,
                    ),
                )
            save_told_power(ctx, update.public_key, update.power)
        save_block_params(
            ctx,
            pb.BlockParams(
                size_bytes_max=request.block_bytes_max, gas_max=request.block_gas_max
            ),
        )

    def block_gas_max(self, ctx: Context) -> int:
        """Return the sum of gas that the transactions of a block may want."""
        return get_block_params(ctx).gas_max

    def take_changes(self, ctx: Context) -> ConsensusChanges:
        """Return the powers that differ from what the engine was told last."""
        told = told_powers(ctx)
        wanted = {item.public_key: item.power for item in all_validators(ctx)}
        updates: list[ValidatorUpdate] = []
        for public_key in sorted({**told, **wanted}):
            power = wanted.get(public_key, 0)
            if power != told.get(public_key, 0):
                updates.append(ValidatorUpdate(public_key=public_key, power=power))
                save_told_power(ctx, public_key, power)
        return ConsensusChanges(validator_updates=tuple(updates))
