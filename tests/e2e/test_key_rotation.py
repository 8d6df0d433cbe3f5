"""Keys of a member that change by vote while its packets are on the way.

Two zones on the embedded engine, or on CometBFT in the heavy lane. The bank asks under its
old keys; before a relayer carries anything, the members of its zone replace the key of its
account, and its delegate the key that payloads are sealed to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from huitong.client import Sender, TransactionFailedError, ZoneClient
from huitong.client.voting import decide
from huitong.core.address import address_of_public_key
from huitong.core.hashing import sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.gateway.exchange.party import Party
from huitong.gateway.exchange.providing import RecordTerms, deliver, publish_document
from huitong.gateway.exchange.requesting import (
    check_delivery,
    request_record,
    wait_decision,
)
from huitong.gateway.vault.folder import make_folder_vault, open_folder_vault
from huitong.gateway.vault.keys import SecretKey
from huitong.gateway.vault.vault import Vault
from huitong.keys import Keyring
from huitong.localnet.consortium import LocalZone
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.payload.errors import (
    SealOpenError,
)
from huitong.payload.sealing import make_encryption_key
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.relayer.config import LinkConfig, RelayConfig, ZoneConfig
from huitong.relayer.supervisor import Supervisor
from tests.programs import need_cometbft

pytestmark = pytest.mark.slow

WAIT_S = 60.0
VOTING_PERIOD_S = 15
PURPOSE = "receivable-financing"
DOCUMENT = b'{"account":"0331","number":"INV-7","total":"113.00"}'
OLD_KEY, NEW_KEY = sha256(b"old key of the bank"), sha256(b"new key of the bank")
LINK = LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")


def address_of(private_key: bytes) -> str:
    return address_of_public_key(public_key_of_private_key(private_key))


@pytest.fixture(params=["embedded", pytest.param("cometbft", marks=pytest.mark.heavy)])
def zones(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[LocalZone, LocalZone]]:
    if request.param == "cometbft":
        need_cometbft()
    provider = LocalZone(
        tmp_path / "hangzhou",
        "hangzhou-1",
        validators=1,
        engine=request.param,
        block_time="100ms",
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",))],
    )
    requester = LocalZone(
        tmp_path / "chongqing",
        "chongqing-1",
        validators=1,
        engine=request.param,
        block_time="100ms",
        voting_period_s=VOTING_PERIOD_S,
        members=[MemberSpec(member_id="cq-bank")],
        accounts=[
            AccountSpec(
                name="bank",
                member_id="cq-bank",
                roles=("requester",),
                private_key=OLD_KEY,
            ),
            AccountSpec(name="delegate", member_id="cq-bank", roles=("delegate",)),
        ],
    )
    for zone in (provider, requester):
        zone.init()
    with provider, requester:
        yield provider, requester


@dataclass(frozen=True)
class Scene:
    """Both parties and their link."""

    tax: Party
    bank: Party
    vault: Vault
    link: LinkConfig

    def bank_with(self, private_key: bytes) -> Party:
        return Party(
            zone=self.bank.zone,
            sender=Sender(self.bank.zone, private_key),
            member_id="cq-bank",
        )

    async def ask(self, bank: Party, reader_key: bytes) -> int:
        packet = exchange_pb2.RequestPacket(
            requester="cq-bank",
            reader_key=reader_key,
            issuer="hz-tax",
            record_id="INV-7",
            purpose=PURPOSE,
            legal_basis="contract 7",
        )
        sequence, _ = await request_record(bank, self.link.channel_on_b, packet)
        return sequence

    async def deliver(self, sequence: int) -> bytes:
        done = await deliver(self.tax, self.vault, self.link.channel_on_a, sequence)
        return done.sealed

    async def read(self, sequence: int, sealed: bytes, private_key: bytes) -> bytes:
        answer = await check_delivery(
            self.bank,
            self.tax.zone,
            self.link.channel_on_b,
            sequence,
            sealed,
            private_key=private_key,
        )
        return bytes(answer.disclosure.values()["number"])


def relayer_of(zones: tuple[LocalZone, LocalZone], *links: LinkConfig) -> Supervisor:
    keyrings: dict[str, Keyring] = {zone.chain_id: zone.keyring for zone in zones}
    config = RelayConfig(
        zones=tuple(
            ZoneConfig(
                chain_id=zone.chain_id, rpc=zone.nodes[0].rpc_url, key=zone.chain_id
            )
            for zone in zones
        ),
        links=links,
    )
    return Supervisor(config, lambda name: keyrings[name].unlock("relayer"))


@asynccontextmanager
async def scene_of(
    zones: tuple[LocalZone, LocalZone], folder: Path
) -> AsyncIterator[Scene]:
    provider, requester = zones
    async with relayer_of(zones) as relayer:
        link = await relayer.make_link(LINK)
    await make_folder_vault(folder / "vault")
    async with (
        open_folder_vault(folder / "vault", SecretKey(sha256(b"vault"))) as vault,
        ZoneClient(provider.nodes[0].rpc_url) as at_a,
        ZoneClient(requester.nodes[0].rpc_url) as at_b,
    ):
        tax = Party(
            zone=at_a,
            sender=Sender(at_a, provider.private_key("tax")),
            member_id="hz-tax",
        )
        bank = Party(zone=at_b, sender=Sender(at_b, OLD_KEY), member_id="cq-bank")
        scene = Scene(
            tax=tax,
            bank=bank,
            vault=vault,
            link=link,
        )
        await publish(scene)
        yield scene


async def publish(scene: Scene) -> None:
    terms = RecordTerms(
        record_id="INV-7",
        record_type="tax.invoice",
        subject=b"",
        level=2,
        share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        title="",
        terms="",
    )
    await publish_document(scene.tax, scene.vault, DOCUMENT, terms)
    await scene.tax.sender.send(
        grants_pb2.MsgGrant(
            signer=scene.tax.sender.address,
            reader=grants_pb2.Reader(
                channel_id=scene.link.channel_on_a, member_id="cq-bank"
            ),
            record_type="tax.invoice",
            purpose=PURPOSE,
        )
    )


async def replace_keys(scene: Scene, zone: LocalZone, encryption_key: bytes) -> None:
    """Replace the bank's signing key by vote, its encryption key by its delegate."""
    client = scene.bank.zone
    delegates = [
        Sender(client, zone.private_key(name)) for name in ("org-0", "delegate")
    ]
    ended = await decide(
        delegates,
        members_pb2.MsgReplaceAccount(
            old_address=address_of(OLD_KEY),
            new_address=address_of(NEW_KEY),
            reason="the token was lost",
        ),
        title="A new key for the bank",
    )
    assert ended.status == governance_pb2.PROPOSAL_STATUS_PASSED
    await delegates[1].send(
        members_pb2.MsgSetEncryptionKey(
            signer=delegates[1].address,
            member_id="cq-bank",
            encryption_key=encryption_key,
        )
    )


async def test_keys_change_by_vote_while_packets_are_in_flight(zones, tmp_path):
    old_private, old_public = make_encryption_key()
    new_private, new_public = make_encryption_key()
    async with scene_of(zones, tmp_path) as scene:
        old_bank = scene.bank_with(OLD_KEY)
        in_flight = [await scene.ask(old_bank, old_public) for _ in range(5)]

        await replace_keys(scene, zones[1], new_public)
        with pytest.raises(TransactionFailedError) as refused:
            await scene.ask(scene.bank_with(OLD_KEY), old_public)
        assert "disabled" in str(refused.value)
        new_bank = scene.bank_with(NEW_KEY)
        later = [await scene.ask(new_bank, new_public) for _ in range(2)]

        async with relayer_of(zones, scene.link) as relayer:
            await relayer.relay_once()
        for sequence in (*in_flight, *later):
            found = await wait_decision(
                new_bank, scene.link.channel_on_b, sequence, timeout_s=WAIT_S
            )
            assert found.status == exchange_pb2.EXCHANGE_STATUS_GRANTED

        sealed_before = await scene.deliver(in_flight[0])
        sealed_after = await scene.deliver(later[0])
        async with relayer_of(zones, scene.link) as relayer:
            await relayer.relay_once()
        # Who holds both keys reads both: each request names the key it was sealed to.
        assert await scene.read(in_flight[0], sealed_before, old_private)
        assert await scene.read(later[0], sealed_after, new_private)
        for sequence, sealed, wrong in (
            (in_flight[0], sealed_before, new_private),
            (later[0], sealed_after, old_private),
        ):
            with pytest.raises(SealOpenError):
                await scene.read(sequence, sealed, wrong)
