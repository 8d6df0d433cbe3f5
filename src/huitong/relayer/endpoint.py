"""One zone as a relayer uses it: a client, a signing key, headers."""

from __future__ import annotations

from huitong.client import Sender, ZoneClient
from huitong.core.ids import revision_of_chain_id
from huitong.relayer.config import ZoneConfig
from huitong.relayer.errors import WrongChainError
from huitong.relayer.headers import HeaderSource
from huitong.relayer.plan import Head


class Endpoint:
    """A zone, reached through one node, signed for by one account."""

    def __init__(self, config: ZoneConfig, private_key: bytes) -> None:
        """Prepare; nothing is sent yet.

        Args:
            config: where the zone is.
            private_key: secp256k1, 32 bytes; its account needs the role ``relayer``.
        """
        self.chain_id = config.chain_id
        """The zone's chain id."""
        self.revision = revision_of_chain_id(config.chain_id)
        """Revision number in the chain id."""
        self.client = ZoneClient(config.rpc)
        """The node."""
        self.sender = Sender(self.client, private_key)
        """The account."""
        self.headers = HeaderSource(self.client, self.revision)
        """The zone's headers."""

    async def check_chain(self) -> None:
        """Raise unless the node serves the configured zone.

        Raises:
            WrongChainError: it serves another.
            UnreachableError: it does not answer.
        """
        actual = await self.client.chain_id()
        if actual != self.chain_id:
            raise WrongChainError(
                url=self.client.url, actual=actual, expected=self.chain_id
            )

    async def head(self) -> Head:
        """Return the newest header's height and time."""
        height, time_ns = await self.client.latest_block()
        return Head(revision=self.revision, height=height, time_ns=time_ns)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()
