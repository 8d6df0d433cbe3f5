"""Two zones of ours whose members exchange data: what ``huitong bench relay`` measures.

Accounts of one zone send exchange requests; a standing grant of the other lets each be
decided at once. Our relayer or Hermes relays, in a process of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from huitong.bench.hermes import Hermes
from huitong.bench.hermes_config import HermesChain
from huitong.bench.packets import ACCOUNTS, TIMEOUT_S
from huitong.client import Sender, ZoneClient
from huitong.client.sender import get_account
from huitong.core.codec import encode, pack_any
from huitong.core.tx import build_transaction
from huitong.keys import Keyring, create_mnemonic, private_key_of_mnemonic
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess, huitong_arguments
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.relayer.config import (
    PORT_DEFAULT,
    VERSION_DEFAULT,
    LinkConfig,
    RelayConfig,
    ZoneConfig,
    save_config,
)
from huitong.relayer.supervisor import Supervisor

PROVIDER_ZONE: Final = "hangzhou-1"
REQUESTER_ZONE: Final = "chongqing-1"
#: Gas of one request; it uses about 60,000.
GAS_PER_REQUEST: Final = 120_000
RELAYER_KEY: Final = "relayer"
PURPOSE: Final = "receivable-financing"
#: Type of the records that the grant covers, and who gives and who asks.
RECORD_TYPE: Final = "tax.invoice"
PROVIDER: Final = "hz-tax"
REQUESTER: Final = "cq-bank"
_STOP_TIMEOUT_S: Final = 15.0


class LinkedZones:
    """Two zones, running; ``link_…`` links them and starts the relayer."""

    def __init__(self, folder: Path, *, block_time_ms: int, serves_grpc: bool) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: an empty folder.
            block_time_ms: block time of both nodes.
            serves_grpc: whether they answer gRPC, as Hermes needs it.
        """
        self._folder = folder
        self._mnemonic = create_mnemonic()
        relayer = AccountSpec(
            name=RELAYER_KEY,
            roles=("relayer",),
            private_key=private_key_of_mnemonic(self._mnemonic),
        )
        publisher = AccountSpec(name="tax", member_id=PROVIDER, roles=("publisher",))
        requesters = [
            AccountSpec(
                name=f"bank-{number}", member_id=REQUESTER, roles=("requester",)
            )
            for number in range(ACCOUNTS)
        ]
        self._grpc_addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        self._zones = [
            NodeProcess(
                folder / chain_id,
                chain_id=chain_id,
                members=[MemberSpec(member_id=member_id)],
                accounts=accounts,
                block_time=f"{block_time_ms}ms",
                node_options=[f"--grpc={grpc}"] if serves_grpc else (),
            )
            for chain_id, member_id, accounts, grpc in zip(
                (PROVIDER_ZONE, REQUESTER_ZONE),
                (PROVIDER, REQUESTER),
                ([relayer, publisher], [relayer, *requesters]),
                self._grpc_addresses,
                strict=True,
            )
        ]
        self._provider, self._requester = self._zones
        self._channel_on_requester = ""
        self._relayer: subprocess.Popen[bytes] | None = None
        self._hermes: Hermes | None = None

    # --- running ----------------------------------------------------------------------

    def __enter__(self) -> Self:
        for zone in self._zones:
            zone.init()
        try:
            for zone in self._zones:
                zone.start()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hermes is not None:
            self._hermes.stop()
        if self._relayer is not None and self._relayer.poll() is None:
            self._relayer.send_signal(signal.SIGTERM)
            try:
                self._relayer.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._relayer.pid, signal.SIGKILL)
                self._relayer.wait()
        if kind is not None:
            self._kill()
        for zone in self._zones:
            zone.stop()

    def _kill(self) -> None:
        for zone in self._zones:
            zone.kill()

    @property
    def provider(self) -> NodeProcess:
        """The zone of the member that gives; its key ``tax`` publishes and grants."""
        return self._provider

    @property
    def requester(self) -> NodeProcess:
        """The zone of the member that asks; its keys ``bank-…`` ask."""
        return self._requester

    @property
    def channel_on_requester(self) -> str:
        """The requester's end of the channel; empty before they are linked."""
        return self._channel_on_requester

    @property
    def rpc_url(self) -> str:
        """Where the zone that sends serves."""
        return self._requester.rpc_url

    @property
    def engine(self) -> str:
        """What decides the blocks."""
        return "embedded"

    @property
    def payload_bytes(self) -> int:
        """Size of a request on the wire."""
        return len(encode(exchange_pb2.ExchangePacketData(request=_request())))

    @property
    def processes(self) -> Mapping[str, int]:
        """Both nodes and the relayer."""
        relayer = self._relayer.pid if self._relayer else 0
        return {
            "provider": self._provider.pid,
            "requester": self._requester.pid,
            "relayer": self._hermes.pid if self._hermes else relayer,
        }

    # --- linking ----------------------------------------------------------------------

    async def link_by_our_relayer(self) -> str:
        """Make the link, start our relayer, and tell of it."""
        home = self._folder / "relayer"
        keyring = Keyring(home / "keyring")
        key = private_key_of_mnemonic(self._mnemonic)
        keyring.add(RELAYER_KEY, key, None)
        config = RelayConfig(
            zones=tuple(
                ZoneConfig(chain_id=zone.chain_id, rpc=zone.rpc_url, key=RELAYER_KEY)
                for zone in self._zones
            )
        )
        wanted = LinkConfig(chain_a=PROVIDER_ZONE, chain_b=REQUESTER_ZONE)
        async with Supervisor(config, keyring.unlock) as supervisor:
            link = await supervisor.make_link(wanted)
            save_config(home, supervisor.config)
        await self._publish_and_grant(link.channel_on_a)
        self._channel_on_requester = link.channel_on_b
        self._relayer = _start_relayer(home)
        return f"linked {link.channel_on_a} to {link.channel_on_b} by our relayer"

    async def link_by_hermes(self) -> str:
        """Let Hermes make the link, start it, and tell of it."""
        chains = [
            HermesChain(
                chain_id=zone.chain_id, rpc_url=zone.rpc_url, grpc_url=f"http://{grpc}"
            )
            for zone, grpc in zip(self._zones, self._grpc_addresses, strict=True)
        ]
        hermes = Hermes(self._folder / "hermes", chains)
        hermes.init(self._mnemonic)
        channels = hermes.create_channel(
            PROVIDER_ZONE, REQUESTER_ZONE, port=PORT_DEFAULT, version=VERSION_DEFAULT
        )
        await self._publish_and_grant(channels[0])
        self._channel_on_requester = channels[1]
        hermes.start()
        self._hermes = hermes
        return f"linked {channels[0]} to {channels[1]} by Hermes"

    async def _publish_and_grant(self, channel_id: str) -> None:
        async with ZoneClient(self._provider.rpc_url) as client:
            sender = Sender(client, self._provider.private_key("tax"))
            await sender.send(
                records_pb2.MsgPublishRecord(
                    signer=sender.address,
                    record_id="invoice-1",
                    record_type=RECORD_TYPE,
                    payload_digest=bytes(range(32)),
                    fields=["amount", "buyer", "seller"],
                    level=2,
                    share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
                ),
                grants_pb2.MsgGrant(
                    signer=sender.address,
                    reader=grants_pb2.Reader(
                        channel_id=channel_id, member_id=REQUESTER
                    ),
                    record_type=RECORD_TYPE,
                    purpose=PURPOSE,
                ),
            )

    # --- sending ----------------------------------------------------------------------

    async def sign(self, client: ZoneClient, sizes: Sequence[int]) -> list[list[bytes]]:
        """Return transactions with so many requests each, in turn from each account."""
        timeout_ns = time.time_ns() + TIMEOUT_S * 1_000_000_000
        raws: list[list[bytes]] = []
        for number in range(ACCOUNTS):
            name = f"bank-{number}"
            account = await get_account(client, self._requester.address(name))
            message = exchange_pb2.MsgRequestExchange(
                signer=account.address,
                channel_id=self._channel_on_requester,
                request=_request(),
                timeout_timestamp=timeout_ns,
            )
            raws.append(
                [
                    build_transaction(
                        [pack_any(message)] * size,
                        private_key=self._requester.private_key(name),
                        chain_id=REQUESTER_ZONE,
                        account_number=account.account_number,
                        sequence=account.sequence + index,
                        gas_limit=GAS_PER_REQUEST * (size + 1),
                    )
                    for index, size in enumerate(sizes[number::ACCOUNTS])
                ]
            )
        return raws


def _start_relayer(home: Path) -> subprocess.Popen[bytes]:
    with (home / "relayer.log").open("ab") as log:
        return subprocess.Popen(
            huitong_arguments("relay", "start", f"--home={home}"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _request() -> exchange_pb2.RequestPacket:
    return exchange_pb2.RequestPacket(
        requester=REQUESTER,
        reader_key=bytes(range(32)),
        issuer=PROVIDER,
        record_id="invoice-1",
        purpose=PURPOSE,
        legal_basis="contract",
    )
