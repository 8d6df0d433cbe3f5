"""What the application asks of the module that says who makes blocks, and how large.

Engines know validators and block limits from genesis on; every later change comes out of
the state, as the result of a block. The module ``consensus`` keeps both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from huitong.core.abci import BlockParams, GenesisRequest, ValidatorUpdate
from huitong.core.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusChanges:
    """What a block changes for the engine."""

    validator_updates: tuple[ValidatorUpdate, ...] = ()
    """Powers that change; each key once, in ascending order of the keys."""
    block_params: BlockParams | None = None
    """New limits; None if they stay."""


class ConsensusRules(Protocol):
    """Validators and block limits in the state."""

    def begin(self, ctx: Context, request: GenesisRequest) -> None:
        """Take over what the genesis document says, after all modules' genesis state.

        Raises:
            RejectedError: it contradicts the genesis state.
        """
        ...

    def block_gas_max(self, ctx: Context) -> int:
        """Return the sum of gas that the transactions of a block may want."""
        ...

    def take_changes(self, ctx: Context) -> ConsensusChanges:
        """Return what this block changes, and note in the state that it was told.

        Called once for each block, after all hooks.
        """
        ...
