"""One granted exchange over every database, vault and engine that a gateway runs on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.pair_kit import Ground, pair_of_gateways

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_document_arrives_and_is_confirmed(tmp_path: Path, ground: Ground) -> None:
    with pair_of_gateways(tmp_path, ground) as (bureau, bank):
        with bureau.client() as gateway:
            gateway.publish_record(
                record="INV-1",
                record_type="tax.invoice",
                document={"number": "1", "total": "113.00"},
                wait=30,
            )
            gateway.give_grant(
                channel=bureau.channel_id,
                reader=bank.member_id,
                record_type="tax.invoice",
                purpose=PURPOSE,
                wait=30,
            )
        with bank.client() as gateway:
            asked = gateway.create_request(
                channel=bank.channel_id,
                issuer=bureau.member_id,
                record="INV-1",
                purpose=PURPOSE,
                legal_basis="contract",
            )
            asked = gateway.get_exchange(asked.id, wait=30)
            assert (asked.stage, asked.grade) == ("settled", "proven"), asked
            document = b"".join(gateway.download_document(asked.id))
            assert json.loads(document)["number"] == "1"
