"""``huitong bench tx``: how many transactions a second one zone commits.

Eight accounts publish records; their transactions are signed beforehand and go through
RPC in batches of ten. The latency of a transaction is the time from its sending until a
subscriber is told of its block, which is after it lasts on disk.

Beside it, if wished, the same load on ibc-go's ``simd`` with one validator, one after the
other in the same run and with the same settings of CometBFT.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from huitong.bench.load import LoadOutcome, Target, run_load
from huitong.bench.report import Report, make_report
from huitong.bench.simd import SimdChain
from huitong.bench.zones import (
    CHAIN_ID,
    MESSAGES,
    ZoneTarget,
    publishing_accounts,
    publishing_members,
)
from huitong.engines.cometbft.settings import CometBftSettings, encode_settings
from huitong.engines.embedded.mempool import MempoolLimits
from huitong.localnet.consortium import LocalZone

#: Transactions under way at once, by the block time that they suffice for.
WINDOW: Final = 1_200
#: Parts of CometBFT's settings that bear upon what is measured.
_COMPARED: Final = ("consensus", "mempool", "rpc", "storage", "tx_index")


@dataclass(frozen=True, slots=True, kw_only=True)
class TxPlan:
    """What is to be measured."""

    count: int
    """Transactions to send."""
    seconds: float
    """Stop sending after this long; 0 for never."""
    block_time_ms: int
    """Block time of every chain."""
    window: int = WINDOW
    """Most transactions under way at once."""
    engine: str = "embedded"
    """Engine of our zone."""
    validators: int = 1
    """Validators of our zone."""
    message: str = MESSAGES[0]
    """One of ``MESSAGES``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Our zone beside ``simd``, in one run."""

    plan: TxPlan
    """What was measured."""
    settings: dict[str, Any]
    """What CometBFT was told on both sides."""
    simd: Report
    """Transfers of coins by ``simd``, with one validator."""
    ours: dict[str, Report]
    """Publications in our zone, by message."""

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON data."""
        return {
            "bench": "tx-beside-simd",
            "ratio": {
                message: round(report.rate_per_s / self.simd.rate_per_s, 3)
                if self.simd.rate_per_s
                else 0.0
                for message, report in self.ours.items()
            },
            "parameters": asdict(self.plan),
            "cometbft": self.settings,
            "simd": self.simd.as_dict(),
            "huitong": {name: told.as_dict() for name, told in self.ours.items()},
        }


def run_tx_bench(folder: Path, plan: TxPlan, told: Callable[[str], None]) -> Report:
    """Run the benchmark in ``folder``, an empty one, and return what was measured.

    Args:
        folder: an empty folder.
        plan: what is to be measured.
        told: called with a line about each step.

    Raises:
        HuitongError: the zone cannot be made, or does not start.
    """
    zone = LocalZone(
        folder / "zone",
        CHAIN_ID,
        validators=plan.validators,
        engine=plan.engine,
        members=publishing_members(),
        accounts=publishing_accounts(),
        block_time=f"{plan.block_time_ms}ms",
    )
    told(f"setting up one zone: {plan.engine}, validators: {plan.validators}")
    zone.init()
    with zone:
        outcome = _load(ZoneTarget(zone, plan.message), plan, told)
    return _report(plan, outcome, plan.engine, plan.validators)


def run_beside_simd(
    folder: Path, plan: TxPlan, told: Callable[[str], None]
) -> Comparison:
    """Measure ``simd`` and then our zone, once with each message.

    Raises:
        PeerMissingError: ``simd`` is not installed.
        PeerFailedError: it does not run.
    """
    settings = compared_settings(plan.block_time_ms)
    chain = SimdChain(folder / "simd", settings=settings)
    told("setting up simd: one validator")
    chain.init()
    with chain:
        simd = _report(plan, _load(chain, plan, told), "simd", 1)
    ours = {}
    for message in MESSAGES:
        of_message = TxPlan(**{**asdict(plan), "message": message})
        ours[message] = run_tx_bench(folder / message, of_message, told)
    return Comparison(plan=plan, settings=settings, simd=simd, ours=ours)


def compared_settings(block_time_ms: int) -> dict[str, Any]:
    """Return what our nodes tell their CometBFT, for the rival to be told as well."""
    limits = MempoolLimits()
    told = encode_settings(
        CometBftSettings(
            moniker="bench",
            abci_address="",
            rpc_address="",
            p2p_address="",
            block_time_ns=block_time_ms * 1_000_000,
            mempool_txs_max=limits.txs_max,
            mempool_size_bytes_max=limits.size_bytes_max,
        )
    )
    parts = tomllib.loads(told)
    del parts["rpc"]["laddr"]  # each has its own
    return {name: parts[name] for name in _COMPARED}


def _load(target: Target, plan: TxPlan, told: Callable[[str], None]) -> LoadOutcome:
    told(f"signing {plan.count} transactions, then sending them")
    outcome = uvloop.run(
        run_load(target, count=plan.count, seconds=plan.seconds, window=plan.window)
    )
    for reason in outcome.refused:
        told(f"refused: {reason}")
    return outcome


def _report(plan: TxPlan, outcome: LoadOutcome, engine: str, validators: int) -> Report:
    return make_report(
        bench="tx",
        engine=engine,
        validators=validators,
        latencies_s=outcome.latencies_s,
        seconds=outcome.seconds,
        errors=outcome.sent - len(outcome.latencies_s),
        block_time_ms=plan.block_time_ms,
        processes=outcome.processes,
        payload_bytes=outcome.size_bytes,
    )
