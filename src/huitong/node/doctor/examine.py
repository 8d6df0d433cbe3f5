"""Runs all checks within a bound of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from huitong.node.doctor.findings import Finding, Severity, warning
from huitong.node.doctor.machine import (
    check_clock,
    check_disk,
    check_open_files,
    check_ports,
)
from huitong.node.doctor.network import check_node, check_peers
from huitong.node.doctor.settings import check_settings
from huitong.node.doctor.signing import check_key, check_secrets, check_sign_state
from huitong.node.doctor.software import check_cometbft, check_packages, check_python
from huitong.node.doctor.store import check_database, check_snapshots
from huitong.node.doctor.subject import Subject
from huitong.node.doctor.zone import (
    check_clients,
    check_proposals,
    check_upgrade,
    check_validators,
)
from huitong.node.home import Home

#: After so long no further check begins; each one ends within seconds.
EXAMINATION_S_MAX: Final = 30.0

#: In the order in which findings are told: what others depend on first.
CHECKS: Final[tuple[Callable[[Subject], Iterator[Finding]], ...]] = (
    check_python,
    check_packages,
    check_settings,
    check_cometbft,
    check_open_files,
    check_disk,
    check_key,
    check_secrets,
    check_database,
    check_sign_state,
    check_ports,
    check_node,
    check_clock,
    check_peers,
    check_snapshots,
    check_clients,
    check_validators,
    check_upgrade,
    check_proposals,
)


def examine(home: Home | None, rpc_address: str | None) -> list[Finding]:
    """Look a node over and return what was found; nothing is changed.

    Args:
        home: the node's folder; None if only RPC is asked.
        rpc_address: where to ask it; None for where the home says.

    Cost: a second or two, at most about ``EXAMINATION_S_MAX``.
    """
    subject = Subject(home, rpc_address)
    deadline_s = time.monotonic() + EXAMINATION_S_MAX
    found: list[Finding] = []
    try:
        for number, check in enumerate(CHECKS):
            if time.monotonic() > deadline_s:
                left = len(CHECKS) - number
                found.append(
                    warning(
                        "time",
                        f"{left} checks were left out after {EXAMINATION_S_MAX:.0f} s",
                        "Something answers slowly: see the findings above, then try "
                        "again.",
                    )
                )
                break
            found += check(subject)
    finally:
        subject.close()
    return found


def has_problem(findings: list[Finding]) -> bool:
    """Tell whether anything needs doing now."""
    return any(item.severity is Severity.PROBLEM for item in findings)
