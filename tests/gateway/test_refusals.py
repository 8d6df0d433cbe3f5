"""What is not given, where it is refused, with which code, and the evidence of it.

The same table is in docs/explanation/exchange.md; ``test_table_of_the_docs_is_this_one``
compares them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from huitong.client.errors import TransactionFailedError
from huitong.gateway.outbox.errors import StepStateError
from huitong.gateway.vault.tables import PayloadRow
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.sdk import Gateway, ProblemError
from huitong.sdk.models import Exchange
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.refusals_kit import (
    ISSUER,
    PAUSE_S,
    READER,
    SUBJECT,
    WAIT_S,
    Ground,
    check_bundle,
    evidence_of,
    refusing_ground,
)
from tests.gateway.settled_kit import exchanges_on, opened
from tests.gateway.test_refused_at_gateway import BY_GATEWAY_B

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "exchange.md"
ZONE_A, ZONE_B = "zone a", "zone b"
_TERM_S: Final = 2


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with refusing_ground(tmp_path_factory.mktemp("refusals")) as made:
        yield made


# --- what is refused by the provider's zone ---------------------------------------------


def _nothing(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    return {}


def _named_consent_withdrawn(ground: Ground, record: str) -> dict[str, Any]:
    consent = _needed_consent_withdrawn(ground, record, names=True)["consent"]
    return {"consent": consent}


def _needed_consent_withdrawn(
    ground: Ground, record: str, *, names: bool = False
) -> dict[str, Any]:
    ground.publish(record, subject=SUBJECT)
    consent = ground.consent()
    ground.grant(record, consent_required=True)
    settled = ground.ended(ground.ask(record, consent=consent))
    assert settled.stage == "settled", settled  # it was given for as long as it held
    job = ground.bureau.withdraw_consent(consent, reason="no more", wait=WAIT_S)
    assert job.state == "done", job
    return {"consent": consent} if names else {}


def _grant_withdrawn(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    job = ground.bureau.withdraw_grant(
        ground.grant(record), reason="no more", wait=WAIT_S
    )
    assert job.state == "done", job
    return {}


def _soon() -> tuple[float, str]:
    """Return a moment in a few seconds, and how it is written."""
    end_s = int(time.time()) + _TERM_S
    return end_s, datetime.fromtimestamp(end_s, UTC).isoformat().replace("+00:00", "Z")


def _wait_past(end_s: float) -> None:
    while time.time() < end_s + 1:
        time.sleep(PAUSE_S)


def _grant_expired(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    end_s, end = _soon()
    ground.grant(record, valid_until=end)
    _wait_past(end_s)
    return {}


def _record_expired(ground: Ground, record: str) -> dict[str, Any]:
    end_s, end = _soon()
    ground.publish(record, valid_until=end)
    ground.grant(record)
    _wait_past(end_s)
    return {}


def _record_revoked(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    ground.grant(record)
    job = ground.bureau.set_record_status(
        record, status="revoked", reason="wrong", wait=WAIT_S
    )
    assert job.state == "done", job
    return {}


def _issuer_frozen(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    ground.grant(record)
    ground.freeze(0, ISSUER)
    return {}


def _used_up(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    ground.grant(record, count_max=1)
    assert ground.ended(ground.ask(record)).stage == "settled"
    return {}


def _other_purpose(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    ground.grant(record)
    return {"purpose": "marketing"}


def _other_field(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    ground.grant(record, fields=["number"])
    return {"fields": ["number", "total"]}


def _absent_field(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    ground.grant(record)
    return {"fields": ["weight"]}


def _too_sensitive(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record, level=4)
    ground.grant(record)
    return {}


#: What is done before the bank asks, and the reason code of the refusal.
BY_ZONE_A: Final = {
    "The consent that the request names is withdrawn": (
        _named_consent_withdrawn,
        "consent",
    ),
    "The consent that the grant needs is withdrawn": (
        _needed_consent_withdrawn,
        "grant-consent",
    ),
    "The grant is withdrawn": (_grant_withdrawn, "no-grant"),
    "The grant's term is over": (_grant_expired, "grant-expired"),
    "The record's validity is over": (_record_expired, "expired"),
    "The record is revoked": (_record_revoked, "revoked"),
    "The issuer is frozen": (_issuer_frozen, "issuer"),
    "The grant's count is used up": (_used_up, "grant-used-up"),
    "Another purpose than the grant's": (_other_purpose, "no-grant"),
    "A field that the grant does not allow": (_other_field, "grant-fields"),
    "A field that the record does not have": (_absent_field, "unknown-field"),
    "Fields above the level that may leave the zone": (
        _too_sensitive,
        "too-sensitive",
    ),
    "No grant at all": (_nothing, "no-grant"),
}


@pytest.mark.parametrize("case", BY_ZONE_A)
def test_request_is_refused_by_the_zone_of_the_issuer(
    case: str, ground: Ground, tmp_path: Path
) -> None:
    prepare, code = BY_ZONE_A[case]
    record = f"R-{list(BY_ZONE_A).index(case)}"
    changes = prepare(ground, record)
    try:
        refused = ground.ended(ground.ask(record, **changes))
        assert refused.stage == "refused", refused
        assert refused.decision is not None
        assert (refused.decision.outcome, refused.decision.reason_code) == (
            "refused",
            code,
        )
        provided = _seen_by_provider(ground, refused)
        _check_nothing_given(ground, refused, provided)
        for gateway, exchange in ((ground.bank, refused), (ground.bureau, provided)):
            path = tmp_path / f"{exchange.id}.zip"
            path.write_bytes(evidence_of(gateway, exchange.id))
            check_bundle(ground, path)
    finally:
        if prepare is _issuer_frozen:
            ground.unfreeze(0, ISSUER)


def _seen_by_provider(ground: Ground, asked: Exchange) -> Exchange:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        for one in ground.bureau.list_exchanges(side="provider"):
            if one.sequence == asked.sequence and one.is_ended:
                assert one.stage == "refused", one
                return one
        time.sleep(PAUSE_S)
    raise AssertionError(asked)


def _check_nothing_given(ground: Ground, got: Exchange, given: Exchange) -> None:
    """Check that no byte of the record was sealed, brought, or kept for the reader."""
    for one in (got, given):
        assert one.sealed_digest is one.grade is None
    with pytest.raises(ProblemError):
        list(ground.bank.download_document(got.id))
    with pytest.raises(ProblemError):
        list(ground.bank.download_disclosure(got.id))
    asyncio.run(_check_state(ground, got))


async def _check_state(ground: Ground, asked: Exchange) -> None:
    for zone, side in ((0, PROVIDER), (1, REQUESTER)):
        channel_id = ground.rig.sides[zone].channel_id
        all_of_it = await exchanges_on(ground.rig.nodes[zone], side, channel_id)
        (one,) = [one for one in all_of_it if one.sequence == asked.sequence]
        assert one.status == pb.EXCHANGE_STATUS_REFUSED
        assert not one.sealed_digest
        assert not one.HasField("receipt")
    async with (
        opened(ground.rig.sides[1]) as (database, _),
        database.transaction() as session,
    ):
        held = select(func.count()).where(PayloadRow.holder == asked.id)
        assert await session.scalar(held) == 0


# --- what is refused before, and behind -------------------------------------------------


def _by_zone_b_frozen(ground: Ground) -> str:
    """A reader that its own zone has frozen; what the zone says of the member shows it."""
    ground.publish("R-frozen")
    ground.grant("R-frozen")
    ground.freeze(1, READER)
    try:
        asked = ground.ask("R-frozen")
        problem = _problem_of(ground, asked)
        ended = _cancelled(ground, asked)
        assert ended.stage == "cancelled", ended
        bundle = b"".join(ground.bank.make_evidence(kind="member", member=READER))
    finally:
        ground.unfreeze(1, READER)
    path = ground.trust.parent / "member.zip"
    path.write_bytes(bundle)
    check_bundle(ground, path)
    assert "R-frozen" not in {one.record_id for one in ground.requests()}
    return problem


def _problem_of(ground: Ground, asked: Exchange) -> str:
    """Return why the step of an order does not succeed."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        for job in ground.bank.list_jobs(subject=asked.id):
            if job.problem is not None:
                return f"{job.problem.codespace}/{job.problem.code}"
        time.sleep(PAUSE_S)
    raise AssertionError(asked)


def _cancelled(ground: Ground, asked: Exchange) -> Exchange:
    """Return an order once it is cancelled.

    A freeze may be lifted, so its step is tried again and again, and is not to be
    cancelled while an attempt is under way.
    """
    under_way = (StepStateError.codespace, StepStateError.code)
    deadline_s = time.monotonic() + WAIT_S
    while True:
        try:
            return ground.bank.cancel_exchange(asked.id)
        except ProblemError as refusal:
            problem = refusal.problem
            is_under_way = (problem.codespace, problem.code) == under_way
            if not is_under_way or time.monotonic() > deadline_s:
                raise
        time.sleep(PAUSE_S)


def _by_zone_b_grade(ground: Ground) -> str:
    """A receipt of a lower grade than the grant asks for, of what nobody could open."""
    ground.publish("R-grade")
    reader = grants_pb2.Reader(
        channel_id=ground.rig.sides[0].channel_id, member_id=READER
    )
    ground.send(
        0,
        "officer",
        lambda signer: grants_pb2.MsgGrant(
            signer=signer,
            reader=reader,
            record_id="R-grade",
            purpose=PURPOSE,
            grade_min="proven",
        ),
    )
    ground.send(
        1,
        "officer",
        lambda signer: pb.MsgRequestExchange(
            signer=signer,
            channel_id=ground.rig.sides[1].channel_id,
            request=pb.RequestPacket(
                requester=READER,
                reader_key=bytes(range(32)),
                issuer=ISSUER,
                record_id="R-grade",
                purpose=PURPOSE,
            ),
            timeout_timestamp=time.time_ns() + 600 * 10**9,
        ),
    )
    arrived = _stuck(ground, ground.bank, "requester", "R-grade")
    assert arrived.problem is not None
    with pytest.raises(TransactionFailedError) as refusal:
        ground.send(
            1,
            "officer",
            lambda signer: pb.MsgConfirmReceipt(
                signer=signer,
                channel_id=arrived.channel,
                sequence=arrived.sequence,
                payload_digest=bytes.fromhex(arrived.payload_digest or ""),
                sealed_digest=bytes.fromhex(arrived.sealed_digest or ""),
                received_time=int(time.time()),
                grade="signed",
                timeout_timestamp=time.time_ns() + 600 * 10**9,
            ),
        )
    (provided,) = [
        one
        for one in ground.bureau.list_exchanges(side="provider")
        if one.record == "R-grade"
    ]
    # An answer that comes later brings the header that proves the statement to zone b.
    ground.ended(ground.ask("R-grade", purpose="marketing"))
    path = ground.trust.parent / "grade.zip"
    path.write_bytes(evidence_of(ground.bureau, provided.id))
    check_bundle(ground, path)
    with pytest.raises(ProblemError):
        list(ground.bank.download_document(arrived.id))
    return f"{refusal.value.codespace}/{refusal.value.code}"


def _stuck(ground: Ground, gateway: Gateway, side: Any, record: str) -> Exchange:
    """Return the exchange of a record once it does not go on."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        for one in gateway.list_exchanges(side=side):
            if one.record == record and one.problem is not None:
                return one
        time.sleep(PAUSE_S)
    raise AssertionError(record)


#: Who refuses, and with which code.
ELSEWHERE: Final = {
    "The reader is frozen": (_by_zone_b_frozen, ZONE_B, "sdk/4"),
    "A receipt of a lower grade than the decision asks for": (
        _by_zone_b_grade,
        ZONE_B,
        "exchange/30",
    ),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_request_or_receipt_is_refused_on_the_side_of_the_reader(
    case: str, ground: Ground
) -> None:
    refuse, _, code = ELSEWHERE[case]
    assert refuse(ground) == code


def test_table_of_the_docs_is_this_one() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for case, (_, code) in BY_ZONE_A.items():
        assert f"| {case} | {ZONE_A} | `{code}` |" in page
    for case, (_, place, code) in ELSEWHERE.items():
        assert f"| {case} | {place} | `{code}` |" in page
    for case, code in BY_GATEWAY_B.items():
        assert f"| {case} | gateway b | `{code}` |" in page
