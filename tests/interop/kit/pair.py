"""A zone of ours, a chain of ``simd`` and a Hermes that knows both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from huitong.bench.hermes import Hermes
from huitong.bench.hermes_config import HermesChain
from huitong.bench.simd import DENOM, SimdChain
from huitong.bench.tx import compared_settings
from huitong.core.address import ADDRESS_PREFIX
from huitong.engines.validator_key import ValidatorKey, load_validator_key
from huitong.keys import create_mnemonic, private_key_of_mnemonic
from huitong.node.home import Home
from tests.interop.kit.chain import Chain, address_with_prefix
from tests.interop.kit.stranger import StrangersZone
from tests.interop.kit.waiting import wait_for

OUR_CHAIN_ID: Final = "hangzhou-1"
SIMD_CHAIN_ID: Final = "simd-1"
SIMD_PREFIX: Final = "cosmos"
PORT: Final = "transfer"
BLOCK_TIME_MS: Final = 200


@dataclass(slots=True)
class Pair:
    """Both chains, running, and the relayer's account on each."""

    zone: StrangersZone
    """Ours."""
    simd: SimdChain
    """Theirs."""
    relayer_mnemonic: str
    """The relayer's key on both, which nobody else signs with."""
    user_mnemonic: str
    """Of an account on both that sends and holds."""

    def open_ours(self) -> Chain:
        """Return our chain, seen by the user."""
        key = private_key_of_mnemonic(self.user_mnemonic)
        return Chain.open(OUR_CHAIN_ID, self.zone.rpc_url, key, ADDRESS_PREFIX)

    def open_simd(self) -> Chain:
        """Return the chain of ``simd``, seen by the user."""
        key = private_key_of_mnemonic(self.user_mnemonic)
        return Chain.open(SIMD_CHAIN_ID, self.simd.rpc_url, key, SIMD_PREFIX)

    @property
    def our_validator_key(self) -> ValidatorKey:
        """What signs our blocks."""
        return Home(self.zone.home).load_key()

    @property
    def simd_validator_key(self) -> ValidatorKey:
        """What signs the blocks of ``simd``."""
        return load_validator_key(self.simd.validator_key_file)

    def hermes_chains(self) -> list[HermesChain]:
        """Return how Hermes finds both."""
        return [
            HermesChain(
                chain_id=OUR_CHAIN_ID,
                rpc_url=self.zone.rpc_url,
                grpc_url=self.zone.grpc_url,
            ),
            HermesChain(
                chain_id=SIMD_CHAIN_ID,
                rpc_url=self.simd.rpc_url,
                grpc_url=self.simd.grpc_url,
                prefix=SIMD_PREFIX,
                fee_denom=DENOM,
            ),
        ]


@contextmanager
def running_pair(
    folder: Path, prepare: Callable[[StrangersZone], None] = lambda zone: None
) -> Iterator[Pair]:
    """Yield both chains, running; nothing of them runs afterwards.

    Args:
        folder: where they lie.
        prepare: does more to our zone before it starts.
    """
    relayer, user = create_mnemonic(), create_mnemonic()
    keys = [private_key_of_mnemonic(words) for words in (relayer, user)]
    simd = SimdChain(
        folder / "simd",
        settings=compared_settings(BLOCK_TIME_MS),
        chain_id=SIMD_CHAIN_ID,
        funded=[address_with_prefix(key, SIMD_PREFIX) for key in keys],
        serves_grpc=True,
    )
    simd.init()
    zone = StrangersZone(folder / "ours", OUR_CHAIN_ID)
    zone.init()
    zone.add_account(zone.add_key("relayer", relayer), "relayer")
    zone.add_account(zone.add_key("user", user), "relayer")
    zone.allow_any_client()
    prepare(zone)
    with simd, zone:
        yield Pair(zone, simd, relayer, user)


def make_hermes(folder: Path, pair: Pair) -> Hermes:
    """Return a Hermes that has configuration and keys and does not relay yet."""
    hermes = Hermes(folder, pair.hermes_chains())
    hermes.init(pair.relayer_mnemonic)
    return hermes


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Identifiers of a link, by side."""

    client_on_ours: str
    client_on_simd: str
    channel_on_ours: str = ""
    channel_on_simd: str = ""


async def hermes_has_started(hermes: Hermes) -> None:
    """Return once Hermes has looked around: it watches the clients below channels."""

    async def said() -> str:
        return hermes.said()

    await wait_for(said, lambda text: "Hermes has started" in text, "Hermes starts")


def create_client(hermes: Hermes, host: str, other: str, *options: str) -> str:
    """Let Hermes make a light client of ``other`` on ``host``; return its id."""
    told = hermes.run(
        *("create", "client", f"--host-chain={host}", f"--reference-chain={other}"),
        *options,
    )
    return _found(told, "client_id")


def make_link(hermes: Hermes, *options: str) -> Link:
    """Let Hermes make clients on both sides, a connection, and a transfer channel.

    Args:
        hermes: has configuration and keys.
        *options: further options of ``hermes create client``.
    """
    on_ours = create_client(hermes, OUR_CHAIN_ID, SIMD_CHAIN_ID, *options)
    on_simd = create_client(hermes, SIMD_CHAIN_ID, OUR_CHAIN_ID, *options)
    connection = hermes.run(
        *("create", "connection", f"--a-chain={OUR_CHAIN_ID}"),
        *(f"--a-client={on_ours}", f"--b-client={on_simd}"),
    )
    channel = hermes.run(
        *("create", "channel", f"--a-chain={OUR_CHAIN_ID}"),
        *(f"--a-connection={connection['a_side']['connection_id']}",),
        *(f"--a-port={PORT}", f"--b-port={PORT}"),
    )
    return Link(
        client_on_ours=on_ours,
        client_on_simd=on_simd,
        channel_on_ours=channel["a_side"]["channel_id"],
        channel_on_simd=channel["b_side"]["channel_id"],
    )


def _found(told: Any, name: str) -> str:
    """Return the entry called ``name``, wherever in a result it stands."""
    if isinstance(told, dict):
        if isinstance(value := told.get(name), str):
            return value
        told = list(told.values())
    if isinstance(told, list):
        for item in told:
            if value := _found(item, name):
                return value
    return ""
