"""Grants and consents: every message, every refusal, coverage, queries, genesis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from huitong.core.errors import HuitongError, InvalidRequestError, UnauthorizedError
from huitong.core.genesis import GenesisError
from huitong.core.ids import InvalidIdentifierError
from huitong.core.limits import GRANTS_PER_SCOPE_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules import members, records
from huitong.modules.grants import (
    MODULE,
    Asked,
    check_consent,
    errors,
    find_covering_grant,
    use_grant,
)
from huitong.modules.records.errors import RecordNotFoundError
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone
from huitong.testing.headers import GENESIS_TIME_NS

HOLDER, OTHER = address_of("holder"), address_of("other")
NOW = GENESIS_TIME_NS // NS_PER_SECOND
READER = pb.Reader(channel_id="channel-0", member_id="bank")
SUBJECT = bytes(range(32))
GRANT: dict[str, Any] = {
    "signer": HOLDER,
    "reader": READER,
    "record_id": "inv-1",
    "purpose": "receivable-financing",
    "fields": ["amount", "buyer"],
    "valid_from": NOW,
    "valid_until": NOW + 1000,
    "count_max": 2,
}
CONSENT: dict[str, Any] = {
    "signer": HOLDER,
    "subject": SUBJECT,
    "reader": READER,
    "purpose": "receivable-financing",
    "fields": ["amount"],
    "valid_from": NOW,
    "valid_until": NOW + 1000,
    "evidence_digest": SUBJECT,
}


def new_zone() -> MemoryZone:
    genesis = members_genesis(
        {
            "holder": ("tax", "publisher"),
            "officer": ("tax", "officer"),
            "other": ("court", "publisher"),
            "asker": ("court", "requester"),
        }
    )
    zone = MemoryZone(
        [members.MODULE, records.MODULE, MODULE], genesis={"members": genesis}
    )
    zone.run(
        records_pb2.MsgPublishRecord(
            signer=HOLDER,
            record_id="inv-1",
            record_type="tax.invoice",
            subject=SUBJECT,
            payload_digest=bytes(32),
            fields=["amount", "buyer", "seller"],
            level=2,
            share_class=2,
        )
    )
    return zone


def grant(**changes: Any) -> pb.MsgGrant:
    return pb.MsgGrant(**{**GRANT, **changes})


def consent(**changes: Any) -> pb.MsgRecordConsent:
    return pb.MsgRecordConsent(**{**CONSENT, **changes})


def granted(**changes: Any) -> MemoryZone:
    zone = new_zone()
    zone.run(grant(**changes))
    return zone


def grant_of(zone: MemoryZone, grant_id: int = 1) -> pb.Grant:
    request = pb.QueryGrantRequest(grant_id=grant_id)
    return zone.query("/huitong.grants.v1.Query/Grant", request).grant


def consent_of(zone: MemoryZone, consent_id: int = 1) -> pb.Consent:
    request = pb.QueryConsentRequest(consent_id=consent_id)
    return zone.query("/huitong.grants.v1.Query/Consent", request).consent


def asked(zone: MemoryZone, **changes: Any) -> Asked:
    base = Asked(
        header=records.get_record(zone.context(), "tax", "inv-1"),
        reader=READER,
        purpose="receivable-financing",
        fields=("amount",),
        term_until=0,
        consent_id=0,
        now_s=zone.time_ns // NS_PER_SECOND,
    )
    return replace(base, **changes)


def covering(zone: MemoryZone, **changes: Any) -> int:
    found = find_covering_grant(zone.context(), asked(zone, **changes))
    return 0 if found is None else found.grant_id


def use(zone: MemoryZone, grant_id: int = 1) -> None:
    ctx = zone.context()
    use_grant(ctx, grant_id, used_for="channel-0/1")
    zone.take(ctx)


# --- messages -----------------------------------------------------------------------------


def test_grant_is_kept_and_told() -> None:
    zone = granted()
    expected = {**GRANT, "grant_id": 1, "holder": "tax"}
    del expected["signer"]
    assert grant_of(zone) == pb.Grant(**expected)
    told = zone.told("grant_given")[0]
    assert (told["holder"], told["reader_channel_id"], told["reader"]) == (
        "tax",
        "channel-0",
        "bank",
    )
    assert zone.run(grant(record_id="", record_type="tax.invoice")).grant_id == 2


def test_use_is_counted_and_told_until_it_is_used_up() -> None:
    zone = granted()
    use(zone)
    assert zone.told("grant_used")[0]["used_for"] == "channel-0/1"
    assert covering(zone) == 1
    use(zone)
    assert grant_of(zone).count_used == 2
    assert covering(zone) == 0
    with pytest.raises(errors.GrantNotUsableError):
        use(zone)


def test_withdrawal_acts_at_once() -> None:
    zone = granted()
    assert covering(zone) == 1
    zone.run(pb.MsgWithdrawGrant(signer=HOLDER, grant_id=1, reason="sold"))
    assert covering(zone) == 0
    assert grant_of(zone).withdrawn
    assert zone.told("grant_withdrawn")[0]["reason"] == "sold"
    with pytest.raises(errors.GrantNotUsableError):
        use(zone)


def test_consent_is_kept_and_withdrawn() -> None:
    zone = new_zone()
    assert zone.run(consent()).consent_id == 1
    expected = {
        **CONSENT,
        "consent_id": 1,
        "recorder": "tax",
        "version": 1,
        "recorded_height": 1,
        "recorded_time": zone.time_ns,
    }
    del expected["signer"]
    assert consent_of(zone) == pb.Consent(**expected)
    assert zone.told("consent_recorded")[0]["subject"] == SUBJECT.hex()
    check_consent(zone.context(), asked(zone, consent_id=1))
    zone.run(
        pb.MsgWithdrawConsent(
            signer=address_of("officer"), consent_id=1, reason="by the subject"
        )
    )
    assert zone.told("consent_withdrawn")[0]["reason"] == "by the subject"
    with pytest.raises(errors.ConsentNotUsableError, match="withdrawn"):
        check_consent(zone.context(), asked(zone, consent_id=1))


REFUSALS: list[tuple[Any, type[HuitongError]]] = [
    (grant(signer=address_of("asker")), UnauthorizedError),
    (grant(reader=pb.Reader(channel_id="channel-0")), InvalidRequestError),
    (
        grant(reader=pb.Reader(channel_id="x", member_id="bank")),
        InvalidIdentifierError,
    ),
    (grant(purpose=""), InvalidRequestError),
    (grant(fields=["b", "a"]), InvalidRequestError),
    (grant(fields=["number"]), errors.FieldNotInRecordError),
    (grant(valid_until=NOW + 1), errors.GrantPastError),
    (grant(valid_from=NOW + 9, valid_until=NOW + 9), InvalidRequestError),
    (grant(record_id=""), InvalidRequestError),
    (grant(record_id="a/b"), InvalidRequestError),
    (grant(record_id="", record_type="Tax"), InvalidRequestError),
    (grant(record_id="inv-2"), RecordNotFoundError),
    (grant(signer=OTHER), RecordNotFoundError),
    (grant(record_type="tax.receipt"), errors.RecordTypeError),
    (pb.MsgWithdrawGrant(signer=HOLDER, grant_id=2), errors.GrantNotFoundError),
    (pb.MsgWithdrawGrant(signer=OTHER, grant_id=1), errors.NotHolderError),
    (
        pb.MsgWithdrawGrant(signer=HOLDER, grant_id=1, reason="\n"),
        InvalidRequestError,
    ),
    (consent(subject=b""), InvalidRequestError),
    (consent(evidence_digest=b"1"), InvalidRequestError),
    (consent(purpose="A"), InvalidRequestError),
    (consent(valid_until=NOW), InvalidRequestError),
    (consent(valid_from=0, valid_until=NOW), errors.GrantPastError),
    (pb.MsgWithdrawConsent(signer=HOLDER, consent_id=2), errors.ConsentNotFoundError),
    (pb.MsgWithdrawConsent(signer=OTHER, consent_id=1), errors.NotHolderError),
]


@pytest.mark.parametrize(("message", "error"), REFUSALS)
def test_message_is_refused_and_writes_nothing(
    message: Any, error: type[HuitongError]
) -> None:
    zone = granted()
    zone.run(consent())
    zone.next_block()
    before = zone.state.dump()
    with pytest.raises(error):
        zone.run(message)
    assert zone.state.dump() == before


def test_withdrawing_twice_is_refused() -> None:
    zone = granted()
    zone.run(consent())
    for message in (
        pb.MsgWithdrawGrant(signer=HOLDER, grant_id=1),
        pb.MsgWithdrawConsent(signer=HOLDER, consent_id=1),
    ):
        zone.run(message)
        with pytest.raises(errors.WithdrawnError):
            zone.run(message)


def test_scope_holds_a_bounded_number_of_live_grants() -> None:
    zone = new_zone()
    for _ in range(GRANTS_PER_SCOPE_MAX):
        zone.run(grant())
    with pytest.raises(errors.ScopeFullError):
        zone.run(grant())
    zone.run(grant(purpose="other"))
    zone.run(pb.MsgWithdrawGrant(signer=HOLDER, grant_id=1))
    zone.run(grant())
    zone.next_block(seconds=2000)
    zone.run(grant(valid_until=NOW + 9000))
    assert covering(zone) == GRANTS_PER_SCOPE_MAX + 3


# --- coverage -----------------------------------------------------------------------------

DENIALS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"reader": pb.Reader(channel_id="channel-1", member_id="bank")}),
    ({}, {"reader": pb.Reader(channel_id="channel-0", member_id="thief")}),
    ({}, {"reader": pb.Reader(member_id="bank")}),
    ({}, {"purpose": "marketing"}),
    ({}, {"fields": ("amount", "seller")}),
    ({}, {"term_until": NOW + 1001}),
    ({}, {"now_s": NOW - 1}),
    ({}, {"now_s": NOW + 1000}),
    ({"consent_required": True}, {}),
    ({"consent_required": True}, {"consent_id": 7}),
    ({"record_id": "", "record_type": "tax.receipt"}, {}),
]
COVERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"fields": ("amount", "buyer")}),
    ({}, {"now_s": NOW}),
    ({}, {"now_s": NOW + 999}),
    ({}, {"term_until": NOW + 1000}),
    ({"valid_until": 0}, {"term_until": NOW + 10**9, "now_s": NOW + 10**8}),
    ({"fields": []}, {"fields": ("amount", "buyer", "seller")}),
    ({"record_id": "", "record_type": "tax.invoice"}, {}),
    ({"record_type": "tax.invoice"}, {}),
    ({"consent_required": True}, {"consent_id": 1}),
    ({"count_max": 0}, {}),
]


@pytest.mark.parametrize(("changed_grant", "changed_request"), COVERS)
def test_grant_covers(
    changed_grant: dict[str, Any], changed_request: dict[str, Any]
) -> None:
    zone = granted(**changed_grant)
    zone.run(consent())
    assert covering(zone, **changed_request) == 1


@pytest.mark.parametrize(("changed_grant", "changed_request"), DENIALS)
def test_grant_does_not_cover(
    changed_grant: dict[str, Any], changed_request: dict[str, Any]
) -> None:
    zone = granted(**changed_grant)
    zone.run(consent())
    assert covering(zone, **changed_request) == 0


def test_grant_for_the_record_comes_before_one_for_its_type() -> None:
    zone = granted(record_id="", record_type="tax.invoice", count_max=0)
    zone.run(grant())
    assert covering(zone) == 2
    use(zone, 2)
    use(zone, 2)
    assert covering(zone) == 1


def test_grant_of_another_holder_does_not_cover() -> None:
    zone = new_zone()
    zone.run(grant(signer=OTHER, record_id="", record_type="tax.invoice"))
    assert covering(zone) == 0


CONSENT_FAULTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"now_s": NOW - 1}, "in force"),
    ({}, {"now_s": NOW + 1000}, "in force"),
    ({"subject": bytes(32)}, {}, "subject"),
    ({"signer": OTHER}, {}, "issuer"),
    ({}, {"reader": pb.Reader(channel_id="channel-1", member_id="bank")}, "reader"),
    ({}, {"purpose": "marketing"}, "purpose"),
    ({}, {"fields": ("amount", "buyer")}, "field"),
    ({}, {"term_until": NOW + 1001}, "term"),
]


@pytest.mark.parametrize(("changed", "request_", "reason"), CONSENT_FAULTS)
def test_consent_does_not_cover(
    changed: dict[str, Any], request_: dict[str, Any], reason: str
) -> None:
    zone = new_zone()
    zone.run(consent(**changed))
    with pytest.raises(errors.ConsentNotUsableError, match=reason):
        check_consent(zone.context(), asked(zone, consent_id=1, **request_))


def test_consent_of_a_record_without_subject_covers_nothing() -> None:
    zone = new_zone()
    zone.run(consent())
    header = records_pb2.RecordHeader()
    header.CopyFrom(records.get_record(zone.context(), "tax", "inv-1"))
    header.subject = b""
    with pytest.raises(errors.ConsentNotUsableError, match="subject"):
        check_consent(zone.context(), asked(zone, consent_id=1, header=header))
    with pytest.raises(errors.ConsentNotFoundError):
        check_consent(zone.context(), asked(zone, consent_id=2))


# --- queries and genesis ------------------------------------------------------------------


def test_pages_of_grants_join_to_the_whole() -> None:
    zone = new_zone()
    for _ in range(5):
        zone.run(grant())
    zone.run(grant(signer=OTHER, record_id="", record_type="tax.invoice"))
    found: list[int] = []
    after = 0
    while True:
        page = zone.query(
            "/huitong.grants.v1.Query/Grants",
            pb.QueryGrantsRequest(holder="tax", start_after=after, limit=2),
        )
        found += [item.grant_id for item in page.grants]
        after = page.next
        if not after:
            break
    assert found == [1, 2, 3, 4, 5]
    with pytest.raises(errors.GrantNotFoundError):
        grant_of(zone, 9)
    with pytest.raises(errors.ConsentNotFoundError):
        consent_of(zone, 9)


def test_export_makes_the_same_state_again() -> None:
    zone = granted()
    zone.run(grant(record_id="", record_type="tax.invoice"))
    zone.run(consent())
    zone.run(pb.MsgWithdrawGrant(signer=HOLDER, grant_id=1, reason="x"))
    again = MemoryZone(zone.modules, genesis=zone.export())
    assert again.export() == zone.export()
    assert again.state.dump() == zone.state.dump()


ROW: dict[str, Any] = {
    "grant_id": 3,
    "holder": "tax",
    "reader": {"channel_id": "channel-0", "member_id": "bank"},
    "record_type": "tax.invoice",
    "purpose": "audit",
}
CONSENT_ROW: dict[str, Any] = {
    "consent_id": 4,
    "version": 1,
    "recorder": "tax",
    "subject": "A" * 43 + "=",
    "reader": {"member_id": "bank"},
    "purpose": "audit",
    "evidence_digest": "A" * 43 + "=",
}


def test_genesis_without_next_ids_goes_on_behind_the_highest() -> None:
    genesis = {
        "members": new_zone().export()["members"],
        "grants": {"grants": [ROW], "consents": [CONSENT_ROW]},
    }
    zone = MemoryZone(new_zone().modules, genesis=genesis)
    exported = zone.export()["grants"]
    assert (exported["next_grant_id"], exported["next_consent_id"]) == ("4", "5")


@pytest.mark.parametrize(
    "state",
    [
        {"grant": []},
        {"grants": [{**ROW, "holder": "nobody"}]},
        {"grants": [{**ROW, "grant_id": 0}]},
        {"grants": [ROW, ROW]},
        {"grants": [{**ROW, "record_type": ""}]},
        {"grants": [{**ROW, "record_id": "a/b"}]},
        {"grants": [ROW], "next_grant_id": 3},
        {
            "grants": [
                {**ROW, "grant_id": index + 1}
                for index in range(GRANTS_PER_SCOPE_MAX + 1)
            ]
        },
        {"consents": [{**CONSENT_ROW, "subject": ""}]},
        {"consents": [CONSENT_ROW, CONSENT_ROW]},
        {"consents": [{**CONSENT_ROW, "recorder": "nobody"}]},
        {"consents": [CONSENT_ROW], "next_consent_id": "4"},
    ],
)
def test_genesis_with_a_mistake_is_refused(state: dict[str, Any]) -> None:
    genesis = {"members": new_zone().export()["members"], "grants": state}
    with pytest.raises(GenesisError):
        MemoryZone(new_zone().modules, genesis=genesis)
