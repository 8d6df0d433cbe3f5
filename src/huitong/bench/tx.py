"""``huitong bench tx``: how many transactions a second one zone commits.

Eight accounts publish records; their transactions are signed beforehand and go through
RPC in batches of ten. The latency of a transaction is the time from its sending until a
subscriber is told of its block, which is after it lasts on disk.

Beside it, if wished, the same load on ibc-go's ``simd`` with one validator, one after the
other in the same run and with the same settings of CometBFT.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
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
    simd: tuple[Report, ...]
    """Transfers of coins by ``simd`` with one validator, one report for each round."""
    ours: dict[str, tuple[Report, ...]]
    """Publications in our zone, by message."""

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON data; of several rounds the median stands."""
        simd = _median(self.simd)
        ours = {message: _median(reports) for message, reports in self.ours.items()}
        return {
            "bench": "tx-beside-simd",
            "ratio": {
                message: round(report.rate_per_s / simd.rate_per_s, 3)
                if simd.rate_per_s
                else 0.0
                for message, report in ours.items()
            },
            "rates_per_s": {
                name: [report.rate_per_s for report in reports]
                for name, reports in {"simd": self.simd, **self.ours}.items()
            },
            "parameters": asdict(self.plan),
            "cometbft": self.settings,
            "simd": simd.as_dict(),
            "huitong": {message: report.as_dict() for message, report in ours.items()},
        }


def _median(reports: Sequence[Report]) -> Report:
    """Return the report of the median rate, the lower one of two."""
    ordered = sorted(reports, key=lambda report: report.rate_per_s)
    return ordered[(len(ordered) - 1) // 2]


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
    folder: Path, plan: TxPlan, rounds: int, told: Callable[[str], None]
) -> Comparison:
    """Measure ``simd``, then our zone with each message; and all of it again.

    Rounds that alternate spread what else the machine does over both sides.

    Args:
        folder: an empty folder.
        plan: what is to be measured; its message is of no account.
        rounds: how often, at least 1.
        told: called with a line about each step.

    Raises:
        PeerMissingError: ``simd`` is not installed.
        PeerFailedError: it does not run.
    """
    settings = compared_settings(plan.block_time_ms)
    simd: list[Report] = []
    ours: dict[str, list[Report]] = {message: [] for message in MESSAGES}
    for number in range(rounds):
        below = folder / f"round-{number}"
        simd.append(_run_simd(below / "simd", plan, settings, told))
        for message, reports in ours.items():
            of_message = replace(plan, message=message)
            reports.append(run_tx_bench(below / message, of_message, told))
        shutil.rmtree(below)
    return Comparison(
        plan=plan,
        settings=settings,
        simd=tuple(simd),
        ours={message: tuple(reports) for message, reports in ours.items()},
    )


def _run_simd(
    folder: Path,
    plan: TxPlan,
    settings: dict[str, Any],
    told: Callable[[str], None],
) -> Report:
    chain = SimdChain(folder, settings=settings)
    told("setting up simd: one validator")
    chain.init()
    with chain:
        outcome = _load(chain, plan, told)
    return _report(plan, outcome, "simd", 1)


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
