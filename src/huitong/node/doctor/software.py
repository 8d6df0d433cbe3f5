"""Checks of what is installed: Python, packages, CometBFT."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import huitong
from huitong.core.errors import HuitongError
from huitong.engines.cometbft.binary import (
    COMETBFT_VERSION,
    binary_version,
    find_binary,
)
from huitong.node.config import NodeConfig
from huitong.node.doctor.findings import Finding, fine, problem, warning
from huitong.node.doctor.subject import Subject

PYTHON_MIN: Final = (3, 11)
_LOCK_NAME: Final = "requirements.lock"
_LOCKED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.M)
#: Packages that a finding names; the number says how many more there are.
_NAMED_MAX: Final = 5


def check_python(_: Subject) -> Iterator[Finding]:
    """Compare Python's version with what the software needs."""
    seen = f"Python {sys.version.split()[0]}, Huitong {huitong.__version__}"
    if sys.version_info < PYTHON_MIN:
        yield problem(
            "python", seen, "Install Python 3.11 or newer, and Huitong in it."
        )
    else:
        yield fine("python", seen)


def check_packages(_: Subject) -> Iterator[Finding]:
    """Compare the installed packages with the lock, where there is one."""
    lock = find_lock()
    if lock is None:
        yield fine("packages", "installed without a lock file to compare with")
        return
    differing = differing_packages(lock.read_text(encoding="utf-8"))
    if not differing:
        yield fine("packages", "those that are installed are the locked versions")
        return
    named = ", ".join(differing[:_NAMED_MAX])
    yield warning(
        "packages",
        f"{len(differing)} are not the locked version: {named}",
        "Run `make setup`, so that the node runs on what was tested.",
    )


def find_lock() -> Path | None:
    """Return the lock file of the checkout that this software runs from, if any."""
    lock = Path(huitong.__file__).parents[2] / _LOCK_NAME
    return lock if lock.is_file() else None


def differing_packages(lock: str) -> list[str]:
    """Return the installed packages whose version is not the locked one."""
    differing = []
    for name, locked in _LOCKED.findall(lock):
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform, or for development only
        if installed != locked:
            differing.append(f"{name} {installed} (locked {locked})")
    return differing


def check_cometbft(subject: Subject) -> Iterator[Finding]:
    """Look for the program that the node runs, and at the version that answers."""
    config = None if subject.home is None else subject.config
    if isinstance(config, NodeConfig) and config.engine == "cometbft":
        yield _program(config)
    status = subject.status
    if status is not None and status.version != COMETBFT_VERSION:
        yield warning(
            "cometbft-running",
            f"the node answers as CometBFT {status.version}",
            f"This release is tested with {COMETBFT_VERSION}; update it "
            "(`make peers`), one validator after the other.",
        )


def _program(config: NodeConfig) -> Finding:
    if not config.cometbft.is_run:
        return fine("cometbft", "something else runs CometBFT ([cometbft] run = false)")
    try:
        path = find_binary(config.cometbft.binary)
        version = binary_version(path)
    except HuitongError as failure:
        return problem("cometbft", str(failure), failure.next_step)
    if version != COMETBFT_VERSION:
        return warning(
            "cometbft",
            f"{path} is {version}",
            f"This release is tested with {COMETBFT_VERSION}: run `make peers`.",
        )
    return fine("cometbft", f"{path} is {version}")
