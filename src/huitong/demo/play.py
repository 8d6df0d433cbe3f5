"""The steps of the demonstration, from the invoice to the acknowledged receipt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from huitong.core.hashing import sha256
from huitong.demo import cast
from huitong.demo.cast import Script
from huitong.demo.stage import Stage
from huitong.demo.story import Narrator
from huitong.gateway.exchange.flow import (
    CheckedAnswer,
    RecordTerms,
    check_delivery,
    confirm_receipt,
    deliver,
    find_offers,
    publish_document,
    request_record,
    wait_decision,
    wait_settled,
)
from huitong.proto.huitong.exchange.v1.exchange_pb2 import RequestPacket
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.relayer.config import LinkConfig

#: Seconds that a packet and its acknowledgement may take.
PACKET_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What the play left."""

    sequence: int
    """Sequence of the request."""
    consent_id: int
    """The taxpayer's consent."""
    answer: CheckedAnswer
    """What the bank got, checked."""


async def play_exchange(
    stage: Stage, link: LinkConfig, script: Script, narrator: Narrator
) -> Played:
    """Publish, permit, request, decide, deliver, check, confirm.

    Raises:
        HuitongError: a step fails.
    """
    consent_id = await _publish(stage, link, script, narrator)
    sequence = await _request(stage, link, script, consent_id, narrator)
    answer = await _deliver(stage, link, sequence, narrator)
    with narrator.step("写回收据", "write the receipt back") as step:
        await confirm_receipt(stage.bank, link.channel_on_b, sequence, answer)
        await wait_settled(
            stage.bank, link.channel_on_b, sequence, timeout_s=PACKET_TIMEOUT_S
        )
        step.tell(f"{cast.ZONE_A} has taken it and {cast.ZONE_B} knows, by proof")
    return Played(sequence=sequence, consent_id=consent_id, answer=answer)


def make_request(stage: Stage, script: Script, consent_id: int) -> RequestPacket:
    """Return what the bank asks for."""
    return RequestPacket(
        requester=cast.BANK,
        reader_key=stage.bank_public_key,
        issuer=cast.BUREAU,
        record_id=cast.RECORD_ID,
        purpose=cast.PURPOSE,
        legal_basis=cast.LEGAL_BASIS,
        consent_id=consent_id,
        fields=sorted(script.asked_fields),
    )


async def _publish(
    stage: Stage, link: LinkConfig, script: Script, narrator: Narrator
) -> int:
    """Publish the record and let the taxpayer permit its use; return the consent."""
    subject = sha256(os.urandom(32) + cast.TAXPAYER.encode())
    with narrator.step("发布电子发票", "publish the document as a record") as step:
        digest, outcome = await publish_document(
            stage.bureau,
            stage.vault,
            script.document,
            RecordTerms(
                record_id=cast.RECORD_ID,
                record_type=cast.RECORD_TYPE,
                subject=subject,
                level=2,
                share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
                title=cast.TITLE,
                terms=cast.TERMS,
            ),
        )
        step.tell(f"on chain: digest {digest.hex()[:24]}…, block {outcome.height}")
        step.tell(
            f"in the vault, encrypted: {script.name}, {len(script.document)} bytes"
        )
    with narrator.step("纳税人同意并授权", "record consent and grant") as step:
        reader = grants_pb2.Reader(channel_id=link.channel_on_a, member_id=cast.BANK)
        outcome = await stage.bureau.sender.send(
            grants_pb2.MsgRecordConsent(
                signer=stage.bureau.sender.address,
                subject=subject,
                reader=reader,
                purpose=cast.PURPOSE,
                evidence_digest=sha256(cast.LEGAL_BASIS.encode()),
            ),
            grants_pb2.MsgGrant(
                signer=stage.bureau.sender.address,
                reader=reader,
                record_type=cast.RECORD_TYPE,
                purpose=cast.PURPOSE,
                fields=sorted(script.asked_fields),
                consent_required=True,
            ),
        )
        consent = outcome.response(grants_pb2.MsgRecordConsentResponse)
        step.tell(f"reader {cast.BANK}, purpose {cast.PURPOSE}")
    return consent.consent_id


async def _request(
    stage: Stage,
    link: LinkConfig,
    script: Script,
    consent_id: int,
    narrator: Narrator,
) -> int:
    with narrator.step(
        "银行检索目录并请求", "the bank finds it and requests it"
    ) as step:
        offers = await find_offers(stage.bureau.zone, cast.RECORD_TYPE)
        step.tell(f"{len(offers)} offer in the catalogue: {offers[0].title}")
        sequence, outcome = await request_record(
            stage.bank, link.channel_on_b, make_request(stage, script, consent_id)
        )
        asked = f"{len(script.asked_fields)} of {len(script.fields)} fields"
        if not script.asked_fields:
            asked = "the whole document"
        step.tell(
            f"purpose {cast.PURPOSE}, {asked}, block {outcome.height} of {cast.ZONE_B}"
        )
    with narrator.step("策略决定", "policy decides") as step:
        exchange = await wait_decision(
            stage.bank, link.channel_on_b, sequence, timeout_s=PACKET_TIMEOUT_S
        )
        decision = exchange.decision
        step.tell(
            f"granted by {decision.decided_by} under grant {decision.grant_id} in block "
            f"{decision.decided_height} of {cast.ZONE_A}; the answer came back with proof"
        )
    return sequence


async def _deliver(
    stage: Stage, link: LinkConfig, sequence: int, narrator: Narrator
) -> CheckedAnswer:
    with narrator.step("加密交付", "deliver, sealed to the bank's key") as step:
        delivery = await deliver(stage.bureau, stage.vault, link.channel_on_a, sequence)
        step.tell(f"{len(delivery.sealed)} bytes, HPKE X25519 / AES-256-GCM")
    with narrator.step("凭证明核验", "check it by proof") as step:
        answer = await check_delivery(
            stage.bank,
            stage.bureau.zone,
            link.channel_on_b,
            sequence,
            delivery.sealed,
            private_key=stage.bank_private_key,
        )
        given, withheld = len(answer.disclosure.given), len(answer.disclosure.withheld)
        step.tell(
            f"record header proven against header {answer.height_on_a} of {cast.ZONE_A}, "
            f"which {cast.ZONE_B}'s own light client verified"
        )
        step.tell(
            f"{given} fields given, {withheld} withheld, digest matches; grade {answer.grade}"
        )
    return answer
