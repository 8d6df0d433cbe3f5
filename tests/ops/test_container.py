"""The container: its file can be read, and says what production needs."""

from __future__ import annotations

import contextlib
import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from huitong.engines.cometbft.binary import COMETBFT_VERSION
from huitong.node.config import load_config
from huitong.node.home import Home

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops" / "container"
_PINNED = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z0-9-]+")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.M)
_INSTRUCTIONS = {
    "FROM",
    "WORKDIR",
    "COPY",
    "RUN",
    "ENV",
    "USER",
    "VOLUME",
    "EXPOSE",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "ENTRYPOINT",
    "CMD",
    "COMMENT",
}


@pytest.fixture
def steps(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the instructions of the container file."""
    copy = tmp_path / "Dockerfile"  # the parser writes where it reads
    copy.write_text((FOLDER / "Containerfile").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = DockerfileParser(str(copy)).structure
    return found


def _of(steps: list[dict[str, Any]], name: str) -> list[str]:
    return [step["value"] for step in steps if step["instruction"] == name]


def test_file_has_known_instructions_only(steps: list[dict[str, Any]]) -> None:
    assert {step["instruction"] for step in steps} <= _INSTRUCTIONS


def test_images_are_pinned_and_name_no_host(steps: list[dict[str, Any]]) -> None:
    images = [value.split()[0] for value in _of(steps, "FROM")]
    assert len(images) == 3
    for image in images:
        assert _PINNED.fullmatch(image), image


def test_container_is_not_root_and_has_one_volume(steps: list[dict[str, Any]]) -> None:
    assert _of(steps, "USER")[-1] == "10001:10001"
    assert _of(steps, "VOLUME") == ['["/var/lib/huitong"]']
    assert _of(steps, "STOPSIGNAL") == ["SIGTERM"]
    assert "/healthz" in _of(steps, "HEALTHCHECK")[0]
    last = max(i for i, step in enumerate(steps) if step["instruction"] == "FROM")
    names = [step["instruction"] for step in steps[last:]]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_packages_are_those_of_the_lock(steps: list[dict[str, Any]]) -> None:
    for command in _of(steps, "RUN"):
        for part in command.split("&&"):
            if "pip install" in part and "/wheels/" not in part:
                assert "--require-hashes" in part
    ours = dict(_LOCKED.findall((FOLDER / "requirements.lock").read_text()))
    all_locked = dict(_LOCKED.findall((ROOT / "requirements.lock").read_text()))
    assert ours
    assert ours.items() <= all_locked.items(), "run `make lock`"
    assert "pytest" not in ours


def test_cometbft_is_the_tested_version(steps: list[dict[str, Any]]) -> None:
    commands = " ".join(_of(steps, "RUN"))
    assert f"cometbft@v{COMETBFT_VERSION}" in commands


def test_files_that_are_copied_exist(steps: list[dict[str, Any]]) -> None:
    for value in _of(steps, "COPY"):
        words = value.split()
        if not any(word.startswith("--from") for word in words):
            for name in [word for word in words if not word.startswith("--")][:-1]:
                assert (ROOT / name).exists(), name


# --- compose ---------------------------------------------------------------------------------


def test_four_validators_run_without_rights() -> None:
    document = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    services = document["services"]
    assert list(services) == ["node0", "node1", "node2", "node3"]
    for name, service in services.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "on-failure"
        (volume,) = service["volumes"]
        assert volume.endswith(f"/{name}:/var/lib/huitong")
        dockerfile = service["build"]["dockerfile"]
        assert (FOLDER / service["build"]["context"] / dockerfile).is_file()
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "open to nobody else by default"


@pytest.mark.slow
def test_prepared_homes_find_one_another_by_name(tmp_path: Path) -> None:
    prepare = runpy.run_path(str(FOLDER / "prepare.py"))["prepare"]
    prepare(tmp_path / "zone", "hangzhou-1")
    genesis = set()
    for number in range(4):
        home = Home(tmp_path / "zone" / f"node{number}")
        config = load_config(home.config_file)
        hosts = {peer.partition("@")[2] for peer in config.cometbft.persistent_peers}
        assert hosts == {f"node{n}:26656" for n in range(4) if n != number}
        assert config.watch_address == "tcp://0.0.0.0:26660"
        genesis.add(home.genesis_file.read_bytes())
    assert len(genesis) == 1


# --- the entry point ---------------------------------------------------------------------------


def _with_huitong(folder: Path, body: str) -> dict[str, str]:
    program = folder / "huitong"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [
        (0, 0, ""),
        (1, 1, ""),
        (70, 0, "ended with 70"),
        (75, 0, "ended with 75"),
        (137, 137, ""),
    ],
)
def test_entry_point_turns_endings_into_restarts_or_none(
    tmp_path: Path, code: int, expected: int, said: str
) -> None:
    done = subprocess.run(
        [FOLDER / "run", "node", "start"],
        env=_with_huitong(tmp_path, f'echo "$@"; exit {code}'),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expected
    assert done.stdout == "node start\n"
    assert said in done.stderr


def test_entry_point_passes_signals_on_and_waits(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "def stop(*_):\n    time.sleep(0.3)\n    print('done', flush=True)\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    (tmp_path / "node.py").write_text(program)
    process = subprocess.Popen(
        [FOLDER / "run"],
        env=_with_huitong(tmp_path, f"exec {sys.executable} {tmp_path / 'node.py'}"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout.read() == "done\n"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
