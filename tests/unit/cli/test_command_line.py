"""What every command does with odd surroundings: encodings, full disks, odd input."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from huitong.cli.errors import cli_errors
from huitong.cli.main import main

SURROGATE = "\udcff"


def run(
    *args: str | bytes, env: dict[str, str] | None = None, input: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "huitong", *args],
        env={**os.environ, **(env or {})},
        input=input,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    "args",
    [
        ["node", "init", "--chain-id", "hz-1", "--moniker", SURROGATE],
        ["genesis", "add-member", "m1", "--name", SURROGATE],
        ["node", "init", "--chain-id", "hz-1", "--json", "--home", SURROGATE],
    ],
)
def test_an_argument_that_is_no_text_is_refused_before_anything_happens(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUITONG_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 2
    assert r"'\udcff' is not text" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["gbk", "latin-1", "ascii:strict"])
def test_a_console_of_another_encoding_gets_what_it_can_show(encoding: str) -> None:
    result = run("--help", env={"PYTHONIOENCODING": encoding})
    assert result.returncode == 0, result.stderr
    assert b"Huitong" in result.stdout


@pytest.mark.parametrize("encoding", ["gbk", "ascii"])
def test_a_verdict_is_told_on_a_console_of_another_encoding(
    encoding: str, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.zip"
    file.write_bytes(b"no bundle")
    result = run("verify", str(file), env={"PYTHONIOENCODING": encoding})
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr
    assert b"container" in result.stdout


@pytest.mark.parametrize("option", ["--mnemonic-file", "--passphrase-file"])
def test_input_that_is_not_utf_8_is_told_by_its_byte(
    option: str, tmp_path: Path
) -> None:
    result = run(
        "keys", "add", "k", "--json", "--home", str(tmp_path), option, "-",
        *(["--no-passphrase"] if option == "--mnemonic-file" else []),
        input=b"ok \xff",
        env={"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:strict"},
    )  # fmt: skip
    assert result.returncode == 1
    error = json.loads(result.stdout)["error"]
    assert (error["codespace"], error["code"]) == ("cli", 4)
    assert "0xff at position 3" in error["message"]


def test_a_full_disk_leaves_no_half_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = ["node", "init", "--chain-id", "hz-1", "--home", str(home)]
    full = subprocess.run(
        [sys.executable, "-m", "huitong", *command],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    assert full.returncode == 1
    assert b"no room to write" in full.stderr
    assert b"Free disk space" in full.stderr
    assert list(home.iterdir()) == []
    assert run(*command).returncode == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, 3), (errno.EDQUOT, 3), (errno.EFBIG, 3), (errno.EACCES, 2)],
)
def test_what_the_system_refuses_has_a_code(number: int, code: int) -> None:
    @click.command()
    @cli_errors
    def command() -> None:
        raise OSError(number, os.strerror(number))

    result = CliRunner().invoke(command)
    assert result.exit_code == 1
    assert f"[cli/{code}]" in result.output
