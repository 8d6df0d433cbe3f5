"""``huitong relay init`` makes a configuration once; without links nothing starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from huitong.cli.keys import keyring_of
from huitong.cli.relay import relay


def made_by(tmp_path: Path, *options: str) -> str:
    """Make a configuration of two zones; return its folder."""
    home = str(tmp_path / "relay")
    arguments = ["init", "--home", home, *options]
    for zone in ("hangzhou-1", "chongqing-1"):
        arguments += ["--zone", f"{zone}=tcp://127.0.0.1:1"]
    made = CliRunner().invoke(relay, arguments)
    assert made.exit_code == 0, made.output
    return home


def test_second_configuration_in_one_folder_is_refused(tmp_path: Path) -> None:
    arguments = ["init", "--home", str(tmp_path / "relay")]
    for zone in ("hangzhou-1", "chongqing-1"):
        arguments += ["--zone", f"{zone}=tcp://127.0.0.1:1"]
    first = CliRunner().invoke(relay, arguments)
    assert first.exit_code == 0, first.output
    kept = (tmp_path / "relay" / "relay.toml").read_bytes()
    second = CliRunner().invoke(relay, arguments)
    assert second.exit_code == 1
    assert "exists already [relayer/8]" in second.output
    assert "choose another folder" in second.output
    assert (tmp_path / "relay" / "relay.toml").read_bytes() == kept


@pytest.mark.parametrize("options", [(), ("--no-passphrase",)])
def test_key_is_unprotected_where_no_passphrase_is_given(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    home = made_by(tmp_path, *options)
    assert not keyring_of(Path(home)).get("relayer").is_protected


def test_key_is_sealed_under_the_passphrase_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pass").write_text("s3cret words")
    home = made_by(tmp_path, "--passphrase-file", str(tmp_path / "pass"))
    assert keyring_of(Path(home)).get("relayer").is_protected
    assert len(keyring_of(Path(home)).unlock("relayer", "s3cret words")) == 32
    monkeypatch.setenv("HUITONG_PASSPHRASE", "other words")
    home = made_by(tmp_path / "other")
    assert len(keyring_of(Path(home)).unlock("relayer", "other words")) == 32


def test_key_is_not_both_sealed_and_unprotected(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("s3cret words")
    home = str(tmp_path / "relay")
    arguments = ["init", "--home", home, "--zone", "hangzhou-1=tcp://127.0.0.1:1"]
    both = ["--no-passphrase", "--passphrase-file", str(tmp_path / "pass")]
    refused = CliRunner().invoke(relay, [*arguments, *both])
    assert refused.exit_code == 2
    assert not Path(home).exists()


@pytest.mark.parametrize("command", ["start", "once"])
def test_relayer_without_links_says_what_is_missing(
    tmp_path: Path, command: str
) -> None:
    home = made_by(tmp_path)
    refused = CliRunner().invoke(relay, [command, "--home", home])
    assert refused.exit_code == 1
    assert "relay.toml has no links; there is nothing to relay [relayer/12]" in (
        refused.stderr
    )
    assert "`huitong relay link CHAIN_A CHAIN_B` makes one" in refused.stderr


def test_zone_is_not_linked_with_itself(tmp_path: Path) -> None:
    home = made_by(tmp_path)
    arguments = ["link", "hangzhou-1", "hangzhou-1", "--home", home]
    refused = CliRunner().invoke(relay, arguments)
    assert refused.exit_code == 1
    assert "a link of hangzhou-1 with itself [relayer/11]" in refused.stderr


def test_url_that_no_node_answers_at_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "relay"
    arguments = ["init", "--home", str(home), "--zone", "hangzhou-1=ftp://127.0.0.1:1"]
    refused = CliRunner().invoke(relay, arguments)
    assert refused.exit_code == 1
    assert "not a URL such as tcp://127.0.0.1:26657" in refused.stderr
    assert not home.exists()
