"""Parts of the demonstration that only matter when something is wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from huitong.core.commitment import (
    DisclosureMismatchError,
    disclose,
    verify_disclosure,
)
from huitong.demo import attacks, cast, run
from huitong.demo.consortium import Consortium
from huitong.demo.errors import (
    AttackSucceededError,
    EvidenceRefusedError,
    StageError,
)
from huitong.demo.nodes import LocalNode
from huitong.demo.story import Narrator
from huitong.engines.cometbft.errors import CometBftMissingError
from huitong.evidence.trust import encode_trust
from huitong.payload.errors import (
    PayloadUnreadableError,
)
from tests.evidence_kit import bundle, finished_exchange, make_payload


def _silent() -> Narrator:
    return Narrator(Console(), 1, silent=True)


def test_own_invoice_has_the_fields_that_the_bank_asks_for() -> None:
    script = cast.write_script(None)
    assert set(cast.FIELDS_FOR_BANK) < set(script.fields)
    assert "明细" not in script.asked_fields


def test_own_xml_invoice_is_one_field() -> None:
    path = Path(cast.__file__).parent / "documents" / "invoice.xml"
    script = cast.write_script(path)
    assert script.fields == ("document",)
    assert script.asked_fields == ()
    with pytest.raises(PayloadUnreadableError):
        cast.write_script(path.with_name("absent"))


@pytest.mark.parametrize("document", [b"x", b'{"a":1,"b":"2"}', "文".encode()])
def test_forged_disclosure_never_matches(document: bytes) -> None:
    payload = make_payload(document)
    commitment = payload.commit()
    honest = disclose(commitment, payload.fields, payload.salts, payload.fields)
    verify_disclosure(honest, commitment.root)
    with pytest.raises(DisclosureMismatchError):
        verify_disclosure(attacks.forge_disclosure(honest), commitment.root)


async def test_node_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    node = LocalNode(tmp_path / "home", "hangzhou-1", "100ms")
    node.make((), ())
    (tmp_path / "home" / "config" / "genesis.json").write_text("{}")
    with pytest.raises(StageError, match="it ended with"):
        await node.start()
    await node.stop()


async def test_consortium_whose_node_ends_tells_which_and_why(tmp_path: Path) -> None:
    zone = Consortium(tmp_path / "zone", "hangzhou-1", "100ms", lambda _: None)
    zone.make(cast.members_of_a(), cast.accounts_of_a())
    for number in range(4):
        home = tmp_path / "zone" / f"node{number}"
        (home / "config" / "genesis.json").write_text("{}")
    with pytest.raises(StageError, match=r"hangzhou-1 node\d: it ended: Error"):
        await zone.start()
    await zone.stop()


async def test_demonstration_on_cometbft_needs_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GOBIN", "GOPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "out"
    with pytest.raises(CometBftMissingError):
        await run.run_demo(None, out, engine="cometbft", keep=False, narrator=_silent())
    assert not out.exists()


async def test_attack_that_is_not_refused_fails_the_demonstration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def accepts(*_: Any, **__: Any) -> str:
        raise AttackSucceededError(name="forged payload")

    monkeypatch.setattr(attacks, "_forge_payload", accepts)
    nothing: Any = SimpleNamespace()
    with pytest.raises(AttackSucceededError):
        await attacks.try_attacks(nothing, nothing, nothing, nothing, _silent())


def test_evidence_that_does_not_verify_fails_the_demonstration(tmp_path: Path) -> None:
    exchange = finished_exchange()
    trust, file = tmp_path / "trust.json", tmp_path / "evidence.zip"
    headers = {
        zone.chain_id_text: zone.header_at(2).header
        for zone in (exchange.a, exchange.b)
    }
    trust.write_bytes(encode_trust(headers))
    file.write_bytes(bundle())
    assert run._verify_offline(file, trust, _silent()).grade == "proven"
    file.write_bytes(bundle()[:-1])
    with pytest.raises(EvidenceRefusedError, match="container"):
        run._verify_offline(file, trust, _silent())


def test_story_is_told_with_times_and_without_colours_into_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    narrator = Narrator(Console(width=100), 1)
    narrator.open("invoice.json", 14)
    with narrator.telling(), narrator.step("一步", "one step") as step:
        step.tell("a detail")
    narrator.attack("攻击", "an attack", "because")
    narrator.close([("name", "value")])
    told = capsys.readouterr().out
    for part in ("14 fields", " s ✓ 一步 one step", "a detail", "refused: because"):
        assert part in told
    assert "\x1b" not in told
