"""What all steps of hand-overs need, handed to each of them once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.links import Links
from huitong.gateway.exchange.parts import Identity, ReaderKeySet
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.vault.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringing:
    """Sealed bytes on their way to the gateway of the member that takes a record over."""

    peer: str
    """The member that gets them."""
    chain_id: str
    """Its zone."""
    channel_id: str
    """The channel of the offer, on that zone."""
    sequence: int
    """Of the offer's packet."""
    size: int
    """Bytes."""
    request_id: str


class HandOverPeers(Protocol):
    """The gateways of other members, as far as hand-overs need them."""

    async def reader_key(self, member_id: str) -> bytes:
        """Return the X25519 public key that payloads for a member are sealed to.

        Raises:
            PeerUnknownError: nobody has said where the peer is.
            UnavailableError: it does not answer, or not now.
            RejectedError: it names none.
        """

    async def bring(self, what: Bringing, sealed: AsyncIterator[bytes]) -> None:
        """Bring sealed bytes to a peer; again changes nothing there.

        Raises:
            PeerUnknownError: nobody has said where the peer is.
            UnavailableError: it does not answer, or not now.
            RejectedError: it does not want them.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverParts:
    """Everything that hand-overs are made of."""

    database: Database
    outbox: Outbox
    vault: Vault
    links: Links
    peers: HandOverPeers
    identity: Identity
    readers: ReaderKeySet = field(repr=False)
    packet_timeout_s: int
    """How long an offer may be on its way, where the order says nothing."""
