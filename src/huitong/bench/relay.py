"""``huitong bench relay``: how many packets a second two zones settle.

Two nodes of the embedded engine and one relayer process, default settings. Accounts of
one zone send exchange requests, thirty in a transaction, as relayers batch them.

Beside it, if wished, the rivals in the same run: the same two zones with Hermes, and two
chains of ibc-go's ``simd`` with Hermes, all with the same block time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from huitong.bench.hermes import find_hermes
from huitong.bench.linked_simd import LinkedSimd
from huitong.bench.linked_zones import LinkedZones
from huitong.bench.packets import PacketPlan, RelayReport, measure_packets
from huitong.bench.simd import find_simd
from huitong.bench.tx import compared_settings

#: What ours may be measured beside.
RIVALS: Final = ("hermes-simd",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayComparison:
    """Our relayer and Hermes, our zones and ``simd``, in one run."""

    plan: PacketPlan
    """What was sent where our relayer relays."""
    hermes_plan: PacketPlan
    """What was sent where Hermes relays, which needs longer for each packet."""
    ours: RelayReport
    """Two zones of ours and our relayer."""
    ours_by_hermes: RelayReport
    """Two zones of ours and Hermes."""
    simd_by_hermes: RelayReport
    """Two chains of ``simd`` and Hermes."""

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON data."""
        ours, ours_by_hermes, rival = (
            report.as_dict()
            for report in (self.ours, self.ours_by_hermes, self.simd_by_hermes)
        )
        return {
            "bench": "relay-versus-hermes-simd",
            "ratios": {
                "rate_huitong": _ratio(ours, rival, "rate_per_s"),
                "rate_huitong_hermes": _ratio(ours_by_hermes, rival, "rate_per_s"),
                "single_huitong": _ratio(ours, rival, "single_p50_ms"),
                "single_huitong_hermes": _ratio(ours_by_hermes, rival, "single_p50_ms"),
            },
            "parameters": asdict(self.plan),
            "parameters_hermes": asdict(self.hermes_plan),
            "huitong": ours,
            "huitong_hermes": ours_by_hermes,
            "simd_hermes": rival,
        }


def _ratio(one: dict[str, Any], other: dict[str, Any], key: str) -> float:
    return round(one[key] / other[key], 3) if other[key] else 0.0


def run_relay_bench(
    folder: Path, plan: PacketPlan, told: Callable[[str], None]
) -> RelayReport:
    """Measure two zones of ours and our relayer.

    Args:
        folder: an empty folder.
        plan: what is to be sent.
        told: called with a line about each step.

    Raises:
        PacketLostError: nothing is relayed.
    """
    told("setting up two zones")
    block_time_ms = plan.block_time_ms
    with LinkedZones(folder, block_time_ms=block_time_ms, serves_grpc=False) as zones:

        async def measure() -> RelayReport:
            told(await zones.link_by_our_relayer())
            return await measure_packets(zones, plan, told)

        return uvloop.run(measure())


def run_versus_hermes_simd(
    folder: Path,
    plan: PacketPlan,
    hermes_plan: PacketPlan,
    told: Callable[[str], None],
) -> RelayComparison:
    """Measure the rivals and ours, one after the other.

    Args:
        folder: an empty folder.
        plan: what is to be sent where our relayer relays.
        hermes_plan: what is to be sent where Hermes relays.
        told: called with a line about each step.

    Raises:
        PeerMissingError: ``hermes`` or ``simd`` is not installed; nothing was started.
        PeerFailedError: one of them does not run.
        PacketLostError: nothing is relayed.
    """
    find_hermes()
    find_simd()
    simd_by_hermes = _run_simd(folder / "simd-hermes", hermes_plan, told)
    ours_by_hermes = _run_ours_by_hermes(folder / "huitong-hermes", hermes_plan, told)
    ours = run_relay_bench(folder / "huitong", plan, told)
    return RelayComparison(
        plan=plan,
        hermes_plan=hermes_plan,
        ours=ours,
        ours_by_hermes=ours_by_hermes,
        simd_by_hermes=simd_by_hermes,
    )


def _run_simd(
    folder: Path, plan: PacketPlan, told: Callable[[str], None]
) -> RelayReport:
    told("setting up two chains of simd, and Hermes")
    settings = compared_settings(plan.block_time_ms)
    with LinkedSimd(folder, settings=settings) as chains:

        async def measure() -> RelayReport:
            told(await chains.link_by_hermes())
            return await measure_packets(chains, plan, told)

        return uvloop.run(measure())


def _run_ours_by_hermes(
    folder: Path, plan: PacketPlan, told: Callable[[str], None]
) -> RelayReport:
    told("setting up two zones, and Hermes")
    block_time_ms = plan.block_time_ms
    with LinkedZones(folder, block_time_ms=block_time_ms, serves_grpc=True) as zones:

        async def measure() -> RelayReport:
            told(await zones.link_by_hermes())
            return await measure_packets(zones, plan, told)

        return uvloop.run(measure())
