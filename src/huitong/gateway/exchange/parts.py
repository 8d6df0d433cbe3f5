"""What all steps of exchanges need, handed to each of them once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, final

from huitong.core.errors import HuitongError
from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.errors import ReaderKeyMissingError
from huitong.gateway.exchange.learned import Learned
from huitong.gateway.exchange.links import Links
from huitong.gateway.exchange.settings import ExchangeSettings
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.vault.vault import Vault
from huitong.payload.sealing import encryption_public_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this gateway is on its own zone."""

    member_id: str
    publisher: str
    """Address of the account that publishes and states deliveries."""
    officer: str
    """Address of the account that decides; may be the same."""
    requester: str
    """Address of the account that asks and confirms; may be the same."""


@final
class ReaderKeySet:
    """The X25519 keys that payloads for this member are sealed to."""

    def __init__(self, private_key: bytes, *former: bytes) -> None:
        """Hold the present key, and former ones for what is still under way.

        Raises:
            SealingKeyError: one has not 32 bytes.
        """
        self.public_key = encryption_public_key(private_key)
        """What requests name."""
        self._keys = {encryption_public_key(key): key for key in (private_key, *former)}

    def private_key(self, public_key: bytes) -> bytes:
        """Return the private key that belongs to a public one.

        Raises:
            ReaderKeyMissingError: it is not here.
        """
        try:
            return self._keys[public_key]
        except KeyError:
            raise ReaderKeyMissingError(reader_key=public_key) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Sealed bytes on their way to the gateway of the member that asked for them."""

    exchange_id: str
    """The provider's own id, for its log."""
    step_key: str = ""
    """Key of the step that brings them."""
    peer: str
    """The member that gets them."""
    chain_id_of_a: str
    """The provider's zone."""
    channel_on_a: str
    chain_id_of_b: str
    """The zone of the member that gets them."""
    channel_on_b: str
    sequence: int
    """Of the request."""
    push_number: int = 0
    """Of a version that was pushed under that request; 0 for none."""
    sealed_digest: bytes
    """SHA-256 of the bytes, as stated on the provider's zone."""
    size: int
    stated_height: int
    """Block of the provider's zone that holds the statement."""
    request_id: str


class Peers(Protocol):
    """Who brings sealed bytes to the gateways of other members."""

    async def hand_over(self, what: HandOver, sealed: AsyncIterator[bytes]) -> None:
        """Bring sealed bytes to a peer; again changes nothing there.

        Raises:
            PeerUnknownError: nobody has said where the peer is.
            UnavailableError: it does not answer, or not now.
            RejectedError: it does not want them.
        """

    async def hand_over_many(
        self, many: Sequence[HandOver], sealed: Sequence[bytes]
    ) -> Sequence[HuitongError | None]:
        """Bring sealed bytes of many exchanges of one channel to a peer, in one call.

        Args:
            many: what is brought, at most 32; of one peer and channel.
            sealed: the bytes of each, at most ``BATCH_ITEM_SIZE_BYTES_MAX``.

        Returns:
            For each, why the peer did not take it; None where it did, or had it already.

        Raises:
            PeerUnknownError: nobody has said where the peer is.
            UnavailableError: it does not answer, or not now; it may have taken some.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that exchanges are made of."""

    database: Database
    outbox: Outbox
    vault: Vault
    links: Links
    peers: Peers
    identity: Identity
    readers: ReaderKeySet = field(repr=False)
    settings: ExchangeSettings
    learned: Learned = field(default_factory=Learned)
    """Tells when blocks of the own zone have told of exchanges."""
