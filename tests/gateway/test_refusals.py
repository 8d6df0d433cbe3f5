"""What is not given, where it is refused, with which code, and the evidence of it.

The same table is in docs/explanation/exchange.md; ``test_table_of_the_docs_is_this_one``
compares them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from google.protobuf.message import Message
from sqlalchemy import func, select

from huitong.cli.main import main as huitong_command
from huitong.client.errors import TransactionFailedError
from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.hashing import sha256
from huitong.evidence.trust import encode_trust, load_trust
from huitong.evidence.verify import verify_bundle
from huitong.evidence.witnesses import read_headers
from huitong.gateway.vault.tables import PayloadRow
from huitong.localnet.process import NodeProcess
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.node.genesis_edit import change_genesis
from huitong.node.home import Home
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.sdk import Gateway, ProblemError
from huitong.sdk.models import Exchange
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.process_kit import REGULATOR, ZONES, Rig, all_processes
from tests.gateway.settled_kit import exchanges_on, opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "exchange.md"
ISSUER, READER = ZONES[0][1], ZONES[1][1]
SUBJECT: Final = sha256(b"a data subject").hex()
ZONE_A, ZONE_B, GATEWAY_B = "zone a", "zone b", "gateway b"
_WAIT_S: Final = 60
_TERM_S: Final = 2
_PAUSE_S: Final = 0.1


# --- where it happens -------------------------------------------------------------------


@dataclass
class Ground:
    """Both gateways, and what a verifier trusts."""

    rig: Rig
    bureau: Gateway
    bank: Gateway
    trust: Path

    def publish(self, record: str, **changes: Any) -> None:
        """Publish an invoice."""
        made = self.bureau.publish_record(
            record=record,
            document={"buyer": "b", "number": record, "total": "113.00"},
            wait=_WAIT_S,
            **{"record_type": "tax.invoice"} | changes,
        )
        assert made.state == "published", made

    def grant(self, record: str, **changes: Any) -> int:
        """Let the bank read a record for one purpose."""
        job = self.bureau.give_grant(
            channel=self.rig.sides[0].channel_id,
            reader=READER,
            record=record,
            purpose=PURPOSE,
            wait=_WAIT_S,
            **changes,
        )
        assert job.state == "done", job
        return int((job.result or {})["grant_id"])

    def consent(self) -> int:
        """Record that the subject permits the bank to read."""
        job = self.bureau.record_consent(
            channel=self.rig.sides[0].channel_id,
            reader=READER,
            purpose=PURPOSE,
            subject=SUBJECT,
            evidence_digest=sha256(b"a signed sheet").hex(),
            wait=_WAIT_S,
        )
        assert job.state == "done", job
        return int((job.result or {})["consent_id"])

    def ask(self, record: str, **changes: Any) -> Exchange:
        """Let the bank ask for a record."""
        return self.bank.create_request(
            channel=self.rig.sides[1].channel_id,
            issuer=ISSUER,
            record=record,
            **{"purpose": PURPOSE} | changes,
        )

    def ended(self, asked: Exchange) -> Exchange:
        """Return an exchange once it has ended."""
        deadline_s = time.monotonic() + _WAIT_S
        while not asked.is_ended:
            assert time.monotonic() < deadline_s, asked
            asked = self.bank.get_exchange(asked.id, wait=10)
        return asked

    def send(self, zone: int, key: str, make: Callable[[str], Message]) -> None:
        """Send a message to a zone by hand."""

        async def send() -> None:
            node = self.rig.nodes[zone]
            async with ZoneClient(node.rpc_url) as client:
                sender = Sender(client, node.private_key(key))
                await sender.send(make(sender.address))

        asyncio.run(send())

    def freeze(self, zone: int, member_id: str) -> None:
        """Freeze a member as a regulator does."""
        self.send(
            zone,
            REGULATOR,
            lambda signer: members_pb2.MsgFreezeMember(
                signer=signer,
                member_id=member_id,
                kind=members_pb2.FREEZE_KIND_REGULATOR,
                reason="inquiry",
            ),
        )

    def unfreeze(self, zone: int, member_id: str) -> None:
        """Lift that freeze."""
        self.send(
            zone,
            REGULATOR,
            lambda signer: members_pb2.MsgUnfreezeMember(
                signer=signer,
                member_id=member_id,
                kind=members_pb2.FREEZE_KIND_REGULATOR,
                reason="over",
            ),
        )


def _prepare(node: NodeProcess) -> None:
    """Nobody is asked on the provider's zone, so that its rules alone decide."""

    def change(document: dict[str, Any]) -> None:
        document["app_state"]["exchange"] = {"params": {"ask_officer": False}}

    if node.chain_id == ZONES[0][0]:
        change_genesis(Home(node.home), change)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("refusals")
    with all_processes(folder, _prepare) as rig:
        trust = folder / "trust.json"
        trust.write_bytes(asyncio.run(_trusted(rig)))
        with rig.sides[0].client() as bureau, rig.sides[1].client() as bank:
            yield Ground(rig, bureau, bank, trust)


async def _trusted(rig: Rig) -> bytes:
    a, b = rig.nodes
    async with ZoneClient(a.rpc_url) as one, ZoneClient(b.rpc_url) as other:
        return encode_trust(await read_headers([one, other], ()))


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
    job = ground.bureau.withdraw_consent(consent, reason="no more", wait=_WAIT_S)
    assert job.state == "done", job
    return {"consent": consent} if names else {}


def _grant_withdrawn(ground: Ground, record: str) -> dict[str, Any]:
    ground.publish(record)
    job = ground.bureau.withdraw_grant(
        ground.grant(record), reason="no more", wait=_WAIT_S
    )
    assert job.state == "done", job
    return {}


def _soon() -> tuple[float, str]:
    """Return a moment in a few seconds, and how it is written."""
    end_s = int(time.time()) + _TERM_S
    return end_s, datetime.fromtimestamp(end_s, UTC).isoformat().replace("+00:00", "Z")


def _wait_past(end_s: float) -> None:
    while time.time() < end_s + 1:
        time.sleep(_PAUSE_S)


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
        record, status="revoked", reason="wrong", wait=_WAIT_S
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
            path.write_bytes(_evidence(gateway, exchange.id))
            _check_bundle(ground, path)
    finally:
        if prepare is _issuer_frozen:
            ground.unfreeze(0, ISSUER)


def _seen_by_provider(ground: Ground, asked: Exchange) -> Exchange:
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        for one in ground.bureau.list_exchanges(side="provider"):
            if one.sequence == asked.sequence and one.is_ended:
                assert one.stage == "refused", one
                return one
        time.sleep(_PAUSE_S)
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


def _evidence(gateway: Gateway, exchange: str) -> bytes:
    """Get a bundle; the zone may need a block to know of the end in the other."""
    deadline_s = time.monotonic() + _WAIT_S
    while True:
        try:
            return b"".join(gateway.download_exchange_evidence(exchange))
        except ProblemError as refusal:
            if refusal.problem.status != 503 or time.monotonic() > deadline_s:
                raise
        time.sleep(_PAUSE_S)


def _check_bundle(ground: Ground, path: Path) -> None:
    """Check that a bundle verifies with nothing but itself and a header, and no other."""
    data = path.read_bytes()
    trust = load_trust(ground.trust)
    verdict = verify_bundle(data, trust, now_ns=time.time_ns())
    assert (verdict.failed, verdict.grade) == (None, "proven")
    arguments = ["verify", str(path), f"--trust={ground.trust}"]
    done = CliRunner().invoke(huitong_command, arguments)
    assert done.exit_code == 0, done.output
    for place in range(0, len(data), max(1, len(data) // 20)):
        bent = bytearray(data)
        bent[place] ^= 1
        assert verify_bundle(bytes(bent), trust, now_ns=time.time_ns()).failed


# --- what is refused before, and behind -------------------------------------------------


def _by_gateway_b(ground: Ground) -> str:
    """A caller whose role does not allow it; the log of calls has it."""
    key = ground.rig.sides[1].make_key("reviser", "auditor")
    before = {one.record_id for one in _requests(ground)}
    with Gateway(ground.rig.sides[1].url, key) as reviser:
        with pytest.raises(ProblemError) as refusal:
            reviser.create_request(
                channel=ground.rig.sides[1].channel_id,
                issuer=ISSUER,
                record="R-by-role",
                purpose=PURPOSE,
            )
        calls = list(reviser.list_audit_entries())
        reviser.verify_audit_log()
    assert refusal.value.problem.status == 403
    assert [call.status for call in calls if call.path == "/v1/requests"][-1] == 403
    assert {one.record_id for one in _requests(ground)} == before
    return f"{refusal.value.problem.codespace}/{refusal.value.problem.code}"


def _by_zone_b_frozen(ground: Ground) -> str:
    """A reader that its own zone has frozen; what the zone says of the member shows it."""
    ground.publish("R-frozen")
    ground.grant("R-frozen")
    ground.freeze(1, READER)
    try:
        asked = ground.ask("R-frozen")
        problem = _problem_of(ground, asked)
        ended = ground.bank.cancel_exchange(asked.id)
        assert ended.stage == "cancelled", ended
        bundle = b"".join(ground.bank.make_evidence(kind="member", member=READER))
    finally:
        ground.unfreeze(1, READER)
    path = ground.trust.parent / "member.zip"
    path.write_bytes(bundle)
    _check_bundle(ground, path)
    assert "R-frozen" not in {one.record_id for one in _requests(ground)}
    return problem


def _problem_of(ground: Ground, asked: Exchange) -> str:
    """Return why the step of an order does not succeed."""
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        for job in ground.bank.list_jobs(subject=asked.id):
            if job.problem is not None:
                return f"{job.problem.codespace}/{job.problem.code}"
        time.sleep(_PAUSE_S)
    raise AssertionError(asked)


def _requests(ground: Ground) -> list[Any]:
    """Return what the bank has asked for, as both zones have it."""
    found = []
    for zone, side in ((0, PROVIDER), (1, REQUESTER)):
        channel_id = ground.rig.sides[zone].channel_id
        node = ground.rig.nodes[zone]
        found += asyncio.run(exchanges_on(node, side, channel_id))
    return [one.request for one in found]


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
    path.write_bytes(_evidence(ground.bureau, provided.id))
    _check_bundle(ground, path)
    with pytest.raises(ProblemError):
        list(ground.bank.download_document(arrived.id))
    return f"{refusal.value.codespace}/{refusal.value.code}"


def _stuck(ground: Ground, gateway: Gateway, side: Any, record: str) -> Exchange:
    """Return the exchange of a record once it does not go on."""
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        for one in gateway.list_exchanges(side=side):
            if one.record == record and one.problem is not None:
                return one
        time.sleep(_PAUSE_S)
    raise AssertionError(record)


#: Who refuses, and with which code.
ELSEWHERE: Final = {
    "The caller's role does not allow it": (_by_gateway_b, GATEWAY_B, "access/7"),
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
