"""One zone as a relayer uses it: a client, signing keys, headers, terms."""

from __future__ import annotations

import asyncio
from typing import Final

from google.protobuf.message import Message

from huitong.client import (
    AccountTerms,
    Sender,
    TransactionFailedError,
    TxOutcome,
    ZoneClient,
)
from huitong.core.address import ADDRESS_PREFIX
from huitong.core.codec import pack_any
from huitong.core.errors import UnknownRequestError
from huitong.core.ids import revision_of_chain_id
from huitong.relayer.chain import ChainTerms, ask_terms
from huitong.relayer.errors import WrongChainError
from huitong.relayer.gas import GasTable
from huitong.relayer.headers import HeaderSource
from huitong.relayer.plan import Head
from huitong.relayer.settings import ZoneConfig

#: What a node answers that has no such query; some serve simulations only with gRPC.
_NO_SUCH_QUERY: Final = (UnknownRequestError.codespace, UnknownRequestError.code)


class Endpoint:
    """A zone, reached through one node, signed for by one account or more."""

    def __init__(
        self, config: ZoneConfig, private_key: bytes, *more_private_keys: bytes
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            config: where the zone is, and how it is dealt with.
            private_key: secp256k1, 32 bytes; on our zones its account needs the role
                ``relayer``.
            *more_private_keys: of further accounts, which send in parallel.
        """
        self.config = config
        """What the configuration says of it."""
        self.chain_id = config.chain_id
        """The zone's chain id."""
        self.revision = revision_of_chain_id(config.chain_id)
        """Revision number in the chain id."""
        self.client = ZoneClient(config.rpc)
        """The node."""
        account = AccountTerms(
            address_prefix=config.account_prefix or ADDRESS_PREFIX, memo=config.memo
        )
        self.terms = ChainTerms(account=account)
        """How the zone is dealt with; after ``check_chain``, as its node says."""
        self.senders = tuple(
            Sender(self.client, key, account)
            for key in (private_key, *more_private_keys)
        )
        """The accounts."""
        self.headers = HeaderSource(self.client, self.revision)
        """The zone's headers."""
        self._turn = 0
        self._is_known = False
        self._asking = asyncio.Lock()

    @property
    def sender(self) -> Sender:
        """The first account, which makes links."""
        return self.senders[0]

    def next_sender(self, *, in_order: bool = False) -> Sender:
        """Return the account whose turn it is.

        Args:
            in_order: whether the transaction must not overtake others; one account's
                sequence keeps them in order.
        """
        if in_order:
            return self.senders[0]
        self._turn = (self._turn + 1) % len(self.senders)
        return self.senders[self._turn]

    async def send(self, *messages: Message) -> TxOutcome:
        """Send one transaction of the first account; return it once a block holds it.

        The zone is asked what it takes; where its node does not simulate, a table says.

        Raises:
            TransactionFailedError, NotCommittedError, AccountUnknownError: see ``Sender``.
        """
        packed = [pack_any(message) for message in messages]
        try:
            gas = await self.sender.estimate_gas(packed)
        except TransactionFailedError as refusal:
            if (refusal.codespace, refusal.code) != _NO_SUCH_QUERY:
                raise
            size = sum(len(message.value) for message in packed)
            gas = GasTable().limit(len(packed), size)
        return await self.sender.send(*messages, gas_limit=gas)

    def forget_sequences(self) -> None:
        """Ask the zone for the accounts' sequences before the next signatures."""
        for sender in self.senders:
            sender.forget_sequence()

    async def check_chain(self) -> None:
        """Learn the zone's terms, and raise unless the node serves the configured zone.

        Raises:
            WrongChainError: it serves another.
            InvalidConfigError: the configuration contradicts what the zone says.
            UnreachableError: it does not answer.
        """
        actual = await self.client.chain_id()
        if actual != self.chain_id:
            raise WrongChainError(
                url=self.client.url, actual=actual, expected=self.chain_id
            )
        async with self._asking:
            if not self._is_known:
                self.terms = await ask_terms(self.client, self.config)
                for sender in self.senders:
                    sender.use_terms(self.terms.account)
                self._is_known = True

    async def head(self) -> Head:
        """Return the newest header's height and time."""
        height, time_ns = await self.client.latest_block()
        return Head(revision=self.revision, height=height, time_ns=time_ns)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()
