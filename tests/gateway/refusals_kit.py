"""Two gateways on zones that refuse what nothing allows, and evidence of refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner
from google.protobuf.message import Message

from huitong.cli.main import main as huitong_command
from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.hashing import sha256
from huitong.evidence.trust import encode_trust, load_trust
from huitong.evidence.verify import verify_bundle
from huitong.evidence.witnesses import read_headers
from huitong.localnet.process import NodeProcess
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.node.genesis_edit import change_genesis
from huitong.node.home import Home
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.sdk import Gateway, ProblemError
from huitong.sdk.models import Exchange
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.process_kit import REGULATOR, ZONES, Rig, all_processes
from tests.gateway.settled_kit import exchanges_on

ISSUER, READER = ZONES[0][1], ZONES[1][1]
SUBJECT: Final = sha256(b"a data subject").hex()
#: Type of records for which an officer may break the glass.
EMERGENCY_TYPE: Final = "health.file"
WAIT_S: Final = 60
PAUSE_S: Final = 0.1


@dataclass
class Ground:
    """Both gateways, and what a verifier trusts."""

    rig: Rig
    bureau: Gateway
    bank: Gateway
    trust: Path

    def publish(self, record: str, **changes: Any) -> None:
        """Publish an invoice."""
        made = self.bureau.publish_record(
            record=record,
            document={"buyer": "b", "number": record, "total": "113.00"},
            wait=WAIT_S,
            **{"record_type": "tax.invoice"} | changes,
        )
        assert made.state == "published", made

    def grant(self, record: str, **changes: Any) -> int:
        """Let the bank read a record for one purpose."""
        job = self.bureau.give_grant(
            channel=self.rig.sides[0].channel_id,
            reader=READER,
            record=record,
            purpose=PURPOSE,
            wait=WAIT_S,
            **changes,
        )
        assert job.state == "done", job
        return int((job.result or {})["grant_id"])

    def consent(self) -> int:
        """Record that the subject permits the bank to read."""
        job = self.bureau.record_consent(
            channel=self.rig.sides[0].channel_id,
            reader=READER,
            purpose=PURPOSE,
            subject=SUBJECT,
            evidence_digest=sha256(b"a signed sheet").hex(),
            wait=WAIT_S,
        )
        assert job.state == "done", job
        return int((job.result or {})["consent_id"])

    def ask(self, record: str, **changes: Any) -> Exchange:
        """Let the bank ask for a record."""
        return self.bank.create_request(
            channel=self.rig.sides[1].channel_id,
            issuer=ISSUER,
            record=record,
            **{"purpose": PURPOSE} | changes,
        )

    def ended(self, asked: Exchange) -> Exchange:
        """Return an exchange once it has ended."""
        deadline_s = time.monotonic() + WAIT_S
        while not asked.is_ended:
            assert time.monotonic() < deadline_s, asked
            asked = self.bank.get_exchange(asked.id, wait=10)
        return asked

    def send(self, zone: int, key: str, make: Callable[[str], Message]) -> None:
        """Send a message to a zone by hand."""

        async def send() -> None:
            node = self.rig.nodes[zone]
            async with ZoneClient(node.rpc_url) as client:
                sender = Sender(client, node.private_key(key))
                await sender.send(make(sender.address))

        asyncio.run(send())

    def requests(self) -> list[Any]:
        """Return what the bank has asked for, as both zones have it."""
        found = []
        for zone, side in ((0, PROVIDER), (1, REQUESTER)):
            channel_id = self.rig.sides[zone].channel_id
            node = self.rig.nodes[zone]
            found += asyncio.run(exchanges_on(node, side, channel_id))
        return [one.request for one in found]

    def freeze(self, zone: int, member_id: str) -> None:
        """Freeze a member as a regulator does."""
        self.send(
            zone,
            REGULATOR,
            lambda signer: members_pb2.MsgFreezeMember(
                signer=signer,
                member_id=member_id,
                kind=members_pb2.FREEZE_KIND_REGULATOR,
                reason="inquiry",
            ),
        )

    def unfreeze(self, zone: int, member_id: str) -> None:
        """Lift that freeze."""
        self.send(
            zone,
            REGULATOR,
            lambda signer: members_pb2.MsgUnfreezeMember(
                signer=signer,
                member_id=member_id,
                kind=members_pb2.FREEZE_KIND_REGULATOR,
                reason="over",
            ),
        )


def _prepare(node: NodeProcess) -> None:
    """Nobody is asked on the provider's zone, so that its rules alone decide."""

    def change(document: dict[str, Any]) -> None:
        document["app_state"]["exchange"] = {"params": {"ask_officer": False}}
        glass = {"record_type": EMERGENCY_TYPE, "version": "1"}
        glass["break_glass_roles"] = ["officer"]
        document["app_state"]["policies"] = {"policies": [glass]}

    if node.chain_id == ZONES[0][0]:
        change_genesis(Home(node.home), change)


@contextmanager
def refusing_ground(folder: Path) -> Iterator[Ground]:
    """Run zones and gateways; what is trusted is known before anything happens."""
    with all_processes(folder, _prepare) as rig:
        trust = folder / "trust.json"
        trust.write_bytes(asyncio.run(_trusted(rig)))
        with rig.sides[0].client() as bureau, rig.sides[1].client() as bank:
            yield Ground(rig, bureau, bank, trust)


async def _trusted(rig: Rig) -> bytes:
    a, b = rig.nodes
    async with ZoneClient(a.rpc_url) as one, ZoneClient(b.rpc_url) as other:
        return encode_trust(await read_headers([one, other], ()))


def evidence_of(gateway: Gateway, exchange: str) -> bytes:
    """Get a bundle; the zone may need a block to know of the end in the other."""
    deadline_s = time.monotonic() + WAIT_S
    while True:
        try:
            return b"".join(gateway.download_exchange_evidence(exchange))
        except ProblemError as refusal:
            if refusal.problem.status != 503 or time.monotonic() > deadline_s:
                raise
        time.sleep(PAUSE_S)


def check_bundle(ground: Ground, path: Path) -> None:
    """Check that a bundle verifies with nothing but itself and a header, and no other."""
    data = path.read_bytes()
    trust = load_trust(ground.trust)
    verdict = verify_bundle(data, trust, now_ns=time.time_ns())
    assert (verdict.failed, verdict.grade) == (None, "proven")
    arguments = ["verify", str(path), f"--trust={ground.trust}"]
    done = CliRunner().invoke(huitong_command, arguments)
    assert done.exit_code == 0, done.output
    for place in range(0, len(data), max(1, len(data) // 20)):
        bent = bytearray(data)
        bent[place] ^= 1
        assert verify_bundle(bytes(bent), trust, now_ns=time.time_ns()).failed
