"""The types of events: names, who sees them, and that nothing is without one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from huitong.client.subscription import BlockSeen, TxSeen
from huitong.gateway.access.roles import Role
from huitong.gateway.events import zone_news
from huitong.gateway.events.register import (
    API_KEY_MADE,
    EVENT_TYPES,
    EXCHANGE_STAGES,
    types_for,
)
from huitong.gateway.exchange.orders import Stage

ROOT = Path(__file__).parents[4]


def test_every_stage_of_an_exchange_has_a_type() -> None:
    assert set(EXCHANGE_STAGES) == set(Stage)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_name_has_the_form_that_receivers_filter_by(name: str) -> None:
    assert re.fullmatch(r"cn\.huitong\.[a-z-]+\.[a-z-]+\.v1", name)


def test_security_sees_who_may_call_and_no_business() -> None:
    seen = types_for({Role.SECURITY})
    assert API_KEY_MADE.name in seen
    assert not any(name.startswith("cn.huitong.exchange.") for name in seen)


@pytest.mark.parametrize("role", [Role.OFFICER, Role.INTEGRATOR, Role.AUDITOR])
def test_business_sees_exchanges_and_no_keys(role: Role) -> None:
    seen = types_for({role})
    assert EXCHANGE_STAGES["settled"].name in seen
    assert API_KEY_MADE.name not in seen


def test_rules_name_events_and_attributes_that_the_zone_has() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    from event_register import read_events

    known = {
        told.kind: set(told.attributes)
        for told in read_events(ROOT / "src" / "huitong" / "modules")
    }
    for kind, rule in zone_news._RULES.items():
        assert set(rule.subjects) <= known[kind], kind
        # Told of itself: with every attribute given, somebody is concerned.
        everything = dict.fromkeys(known[kind], "x") | {"side": "provider"}
        assert "x" in rule.owners(everything), kind


def _block(kind: str, **attributes: str) -> BlockSeen:
    pairs = [{"key": key, "value": value} for key, value in attributes.items()]
    tx = TxSeen(
        raw="AAAA",
        code=0,
        codespace="",
        log="",
        data="",
        gas_used=1,
        events=[{"type": kind, "attributes": pairs}],
    )
    return BlockSeen(height=7, time_ns=0, txs=[tx])


def _news(block: BlockSeen) -> list[tuple[str, str]]:
    found = zone_news.news_of(block, "hz-tax")
    return [(seen.event.name, seen.subject) for seen in found]


def test_consent_withdrawn_by_its_subject_is_told_to_who_recorded_it() -> None:
    block = _block(
        "consent_withdrawn",
        consent_id="4",
        recorder="hz-tax",
        reader="cq-bank",
        reader_channel_id="channel-0",
    )
    assert _news(block) == [("cn.huitong.consent.withdrawn.v1", "4")]


def test_member_of_another_zone_with_the_same_id_is_not_taken_for_this_one() -> None:
    elsewhere = _block(
        "consent_recorded",
        consent_id="4",
        recorder="hz-court",
        reader="hz-tax",
        reader_channel_id="channel-0",
    )
    assert _news(elsewhere) == []
    asked = _block(
        "subscription_started", side="provider", issuer="hz-court", requester="hz-tax"
    )
    assert _news(asked) == []


def test_reader_of_the_own_zone_is_told_of_a_grant() -> None:
    block = _block(
        "grant_given",
        grant_id="9",
        holder="hz-court",
        reader="hz-tax",
        reader_channel_id="",
    )
    assert _news(block) == [("cn.huitong.grant.given.v1", "9")]


def test_record_of_somebody_else_is_no_news() -> None:
    assert _news(_block("record_published", issuer="hz-court", record_id="R")) == []


def test_transaction_that_failed_tells_nothing() -> None:
    block = _block("record_published", issuer="hz-tax", record_id="R")
    failed = BlockSeen(
        height=7,
        time_ns=0,
        txs=[
            TxSeen(
                raw=tx.raw,
                code=5,
                codespace="x",
                log="",
                data="",
                gas_used=1,
                events=tx.events,
            )
            for tx in block.txs
        ],
    )
    assert _news(failed) == []
    assert _news(block) == [("cn.huitong.record.published.v1", "R")]
