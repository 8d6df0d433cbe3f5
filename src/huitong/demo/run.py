"""The whole demonstration: play, attacks, evidence, and its check when all is over."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from huitong.demo import cast
from huitong.demo.attacks import AttackOutcome, try_attacks
from huitong.demo.errors import EvidenceRefusedError, OutFolderError
from huitong.demo.play import Played, play_exchange
from huitong.demo.stage import (
    Stage,
    keep_link,
    open_gateways,
    raise_stage,
    stop_zones,
)
from huitong.demo.story import Narrator
from huitong.engines.cometbft.binary import find_binary
from huitong.evidence.bundle_file import read_bundle, write_file
from huitong.evidence.collect import Order, collect_bundle
from huitong.evidence.kinds import PROVIDER, REQUESTER
from huitong.evidence.sources import NodeSource
from huitong.evidence.trust import encode_trust, load_trust
from huitong.evidence.verify import Verdict, verify_bundle
from huitong.light.tendermint.header import BlockHeader
from huitong.relayer.config import LinkConfig

BUNDLE_NAME: Final = "evidence.zip"
TRUST_NAME: Final = "trust.json"
#: Steps that the story tells of.
STEPS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demonstration left."""

    seconds: float
    """How long it took."""
    zones: tuple[str, ...]
    """Chain ids."""
    exchanges: int
    """Exchanges that were completed."""
    trust_grade: str
    """Grade of the evidence, offline, against the trust file."""
    evidence: Path
    """The bundle."""
    trust: Path
    """The trust file."""
    attacks: tuple[AttackOutcome, ...]
    """What was tried and refused."""
    kept: Path | None
    """Homes, logs and vault, if they were kept."""

    def to_json(self) -> dict[str, Any]:
        """Return the one object that ``--json`` prints."""
        return {
            "ok": True,
            "seconds": round(self.seconds, 3),
            "zones": list(self.zones),
            "exchanges": self.exchanges,
            "trust_grade": self.trust_grade,
            "evidence": str(self.evidence),
            "trust": str(self.trust),
            "attacks": [
                {
                    "name": attack.name,
                    "refused": attack.refused,
                    "reason": attack.reason,
                }
                for attack in self.attacks
            ],
        }


async def run_demo(
    document: Path | None, out: Path, *, engine: str, keep: bool, narrator: Narrator
) -> DemoResult:
    """Run the demonstration.

    Args:
        document: what to exchange; None for our own invoice.
        out: folder for bundle and trust file; made if it is not there.
        engine: ``embedded``: one node for each zone; ``cometbft``: four validators.
        keep: keep homes, logs and vault below ``out``.
        narrator: tells the story.

    Raises:
        HuitongError: anything that went wrong; the zones are stopped then too.
    """
    script = cast.write_script(document)
    if engine == "cometbft":
        find_binary()  # before anything is made
    _make_folder(out)
    narrator.open(script.name, len(script.fields))
    with _work_folder(out, keep=keep) as folder, narrator.telling():
        async with raise_stage(folder, engine, narrator) as stage:
            async with (
                keep_link(stage, narrator) as link,
                open_gateways(stage, narrator),
            ):
                played = await play_exchange(stage, link, script, narrator)
                with narrator.step("三次攻击", "three attacks") as step:
                    attacks = await try_attacks(stage, link, script, played, narrator)
                    step.tell(f"{len(attacks)} tried, {len(attacks)} refused")
            bundle, trust = await _leave_evidence(stage, link, played, out, narrator)
            with narrator.step("停止两个区", "stop both zones"):
                await stop_zones(stage.zones)
        verdict = _verify_offline(bundle, trust, narrator)
    return DemoResult(
        seconds=narrator.elapsed_s,
        zones=(cast.ZONE_A, cast.ZONE_B),
        exchanges=1,
        trust_grade=verdict.grade or "",
        evidence=bundle,
        trust=trust,
        attacks=attacks,
        kept=folder if keep else None,
    )


async def _leave_evidence(
    stage: Stage,
    link: LinkConfig,
    played: Played,
    out: Path,
    narrator: Narrator,
) -> tuple[Path, Path]:
    """Write the bundle and the trust file; return their paths."""
    sources = (NodeSource(stage.clients[0]), NodeSource(stage.clients[1]))
    with narrator.step("制作证据包", "make the evidence bundle") as step:
        height_on_a, height_on_b = stage.first_heights
        order = Order(
            channel_on_b=link.channel_on_b,
            sequence=played.sequence,
            disclosure=played.disclosure,
            maker_side=REQUESTER,
            private_key=stage.zones[1].private_key(cast.BANK_KEY),
            anchors={PROVIDER: (height_on_a,), REQUESTER: (height_on_b,)},
        )
        data = await collect_bundle(*sources, order, now_ns=time.time_ns())
        headers: dict[str, BlockHeader] = {}
        for source, height in zip(sources, stage.first_heights, strict=True):
            block = await source.light_block(height)
            headers[await source.chain_id()] = block.signed_header.header
        bundle, trust = out / BUNDLE_NAME, out / TRUST_NAME
        write_file(bundle, data)
        write_file(trust, encode_trust(headers))
        step.tell(f"{bundle}, {len(data)} bytes")
        step.tell(
            "trusted from before the exchange: "
            + ", ".join(f"{name} header {h.height}" for name, h in headers.items())
        )
    return bundle, trust


def _verify_offline(bundle: Path, trust: Path, narrator: Narrator) -> Verdict:
    """Verify the files as anybody would, with nothing running."""
    with narrator.step("离线核验证据", "verify the evidence offline") as step:
        verdict = verify_bundle(
            read_bundle(bundle), load_trust(trust), now_ns=time.time_ns()
        )
        if verdict.failed is not None:
            raise EvidenceRefusedError(
                check=verdict.failed.name, detail=verdict.failed.detail
            )
        step.tell(f"{len(verdict.checks)} checks hold; grade {verdict.grade}")
    return verdict


def summary_rows(result: DemoResult) -> list[tuple[str, str]]:
    """Return what the story ends with."""
    rows = [
        ("可信等级 trust grade", result.trust_grade),
        ("用时 time", f"{result.seconds:.1f} s"),
        ("攻击 attacks", f"{len(result.attacks)} tried, all refused"),
        ("证据包 evidence", str(result.evidence)),
        ("信任文件 trust file", str(result.trust)),
    ]
    if result.kept is not None:
        rows.append(("节点目录 kept", str(result.kept)))
    rows.append(
        ("再次核验 again", f"huitong verify --trust {result.trust} {result.evidence}")
    )
    return rows


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutFolderError(path=path, reason=error.strerror) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutFolderError(path=path, reason="not writable")


@contextmanager
def _work_folder(out: Path, *, keep: bool) -> Iterator[Path]:
    """Make a folder for homes and logs, and remove it unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="huitong-demo-", dir=out if keep else None))
    try:
        with (folder / "relayer.log").open("w", encoding="utf-8") as log:
            structlog.configure(
                processors=[
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.JSONRenderer(),
                ],
                logger_factory=structlog.WriteLoggerFactory(file=log),
                cache_logger_on_first_use=False,
            )
            try:
                yield folder
            finally:
                structlog.reset_defaults()
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
