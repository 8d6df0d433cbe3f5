"""Every kind of bundle: proven against trust, refused when a byte or a claim changes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from huitong.evidence import kinds
from huitong.evidence.checks import checks_of
from huitong.evidence.collect import kind_of
from huitong.evidence.container import decode_container
from huitong.evidence.entries import SUBJECT_ENTRY
from huitong.evidence.errors import CollectError
from huitong.evidence.kinds import KINDS, Kind
from huitong.evidence.link import Link
from huitong.evidence.model import ZonePointer
from huitong.evidence.reading import encode_entry
from huitong.evidence.verify import GRADE_PROVEN, GRADE_UNVERIFIED, verify_bundle
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from tests.ended_kit import collect_state, made
from tests.evidence_kit import (
    GIVEN,
    begin_exchange,
    finished_exchange,
    make_payload,
    reseal,
)

EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@EVERY
def test_bundle_is_proven_against_one_trusted_header_of_each_zone(kind: Kind) -> None:
    bundle = made(kind)
    verdict = verify_bundle(bundle.data, bundle.trust(), now_ns=bundle.now_ns)
    assert verdict.failed is None
    assert verdict.grade == GRADE_PROVEN
    names = [check.name for check in verdict.checks]
    assert names[3 : -len(kind.sides)] == [name for name, _ in checks_of(kind)]


@EVERY
def test_bundle_without_trust_is_only_consistent_with_itself(kind: Kind) -> None:
    bundle = made(kind)
    verdict = verify_bundle(bundle.data, None, now_ns=bundle.now_ns)
    assert verdict.grade == GRADE_UNVERIFIED


@EVERY
def test_flipped_byte_is_refused(kind: Kind) -> None:
    bundle = made(kind)
    draw = random.Random(20_261_127)
    for _ in range(300):
        changed = bytearray(bundle.data)
        changed[draw.randrange(len(changed))] ^= draw.randrange(1, 256)
        verdict = verify_bundle(bytes(changed), bundle.trust(), now_ns=bundle.now_ns)
        assert verdict.grade is None


@EVERY
def test_bundle_that_claims_to_be_of_another_kind_is_refused(kind: Kind) -> None:
    bundle = made(kind)
    for other in KINDS:
        if other == kind.name:
            continue
        entries = decode_container(bundle.data)
        subject = json.loads(entries[SUBJECT_ENTRY])
        entries[SUBJECT_ENTRY] = encode_entry(subject | {"kind": other})
        forged = reseal(entries, bundle.maker)
        assert verify_bundle(forged, None, now_ns=bundle.now_ns).failed, other


@EVERY
def test_bundle_without_one_of_its_values_is_refused(kind: Kind) -> None:
    bundle = made(kind)
    for side, part in kind.parts.items():
        for label in part.states:
            entries = decode_container(bundle.data)
            del entries[f"{side}/states/{label}.json"]
            verdict = verify_bundle(
                reseal(entries, bundle.maker), None, now_ns=bundle.now_ns
            )
            assert verdict.failed is not None, label
            assert verdict.failed.error == "evidence/9"


@EVERY
def test_report_says_what_became_of_it(kind: Kind) -> None:
    report = decode_container(made(kind).data)["report.md"].decode()
    assert WORDS[kind.name] in report.replace("\\", "")


WORDS = {
    "exchange": "the reader confirmed them",
    "delivery": "the reader has not confirmed it",
    "refusal": "it was refused by policy",
    "timeout": "did not reach hangzhou-1 in time",
    "failure": "did not accept it",
    "record": "RECORD_STATUS_REVOKED",
    "grant": "是 yes: no longer",
    "consent": "是 yes: changed mind",
    "member": "MEMBER_STATUS_ACTIVE",
    "fact": "FACT_STATUS_ACTIVE",
}


def test_member_whose_key_its_zone_does_not_know_yet_makes_evidence() -> None:
    """The bank has signed no transaction on zone a, so only its address is there."""
    zones = made(kinds.MEMBER_STATE).zones
    data = collect_state(zones, kinds.MEMBER_STATE, "bank", member_id="cq-bank")
    verdict = verify_bundle(data, zones.trust(), now_ns=zones.now_ns)
    assert verdict.grade == GRADE_PROVEN
    forged = reseal(decode_container(data), "bureau")
    failed = verify_bundle(forged, zones.trust(), now_ns=zones.now_ns).failed
    assert failed is not None
    assert (failed.name, failed.error) == ("maker", "evidence/13")


@pytest.mark.parametrize(
    ("entry", "changes", "check"),
    [
        ("provider/states/request-receipt.json", {"value": "AQ=="}, "states"),
        ("requester/states/exchange.json", {"height": 3}, "states"),
    ],
)
def test_timeout_of_a_request_that_arrived_cannot_be_made_up(
    entry: str, changes: dict[str, Any], check: str
) -> None:
    bundle = made(kinds.TIMEOUT)
    entries = decode_container(bundle.data)
    entries[entry] = encode_entry(json.loads(entries[entry]) | changes)
    failed = verify_bundle(reseal(entries), None, now_ns=bundle.now_ns).failed
    assert failed is not None
    assert failed.name == check


def test_absence_shown_before_the_deadline_is_no_timeout() -> None:
    """The same state, as it was while the request could still arrive."""
    bundle, early = made(kinds.TIMEOUT), made(kinds.FAILURE)
    entries = decode_container(bundle.data)
    for name, data in decode_container(early.data).items():
        if name.startswith("provider/"):
            entries[name] = data
    assert verify_bundle(reseal(entries), None, now_ns=bundle.now_ns).failed


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (kinds.RECORD_STATE, {"member_id": "hz-tax-bureau", "record_id": "ABSENT"}),
        (kinds.GRANT_STATE, {"number": 99}),
        (kinds.CONSENT_STATE, {"number": 99}),
        (kinds.MEMBER_STATE, {"member_id": "nobody"}),
        (kinds.FACT_STATE, {"record_id": "00" * 32}),
    ],
)
def test_bundle_of_what_a_zone_does_not_have_is_not_made(
    kind: Kind, order: dict[str, Any]
) -> None:
    with pytest.raises(CollectError):
        collect_state(made(kinds.MEMBER_STATE).zones, kind, **order)


def test_exchange_that_waits_makes_no_bundle() -> None:
    zones = finished_exchange(universe="waits")
    sequence, _, _ = begin_exchange(zones.path, make_payload(), GIVEN)
    zones.b.next_block()
    with pytest.raises(CollectError, match="waits for a decision"):
        zones.collect(sequence)


def test_standing_permission_is_not_said_to_wait() -> None:
    """It was decided on; what there is no kind for is named."""
    standing = exchange_pb2.Exchange(
        sequence=7, status=exchange_pb2.EXCHANGE_STATUS_STANDING
    )
    zone = ZonePointer(chain_id="b-1", client_id="", connection_id="", channel_id="c")
    link = Link(a=zone, b=zone, height_of_a_on_b=1, height_text_of_a_on_b="1-1")
    with pytest.raises(CollectError, match="STANDING, of which no bundle is made"):
        kind_of(standing, link)
