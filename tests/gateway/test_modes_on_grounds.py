"""Proven reads, facts and hand-overs over every database, vault and engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.sdk.models import Fact, HandOver
from tests.gateway.modes_kit import (
    SUBJECT,
    connection_of,
    nudge,
    publish,
    set_up,
    until,
)
from tests.gateway.pair_kit import Ground, Side, pair_of_gateways

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_record_is_read_imported_and_handed_over(
    tmp_path: Path, ground: Ground
) -> None:
    with pair_of_gateways(tmp_path, ground) as (bureau, bank):
        set_up(bureau, "reads", "anchor_period_s = 1")
        set_up(bank, "facts", "look_s = 1")
        publish(bureau, "L-1", {"name": "西泠", "pages": ["x" * 40_000]})
        _check_read(bureau, bank)
        fact = _check_import(bureau, bank)
        _check_hand_over(bureau, bank)
        # The source's zone no longer vouches for the record, and rules here hear of it.
        nudge(bureau, bank)
        until(lambda: _is_unusable(bank, fact))


def _check_read(bureau: Side, bank: Side) -> None:
    """What is read is proven, and the subject sees it under an anchored root."""

    def read() -> str:
        with bank.client() as gateway:
            (found,) = gateway.read_records(
                channel=bank.channel_id,
                issuer=bureau.member_id,
                purpose="due-diligence",
                records=[{"record": "L-1", "fields": ["name"]}],
            ).records
        if found.problem:
            return ""
        assert (found.grade, found.values) == ("proven", {"name": '"西泠"'})
        return str(found.record)

    def is_anchored() -> bool:
        with bureau.client() as gateway:
            lines = list(gateway.list_subject_reads(SUBJECT))
        return len(lines) == 1 and bool(lines[0].anchor and lines[0].anchor.height)

    assert until(read) == "L-1"
    assert until(is_anchored)


def _check_import(bureau: Side, bank: Side) -> Fact:
    """A fact is imported, and a suspension at its source comes after it."""
    nudge(bureau, bank)
    with bank.client() as gateway:
        made = gateway.import_fact(
            source=connection_of(bank), issuer=bureau.member_id, record="L-1", wait=60
        )
    assert (made.state, made.problem) == ("known", None)
    assert made.proven is not None
    assert made.proven.is_usable
    return made


def _check_hand_over(bureau: Side, bank: Side) -> None:
    """The record moves, and its payload with it."""
    with bureau.client() as gateway:
        made = gateway.offer_hand_over(
            channel=bureau.channel_id,
            receiver=bank.member_id,
            record="L-1",
            reason="moved",
        )

    def checked() -> HandOver | None:
        with bank.client() as gateway:
            found = list(gateway.list_hand_overs(stage=["checked"]))
        return found[0] if found else None

    found = until(checked)
    with bank.client() as gateway:
        before = b"".join(gateway.download_hand_over_document(found.id))
        kept = gateway.decide_hand_over(found.id, outcome="accepted", wait=60)
        kept = gateway.get_hand_over(kept.id, wait=60)
        assert (kept.stage, kept.problem) == ("kept", None)
        assert b"".join(gateway.download_hand_over_document(found.id)) == before
        assert gateway.get_record("L-1").status == "active"
    with bureau.client() as gateway:
        given = gateway.get_hand_over(made.id, wait=60)
        assert (given.stage, given.problem) == ("accepted", None)
        assert gateway.get_record("L-1").status == "handed-over"


def _is_unusable(bank: Side, fact: Fact) -> bool:
    with bank.client() as gateway:
        proven = gateway.get_fact(fact.id).proven
    return proven is not None and not proven.is_usable
