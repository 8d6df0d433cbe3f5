"""What ``huitong exchange deliver`` does with sealed bytes when something goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from huitong.cli import delivery
from huitong.cli.exchange import exchange
from huitong.cli.vault import vault
from huitong.client import Sender
from huitong.client.errors import NotCommittedError, TransactionFailedError
from huitong.core.errors import HuitongError
from huitong.core.grades import GRADES
from huitong.core.hashing import sha256
from huitong.gateway.vault.blocks import one_piece
from huitong.gateway.vault.model import SealedPayload
from huitong.gateway.vault.vault import Vault
from huitong.keys import Keyring

HERE = ["--channel", "channel-0", "--sequence", "1", "--from", "tax"]
SEALED = b"sealed bytes"


def run(*arguments: object) -> Any:
    return CliRunner().invoke(exchange, [str(argument) for argument in arguments])


@pytest.fixture
def order(tmp_path: Path) -> list[object]:
    """A delivery from a vault, up to the zone."""
    Keyring(tmp_path / "keyring").create("tax")
    made = [tmp_path / "vault", "--vault-key", tmp_path / "vault.key"]
    CliRunner().invoke(vault, ["init", *map(str, made)])
    return [
        *("deliver", *HERE, "--home", tmp_path, "--vault", tmp_path / "vault"),
        *("--vault-key", tmp_path / "vault.key", "--out", tmp_path / "sealed.bin"),
    ]


def _answer_with(monkeypatch: pytest.MonkeyPatch, failure: HuitongError) -> None:
    async def sealed(_: object, opened: Vault, *__: object) -> SealedPayload:
        return await opened.keep_sealed(one_piece(SEALED))

    async def refused(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(delivery, "seal_granted", sealed)
    monkeypatch.setattr(Sender, "send", refused)


def test_sealed_bytes_whose_statement_is_refused_are_dropped(
    order: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = TransactionFailedError(codespace="exchange", code=3, log="no")
    _answer_with(monkeypatch, refused)
    told = run(*order)
    assert told.exit_code == 1
    assert "[exchange/3]" in told.stderr
    assert not (tmp_path / "sealed.bin").exists()


def test_sealed_bytes_that_may_be_stated_are_kept(
    order: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer_with(monkeypatch, NotCommittedError(tx_hash="AB", timeout_s=30))
    told = run(*order)
    assert "[zone_client/7]" in told.stderr
    assert sha256(SEALED).hex() in told.stderr
    assert "--sealed-digest" in told.stderr
    assert (tmp_path / "sealed.bin").read_bytes() == SEALED
    again = run(*order)
    assert "[cli/5]" in again.stderr
    assert (tmp_path / "sealed.bin").read_bytes() == SEALED


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--vault", "."],
        ["--out", "x"],
        ["--vault", ".", "--out", "x", "--sealed-digest", "00" * 32],
        ["--out", "x", "--sealed-digest", "00" * 32],
    ],
)
def test_delivery_comes_from_a_vault_or_names_a_digest(options: list[str]) -> None:
    told = run("deliver", *HERE, *options)
    assert told.exit_code == 2
    assert "--vault with --out, or --sealed-digest" in told.stderr


def test_no_command_lets_a_person_state_what_only_a_proof_shows() -> None:
    (grade,) = (
        option
        for option in exchange.commands["receipt"].params
        if option.name == "grade"
    )
    assert isinstance(grade.type, click.Choice)
    assert tuple(grade.type.choices) == GRADES[1:]
    assert "proven" not in grade.type.choices
