"""Two zones of ours whose members exchange data: set up by commands, then many requests."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong.bench.hermes import Hermes
from huitong.bench.hermes_config import HermesChain
from huitong.core.address import ADDRESS_PREFIX
from huitong.keys import create_mnemonic, private_key_of_mnemonic
from huitong.localnet.ports import free_ports
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from tests.interop.kit.chain import Chain
from tests.interop.kit.stranger import StrangersZone, huitong

PORT: Final = "exchange"
VERSION: Final = "huitong-exchange-1"
PROVIDER_ZONE: Final = "hangzhou-1"
REQUESTER_ZONE: Final = "chongqing-1"
PURPOSE: Final = "receivable-financing"
PER_TX: Final = 25
TIMEOUT_S: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeZones:
    """Both zones, running, and the keys of those who act."""

    provider: StrangersZone
    requester: StrangersZone
    relayer_mnemonic: str
    member_mnemonic: str
    """Of the publisher in one zone and the requester in the other."""

    def hermes_chains(self) -> list[HermesChain]:
        """Return how Hermes finds both."""
        return [
            HermesChain(
                chain_id=zone.chain_id, rpc_url=zone.rpc_url, grpc_url=zone.grpc_url
            )
            for zone in (self.provider, self.requester)
        ]

    def make_hermes(self, folder: Path) -> Hermes:
        """Return a Hermes that has configuration and keys and does not relay yet."""
        hermes = Hermes(folder, self.hermes_chains())
        hermes.init(self.relayer_mnemonic)
        return hermes

    def open_provider(self) -> Chain:
        """Return the zone that answers, seen by its publisher."""
        return self._open(self.provider)

    def open_requester(self) -> Chain:
        """Return the zone that asks, seen by its requester."""
        return self._open(self.requester)

    def _open(self, zone: StrangersZone) -> Chain:
        key = private_key_of_mnemonic(self.member_mnemonic)
        return Chain.open(zone.chain_id, zone.rpc_url, key, ADDRESS_PREFIX)


@contextmanager
def running_zones(folder: Path, engine: str) -> Iterator[ExchangeZones]:
    """Yield both zones, running; nothing of them runs afterwards.

    Args:
        folder: where they lie.
        engine: of the zone that answers; the other is of the embedded one.
    """
    zones = ExchangeZones(
        provider=StrangersZone(
            folder / "provider", PROVIDER_ZONE, init_options=["--engine", engine]
        ),
        requester=StrangersZone(folder / "requester", REQUESTER_ZONE),
        relayer_mnemonic=create_mnemonic(),
        member_mnemonic=create_mnemonic(),
    )
    _set_up(zones, zones.provider, "hz-tax", "publisher")
    _set_up(zones, zones.requester, "cq-bank", "requester")
    if engine == "cometbft":
        _use_free_p2p_port(zones.provider)
    with ExitStack() as stack:
        stack.enter_context(zones.provider)
        stack.enter_context(zones.requester)
        yield zones


def _set_up(
    zones: ExchangeZones, zone: StrangersZone, member_id: str, role: str
) -> None:
    zone.init()
    home = ("--home", str(zone.home))
    huitong("genesis", "add-member", member_id, "--name", member_id, *home)
    zone.add_account(zone.add_key("relayer", zones.relayer_mnemonic), "relayer")
    member = zone.add_key("member", zones.member_mnemonic)
    zone.add_account(member, role, member_id=member_id)


def _use_free_p2p_port(zone: StrangersZone) -> None:
    """Let its CometBFT listen where nobody else does."""
    path = zone.home / "config" / "node.toml"
    (port,) = free_ports(1)
    text, count = re.subn(
        r'^p2p = ".*"$', f'p2p = "tcp://127.0.0.1:{port}"', path.read_text(), flags=re.M
    )
    assert count == 1, text
    path.write_text(text)


async def publish_and_grant(provider: Chain, channel_id: str) -> None:
    """Publish a record, and let the other zone's member have it whenever it asks."""
    await provider.send(
        records_pb2.MsgPublishRecord(
            signer=provider.address,
            record_id="invoice-1",
            record_type="tax.invoice",
            payload_digest=bytes(range(32)),
            fields=["amount", "buyer", "seller"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        ),
        grants_pb2.MsgGrant(
            signer=provider.address,
            reader=grants_pb2.Reader(channel_id=channel_id, member_id="cq-bank"),
            record_type="tax.invoice",
            purpose=PURPOSE,
        ),
    )


async def send_requests(requester: Chain, channel_id: str, count: int) -> None:
    """Ask for the record ``count`` times."""
    message = exchange_pb2.MsgRequestExchange(
        signer=requester.address,
        channel_id=channel_id,
        request=exchange_pb2.RequestPacket(
            requester="cq-bank",
            reader_key=bytes(range(32)),
            issuer="hz-tax",
            record_id="invoice-1",
            purpose=PURPOSE,
            legal_basis="contract",
        ),
        timeout_timestamp=time.time_ns() + TIMEOUT_S * 1_000_000_000,
    )
    left = count
    while left:
        size = min(left, PER_TX)
        await requester.send(*[message] * size)
        left -= size


async def count_granted(requester: Chain, channel_id: str) -> int:
    """Return how many requests were granted, as the zone that asked knows."""
    granted, start_after = 0, 0
    while True:
        answer = await requester.client.query(
            "/huitong.exchange.v1.Query/Exchanges",
            exchange_pb2.QueryExchangesRequest(
                channel_id=channel_id,
                start_after=start_after,
                status=exchange_pb2.EXCHANGE_STATUS_GRANTED,
                side=exchange_pb2.EXCHANGE_SIDE_REQUESTER,
            ),
            exchange_pb2.QueryExchangesResponse,
        )
        granted += len(answer.exchanges)
        if not answer.next:
            return granted
        start_after = answer.next
