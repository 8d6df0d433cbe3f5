"""The steps of the demonstration, from the invoice to the acknowledged receipt."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from huitong.core.hashing import sha256
from huitong.demo import cast
from huitong.demo.cast import Script
from huitong.demo.errors import AttackSucceededError, GatewayRefusedError
from huitong.demo.gateways import WAIT_S, DemoGateway, check_done
from huitong.demo.stage import Stage
from huitong.demo.story import Narrator
from huitong.relayer.config import LinkConfig

#: Stages of the requester's exchange, in their order.
_STAGES: Final = (
    "ordered",
    "requested",
    "granted",
    "arrived",
    "checked",
    "received",
    "settled",
)
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What the play left."""

    exchange: dict[str, Any]
    """The exchange as the bank's gateway shows it."""
    consent_id: int
    """The taxpayer's consent."""
    disclosure: bytes
    """What the bank got, as evidence needs it."""

    @property
    def sequence(self) -> int:
        """Sequence of the request."""
        sequence = self.exchange["sequence"]
        assert isinstance(sequence, int)
        return sequence


async def play_exchange(
    stage: Stage, link: LinkConfig, script: Script, narrator: Narrator
) -> Played:
    """Publish, permit, request; the gateways do the rest.

    Raises:
        HuitongError: a step fails.
    """
    consent_id = await _publish(stage, link, script, narrator)
    exchange_id = await _request(stage, link, script, consent_id, narrator)
    exchange = await _follow(stage, exchange_id, narrator)
    disclosure = await stage.bank.get_bytes(f"/v1/exchanges/{exchange_id}/disclosure")
    return Played(exchange=exchange, consent_id=consent_id, disclosure=disclosure)


def make_request(link: LinkConfig, script: Script, consent_id: int) -> dict[str, Any]:
    """Return what the bank asks for."""
    return {
        "channel": link.channel_on_b,
        "issuer": cast.BUREAU,
        "record": cast.RECORD_ID,
        "purpose": cast.PURPOSE,
        "legal_basis": cast.LEGAL_BASIS,
        "consent": consent_id,
        "fields": list(script.asked_fields),
    }


async def wait_stage(
    gateway: DemoGateway, exchange_id: str, stages: Collection[str]
) -> dict[str, Any]:
    """Return an exchange once it has come to one of these stages.

    Raises:
        GatewayRefusedError: it is stuck, has ended otherwise, or does not come there.
    """
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                exchange = await gateway.get(f"/v1/exchanges/{exchange_id}")
                if exchange["stage"] in stages:
                    return dict(exchange)
                if exchange["problem"] or exchange["is_ended"]:
                    raise _failure(gateway, exchange)
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise _failure(gateway, exchange) from None


async def wait_refusal(gateway: DemoGateway, exchange_id: str) -> str:
    """Return why a gateway refused what came, once it has.

    Raises:
        AttackSucceededError: it has not, or it took what came.
    """
    try:
        exchange = await wait_stage(gateway, exchange_id, _from("checked"))
    except GatewayRefusedError as refused:
        return f"{refused.fields['detail']} [{refused.fields['error']}]"
    raise AttackSucceededError(name=f"what is {exchange['stage']}")


async def _publish(
    stage: Stage, link: LinkConfig, script: Script, narrator: Narrator
) -> int:
    """Publish the record and let the taxpayer permit its use; return the consent."""
    subject = sha256(os.urandom(32) + cast.TAXPAYER.encode()).hex()
    with narrator.step("发布电子发票", "publish the document as a record") as step:
        terms = {
            "record_type": cast.RECORD_TYPE,
            "subject": subject,
            "title": cast.TITLE,
            "terms": cast.TERMS,
        }
        made = check_done(
            await stage.bureau.post_file(
                f"/v1/records/{cast.RECORD_ID}/file", script.document, terms
            )
        )
        step.tell(
            f"on chain: digest {made['payload_digest'][:24]}…, block {made['height']}"
        )
        step.tell(
            f"in the vault, encrypted: {script.name}, {len(script.document)} bytes"
        )
    permission = {
        "reader": cast.BANK,
        "channel": link.channel_on_a,
        "purpose": cast.PURPOSE,
    }
    with narrator.step("纳税人同意并授权", "record consent and grant") as step:
        consent, grant = await asyncio.gather(
            stage.bureau.order(
                "/v1/consents",
                permission
                | {
                    "subject": subject,
                    "evidence_digest": sha256(cast.LEGAL_BASIS.encode()).hex(),
                },
            ),
            stage.bureau.order(
                "/v1/grants",
                permission
                | {
                    "record_type": cast.RECORD_TYPE,
                    "fields": list(script.asked_fields),
                    "consent_required": True,
                },
            ),
        )
        step.tell(f"reader {cast.BANK}, purpose {cast.PURPOSE}")
    check_done(grant)
    consent_id = check_done(consent)["result"]["consent_id"]
    assert isinstance(consent_id, int)
    return consent_id


async def _request(
    stage: Stage,
    link: LinkConfig,
    script: Script,
    consent_id: int,
    narrator: Narrator,
) -> str:
    with narrator.step(
        "银行检索目录并请求", "the bank finds it and requests it"
    ) as step:
        found = await stage.bank.get(
            f"/v1/catalogue?zone={cast.ZONE_A}&record_type={cast.RECORD_TYPE}"
        )
        offers = found["items"]
        step.tell(f"{len(offers)} offer in the catalogue: {offers[0]['title']}")
        asked = await stage.bank.post(
            "/v1/requests", make_request(link, script, consent_id)
        )
        fields = f"{len(script.asked_fields)} of {len(script.fields)} fields"
        if not script.asked_fields:
            fields = "the whole document"
        step.tell(f"purpose {cast.PURPOSE}, {fields}")
    return str(asked["id"])


async def _follow(stage: Stage, exchange_id: str, narrator: Narrator) -> dict[str, Any]:
    """Watch what the gateways do by themselves."""
    bank = stage.bank
    with narrator.step("策略决定", "policy decides") as step:
        exchange = await wait_stage(bank, exchange_id, _from("granted"))
        decision = exchange["decision"]
        step.tell(
            f"granted by {decision['decided_by']} under grant {decision['grant']} in block "
            f"{decision['height']} of {cast.ZONE_A}; the answer came back with proof"
        )
    with narrator.step("加密交付", "deliver, sealed to the bank's key") as step:
        exchange = await wait_stage(bank, exchange_id, _from("arrived"))
        step.tell("from gateway to gateway over mutual TLS, HPKE X25519 / AES-256-GCM")
    with narrator.step("凭证明核验", "check it by proof") as step:
        exchange = await wait_stage(bank, exchange_id, _from("checked"))
        step.tell(
            f"record header proven against header {exchange['proven_at']} of "
            f"{cast.ZONE_A}, which {cast.ZONE_B}'s own light client verified"
        )
        step.tell(
            f"{len(exchange['fields']) or 'all'} fields given, digest matches; grade "
            f"{exchange['grade']}"
        )
    with narrator.step("写回收据", "write the receipt back") as step:
        exchange = await wait_stage(bank, exchange_id, _from("settled"))
        step.tell(f"{cast.ZONE_A} has taken it and {cast.ZONE_B} knows, by proof")
    return exchange


def _from(stage: str) -> tuple[str, ...]:
    """Return a stage and those after it."""
    return _STAGES[_STAGES.index(stage) :]


def _failure(gateway: DemoGateway, exchange: dict[str, Any]) -> GatewayRefusedError:
    problem = exchange["problem"] or {}
    decision = exchange["decision"] or {}
    return GatewayRefusedError(
        member=gateway.member_id,
        detail=problem.get("detail")
        or decision.get("reason")
        or f"the exchange is {exchange['stage']}",
        error=f"{problem.get('codespace', 'demo')}/{problem.get('code', 7)}",
    )
