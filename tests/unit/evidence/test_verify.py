"""Bundles of an honest exchange, and which trust is enough for them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from huitong.core.commitment import disclose, encode_disclosure
from huitong.core.time import NS_PER_SECOND
from huitong.evidence import kinds
from huitong.evidence.checks import checks_of
from huitong.evidence.container import decode_container
from huitong.evidence.errors import CollectError, RefreshError
from huitong.evidence.manifest import MANIFEST_ENTRY, SIGNATURE_ENTRY
from huitong.evidence.refresh import refresh_bundle
from huitong.evidence.verify import (
    GRADE_PROVEN,
    GRADE_UNVERIFIED,
    Verdict,
    verify_bundle,
)
from huitong.testing.zones import SimClock
from tests.evidence_kit import (
    KitZone,
    MemorySource,
    begin_exchange,
    bundle,
    finished_exchange,
    key_of,
    make_payload,
    reseal,
)

YEAR_NS = 365 * 86_400 * NS_PER_SECOND


def _verify(data: bytes, trust: Any = None, now_ns: int | None = None) -> Verdict:
    now_ns = finished_exchange().now_ns if now_ns is None else now_ns
    return verify_bundle(data, trust, now_ns=now_ns)


def _failure(verdict: Verdict) -> tuple[str, str | None]:
    assert verdict.grade is None
    assert verdict.failed is not None
    return verdict.failed.name, verdict.failed.error


def test_bundle_without_trust_is_consistent_but_unverified() -> None:
    verdict = _verify(bundle())
    assert verdict.grade == GRADE_UNVERIFIED
    assert [check.name for check in verdict.checks] == [
        "container",
        "manifest",
        "signature",
        *(name for name, _ in checks_of(kinds.FINISHED)),
    ]


def test_bundle_is_proven_against_an_older_header_of_each_zone() -> None:
    verdict = _verify(bundle(), finished_exchange().trust())
    assert verdict.grade == GRADE_PROVEN
    assert verdict.checks[-1].name == "trust in chongqing-1"
    assert "1 equal, 5 forward" in verdict.checks[-1].detail


def test_older_header_need_not_be_in_the_bundle() -> None:
    assert _verify(bundle(), finished_exchange().trust(3, 4)).grade == GRADE_PROVEN


def test_header_between_those_of_the_bundle_is_enough() -> None:
    exchange = finished_exchange()
    heights = exchange.a.height - 8, exchange.b.height - 8
    verdict = _verify(bundle(), exchange.trust(*heights))
    assert verdict.grade == GRADE_PROVEN
    assert "backward" in verdict.checks[-1].detail


def test_older_header_works_as_long_as_it_was_trusted_when_the_evidence_was_new() -> (
    None
):
    exchange = finished_exchange()
    later = exchange.now_ns + 10 * YEAR_NS
    assert _verify(bundle(), exchange.trust(), later).grade == GRADE_PROVEN
    trust = {
        name: replace(anchor, trusting_period_ns=NS_PER_SECOND)
        for name, anchor in exchange.trust().items()
    }
    name, error = _failure(_verify(bundle(), trust))
    assert (name, error) == ("trust in hangzhou-1", "evidence/18")


def test_older_header_outside_the_bundle_needs_its_time() -> None:
    trust = {
        name: replace(anchor, time_ns=None)
        for name, anchor in finished_exchange().trust(3, 3).items()
    }
    verdict = _verify(bundle(), trust)
    assert _failure(verdict) == ("trust in hangzhou-1", "evidence/18")
    assert "time" in verdict.checks[-1].detail


def test_validators_of_the_header_itself_serve_too() -> None:
    exchange = finished_exchange()
    trust = {}
    for zone in (exchange.a, exchange.b):
        name = zone.chain_id_text
        header = zone.header_at(3).header
        trust[name] = replace(
            exchange.trust(3, 3)[name],
            next_validators_hash=None,
            validators_hash=header.validators_hash,
        )
    assert _verify(bundle(), trust).grade == GRADE_PROVEN


@pytest.mark.parametrize(
    "change",
    [
        {"hash": bytes(32)},
        {"next_validators_hash": bytes(32)},
        {"validators_hash": bytes(32)},
        {"time_ns": 1},
    ],
    ids=str,
)
def test_other_header_at_the_trusted_height_is_refused(change: dict[str, Any]) -> None:
    trust = dict(finished_exchange().trust())
    trust["chongqing-1"] = replace(trust["chongqing-1"], **change)
    failure = _failure(_verify(bundle(), trust))
    assert failure == ("trust in chongqing-1", "evidence/17")


def test_other_validators_than_the_trusted_ones_are_refused() -> None:
    trust = dict(finished_exchange().trust(3, 3))
    trust["chongqing-1"] = replace(trust["chongqing-1"], next_validators_hash=bytes(32))
    failure = _failure(_verify(bundle(), trust))
    assert failure == ("trust in chongqing-1", "evidence/18")


def test_zone_that_nobody_speaks_for_is_refused() -> None:
    trust = dict(finished_exchange().trust())
    del trust["chongqing-1"]
    failure = _failure(_verify(bundle(), trust))
    assert failure == ("trust in chongqing-1", "evidence/16")


def test_bundle_is_deterministic() -> None:
    assert finished_exchange().collect() == bundle()


def test_bundle_is_dated_by_its_newest_header_and_not_believed_from_the_future() -> (
    None
):
    early = finished_exchange().now_ns - 60 * NS_PER_SECOND
    failure = _failure(_verify(bundle(), None, early))
    assert failure == ("headers", "07-tendermint/105")


def test_provider_may_make_the_bundle_too() -> None:
    data = finished_exchange().collect(
        maker_side="provider", private_key=key_of("bureau")
    )
    assert _verify(data, finished_exchange().trust()).grade == GRADE_PROVEN


def test_decision_of_an_officer_is_shown_with_the_transaction_of_the_officer() -> None:
    exchange = finished_exchange(mode="officer")
    data = exchange.collect()
    verdict = _verify(data, exchange.trust(), exchange.now_ns)
    assert verdict.grade == GRADE_PROVEN
    (decision,) = (check for check in verdict.checks if check.name == "decision")
    assert "granted by hz-tax-bureau (officer)" in decision.detail
    entries = decode_container(data)
    assert "provider/states/grant.json" not in entries
    assert "looked at by hand" in entries["report.md"].decode()
    for name in ("transactions/decide", "states/account-decide"):
        del entries[f"provider/{name}.json"]
    failure = _failure(_verify(reseal(entries), None, exchange.now_ns))
    assert failure in (("decision", "evidence/9"), ("history", "evidence/14"))


def test_consent_of_the_subject_is_shown_with_the_grant_that_needs_it() -> None:
    exchange = finished_exchange(mode="consent")
    data = exchange.collect()
    verdict = _verify(data, exchange.trust(), exchange.now_ns)
    assert verdict.grade == GRADE_PROVEN
    entries = decode_container(data)
    assert "provider/states/consent.json" in entries
    del entries["provider/states/consent.json"]
    failure = _failure(_verify(reseal(entries), None, exchange.now_ns))
    assert failure == ("entries", "evidence/9")


def test_bundle_may_show_fewer_fields_than_were_granted() -> None:
    payload = make_payload()
    commitment = payload.commit()
    for names in ((), ("total",)):
        fewer = disclose(commitment, payload.fields, payload.salts, names)
        data = finished_exchange().collect(disclosure=encode_disclosure(fewer))
        assert _verify(data).grade == GRADE_UNVERIFIED
        entries = decode_container(data)
        assert "西湖丝绸".encode() not in b"".join(entries.values())


def test_withheld_fields_are_nowhere_in_the_bundle() -> None:
    whole = b"".join(decode_container(bundle()).values())
    assert "西湖丝绸".encode() in whole
    assert '"丝绸"'.encode() not in whole


def test_exchange_that_is_not_over_gives_no_bundle() -> None:
    exchange = finished_exchange(1, "unfinished")
    begin_exchange(exchange.path, make_payload(), ("total",))
    exchange.b.next_block()
    with pytest.raises(CollectError, match="waits for a decision"):
        exchange.collect(sequence=exchange.sequences[-1] + 2)


def test_bundle_that_would_not_verify_is_not_handed_out() -> None:
    other = make_payload({"invoice_number": 1, "seller": 2, "total": 3, "lines": 4})
    disclosure = disclose(other.commit(), other.fields, other.salts, ("total",))
    with pytest.raises(CollectError, match="payload"):
        finished_exchange().collect(disclosure=encode_disclosure(disclosure))


# --- refreshed --------------------------------------------------------------------------


def _refreshed(exchanges: int = 2) -> tuple[bytes, Any]:
    """Return a bundle, refreshed after its zones have gone on; other zones than above."""
    exchange = finished_exchange(exchanges, "refreshed")
    data = bundle(0, exchanges, "refreshed")
    if exchange.a.height < 200:
        for _ in range(200):
            exchange.a.next_block()
            exchange.b.next_block()
    fresh = asyncio.run(
        refresh_bundle(data, exchange.sources(), now_ns=exchange.now_ns)
    )
    return fresh, exchange


def test_refreshed_bundle_is_proven_against_a_header_of_next_year() -> None:
    fresh, exchange = _refreshed()
    newest = exchange.trust(exchange.a.height, exchange.b.height)
    now_ns = exchange.now_ns
    before = _verify(bundle(0, 2, "refreshed"), newest, now_ns)
    assert _failure(before) == ("trust in hangzhou-1", "evidence/19")
    verdict = _verify(fresh, newest, now_ns)
    assert verdict.grade == GRADE_PROVEN
    assert "6 backward" in verdict.checks[-1].detail
    # Anything between the bundle and the refresh will do, and everything older.
    for height in (2, 50, 150):
        trust = exchange.trust(height, height)
        assert _verify(fresh, trust, now_ns).grade == GRADE_PROVEN


def test_refresh_leaves_the_signed_part_as_it_is_and_can_be_repeated() -> None:
    fresh, exchange = _refreshed()
    original = decode_container(bundle(0, 2, "refreshed"))
    entries = decode_container(fresh)
    assert entries | original == entries
    assert original[MANIFEST_ENTRY] == entries[MANIFEST_ENTRY]
    assert original[SIGNATURE_ENTRY] == entries[SIGNATURE_ENTRY]
    again = asyncio.run(
        refresh_bundle(fresh, exchange.sources()[:1], now_ns=exchange.now_ns)
    )
    added = sorted(decode_container(again).keys() - entries.keys())
    assert added == [
        "addenda/02/manifest.json",
        "addenda/02/provider/header.json",
        "addenda/02/provider/history.json",
    ]
    assert _verify(again, None, exchange.now_ns).grade == GRADE_UNVERIFIED


def test_bundle_refreshed_twice_is_proven_against_either_header() -> None:
    fresh, exchange = _refreshed()
    first = exchange.a.height, exchange.b.height
    for _ in range(30):
        exchange.a.next_block()
        exchange.b.next_block()
    again = asyncio.run(
        refresh_bundle(fresh, exchange.sources(), now_ns=exchange.now_ns)
    )
    for heights in (first, (exchange.a.height, exchange.b.height)):
        verdict = _verify(again, exchange.trust(*heights), exchange.now_ns)
        assert verdict.grade == GRADE_PROVEN, verdict.failed


def test_refresh_by_a_zone_with_another_history_is_refused() -> None:
    other = finished_exchange(1, "other")
    for _ in range(5):
        other.a.next_block()
    source = MemorySource(other.a)
    with pytest.raises(RefreshError, match="history"):
        asyncio.run(refresh_bundle(bundle(), [source], now_ns=other.now_ns))


def test_refresh_by_a_zone_that_the_bundle_is_not_about_is_refused() -> None:
    source = MemorySource(KitZone("suzhou-1", {}, SimClock()))
    now_ns = finished_exchange().now_ns
    with pytest.raises(RefreshError, match="not suzhou-1"):
        asyncio.run(refresh_bundle(bundle(), [source], now_ns=now_ns))


def test_refresh_by_a_node_that_is_behind_is_refused() -> None:
    exchange = finished_exchange()
    source = MemorySource(exchange.a)
    source.latest_height = _height_one  # type: ignore[method-assign]
    with pytest.raises(RefreshError, match="already"):
        asyncio.run(refresh_bundle(bundle(), [source], now_ns=exchange.now_ns))


def test_refresh_of_something_else_is_refused() -> None:
    with pytest.raises(RefreshError, match="container"):
        asyncio.run(refresh_bundle(b"", [], now_ns=0))


async def _height_one() -> int:
    return 1
