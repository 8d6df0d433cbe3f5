"""A chain seen from outside, ours or another: balances, packets under way, clients."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import bech32
from google.protobuf.message import Message

from huitong.client import ZoneClient
from huitong.client.answers import TxOutcome
from huitong.client.sender import get_account
from huitong.core.address import address_of_public_key, decode_address
from huitong.core.codec import pack_any
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import build_transaction
from huitong.light.tendermint.client_state import ClientState, client_state_from_any
from huitong.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.ibc.core.channel.v1 import query_pb2 as channel_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_pb2

#: Gas of each message that a test sends; header updates take the most.
GAS_PER_MESSAGE: Final = 400_000
_PACKETS_MAX: Final = 1_000


def address_with_prefix(private_key: bytes, prefix: str) -> str:
    """Return the address of a key as the chains with this prefix write it."""
    ours = address_of_public_key(public_key_of_private_key(private_key))
    words = bech32.convertbits(decode_address(ours), 8, 5)
    return str(bech32.bech32_encode(prefix, words))


def voucher_denom(port: str, channel: str, denom: str) -> str:
    """Return what a token is called where it arrived over a channel (ICS-20)."""
    trace = f"{port}/{channel}/{denom}"
    return f"ibc/{hashlib.sha256(trace.encode()).hexdigest().upper()}"


@dataclass(slots=True)
class Chain:
    """One chain and one account on it."""

    chain_id: str
    """Its name."""
    client: ZoneClient
    """Its RPC."""
    private_key: bytes
    """The account's key."""
    address: str
    """The account's address, as this chain writes it."""

    @classmethod
    def open(cls, chain_id: str, rpc_url: str, private_key: bytes, prefix: str) -> Self:
        """Return the chain behind an RPC address; close it after use."""
        address = address_with_prefix(private_key, prefix)
        return cls(chain_id, ZoneClient(rpc_url), private_key, address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.close()

    async def balance(self, denom: str) -> int:
        """Return how much the account holds."""
        answer = await self.client.query(
            "/cosmos.bank.v1beta1.Query/Balance",
            bank_pb2.QueryBalanceRequest(address=self.address, denom=denom),
            bank_pb2.QueryBalanceResponse,
        )
        return int(answer.balance.amount or "0")

    async def unsettled(self, port: str, channel: str) -> list[int]:
        """Return sequences of packets that are neither acknowledged nor timed out."""
        answer = await self.client.query(
            "/ibc.core.channel.v1.Query/PacketCommitments",
            channel_pb2.QueryPacketCommitmentsRequest(
                port_id=port,
                channel_id=channel,
                pagination=pagination_pb2.PageRequest(limit=_PACKETS_MAX),
            ),
            channel_pb2.QueryPacketCommitmentsResponse,
        )
        return [commitment.sequence for commitment in answer.commitments]

    async def client_state(self, client_id: str) -> ClientState:
        """Return what a light client of this chain knows."""
        answer = await self.client.query(
            "/ibc.core.client.v1.Query/ClientState",
            client_pb2.QueryClientStateRequest(client_id=client_id),
            client_pb2.QueryClientStateResponse,
        )
        return client_state_from_any(answer.client_state)

    async def send(self, *messages: Message) -> TxOutcome:
        """Send one transaction of the account; return it once a block holds it."""
        account = await get_account(self.client, self.address)
        raw = build_transaction(
            [pack_any(message) for message in messages],
            private_key=self.private_key,
            chain_id=self.chain_id,
            account_number=account.account_number,
            sequence=account.sequence,
            gas_limit=GAS_PER_MESSAGE * (len(messages) + 1),
        )
        outcome = await self.client.wait_tx(await self.client.broadcast(raw))
        outcome.check_succeeded()
        return outcome
