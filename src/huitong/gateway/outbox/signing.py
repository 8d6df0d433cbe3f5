"""Making an account's transactions out of steps."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, final

from huitong.client.terms import AccountTerms
from huitong.core.address import address_of_public_key, with_prefix
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import build_transaction
from huitong.gateway.outbox.transactions import Flight, memo_of
from huitong.proto.google.protobuf import any_pb2
from huitong.relayer.gas import GasTable

#: Blocks in which a transaction must come into one; then its steps are signed anew.
TIMEOUT_BLOCKS: Final = 200


@final
class Signer:
    """Signs with one key, in the terms of a zone."""

    def __init__(self, private_key: bytes, terms: AccountTerms) -> None:
        """Prepare.

        Args:
            private_key: secp256k1, 32 bytes.
            terms: how the zone wants its transactions.
        """
        self._private_key = private_key
        self._terms = terms
        ours = address_of_public_key(public_key_of_private_key(private_key))
        self.address: str = with_prefix(ours, terms.address_prefix)
        """bech32 address of the account."""
        self.gas = GasTable()
        """How much gas transactions get; learns from those that had too little."""

    def sign(
        self,
        batch: Sequence[Any],
        chain_id: str,
        *,
        account_number: int,
        sequence: int,
        height: int,
    ) -> Flight:
        """Return a transaction with the messages of steps.

        Args:
            batch: rows of steps, in their order.
            chain_id: of the own zone.
            account_number: of the account.
            sequence: that the transaction uses up.
            height: newest known of the zone.
        """
        messages = [any_pb2.Any.FromString(step.payload) for step in batch]
        size = sum(len(step.payload) for step in batch)
        gas_limit = self.gas.limit(len(batch), size)
        timeout_height = height + TIMEOUT_BLOCKS
        price = self._terms.gas_price
        raw = build_transaction(
            messages,
            private_key=self._private_key,
            chain_id=chain_id,
            account_number=account_number,
            sequence=sequence,
            gas_limit=gas_limit,
            memo=memo_of(batch) or self._terms.memo,
            timeout_height=timeout_height,
            fee_denom=price.denom if price else "",
            fee_amount=price.fee(gas_limit) if price else 0,
        )
        return Flight(
            id=0,
            sequence=sequence,
            tx_hash=hashlib.sha256(raw).digest(),
            raw=raw,
            timeout_height=timeout_height,
            was_offered=False,
        )
