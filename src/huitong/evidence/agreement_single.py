"""Whether what one zone says of a record, grant, consent, member or fact is what is asked for."""

from __future__ import annotations

from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.evidence.agreement import agree
from huitong.evidence.case import Case
from huitong.evidence.statement import name_of
from huitong.modules.facts.keys import fact_id_of
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.records.v1 import records_pb2


def check_record_state(case: Case) -> str:
    """Check that the record is the one that the bundle is about."""
    subject, record = case.subject, case.statement.record
    agree("issuer of the record", subject.issuer, record.issuer)
    agree("id of the record", subject.record_id, record.record_id)
    agree("version of the record", subject.version, record.version)
    status = name_of(records_pb2.RecordStatus, record.status)
    word = status.removeprefix("RECORD_STATUS_").lower()
    return f"{record.issuer}/{record.record_id} version {record.version}, {word}"


def check_grant_state(case: Case) -> str:
    """Check that the grant is the one that the bundle is about."""
    subject, grant = case.subject, case.statement.grant
    number, holder = (grant.grant_id, grant.holder) if grant is not None else (0, "")
    agree("grant", subject.number, number)
    agree("holder of the grant", subject.issuer, holder)
    withdrawn = grant is not None and grant.withdrawn
    return f"grant {number} of {holder}{', withdrawn' if withdrawn else ''}"


def check_consent_state(case: Case) -> str:
    """Check that the consent is the one that the bundle is about."""
    subject, consent = case.subject, case.statement.consent
    number, recorder = (
        (consent.consent_id, consent.recorder) if consent is not None else (0, "")
    )
    agree("consent", subject.number, number)
    agree("recorder of the consent", subject.issuer, recorder)
    withdrawn = consent is not None and consent.withdrawn
    return f"consent {number} of {recorder}{', withdrawn' if withdrawn else ''}"


def check_member_state(case: Case) -> str:
    """Check that the member is the one that the bundle is about."""
    member = case.statement.a.member
    agree("member", case.subject.issuer, member.member_id)
    status = name_of(members_pb2.MemberStatus, member.status)
    freezes = [
        name
        for name in ("own_freeze", "regulator_freeze", "emergency_freeze")
        if member.HasField(name)
    ]
    word = status.removeprefix("MEMBER_STATUS_").lower()
    return ", ".join([f"{member.member_id} {word}", *freezes])


def check_fact_state(case: Case) -> str:
    """Check that the fact is the one that the bundle is about, and says whose it is."""
    subject, fact = case.subject, case.statement.fact
    agree("fact", subject.record_id, fact.fact_id.hex())
    about = fact_id_of(fact.source, fact.store, fact.key)
    agree("source and key of the fact", fact.fact_id.hex(), about.hex())
    agree("owner of the fact", subject.issuer, fact.owner)
    if fact.value:
        agree("value of the fact", fact.value_digest.hex(), sha256(fact.value).hex())
    status = name_of(facts_pb2.FactStatus, fact.status)
    word = status.removeprefix("FACT_STATUS_").lower()
    height = Height.from_proto(fact.source_height)
    return f"{word} in {fact.chain_id} as of {height}, over {fact.source}"
