"""Checks of the zone's state: light clients, validators, the planned upgrade."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from huitong.core.time import format_rfc3339
from huitong.modules.upgrades.registry import MIGRATIONS
from huitong.node.doctor.findings import Finding, fine, problem, warning
from huitong.node.doctor.subject import SHAPE_ERRORS, Subject
from huitong.node.errors import NodeNotServingError
from huitong.node.watch.zone_facts import (
    ClientFacts,
    find_upgrade,
    read_clients,
    read_open_proposals,
    read_validators,
)

#: Part of the trusting period below which a client's expiry is near.
_EXPIRY_PART: Final = 3
_NS_PER_HOUR: Final = 3_600_000_000_000
#: Findings on single clients and validators; more are summed up by the others.
NAMED_MAX: Final = 20


def check_clients(subject: Subject) -> Iterator[Finding]:
    """Look how long the zone's light clients go on without a header."""
    if subject.status is None:
        return
    try:
        clients = read_clients(subject.ask)
    except (NodeNotServingError, *SHAPE_ERRORS):
        return
    found = [_client(client, time.time_ns()) for client in clients]
    wrong = [item for item in found if item.advice]
    yield from wrong[:NAMED_MAX]
    if clients and not wrong:
        yield fine("client", f"{len(clients)} light clients, none near its expiry")


def _client(client: ClientFacts, now_ns: int) -> Finding:
    name = f"{client.client_id} of {client.counterparty}"
    if client.is_frozen:
        return problem(
            "client",
            f"{name} is frozen: misbehaviour was proven",
            "Find out with the other zone what happened; only a proposal to recover the "
            "client revives the link.",
        )
    left_ns = client.expires_at_ns - now_ns
    if left_ns <= 0:
        return problem(
            "client",
            f"{name} has expired",
            "Only a proposal to recover the client revives the link: make a new client "
            "of the same zone and name it as the substitute.",
        )
    seen = f"{name} expires in {left_ns / _NS_PER_HOUR:.1f} h"
    if left_ns < client.trusting_period_ns // _EXPIRY_PART:
        return warning(
            "client",
            seen,
            "Look whether the relayer of this link runs (`huitong relay start`); it "
            "renews clients by itself.",
        )
    return fine("client", seen)


def check_validators(subject: Subject) -> Iterator[Finding]:
    """Look for validators that were suspended."""
    if subject.status is None:
        return
    try:
        validators = read_validators(subject.ask)
    except (NodeNotServingError, *SHAPE_ERRORS):
        return
    suspended = [item for item in validators if item.is_suspended]
    for item in suspended[:NAMED_MAX]:
        yield warning(
            "validator",
            f"{item.name or item.public_key.hex()} is suspended: it signed twice",
            "Its operator has to find out where else the key ran; then members decide "
            "by vote whether to reinstate or to remove it.",
        )
    if validators and not suspended:
        yield fine("validator", f"{len(validators)} validators, none suspended")


def check_upgrade(subject: Subject) -> Iterator[Finding]:
    """Tell of the upgrade that is planned, and whether this software has it."""
    status = subject.status
    if status is None:
        return
    try:
        plan = find_upgrade(subject.ask)
    except (NodeNotServingError, *SHAPE_ERRORS):
        return
    if plan is None:
        return
    seen = (
        f"{plan.name!r} is planned for height {plan.height}, "
        f"in {plan.height - status.height} blocks"
    )
    if plan.name in MIGRATIONS:
        yield fine("upgrade", f"{seen}; this software has it")
        return
    yield warning(
        "upgrade",
        f"{seen}; this software does not have it",
        "Have the new version ready on this machine before that height: the node stops "
        "there with exit code 75, and the new version goes on.",
    )


def check_proposals(subject: Subject) -> Iterator[Finding]:
    """Tell of proposals that wait for votes."""
    if subject.status is None:
        return
    try:
        proposals = read_open_proposals(subject.ask)
    except (NodeNotServingError, *SHAPE_ERRORS):
        return
    if proposals:
        first = min(proposals, key=lambda item: item.deadline_ns)
        yield fine(
            "proposal",
            f"{len(proposals)} can be voted on; the next one, {first.proposal_id} "
            f"{first.title!r}, is decided at {format_rfc3339(first.deadline_ns)}",
        )
