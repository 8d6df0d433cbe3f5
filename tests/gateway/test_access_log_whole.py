"""Everything of a subject that left a gateway, by any way, is in the subject's log.

What was given is counted where it arrived: at the gateway of the reader.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import pytest

from huitong.core.time import format_rfc3339
from huitong.gateway.exchange.kinds import HAND_OVER
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.sdk.models import Exchange, HandOver, Job, SubjectRead
from tests.gateway.access_log_kit import check_lines
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.modes_kit import set_up, until
from tests.gateway.refusals_kit import (
    EMERGENCY_TYPE,
    ISSUER,
    READER,
    SUBJECT,
    Ground,
    refusing_ground,
)
from tests.gateway.settled_kit import exchanges_on

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STRANGER: Final = "0d" * 32
FIELDS: Final = ("buyer", "number", "total")
#: Way, record, version and fields of what was given.
Given = tuple[str, str, int, tuple[str, ...]]


@dataclass
class Run:
    """Two gateways, and what the reader's one has received of the subject."""

    ground: Ground
    given: Counter[Given]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with refusing_ground(tmp_path_factory.mktemp("log")) as made:
        set_up(made.rig.sides[0], "reads", "anchor_period_s = 1", "batch_lines_max = 5")
        with made.rig.sides[0].client() as bureau:
            yield Run(Ground(made.rig, bureau, made.bank, made.trust), Counter())


def test_every_way_of_giving_is_a_line_with_its_proof(run: Run) -> None:
    for give in (_read, _exchange, _subscribe, _emergency, _hand_over):
        give(run)
    lines = until(lambda: _anchored(run))
    told = Counter(
        (line.way, line.record, line.version, tuple(line.fields)) for line in lines
    )
    assert told == run.given
    assert {one[0] for one in run.given} == {
        "read", "exchange", "subscription", "emergency", "hand-over",
    }  # fmt: skip
    assert {line.reader for line in lines} == {READER}
    issuer, reader = run.ground.rig.sides
    asyncio.run(check_lines(issuer, reader, lines, SUBJECT))
    # What another subject's records gave is in its log, and in no other.
    (other,) = list(run.ground.bureau.list_subject_reads(STRANGER))
    assert (other.way, other.record) == ("exchange", "R-other")


def test_nothing_is_handed_over_while_the_log_cannot_be_written(run: Run) -> None:
    ground = run.ground
    ground.publish("L-1", subject=SUBJECT)
    ground.grant("L-1")
    database = sqlite3.connect(
        ground.rig.sides[0].home / "gateway.db", timeout=60, isolation_level=None
    )
    with closing(database):
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON read_lines "
            "BEGIN SELECT RAISE(ABORT, 'the log is full'); END"
        )
        asked = ground.ask("L-1")
        job = until(lambda: _failing_job(ground))
        found = ground.bank.get_exchange(asked.id)
        assert (found.sealed_digest, found.stage) == (None, "granted")
        database.execute("DROP TRIGGER full")
    if job.state == "stuck":
        ground.bureau.retry_job(job.id)
    assert ground.ended(asked).stage == "settled"
    run.given["exchange", "L-1", 1, FIELDS] += 1


def _failing_job(ground: Ground) -> Job | None:
    """Return the job that hands over, once it has failed."""
    for one in ground.bureau.list_exchanges(side="provider"):
        if one.record == "L-1":
            jobs = list(ground.bureau.list_jobs(subject=one.id))
            failing = [job for job in jobs if job.kind == HAND_OVER and job.problem]
            return failing[0] if failing else None
    return None


def _anchored(run: Run) -> list[SubjectRead]:
    """Return the subject's lines once all that was given is there, on chain."""
    lines = list(run.ground.bureau.list_subject_reads(SUBJECT, limit=3))
    on_chain = [line for line in lines if line.anchor and line.anchor.height]
    return lines if len(on_chain) == len(lines) >= run.given.total() else []


# --- the ways ---------------------------------------------------------------------------


def _read(run: Run) -> None:
    """Read open records, some of which are not there."""
    ground = run.ground
    for record in ("O-1", "O-2"):
        ground.publish(record, subject=SUBJECT, share_class="open", level=1)
    for wanted in ((), ("total",), ("buyer", "number")):
        until(lambda wanted=wanted: _read_once(run, wanted))


def _read_once(run: Run, fields: tuple[str, ...]) -> bool:
    """Read, count what came, and tell whether all came."""
    answer = run.ground.bank.read_records(
        channel=run.ground.rig.sides[1].channel_id,
        issuer=ISSUER,
        purpose=PURPOSE,
        records=[
            {"record": each, "fields": list(fields)} for each in ("O-1", "none", "O-2")
        ],
    )
    came = [each for each in answer.records if each.header is not None]
    for each in came:
        run.given["read", each.record, 1, fields] += 1
    return len(came) == 2


def _exchange(run: Run) -> None:
    """Exchange all fields, some of them, nothing, and a record of somebody else."""
    ground = run.ground
    for record, subject in (("R-1", SUBJECT), ("R-2", SUBJECT), ("R-other", STRANGER)):
        ground.publish(record, subject=subject)
        ground.grant(record)
    ground.publish("R-closed", subject=SUBJECT)
    whole = ground.ended(ground.ask("R-1"))
    part = ground.ended(ground.ask("R-2", fields=["total"]))
    again = ground.ended(ground.ask("R-2", fields=["total"]))
    other = ground.ended(ground.ask("R-other"))
    refused = ground.ended(ground.ask("R-closed"))
    stages = [one.stage for one in (whole, part, again, other, refused)]
    assert stages == ["settled"] * 4 + ["refused"]
    run.given["exchange", "R-1", 1, FIELDS] += 1
    run.given["exchange", "R-2", 1, ("total",)] += 2


def _subscribe(run: Run) -> None:
    """Get three versions under a standing permission."""
    ground = run.ground
    ground.publish("S-1", subject=SUBJECT)
    ground.grant("S-1")
    end = format_rfc3339((int(time.time()) + 3_600) * 10**9)
    begun = ground.bank.create_subscription(
        channel=ground.rig.sides[1].channel_id,
        issuer=ISSUER,
        record="S-1",
        purpose=PURPOSE,
        until=end,
        wait=60,
    )
    assert begun.stage == "active", begun
    until(lambda: list(ground.bureau.list_subscriptions(stage=["active"])))
    for version in (2, 3, 4):
        ground.bureau.publish_version(
            "S-1",
            previous_version=version - 1,
            document={"buyer": "b", "number": "S-1", "total": str(version)},
            wait=60,
        )

    def pushed() -> list[Exchange]:
        found = list(ground.bank.list_exchanges(subscription=begun.id))
        ended = [one for one in found if one.stage == "settled"]
        return ended if len(ended) == 3 else []

    for one in until(pushed):
        assert one.version is not None
        run.given["subscription", "S-1", one.version, FIELDS] += 1


def _emergency(run: Run) -> None:
    """Have the glass broken for a request that nothing else allows."""
    ground = run.ground
    ground.publish("E-1", subject=SUBJECT, record_type=EMERGENCY_TYPE)
    asking = _cry_for_help(ground)
    ground.send(1, "officer", lambda signer: _signed_by(asking, signer))
    waiting = until(lambda: _waiting(ground))
    ground.send(
        0,
        "officer",
        lambda signer: pb.MsgBreakGlass(
            signer=signer,
            channel_id=ground.rig.sides[0].channel_id,
            sequence=waiting.sequence,
            reason="the doctor called",
        ),
    )
    until(lambda: _settled(ground, "E-1"))
    run.given["emergency", "E-1", 1, FIELDS] += 1


def _signed_by(message: pb.MsgRequestExchange, signer: str) -> pb.MsgRequestExchange:
    message.signer = signer
    return message


def _cry_for_help(ground: Ground) -> pb.MsgRequestExchange:
    """Return a request to which the bank's gateway has the key."""
    channel_id = ground.rig.sides[1].channel_id
    node = ground.rig.nodes[1]
    earlier = asyncio.run(exchanges_on(node, REQUESTER, channel_id))
    return pb.MsgRequestExchange(
        channel_id=channel_id,
        request=pb.RequestPacket(
            requester=READER,
            reader_key=earlier[0].request.reader_key,
            issuer=ISSUER,
            record_id="E-1",
            purpose="treatment",
            emergency=True,
            emergency_reason="a patient",
        ),
        timeout_timestamp=time.time_ns() + 600 * 10**9,
    )


def _waiting(ground: Ground) -> Any:
    channel_id = ground.rig.sides[0].channel_id
    found = asyncio.run(exchanges_on(ground.rig.nodes[0], PROVIDER, channel_id))
    return next((one for one in found if one.request.record_id == "E-1"), None)


def _settled(ground: Ground, record: str) -> bool:
    found = ground.bank.list_exchanges(side="requester")
    return any(one.record == record and one.stage == "settled" for one in found)


def _hand_over(run: Run) -> None:
    """Give one record away for good, and get another one back."""
    ground = run.ground
    for record, outcome in (("H-1", "accepted"), ("H-2", "returned")):
        ground.publish(record, subject=SUBJECT)
        ground.bureau.offer_hand_over(
            channel=ground.rig.sides[0].channel_id,
            receiver=READER,
            record=record,
            reason="moved",
        )
        checked = until(lambda record=record: _checked(ground, record))
        said: dict[str, Any] = {"reason": "not ours"} if outcome == "returned" else {}
        ground.bank.decide_hand_over(checked.id, outcome=outcome, wait=60, **said)
        run.given["hand-over", record, 1, FIELDS] += 1


def _checked(ground: Ground, record: str) -> HandOver | None:
    found = list(ground.bank.list_hand_overs(stage=["checked"], record=record))
    return found[0] if found else None
