"""Install the programs of others that the interop lanes run against ours.

    python tools/install_peers.py                   cometbft, simd and cosmjs
    python tools/install_peers.py hermes            the relayer alone, about 20 minutes
    python tools/install_peers.py services          what a gateway works with: dex, rclone,
                                                    postgresql, softhsm2

Programs go into Go's bin folder, Hermes into Cargo's; CosmJS goes into tests/peers/cosmjs,
as its lock file says; postgresql and softhsm2 are packages of Debian, installed where this
runs as root. One line for each tells *present*, *installed* or *not run* with the reason; the exit code is 0 in all three cases, because a lane whose peer is missing says so
by itself. Needs no packages, so it runs before ``make setup``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIMD_MODULE = ROOT / "tests" / "peers" / "simd"
DEX_MODULE = ROOT / "tests" / "peers" / "dex"
COSMJS_FOLDER = ROOT / "tests" / "peers" / "cosmjs"
COMETBFT_VERSION = "v0.38.25"
IBC_GO_VERSION = "v8.8.0"
COSMJS = "cosmjs"
HERMES_VERSION = "1.10.5"
DEX_VERSION = "v2.41.1"
RCLONE_VERSION = "v1.69.1"
SDK_VERSION = "github.com/cosmos/cosmos-sdk/version.Version"
#: Seconds that one build may take before it is given up; Hermes takes 1,100 on two cores.
BUILD_TIMEOUT_S = 2_400
VERSION_TIMEOUT_S = 60
#: Characters of a failed build's last line that are shown.
REASON_CHARS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program of others, in one version."""

    name: str
    """Name of the executable."""
    asked: tuple[str, ...]
    """Arguments that make it tell its version."""
    told: str
    """What the answer of the right version contains as a line or word."""
    tool: str
    """Compiler that builds it."""
    folder: Callable[[str], Path]
    """Where it goes, given the path of the compiler."""
    command: Callable[[str, Path], list[str]]
    """How it is built, given the compiler and where it goes."""
    source: Path = ROOT
    """Folder in which the command runs."""


def main() -> int:
    """Install what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="PEER")
    parser.add_argument("--timeout", type=int, default=BUILD_TIMEOUT_S, metavar="S")
    given = parser.parse_args()
    # Told to stop, it ends like Ctrl-C: what it has started ends with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = [part for name in given.names for part in GROUPS.get(name, (name,))]
    if unknown := sorted(set(names) - {*PEERS, *PACKAGES, COSMJS}):
        parser.error(f"no such peer: {', '.join(unknown)}")
    for name in names or ("cometbft", "simd", COSMJS):
        started_s = time.monotonic()
        outcome = ensure_any(name, given.timeout)
        took_s = time.monotonic() - started_s
        print(f"{name + ':':<11} {outcome} ({took_s:.0f} s)", flush=True)
    return 0


def ensure_any(name: str, timeout_s: int) -> str:
    """Install a program or a package unless it is there; return what to tell."""
    if name == COSMJS:
        return ensure_cosmjs(timeout_s)
    if name in PACKAGES:
        return ensure_package(name, timeout_s)
    return ensure(PEERS[name], timeout_s)


def ensure(peer: Peer, timeout_s: int) -> str:
    """Build a peer unless it is there; return what to tell."""
    tool = shutil.which(peer.tool)
    for folder in search_folders(peer, tool):
        path = folder / peer.name
        if tells_version(peer, path):
            return f"present: {path}"
    if tool is None:
        return f"not run: {peer.tool} is not installed"
    folder = peer.folder(tool)
    folder.mkdir(parents=True, exist_ok=True)
    command = peer.command(tool, folder)
    reason = run(command, peer.source, {"GOBIN": str(folder)}, timeout_s)
    if reason:
        return f"not run: {reason}"
    if not tells_version(peer, folder / peer.name):
        return f"not run: {folder / peer.name} tells another version"
    return f"installed: {folder / peer.name}"


def ensure_cosmjs(timeout_s: int) -> str:
    """Install the packages of CosmJS' lock file unless they are there."""
    if has_cosmjs():
        return f"present: {COSMJS_FOLDER / 'node_modules'}"
    npm = shutil.which("npm")
    if npm is None:
        return "not run: npm is not installed"
    reason = run([npm, "ci", "--no-audit", "--no-fund"], COSMJS_FOLDER, {}, timeout_s)
    if not reason and not has_cosmjs():
        reason = "npm did not install what package.json names"
    if reason:
        return f"not run: {reason}"
    return f"installed: {COSMJS_FOLDER / 'node_modules'}"


def ensure_package(name: str, timeout_s: int) -> str:
    """Install a package of Debian unless its program is there."""
    if found := find_program(name):
        return f"present: {found}"
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid():
        return f"not run: needs root and apt-get to install {name}"
    options = {"DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "--quiet", "--yes", "--no-install-recommends", name]
    for command in ([apt, "update", "--quiet"], install):
        if reason := run(command, ROOT, options, timeout_s):
            return f"not run: {reason}"
    if found := find_program(name):
        return f"installed: {found}"
    return f"not run: the package {name} does not bring its program"


def find_program(package: str) -> Path | None:
    """Return the program for which a package is wanted, the newest one."""
    root, pattern = PACKAGES[package]
    return max(root.glob(pattern), default=None)


def has_cosmjs() -> bool:
    """Whether every package that ``package.json`` names is there in its version."""
    wanted = json.loads((COSMJS_FOLDER / "package.json").read_text())["dependencies"]
    for package, version in wanted.items():
        manifest = COSMJS_FOLDER / "node_modules" / package / "package.json"
        try:
            found = json.loads(manifest.read_text())["version"]
        except (OSError, ValueError, KeyError):
            return False
        if found != version.rsplit("@", 1)[-1]:
            return False
    return True


def run(
    command: list[str], folder: Path, variables: dict[str, str], timeout_s: int
) -> str:
    """Run what builds a peer; return why it failed, or nothing."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "GOFLAGS": "-mod=readonly", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, told = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return f"not built within {timeout_s} s"
    finally:
        if process.poll() is None:  # its compilers end with it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode == 0:
        return ""
    lines = told.strip().splitlines() or [f"ended with {process.returncode}"]
    return lines[-1][:REASON_CHARS_MAX]


def search_folders(peer: Peer, tool: str | None) -> list[Path]:
    """Return the folders where a peer may be already, each once."""
    found = shutil.which(peer.name)
    folders = [Path(found).parent] if found else []
    folders.append(peer.folder(tool or ""))
    return list(dict.fromkeys(folders))


def tells_version(peer: Peer, path: Path) -> bool:
    """Whether the program is there and is of the right version."""
    try:
        answer = subprocess.run(
            [path, *peer.asked],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return peer.told in (answer.stdout + answer.stderr).split()


def go_bin(tool: str) -> Path:
    """Return the folder into which Go installs programs."""
    if not tool:
        return Path.home() / "go" / "bin"
    told = subprocess.run(
        [tool, "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    first_path = told[1].split(os.pathsep)[0] or str(Path.home() / "go")
    return Path(told[0] or Path(first_path) / "bin")


def cargo_bin(_tool: str) -> Path:
    """Return the folder into which Cargo installs programs."""
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "bin"


PEERS = {
    "cometbft": Peer(
        name="cometbft",
        asked=("version",),
        told=COMETBFT_VERSION.removeprefix("v"),
        tool="go",
        folder=go_bin,
        command=lambda go, _: [
            *(go, "install"),
            f"github.com/cometbft/cometbft/cmd/cometbft@{COMETBFT_VERSION}",
        ],
    ),
    "simd": Peer(
        name="simd",
        asked=("version",),
        told=IBC_GO_VERSION.removeprefix("v"),
        tool="go",
        folder=go_bin,
        command=lambda go, folder: [
            *(go, "build", "-o", str(folder / "simd")),
            # Without this the program does not know its version.
            f"-ldflags=-X {SDK_VERSION}={IBC_GO_VERSION.removeprefix('v')}",
            "github.com/cosmos/ibc-go/v8/testing/simapp/simd",
        ],
        source=SIMD_MODULE,
    ),
    "dex": Peer(
        name="dex",
        asked=("version",),
        told=DEX_VERSION,
        tool="go",
        folder=go_bin,
        command=lambda go, folder: [
            *(go, "build", "-o", str(folder / "dex")),
            f"-ldflags=-X main.version={DEX_VERSION}",
            "github.com/dexidp/dex/cmd/dex",
        ],
        source=DEX_MODULE,
    ),
    "rclone": Peer(
        name="rclone",
        asked=("version",),
        told=f"{RCLONE_VERSION}-DEV",  # as everything that is built without its Makefile
        tool="go",
        folder=go_bin,
        command=lambda go, _: [
            *(go, "install"),
            f"github.com/rclone/rclone@{RCLONE_VERSION}",
        ],
    ),
    "hermes": Peer(
        name="hermes",
        asked=("--version",),
        told=HERMES_VERSION,
        tool="cargo",
        folder=cargo_bin,
        command=lambda cargo, _: [
            *(cargo, "install", "ibc-relayer-cli", "--bin", "hermes"),
            *("--locked", "--version", HERMES_VERSION),
        ],
    ),
}
#: Packages of Debian, and where the program lies for which each is wanted.
PACKAGES = {
    "postgresql": (Path("/usr/lib/postgresql"), "*/bin/initdb"),
    "softhsm2": (Path("/usr/lib"), "**/softhsm/libsofthsm2.so"),
}
GROUPS = {"services": ("dex", "rclone", *PACKAGES)}


if __name__ == "__main__":
    sys.exit(main())
