"""``huitong relay init`` makes a configuration once; without links nothing starts."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

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


def test_relayer_without_links_does_not_start(tmp_path: Path) -> None:
    home = made_by(tmp_path)
    refused = CliRunner().invoke(relay, ["start", "--home", home])
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
