"""systemd units: taken by systemd, hardened, and about files that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
#: What every unit says, so that a program that is taken over can do little.
HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "RestrictNamespaces": "yes",
    "UMask": "0077",
    "User": "huitong",
    "Group": "huitong",
}


def _name(path: Path) -> str:
    return path.name


def _settings(unit: Path) -> dict[str, list[str]]:
    """Return the settings of a unit in our own reading of its form."""
    settings: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = found[1]
            continue
        name, sign, value = line.partition("=")
        assert sign, line
        assert re.fullmatch(r"[A-Za-z]+", name), line
        assert section in ("Unit", "Service", "Install"), line
        settings.setdefault(name, []).append(value)
    return settings


def test_units_are_there() -> None:
    assert {unit.name for unit in UNITS} == {
        "huitong-app@.service",
        "huitong-cometbft@.service",
        "huitong-node@.service",
        "huitong-relayer@.service",
    }


@pytest.mark.parametrize("unit", UNITS, ids=_name)
def test_unit_is_hardened(unit: Path) -> None:
    settings = _settings(unit)
    assert {name: settings.get(name, ["absent"])[0] for name in HARDENING} == HARDENING
    assert settings["ReadWritePaths"] == ["/var/lib/huitong/%i"]
    assert "~@privileged" in settings["SystemCallFilter"]
    assert int(settings["LimitNOFILE"][0]) >= 4_096
    assert int(settings["TimeoutStopSec"][0]) >= 30
    assert settings["Restart"] == ["always"]


@pytest.mark.parametrize("name", ["huitong-node@.service", "huitong-app@.service"])
def test_node_that_must_not_go_on_is_not_restarted(name: str) -> None:
    assert _settings(FOLDER / name)["RestartPreventExitStatus"] == ["70 75"]


def test_secrets_come_as_credentials() -> None:
    for unit in UNITS:
        settings = _settings(unit)
        for value in settings.get("Environment", []):
            assert not re.match(r"HUITONG_PASSPHRASE=", value)
        if "LoadCredential" in settings:
            assert "HUITONG_PASSPHRASE_FILE=%d/passphrase" in settings["Environment"]


def test_commands_of_the_units_exist() -> None:
    from click.testing import CliRunner

    from huitong.cli.main import main as huitong_command

    for unit in UNITS:
        words = _settings(unit)["ExecStart"][0].split()
        if words[0].endswith("/huitong"):
            done = CliRunner().invoke(huitong_command, [*words[1:3], "--help"])
            assert done.exit_code == 0, words
            assert words[3] in done.output


@pytest.mark.slow
def test_units_are_taken_by_systemd(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("not run: systemd-analyze is not installed")
    for unit in UNITS:  # the programs are not installed on the machine of the tests
        text = unit.read_text(encoding="utf-8")
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    checked = subprocess.run(
        [tool, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in checked.stderr.splitlines() if "huitong" in line]
    assert (checked.returncode, said) == (0, []), checked.stderr
