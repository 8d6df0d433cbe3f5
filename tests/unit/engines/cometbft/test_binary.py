"""Finding the program ``cometbft``: where it is looked for, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.engines.cometbft.binary import binary_version, find_binary, go_folders
from huitong.engines.cometbft.errors import (
    CometBftMissingError,
    CometBftProgramError,
    CometBftVersionError,
)


def put_program(folder: Path, version: str = "0.38.25") -> Path:
    """Put a program that only tells its version."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "cometbft"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no program anywhere to begin with; /bin has the shell."""
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GOBIN", raising=False)
    monkeypatch.delenv("GOPATH", raising=False)


def test_configured_path_is_taken_before_any_other(tmp_path, monkeypatch):
    put_program(tmp_path / "path")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/bin")
    own = put_program(tmp_path / "own")
    assert find_binary(str(own)) == own


@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        ("PATH", "{}/a:/bin", "a"),
        ("GOBIN", "{}/b", "b"),
        ("GOPATH", "{}/nothing:{}/c", "c/bin"),
        ("HOME", "{}/d", "d/go/bin"),
    ],
)
def test_program_is_found_on_the_path_and_in_the_folders_of_go(
    tmp_path, monkeypatch, variable, value, folder
):
    program = put_program(tmp_path / folder)
    monkeypatch.setenv(variable, value.replace("{}", str(tmp_path)))
    assert find_binary() == program


def test_absent_program_is_told_with_the_places_and_how_to_install_it():
    with pytest.raises(CometBftMissingError) as refused:
        find_binary()
    assert str(go_folders()[-1]) in str(refused.value)
    assert "go install" in refused.value.next_step
    assert "make peers" in refused.value.next_step


def test_configured_path_without_a_program_is_refused(tmp_path):
    with pytest.raises(CometBftMissingError):
        find_binary(str(tmp_path / "cometbft"))


@pytest.mark.parametrize("version", ["1.0.1", "0.37.2", "0.39.4", "gibberish", ""])
def test_program_of_another_line_is_refused(tmp_path, version):
    with pytest.raises(CometBftVersionError):
        find_binary(str(put_program(tmp_path, version)))


def test_version_is_told_with_and_without_its_letter(tmp_path):
    assert binary_version(put_program(tmp_path / "a", "v0.38.25")) == "0.38.25"
    assert binary_version(put_program(tmp_path / "b", "0.38.26")) == "0.38.26"


def test_program_that_cannot_be_run_is_refused(tmp_path):
    program = put_program(tmp_path)
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(CometBftProgramError):
        find_binary(str(program))
    program.chmod(0o644)
    with pytest.raises(CometBftProgramError):
        find_binary(str(program))
