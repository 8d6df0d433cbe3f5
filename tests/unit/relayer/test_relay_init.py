"""``huitong relay init`` makes a configuration once."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from huitong.cli.relay import relay


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
