"""Two chains of ``simd`` that Hermes links: what ours are measured beside.

Accounts send transfers of one coin (ICS-20) in the form that Hermes itself gives them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from huitong.bench.hermes import Hermes
from huitong.bench.hermes_config import HermesChain
from huitong.bench.packets import ACCOUNTS, TIMEOUT_S
from huitong.bench.simd import DENOM, SimdChain, cosmos_address, sender_key
from huitong.client import ZoneClient
from huitong.client.sender import get_account
from huitong.core.canonical_json import encode_json
from huitong.core.codec import pack_any
from huitong.core.tx import build_transaction
from huitong.keys import create_mnemonic, private_key_of_mnemonic
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2

CHAIN_IDS: Final = ("simd-1", "simd-2")
PORT: Final = "transfer"
VERSION: Final = "ics20-1"
#: Gas of one transfer; it uses about 100,000.
GAS_PER_TRANSFER: Final = 200_000


class LinkedSimd:
    """Two chains of ``simd``, running, linked by Hermes, which relays."""

    def __init__(
        self, folder: Path, *, settings: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: an empty folder.
            settings: entries of CometBFT's ``config.toml`` by section.

        Raises:
            PeerMissingError: ``simd`` or ``hermes`` is not installed.
        """
        self._mnemonic = create_mnemonic()
        relayer = cosmos_address(private_key_of_mnemonic(self._mnemonic))
        self._chains = [
            SimdChain(
                folder / chain_id,
                settings=settings,
                chain_id=chain_id,
                funded=[relayer],
                serves_grpc=True,
            )
            for chain_id in CHAIN_IDS
        ]
        self._running = ExitStack()
        self._folder = folder
        self._hermes = Hermes(folder / "hermes", [])
        self._channel = ""

    # --- running ----------------------------------------------------------------------

    def __enter__(self) -> Self:
        for chain in self._chains:
            chain.init()
        with ExitStack() as stack:
            for chain in self._chains:
                stack.enter_context(chain)
            self._running = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hermes.stop()
        self._running.close()

    @property
    def rpc_url(self) -> str:
        """Where the chain that sends serves."""
        return self._chains[0].rpc_url

    @property
    def engine(self) -> str:
        """What decides the blocks."""
        return "simd"

    @property
    def payload_bytes(self) -> int:
        """Size of a transfer's packet data, which is JSON."""
        data = {
            "amount": "1",
            "denom": DENOM,
            "receiver": cosmos_address(sender_key(1)),
            "sender": cosmos_address(sender_key(0)),
        }
        return len(encode_json(data))

    @property
    def processes(self) -> Mapping[str, int]:
        """Both chains and Hermes."""
        chains = {chain.chain_id: chain.processes["simd"] for chain in self._chains}
        return {**chains, "relayer": self._hermes.pid}

    async def link_by_hermes(self) -> str:
        """Let Hermes make the link, start it, and tell of it."""
        chains = [
            HermesChain(
                chain_id=chain.chain_id,
                rpc_url=chain.rpc_url,
                grpc_url=chain.grpc_url,
                prefix="cosmos",
                fee_denom=DENOM,
            )
            for chain in self._chains
        ]
        self._hermes = Hermes(self._folder / "hermes", chains)
        self._hermes.init(self._mnemonic)
        channels = self._hermes.create_channel(*CHAIN_IDS, port=PORT, version=VERSION)
        self._channel = channels[0]
        self._hermes.start()
        return f"linked {channels[0]} to {channels[1]} by Hermes"

    # --- sending ----------------------------------------------------------------------

    async def sign(self, client: ZoneClient, sizes: Sequence[int]) -> list[list[bytes]]:
        """Return transactions with so many transfers each, in turn from each account."""
        timeout_ns = time.time_ns() + TIMEOUT_S * 1_000_000_000
        raws: list[list[bytes]] = []
        for sender in range(ACCOUNTS):
            account = await get_account(client, cosmos_address(sender_key(sender)))
            message = tx_pb2.MsgTransfer(
                source_port=PORT,
                source_channel=self._channel,
                sender=account.address,
                receiver=cosmos_address(sender_key(sender + 1)),
                timeout_timestamp=timeout_ns,
            )
            message.token.denom, message.token.amount = DENOM, "1"
            message.timeout_height.SetInParent()
            raws.append(
                [
                    build_transaction(
                        [pack_any(message)] * size,
                        private_key=sender_key(sender),
                        chain_id=CHAIN_IDS[0],
                        account_number=account.account_number,
                        sequence=account.sequence + index,
                        gas_limit=GAS_PER_TRANSFER * (size + 1),
                    )
                    for index, size in enumerate(sizes[sender::ACCOUNTS])
                ]
            )
        return raws
