"""What ``relay.toml`` says, as data: zones, links, and where the relayer is watched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from huitong.relayer.errors import InvalidConfigError, UnknownLinkError

FILE_NAME: Final = "relay.toml"
#: Port and version of the exchange application, which links carry by default.
PORT_DEFAULT: Final = "exchange"
VERSION_DEFAULT: Final = "huitong-exchange-1"
#: Port and version of token transfers (ICS-20), which links with other chains carry.
TRANSFER_PORT: Final = "transfer"
TRANSFER_VERSION: Final = "ics20-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneConfig:
    """One zone, or other chain of its kind, that the relayer talks to."""

    chain_id: str
    """The zone's chain id; the node must serve this one."""
    rpc: str
    """URL of a node's RPC, for example ``tcp://127.0.0.1:26657``."""
    key: str = "relayer"
    """Name of the signing key in the keyring."""
    more_keys: tuple[str, ...] = ()
    """Further keys, whose accounts send in parallel with the first."""
    kind: str = ""
    """``huitong`` or ``cosmos``; empty asks the node."""
    account_prefix: str = ""
    """Part of addresses before the separator; empty asks the node."""
    gas_price: str = ""
    """What gas costs, such as ``0.025stake``; empty asks the node."""
    gas: str = ""
    """``table`` or ``simulate``; empty takes the table for zones of ours, else simulates."""
    gas_margin_percent: int = 130
    """Gas asked for, in hundredths of what the simulation used; 100 to 1,000."""
    max_gas: int = 0
    """Most gas of a transaction; 0 takes what the zone's blocks hold."""
    max_messages: int = 100
    """Most packets in a transaction; 1 to 1,000."""
    max_tx_bytes: int = 0
    """Most bytes of a transaction's messages; 0 takes 1,000,000, or 180,000 for ``cosmos``."""
    memo: str = ""
    """Public note in every transaction."""
    trusting_period: str = ""
    """How long others trust a header of this zone in clients that are made here, such as
    ``336h``; empty takes two thirds of the zone's unbonding period."""
    max_clock_drift: str = ""
    """How far in the future a header may lie for this zone's new clients; empty takes
    ``10s``, or ``40s`` for ``cosmos``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """One link between two zones; identifiers are empty until they are known."""

    chain_a: str
    """Chain id of zone a."""
    chain_b: str
    """Chain id of zone b."""
    client_on_a: str = ""
    """Light client of b, on a."""
    client_on_b: str = ""
    """Light client of a, on b."""
    connection_on_a: str = ""
    connection_on_b: str = ""
    """The connection's end on each zone."""
    port_on_a: str = PORT_DEFAULT
    port_on_b: str = PORT_DEFAULT
    """The application's port on each zone."""
    channel_on_a: str = ""
    channel_on_b: str = ""
    """The channel's end on each zone."""
    version: str = VERSION_DEFAULT
    """Version of the application that the channel carries."""
    ordered: bool = False
    """Whether the channel is an ordered one."""
    refresh_after: str = ""
    """Age of a client's newest header at which it gets another, such as ``24h``; empty
    takes a third of its trusting period."""
    watch_misbehaviour: bool = True
    """Whether headers that others show to the clients are compared with the real ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """Everything in ``relay.toml``."""

    zones: tuple[ZoneConfig, ...]
    """Zones by which links are named."""
    links: tuple[LinkConfig, ...] = ()
    """Links to keep going."""
    watch_listen: str = ""
    """Where metrics, health and status are served, ``tcp://HOST:PORT``; empty for nowhere."""

    def zone(self, chain_id: str) -> ZoneConfig:
        """Return the zone with this chain id.

        Raises:
            InvalidConfigError: there is none.
        """
        for zone in self.zones:
            if zone.chain_id == chain_id:
                return zone
        raise InvalidConfigError(path=FILE_NAME, reason=f"no zone {chain_id}")

    def get_link(self, chain_a: str, chain_b: str) -> LinkConfig:
        """Return the first link between two zones, in either direction.

        Raises:
            UnknownLinkError: there is none.
        """
        for link in self.links:
            if {link.chain_a, link.chain_b} == {chain_a, chain_b}:
                return link
        raise UnknownLinkError(chain_a=chain_a, chain_b=chain_b, path=FILE_NAME)

    def with_link(self, link: LinkConfig) -> RelayConfig:
        """Return the configuration with ``link`` in place of the one it completes."""
        kept = tuple(known for known in self.links if not _is_same(known, link))
        return replace(self, links=(*kept, link))


def _is_same(known: LinkConfig, link: LinkConfig) -> bool:
    """Whether ``link`` is what became of ``known``."""
    here = {(known.chain_a, known.port_on_a), (known.chain_b, known.port_on_b)}
    there = {(link.chain_a, link.port_on_a), (link.chain_b, link.port_on_b)}
    return here == there and known.channel_on_a in ("", link.channel_on_a)
