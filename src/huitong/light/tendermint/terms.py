"""The terms on which zones follow one another unless their operators agree on others."""

from __future__ import annotations

from typing import Final

from huitong.core.height import Height
from huitong.core.limits import UNBONDING_TIME_NS_MAX
from huitong.core.store.ics23 import IAVL_SPEC, TENDERMINT_SPEC
from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.trust_level import TRUST_LEVEL_DEFAULT

#: A header is trusted for two weeks: an operator on holiday need not hurry.
TRUSTING_PERIOD_NS: Final = 14 * SECONDS_PER_DAY * NS_PER_SECOND
#: Validators answer for their signatures a week longer than they are trusted.
UNBONDING_PERIOD_NS: Final = UNBONDING_TIME_NS_MAX
#: Clocks kept by NTP differ by far less.
MAX_CLOCK_DRIFT_NS: Final = 10 * NS_PER_SECOND
#: Where the Cosmos SDK, and we, commit to upgraded client states.
UPGRADE_PATH: Final = ("upgrade", "upgradedIBCState")


def client_state_for(chain_id: str, latest_height: Height) -> ClientState:
    """Return the state of a new client of a zone, at a header that is trusted."""
    return ClientState(
        chain_id=chain_id,
        trust_level=TRUST_LEVEL_DEFAULT,
        trusting_period_ns=TRUSTING_PERIOD_NS,
        unbonding_period_ns=UNBONDING_PERIOD_NS,
        max_clock_drift_ns=MAX_CLOCK_DRIFT_NS,
        frozen_height=Height.ZERO,
        latest_height=latest_height,
        proof_specs=(IAVL_SPEC, TENDERMINT_SPEC),
        upgrade_path=UPGRADE_PATH,
    )
