"""The steps of an exchange over zones in memory, and each way in which one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import pytest

from huitong.core.commitment import (
    Disclosure,
    DisclosureMismatchError,
    encode_disclosure,
    withhold_others,
)
from huitong.core.hashing import sha256
from huitong.core.store.ics23 import InvalidProofError
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.errors import (
    AnswerMissingError,
    ClientUnusableError,
    ExchangeRefusedError,
    ExchangeStateError,
    ExchangeUndecidedError,
    GradeTooLowError,
    RecordMismatchError,
)
from huitong.gateway.exchange.flow import (
    Party,
    RecordTerms,
    check_delivery,
    check_grade,
    check_payload,
    confirm_receipt,
    deliver,
    find_offers,
    publish_document,
    request_record,
    wait_decision,
    wait_settled,
)
from huitong.gateway.exchange.proven_read import (
    follow_header,
    get_client_view,
    read_proven,
)
from huitong.gateway.vault.errors import VaultEntryNotFoundError
from huitong.gateway.vault.folder import make_folder_vault, open_folder_vault
from huitong.gateway.vault.vault import Vault
from huitong.light.tendermint.block_types import BlockId, PartSetHeader
from huitong.light.tendermint.client_message import (
    Misbehaviour,
    client_message_to_any,
)
from huitong.light.tendermint.commit import vote_template
from huitong.light.tendermint.errors import (
    InvalidSignatureError,
    TrustingPeriodExpiredError,
)
from huitong.light.tendermint.header import header_hash
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.modules.exchange.keys import PORT_ID
from huitong.payload.errors import (
    PayloadFieldsError,
    PayloadFormError,
    SealedDigestError,
    SealOpenError,
)
from huitong.payload.sealing import (
    SealingContext,
    encryption_public_key,
    make_encryption_key,
    seal,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.testing.headers import forge_signature
from huitong.testing.validators import make_validators
from huitong.testing.zones import SimClock
from tests.evidence_kit import (
    GIVEN,
    PURPOSE,
    MemorySender,
    MemorySource,
    address_of,
    make_payload,
    open_link,
    relay_request,
)
from tests.vault_kit import KEY

PRIVATE_KEY = sha256(b"reader")
DOCUMENT = b'{"invoice_number":"1","lines":[1,2],"seller":"s","total":113.00}'


@dataclass
class Pair:
    """Two linked zones with a record of a on offer, and a grant for the bank."""

    path: Any
    bureau: Party
    bank: Party
    vault: Vault
    digest: bytes = b""

    async def disclosure(self) -> Disclosure:
        """Return all fields of the record, as its issuer has them."""
        opened = await self.vault.open(self.digest)
        assert opened.head.disclosure is not None
        return opened.head.disclosure

    async def request(self, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> int:
        """Ask for the record, and let the relayer bring request and decision."""
        now_ns = self.path.a.zone.time_ns
        monkeypatch.setattr("time.time_ns", lambda: self.path.b.zone.time_ns)
        request = exchange_pb2.RequestPacket(
            **{
                "requester": "cq-bank",
                "reader_key": encryption_public_key(PRIVATE_KEY),
                "issuer": "hz-tax-bureau",
                "record_id": "INV-9",
                "purpose": PURPOSE,
                "fields": sorted(GIVEN),
            }
            | changes
        )
        sequence, outcome = await request_record(
            self.bank, self.path.b.channel_id, request
        )
        told = outcome.find_event("send_packet")
        assert told is not None
        timeout_ns = int(told.find("packet_timeout_timestamp") or 0)
        assert timeout_ns > now_ns
        relay_request(self.path, sequence, timeout_ns, request)
        monkeypatch.setattr("time.time_ns", lambda: self.path.b.zone.time_ns)
        return sequence

    async def check(self, sequence: int, sealed: bytes, **changes: Any) -> Any:
        """Check a delivery as the bank does."""
        return await check_delivery(
            self.bank,
            self.bureau.zone,
            self.path.b.channel_id,
            sequence,
            sealed,
            **({"private_key": PRIVATE_KEY} | changes),
        )

    def context(self, sequence: int) -> SealingContext:
        return SealingContext(
            chain_id_of_a="hangzhou-1",
            channel_on_a=self.path.a.channel_id,
            sequence=sequence,
            requester="cq-bank",
            payload_digest=self.digest,
        )

    async def hand_over(self, sequence: int, plaintext: bytes) -> bytes:
        """Seal anything and state it on chain, as a dishonest issuer can."""
        sealed = seal(
            plaintext, encryption_public_key(PRIVATE_KEY), self.context(sequence)
        )
        await self.bureau.sender.send(
            exchange_pb2.MsgRecordDelivery(
                signer=self.bureau.sender.address,
                channel_id=self.path.a.channel_id,
                sequence=sequence,
                sealed_digest=sha256(sealed),
            )
        )
        return sealed


@asynccontextmanager
async def open_vault(folder: FilePath) -> AsyncIterator[Vault]:
    await make_folder_vault(folder)
    async with open_folder_vault(folder, KEY) as vault:
        yield vault


@pytest.fixture
async def pair(tmp_path: FilePath) -> AsyncIterator[Pair]:
    async with open_vault(tmp_path / "vault") as vault:
        yield await make_pair(vault)


async def make_pair(vault: Vault) -> Pair:
    path = open_link(SimClock(), "flow")
    a, b = path.a.zone, path.b.zone
    bureau = Party(
        zone=MemorySource(a),  # type: ignore[arg-type]
        sender=MemorySender(a, "bureau"),  # type: ignore[arg-type]
        member_id="hz-tax-bureau",
    )
    bank = Party(
        zone=MemorySource(b),  # type: ignore[arg-type]
        sender=MemorySender(b, "bank"),  # type: ignore[arg-type]
        member_id="cq-bank",
    )
    made = Pair(path, bureau, bank, vault)
    terms = RecordTerms(
        record_id="INV-9",
        record_type="tax.invoice",
        subject=b"",
        level=2,
        share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        title="invoice",
        terms="",
    )
    made.digest, _ = await publish_document(bureau, made.vault, DOCUMENT, terms)
    await bureau.sender.send(
        grants_pb2.MsgGrant(
            signer=address_of("bureau"),
            reader=grants_pb2.Reader(channel_id=path.a.channel_id, member_id="cq-bank"),
            record_type="tax.invoice",
            purpose=PURPOSE,
        )
    )
    return made


async def test_exchange_runs_through_and_every_step_is_checked(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (offer,) = await find_offers(pair.bureau.zone, "tax.invoice")
    assert offer.record_id == "INV-9"
    channel_on_b = pair.path.b.channel_id
    sequence = await pair.request(monkeypatch)
    granted = await wait_decision(pair.bank, channel_on_b, sequence, timeout_s=1)
    assert granted.decision.reason_code == "grant"
    delivery = await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)
    answer = await pair.check(sequence, delivery.sealed)
    assert answer.grade == "proven"
    check_grade(answer, "proven")
    less = replace(answer, grade="signed")
    check_grade(less, "signed")
    with pytest.raises(
        GradeTooLowError, match="is signed, wanted is at least attested"
    ):
        check_grade(less, "attested")
    assert answer.disclosure.values()["total"] == b"113.00"
    assert set(answer.disclosure.values()) == set(GIVEN)
    outcome = await confirm_receipt(pair.bank, channel_on_b, sequence, answer)
    assert outcome.find_event("exchange_received") is not None
    with pytest.raises(ExchangeUndecidedError):
        await wait_settled(pair.bank, channel_on_b, sequence, timeout_s=0.01)
    with pytest.raises(ExchangeStateError, match="delivered"):
        await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)


async def test_answer_of_the_record_before_a_newer_version_is_checked_in_the_archive(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    delivery = await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)
    newer = make_payload()
    await pair.bureau.sender.send(
        records_pb2.MsgPublishVersion(
            signer=address_of("bureau"),
            record_id="INV-9",
            previous_version=1,
            payload_digest=newer.commit().root,
            fields=newer.commit().names,
        )
    )
    pair.path.b.catch_up()
    monkeypatch.setattr("time.time_ns", lambda: pair.path.b.zone.time_ns)
    answer = await pair.check(sequence, delivery.sealed)
    assert answer.record.version == 1


async def test_refused_request_is_told_with_its_reason(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch, record_id="INV-404")
    with pytest.raises(ExchangeRefusedError, match="unknown-record"):
        await wait_decision(pair.bank, pair.path.b.channel_id, sequence, timeout_s=1)


async def test_request_that_waits_for_an_officer_is_undecided(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch, purpose="curiosity")
    with pytest.raises(ExchangeUndecidedError, match="requested"):
        await wait_decision(pair.bank, pair.path.b.channel_id, sequence, timeout_s=0.01)


async def test_payload_that_is_not_in_the_vault_is_not_delivered(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: FilePath
) -> None:
    sequence = await pair.request(monkeypatch)
    async with open_vault(tmp_path / "other") as empty:
        with pytest.raises(VaultEntryNotFoundError):
            await deliver(pair.bureau, empty, pair.path.a.channel_id, sequence)


async def test_delivery_that_nobody_stated_is_not_taken(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    sealed = seal(b"x", encryption_public_key(PRIVATE_KEY), pair.context(sequence))
    with pytest.raises(ExchangeUndecidedError, match="without a stated delivery"):
        await pair.check(sequence, sealed)


async def test_bytes_changed_on_the_way_are_not_taken(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    delivery = await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)
    changed = bytearray(delivery.sealed)
    changed[-1] ^= 1
    with pytest.raises(SealedDigestError):
        await pair.check(sequence, bytes(changed))
    with pytest.raises(SealOpenError):
        await pair.check(
            sequence, delivery.sealed, private_key=make_encryption_key()[0]
        )


async def test_other_content_than_the_record_commits_to_is_not_taken(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    whole = await pair.disclosure()
    given = withhold_others(whole, GIVEN).given
    changed = tuple(
        replace(field, value=b"999") if field.name == "total" else field
        for field in given
    )
    forged = replace(withhold_others(whole, GIVEN), given=changed)
    sealed = await pair.hand_over(sequence, encode_disclosure(forged))
    with pytest.raises(DisclosureMismatchError):
        await pair.check(sequence, sealed)


@pytest.mark.parametrize(
    ("names", "reason"), [(("total",), "differ"), ((*GIVEN, "lines"), "lines")]
)
async def test_fewer_or_more_fields_than_granted_are_not_taken(
    names: tuple[str, ...],
    reason: str,
    pair: Pair,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sequence = await pair.request(monkeypatch)
    other = withhold_others(await pair.disclosure(), names)
    sealed = await pair.hand_over(sequence, encode_disclosure(other))
    with pytest.raises(PayloadFieldsError, match=reason):
        await pair.check(sequence, sealed)


async def test_something_that_is_no_payload_is_not_taken(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    sealed = await pair.hand_over(sequence, b"hello")
    with pytest.raises(PayloadFormError):
        await pair.check(sequence, sealed)


async def test_renamed_withheld_field_is_not_taken(pair: Pair) -> None:
    whole = await pair.disclosure()
    given = withhold_others(whole, GIVEN)
    renamed = replace(given, withheld=(replace(given.withheld[0], name="linez"),))
    record = records_pb2.RecordHeader(payload_digest=pair.digest, fields=whole.names())
    check_payload(encode_disclosure(given), record, sorted(GIVEN))
    with pytest.raises(PayloadFieldsError, match="record header"):
        check_payload(encode_disclosure(renamed), record, sorted(GIVEN))


async def test_revoked_record_is_not_taken(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    delivery = await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)
    await pair.bureau.sender.send(
        records_pb2.MsgSetRecordStatus(
            signer=address_of("bureau"),
            record_id="INV-9",
            status=records_pb2.RECORD_STATUS_REVOKED,
            reason="issued in error",
        )
    )
    pair.path.b.catch_up()
    monkeypatch.setattr("time.time_ns", lambda: pair.path.b.zone.time_ns)
    with pytest.raises(RecordMismatchError, match="REVOKED"):
        await pair.check(sequence, delivery.sealed)


async def test_value_that_the_node_made_up_is_not_taken(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    delivery = await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)
    honest = pair.bureau.zone.prove

    async def lying(store: str, keys: Any, height: int) -> Any:
        (proven,) = await honest(store, keys, height)
        record = records_pb2.RecordHeader.FromString(proven.value or b"")
        record.level = 1
        return [replace(proven, value=record.SerializeToString())]

    monkeypatch.setattr(pair.bureau.zone, "prove", lying, raising=False)
    with pytest.raises(InvalidProofError):
        await pair.check(sequence, delivery.sealed)


async def test_header_that_the_validators_did_not_sign_is_not_followed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await pair.request(monkeypatch)
    delivery = await deliver(pair.bureau, pair.vault, pair.path.a.channel_id, sequence)
    honest = pair.bureau.zone.light_block
    (stranger,) = make_validators([1], label="stranger")

    async def lying(height: int) -> Any:
        block = await honest(height)
        commit = forge_signature(block.signed_header.commit, 0, stranger)
        signed_header = replace(block.signed_header, commit=commit)
        return replace(block, signed_header=signed_header)

    monkeypatch.setattr(pair.bureau.zone, "light_block", lying, raising=False)
    with pytest.raises(InvalidSignatureError):
        await pair.check(sequence, delivery.sealed)


async def test_expired_client_vouches_for_nothing(pair: Pair) -> None:
    channel_on_b = pair.path.b.channel_id
    now_ns = pair.path.b.zone.time_ns
    view = await get_client_view(pair.bank.zone, PORT_ID, channel_on_b, now_ns=now_ns)
    assert await follow_header(view, pair.bureau.zone, 1, now_ns=now_ns) is view
    with pytest.raises(AnswerMissingError, match="hangzhou-1 has no members"):
        await read_proven(view, pair.bureau.zone, "members", b"absent")
    late_ns = now_ns + 15 * 86_400 * NS_PER_SECOND
    with pytest.raises(TrustingPeriodExpiredError):
        await get_client_view(pair.bank.zone, PORT_ID, channel_on_b, now_ns=late_ns)
    with pytest.raises(AnswerMissingError, match="channel-77"):
        await get_client_view(pair.bank.zone, PORT_ID, "channel-77", now_ns=now_ns)


async def test_frozen_client_vouches_for_nothing(pair: Pair) -> None:
    path = pair.path
    path.b.catch_up()
    zone, height = path.a.zone, path.a.zone.height
    zone.next_block()
    first = zone.client_header(height + 1, trusted_height=height)
    second = replace(first, signed_header=_other_block(zone, first.signed_header))
    path.b.zone.deliver(
        client_tx_pb2.MsgUpdateClient(
            client_id=path.b.client_id,
            client_message=client_message_to_any(
                Misbehaviour(header_1=first, header_2=second)
            ),
            signer=address_of("relayer"),
        )
    )
    with pytest.raises(ClientUnusableError, match="frozen"):
        await get_client_view(
            pair.bank.zone, PORT_ID, path.b.channel_id, now_ns=path.b.zone.time_ns
        )


def _other_block(zone: Any, signed: SignedHeader) -> SignedHeader:
    """Let the zone's validator sign another block of the same height."""
    header = replace(signed.header, app_hash=bytes(32))
    digest = header_hash(header)
    block_id = BlockId(hash=digest, parts=PartSetHeader(total=1, hash=digest))
    template = vote_template(
        chain_id=header.chain_id, height=header.height, round=0, block_id=block_id
    )
    vote = replace(
        signed.commit.signatures[0],
        signature=zone.key.sign(template.sign_bytes(header.time_ns)),
        timestamp_ns=header.time_ns,
    )
    commit = replace(signed.commit, block_id=block_id, signatures=(vote,))
    return SignedHeader(header=header, commit=commit)
