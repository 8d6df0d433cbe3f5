"""`make peers` tells what it did, fails nobody, and names the versions that we speak with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from huitong.engines.cometbft.binary import COMETBFT_VERSION

ROOT = Path(__file__).parents[2]
INSTALLER = ROOT / "tools" / "install_peers.py"


def _install(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installer on a machine that has nothing but what is in ``folder``."""
    return subprocess.run(
        [sys.executable, INSTALLER, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(folder), "HOME": str(folder)},
    )


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_versions_are_those_that_the_software_speaks_with() -> None:
    text = INSTALLER.read_text(encoding="utf-8")
    assert f'COMETBFT_VERSION = "v{COMETBFT_VERSION}"' in text
    (version,) = re.findall(r'IBC_GO_VERSION = "(.*)"', text)
    module = (ROOT / "tests" / "peers" / "simd" / "go.mod").read_text()
    assert f"require github.com/cosmos/ibc-go/v8 {version}\n" in module


def test_version_of_dex_is_that_of_its_module() -> None:
    text = INSTALLER.read_text(encoding="utf-8")
    (version,) = re.findall(r'DEX_VERSION = "(.*)"', text)
    module = (ROOT / "tests" / "peers" / "dex" / "go.mod").read_text()
    assert f"The commit is {version}.\n" in module


def test_services_that_cannot_be_installed_are_told_and_fail_nobody(
    tmp_path: Path,
) -> None:
    done = _install(tmp_path, "services")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    names = ["dex:", "rclone:", "postgresql:", "softhsm2:"]
    assert [line[0] for line in lines] == names
    assert all(line[1] in ("not", "present:") for line in lines)
    assert lines[0][1:6] == lines[1][1:6] == ["not", "run:", "go", "is", "not"]


def test_absent_compiler_is_told_for_each_peer_and_fails_nobody(tmp_path: Path) -> None:
    done = _install(tmp_path, "cometbft", "simd")
    assert done.returncode == 0, done.stderr
    lines = [line.split(" (")[0].split() for line in done.stdout.splitlines()]
    reason = ["not", "run:", "go", "is", "not", "installed"]
    assert lines == [["cometbft:", *reason], ["simd:", *reason]]


def test_program_of_the_right_version_is_left_alone(tmp_path: Path) -> None:
    program = tmp_path / "go" / "bin" / "cometbft"
    _program(program, f"echo {COMETBFT_VERSION}")
    done = _install(tmp_path, "cometbft")
    assert f"present: {program}" in done.stdout


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("echo no such module >&2; exit 1", "not run: no such module"),
        ("exec sleep 60", "not run: not built within 1 s"),
        ("exit 0", "tells another version"),
        (
            "printf '#!/bin/sh\\necho 0.38.25\\n' > $GOBIN/cometbft; "
            "chmod +x $GOBIN/cometbft",
            "installed",
        ),
    ],
)
def test_outcome_of_a_build_is_told_and_fails_nobody(
    does: str, told: str, tmp_path: Path
) -> None:
    go = f'if [ "$1" = env ]; then echo; echo {tmp_path}/go; exit; fi\n{does}'
    _program(tmp_path / "bin" / "go", go)
    for name in ("sleep", "chmod"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    done = subprocess.run(
        [sys.executable, INSTALLER, "cometbft", "--timeout", "1"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert told in done.stdout


def test_packages_of_cosmjs_are_pinned_and_locked_without_a_place() -> None:
    folder = ROOT / "tests" / "peers" / "cosmjs"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    for package, version in wanted.items():
        found = locked[f"node_modules/{package}"]["version"]
        assert found == version.rsplit("@", 1)[-1]
    assert [name for name, told in locked.items() if "resolved" in told] == []
    assert all("integrity" in told for name, told in locked.items() if name)


def test_unknown_peer_is_refused(tmp_path: Path) -> None:
    done = _install(tmp_path, "osmosis")
    assert done.returncode == 2
    assert "no such peer: osmosis" in done.stderr


def test_an_installer_that_is_told_to_stop_leaves_no_compiler(tmp_path: Path) -> None:
    mark = tmp_path / "compiler.pid"
    for name in ("sh", "mv", "cat"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    told = tmp_path / "silent"
    os.mkfifo(told)  # its reader waits for ever
    _program(
        tmp_path / "cargo",
        f"echo $$ > {mark}.new; mv {mark}.new {mark}; cat {told}",
    )
    installer = subprocess.Popen(
        [sys.executable, INSTALLER, "hermes"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        while not mark.exists():
            assert installer.poll() is None
        compiler = int(mark.read_text())
        installer.terminate()
        installer.communicate(timeout=60)
    finally:
        installer.kill()
    assert installer.returncode
    with pytest.raises(ProcessLookupError):
        os.kill(compiler, 0)
