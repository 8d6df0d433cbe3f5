"""A zone of ours under load: publications of records, with or without everything in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from huitong.bench.load import SENDERS
from huitong.client import ZoneClient
from huitong.client.sender import get_account
from huitong.core.codec import pack_any
from huitong.core.tx import build_transaction
from huitong.engines.cometbft.home import CometBftHome
from huitong.engines.cometbft.process import running_pid
from huitong.localnet.consortium import LocalZone
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.records.v1 import records_pb2

CHAIN_ID: Final = "bench-1"
#: Gas of one publication; it uses about 28,000.
GAS_LIMIT: Final = 60_000
#: What is published: an invoice as in the demonstration, or as little as a record may
#: say, about what a transfer of coins says.
MESSAGES: Final = ("record", "small")


class ZoneTarget:
    """A running zone with members that publish."""

    def __init__(
        self, zone: LocalZone, message: str, *, records_per_tx: int = 1
    ) -> None:
        """Prepare.

        Args:
            zone: it has the members and accounts of this module.
            message: one of ``MESSAGES``.
            records_per_tx: publications in one transaction.
        """
        self._zone = zone
        self._message = message
        self._records_per_tx = records_per_tx

    @property
    def rpc_url(self) -> str:
        """Where the first node serves."""
        return self._zone.nodes[0].rpc_url

    @property
    def processes(self) -> dict[str, int]:
        """Each node, and its CometBFT if it has one."""
        return zone_processes(self._zone)

    async def sign(
        self, client: ZoneClient, sender: int, count: int
    ) -> Sequence[bytes]:
        """Return publications of one member, each of another record."""
        name = sender_name(sender)
        private_key, address = self._zone.private_key(name), self._zone.address(name)
        account = await get_account(client, address)
        size = self._records_per_tx
        publication = _publication if self._message == "record" else small_publication
        return [
            build_transaction(
                [
                    pack_any(publication(address, f"record-{number}"))
                    for number in range(index * size, (index + 1) * size)
                ],
                private_key=private_key,
                chain_id=CHAIN_ID,
                account_number=account.account_number,
                sequence=account.sequence + index,
                gas_limit=GAS_LIMIT * size,
            )
            for index in range(count)
        ]


def zone_processes(zone: LocalZone) -> dict[str, int]:
    """Return the process ids of a zone's nodes, and of their CometBFT, by name."""
    found = {}
    for node in zone.nodes:
        found[node.name] = node.pid
        if zone.engine == "cometbft":
            found[f"{node.name} cometbft"] = running_pid(CometBftHome(node.home))
    return found


def sender_name(sender: int) -> str:
    """Return the name of a sender's key."""
    return f"account-{sender}"


def sender_member(sender: int) -> str:
    """Return the member that a sender signs for."""
    return f"member-{sender}"


def publishing_members() -> list[MemberSpec]:
    """Return one member for each sender."""
    return [MemberSpec(member_id=sender_member(sender)) for sender in range(SENDERS)]


def publishing_accounts() -> list[AccountSpec]:
    """Return the senders."""
    return [
        AccountSpec(
            name=sender_name(sender),
            member_id=sender_member(sender),
            roles=("publisher",),
        )
        for sender in range(SENDERS)
    ]


def _publication(signer: str, record_id: str) -> records_pb2.MsgPublishRecord:
    return records_pb2.MsgPublishRecord(
        signer=signer,
        record_id=record_id,
        record_type="tax.invoice",
        subject=hashlib.sha256(f"subject of {record_id}".encode()).digest(),
        payload_digest=hashlib.sha256(record_id.encode()).digest(),
        fields=["amount", "buyer", "date", "number", "seller", "tax"],
        level=2,
        share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
    )


def small_publication(signer: str, record_id: str) -> records_pb2.MsgPublishRecord:
    """Return as little as a publication may say."""
    return records_pb2.MsgPublishRecord(
        signer=signer,
        record_id=record_id,
        record_type="note",
        payload_digest=hashlib.sha256(record_id.encode()).digest(),
        fields=["text"],
        level=1,
        share_class=records_pb2.SHARE_CLASS_OPEN,
    )
