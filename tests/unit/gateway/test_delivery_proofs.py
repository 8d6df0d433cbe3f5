"""Many deliveries against one header of the other zone: the newest, or the next one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from huitong.client.errors import HeightNotReachedError
from huitong.gateway.exchange.checks import Claim, ProvenDelivery, prove_deliveries
from huitong.gateway.exchange.errors import (
    AnswerMissingError,
    ClientUnusableError,
    ExchangeUndecidedError,
    RecordMismatchError,
)
from huitong.gateway.exchange.flow import deliver, get_exchange
from huitong.gateway.exchange.links import Links
from huitong.gateway.exchange.proven_read import get_client_view
from huitong.light.tendermint.errors import (
    InvalidSignatureError,
    InvalidValidatorSetError,
    ValidatorsHashError,
)
from huitong.light.tendermint.validator_set import ValidatorSet
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.headers import forge_signature
from huitong.testing.validators import make_validators
from tests.evidence_kit import address_of
from tests.unit.gateway.test_flow import Pair, make_pair, open_vault


@pytest.fixture
async def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    async with open_vault(tmp_path / "vault") as vault:
        made = await make_pair(vault)
        monkeypatch.setattr("time.time_ns", lambda: made.path.b.zone.time_ns)
        yield made


@pytest.fixture
def links(pair: Pair) -> Links:
    return Links(pair.bank.zone, {"hangzhou-1": pair.bureau.zone})


async def claim_of(pair: Pair, sequence: int) -> Claim:
    exchange = await get_exchange(
        pair.bank,
        pair.path.b.channel_id,
        sequence,
        exchange_pb2.EXCHANGE_SIDE_REQUESTER,
    )
    return Claim(sequence=sequence, decision=exchange.decision)


async def asked(pair: Pair, monkeypatch: pytest.MonkeyPatch, count: int) -> list[int]:
    """Ask, and let it be granted."""
    return [await pair.request(monkeypatch) for _ in range(count)]


async def state(pair: Pair, *sequences: int) -> None:
    """Let the bureau seal and state deliveries."""
    for sequence in sequences:
        await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)


async def prove(links: Links, pair: Pair, *sequences: int) -> list[Any]:
    claims = [await claim_of(pair, sequence) for sequence in sequences]
    return await prove_deliveries(links, pair.path.b.channel_id, claims)


async def test_what_the_newest_header_proves_waits_for_no_other(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = await asked(pair, monkeypatch, 3)
    await state(pair, *sequences)
    pair.path.a.zone.next_block()
    height = pair.path.a.zone.height
    found = await prove(links, pair, *sequences)
    assert [type(one) for one in found] == [ProvenDelivery] * 3
    assert {one.height for one in found} == {height}
    assert len({one.sealed_digest for one in found}) == 3
    assert pair.path.a.zone.height == height


async def test_what_is_stated_in_the_newest_block_is_proven_by_the_next(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await asked(pair, monkeypatch, 2)
    await state(pair, first)
    pair.path.a.zone.next_block()
    await state(pair, second)
    height = pair.path.a.zone.height
    early, late = await prove(links, pair, first, second)
    assert (early.height, late.height) == (height, height + 1)


async def test_claim_that_is_not_to_be_proven_fails_alone(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await asked(pair, monkeypatch, 2)
    await state(pair, first)
    pair.path.a.zone.next_block()
    claims = [await claim_of(pair, first), await claim_of(pair, second)]
    absent = replace(claims[0], sequence=77)
    other = exchange_pb2.Decision()
    other.CopyFrom(claims[0].decision)
    other.payload_digest = bytes(32)
    wrong = replace(claims[0], decision=other)
    channel_on_b = pair.path.b.channel_id
    good, undecided, missing, mismatch = await prove_deliveries(
        links, channel_on_b, [*claims, absent, wrong]
    )
    assert isinstance(good, ProvenDelivery)
    assert isinstance(undecided, ExchangeUndecidedError)
    assert isinstance(missing, AnswerMissingError)
    assert isinstance(mismatch, RecordMismatchError)
    assert await prove_deliveries(links, channel_on_b, []) == []


async def test_header_that_does_not_come_keeps_only_those_who_need_it(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await asked(pair, monkeypatch, 2)
    await state(pair, first)
    pair.path.a.zone.next_block()
    honest = pair.bureau.zone.newest_header

    async def standing(height: int = 0, timeout_s: float = 0) -> Any:
        if height > pair.path.a.zone.height:
            raise HeightNotReachedError(url="a", height=height, timeout_s=timeout_s)
        return await honest(height, timeout_s)

    monkeypatch.setattr(pair.bureau.zone, "newest_header", standing)
    good, late = await prove(links, pair, first, second)
    assert isinstance(good, ProvenDelivery)
    assert isinstance(late, HeightNotReachedError)


async def test_record_that_was_revoked_before_the_newest_header_is_not_taken(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sequence,) = await asked(pair, monkeypatch, 1)
    await state(pair, sequence)
    await pair.bureau.sender.send(
        records_pb2.MsgSetRecordStatus(
            signer=address_of("bureau"),
            record_id="INV-9",
            status=records_pb2.RECORD_STATUS_REVOKED,
            reason="issued in error",
        )
    )
    pair.path.a.zone.next_block()
    (refused,) = await prove(links, pair, sequence)
    assert isinstance(refused, RecordMismatchError)


async def test_validators_are_asked_for_once(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    honest = pair.bureau.zone.validators

    async def counted(height: int) -> ValidatorSet:
        calls.append(height)
        return await honest(height)

    monkeypatch.setattr(pair.bureau.zone, "validators", counted)
    views = []
    for _ in range(3):
        pair.path.a.zone.next_block()
        views.append(await links.newest(pair.path.b.channel_id))
    heights = [view.height for view in views]
    assert heights == sorted(set(heights))
    assert heights[-1] == pair.path.a.zone.height
    assert len(calls) == 1
    assert await links.verified(pair.path.b.channel_id, 1) is views[-1]
    ahead = await links.verified(pair.path.b.channel_id, heights[-1] + 2)
    assert ahead.height == heights[-1] + 2


async def test_node_that_shows_an_older_header_takes_nothing_back(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.path.a.zone.next_block()
    view = await links.newest(pair.path.b.channel_id)
    older = pair.path.a.zone.header_at(view.height - 1)

    async def lagging(*_: Any) -> Any:
        return older

    monkeypatch.setattr(pair.bureau.zone, "newest_header", lagging)
    assert await links.newest(pair.path.b.channel_id) is view


async def test_header_that_the_validators_did_not_sign_proves_nothing(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sequence,) = await asked(pair, monkeypatch, 1)
    await state(pair, sequence)
    pair.path.a.zone.next_block()
    (stranger,) = make_validators([1], label="stranger")
    honest = pair.bureau.zone.newest_header

    async def lying(height: int = 0, timeout_s: float = 0) -> Any:
        signed = await honest(height, timeout_s)
        return replace(signed, commit=forge_signature(signed.commit, 0, stranger))

    monkeypatch.setattr(pair.bureau.zone, "newest_header", lying)
    with pytest.raises(InvalidSignatureError):
        await prove(links, pair, sequence)
    monkeypatch.undo()


async def test_validators_that_a_node_made_up_are_found_out_and_not_kept(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.path.a.zone.next_block()
    honest = pair.bureau.zone.validators
    (stranger,) = make_validators([1], label="stranger")

    async def lying(height: int) -> ValidatorSet:
        true = await honest(height)
        member = replace(true.validators[0], public_key=stranger.public_key)
        return ValidatorSet(validators=(member,))

    monkeypatch.setattr(pair.bureau.zone, "validators", lying)
    with pytest.raises((InvalidValidatorSetError, ValidatorsHashError)):
        await links.newest(pair.path.b.channel_id)
    monkeypatch.setattr(pair.bureau.zone, "validators", honest)
    view = await links.newest(pair.path.b.channel_id)
    assert view.height == pair.path.a.zone.height


async def test_frozen_client_vouches_for_no_header(
    pair: Pair, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel_on_b = pair.path.b.channel_id
    await links.newest(channel_on_b)

    async def frozen(*_: Any, **__: Any) -> Any:
        raise ClientUnusableError(client_id="07-tendermint-0", reason="frozen")

    monkeypatch.setattr("huitong.gateway.exchange.links.get_client_view", frozen)
    now_ns = pair.path.b.zone.time_ns + 6 * 10**9
    monkeypatch.setattr("time.time_ns", lambda: now_ns)
    for _ in range(2):
        with pytest.raises(ClientUnusableError):
            await links.newest(channel_on_b)
    monkeypatch.setattr(
        "huitong.gateway.exchange.links.get_client_view", get_client_view
    )
    assert await links.newest(channel_on_b)
