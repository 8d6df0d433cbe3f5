"""Signing and sending for one account.

A ``Sender`` counts the account's sequence itself, so that several transactions may be on
their way at once. When the zone says that the count is wrong, it asks and tries again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from huitong.client.answers import TxOutcome
from huitong.client.errors import (
    AccountUnknownError,
    QueryError,
    TransactionFailedError,
)
from huitong.client.terms import AccountTerms
from huitong.client.zone import ZoneClient
from huitong.core.address import address_of_public_key, with_prefix
from huitong.core.codec import pack_any
from huitong.core.errors import WrongSequenceError
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import build_transaction
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2, query_pb2
from huitong.proto.cosmos.tx.v1beta1 import service_pb2
from huitong.proto.google.protobuf import any_pb2

ACCOUNT_PATH: Final = "/cosmos.auth.v1beta1.Query/Account"
SIMULATE_PATH: Final = "/cosmos.tx.v1beta1.Service/Simulate"
#: How often a transaction is signed anew because the sequence was wrong.
SEQUENCE_ATTEMPTS_MAX: Final = 5
#: Gas asked for, in hundredths of what the simulation used: state may grow meanwhile.
GAS_MARGIN_PERCENT: Final = 150
#: Gas limit of a transaction that is only simulated, where it has no meaning.
SIMULATION_GAS_LIMIT: Final = 0
_EXPECTED: Final = re.compile(r"expected ([0-9]{1,20}), got")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningAccount:
    """What a signature needs to know of its account."""

    address: str
    """bech32 address."""
    account_number: int
    """The account's number on its chain."""
    sequence: int
    """The next sequence, as the zone's newest state says."""


class Sender:
    """One key that signs for one zone. Not to be shared between programs."""

    def __init__(
        self,
        client: ZoneClient,
        private_key: bytes,
        terms: AccountTerms = AccountTerms(),  # noqa: B008 - frozen
    ) -> None:
        """Prepare; the account is asked for at first use.

        Args:
            client: the zone.
            private_key: secp256k1, 32 bytes.
            terms: how the chain wants its transactions.
        """
        self.client = client
        """The zone."""
        self._private_key = private_key
        self.use_terms(terms)
        self._lock = asyncio.Lock()
        self._account_number = -1
        self._sequence = -1

    def use_terms(self, terms: AccountTerms) -> None:
        """Write addresses and transactions as the chain wants them, from now on."""
        ours = address_of_public_key(public_key_of_private_key(self._private_key))
        self.address: str = with_prefix(ours, terms.address_prefix)
        """bech32 address of the key."""
        self._terms = terms

    @property
    def sequence(self) -> int:
        """The sequence of the next transaction; -1 before it is known."""
        return self._sequence

    async def send(
        self, *messages: Message, gas_limit: int = 0, timeout_s: float = 30.0
    ) -> TxOutcome:
        """Send one transaction and return it once a block holds it.

        Args:
            *messages: what is to be done; all or none is.
            gas_limit: work allowed; 0 asks the zone beforehand what it takes.
            timeout_s: seconds to wait for the block.

        Raises:
            TransactionFailedError: the zone refuses it, with its codespace and code.
            NotCommittedError: no block holds it in time.
            AccountUnknownError: the key has no account in this zone.
        """
        packed = [pack_any(message) for message in messages]
        wanted = gas_limit or await self.estimate_gas(packed)
        tx_hash = await self.broadcast(packed, gas_limit=wanted)
        outcome = await self.client.wait_tx(tx_hash, timeout_s)
        outcome.check_succeeded()
        return outcome

    async def broadcast(
        self, packed: Sequence[any_pb2.Any], *, gas_limit: int, memo: str = ""
    ) -> str:
        """Sign and hand over one transaction; return its hash without waiting.

        Raises:
            TransactionFailedError: the zone refuses it at the door.
            AccountUnknownError: the key has no account in this zone.
        """
        async with self._lock:
            attempts_left = SEQUENCE_ATTEMPTS_MAX
            while True:
                raw = await self._sign(packed, gas_limit, memo)
                try:
                    tx_hash = await self.client.broadcast(raw)
                except TransactionFailedError as refusal:
                    attempts_left -= 1
                    if not is_wrong_sequence(refusal) or not attempts_left:
                        self._sequence = -1
                        raise
                    self._sequence = _expected_sequence(refusal)
                else:
                    self._sequence += 1
                    return tx_hash

    async def estimate_gas(
        self,
        packed: Sequence[any_pb2.Any],
        margin_percent: int = GAS_MARGIN_PERCENT,
    ) -> int:
        """Return a gas limit for these messages, from a simulation and a margin.

        Args:
            packed: the messages.
            margin_percent: what to ask for, in hundredths of what was used.

        Raises:
            QueryError: the zone would refuse the messages; carries its codespace and code.
        """
        async with self._lock:
            raw = await self._sign(packed, SIMULATION_GAS_LIMIT, "")
        request = service_pb2.SimulateRequest(tx_bytes=raw)
        try:
            answer = await self.client.query(
                SIMULATE_PATH, request, service_pb2.SimulateResponse
            )
        except QueryError as refusal:
            raise TransactionFailedError(
                codespace=refusal.codespace,
                code=refusal.code,
                log=str(refusal.fields["log"]),
            ) from None
        return answer.gas_info.gas_used * margin_percent // 100

    async def _sign(
        self, packed: Sequence[any_pb2.Any], gas_limit: int, memo: str
    ) -> bytes:
        if self._sequence < 0:
            account = await get_account(self.client, self.address)
            self._account_number = account.account_number
            self._sequence = account.sequence
        price = self._terms.gas_price
        return build_transaction(
            packed,
            private_key=self._private_key,
            chain_id=await self.client.chain_id(),
            account_number=self._account_number,
            sequence=self._sequence,
            gas_limit=gas_limit,
            memo=memo or self._terms.memo,
            fee_denom=price.denom if price else "",
            fee_amount=price.fee(gas_limit) if price else 0,
        )

    def forget_sequence(self) -> None:
        """Ask the zone for the sequence before the next signature."""
        self._sequence = -1


def is_wrong_sequence(refusal: TransactionFailedError) -> bool:
    """Return whether a transaction was refused for its sequence alone."""
    expected = (WrongSequenceError.codespace, WrongSequenceError.code)
    return (refusal.codespace, refusal.code) == expected


def _expected_sequence(refusal: TransactionFailedError) -> int:
    """Return the sequence that the mempool wants, which may be ahead of the state's.

    The zone's text tells it; -1 if not, so that the state is asked.
    """
    match = _EXPECTED.search(str(refusal.fields["log"]))
    return int(match[1]) if match else -1


async def get_account(client: ZoneClient, address: str) -> SigningAccount:
    """Return number and sequence of an account.

    Raises:
        AccountUnknownError: the zone does not know it.
        QueryError: the address is malformed.
    """
    request = query_pb2.QueryAccountRequest(address=address)
    try:
        answer = await client.query(
            ACCOUNT_PATH, request, query_pb2.QueryAccountResponse
        )
    except QueryError as refusal:
        if (refusal.codespace, refusal.code) != ("sdk", 22):
            raise
        raise AccountUnknownError(
            address=address, chain_id=await client.chain_id()
        ) from None
    account = auth_pb2.BaseAccount.FromString(answer.account.value)
    return SigningAccount(
        address=address,
        account_number=account.account_number,
        sequence=account.sequence,
    )
