"""What was found out about a transaction and will be asked again before it is done.

CheckTx, the choice for a block and the block itself read the same bytes and verify the
same signature. Both answers are pure functions of what they are remembered under: the
hash of all bytes, and with it the account number that a signature covers. So a memo that
is empty, full or of another node gives the same results; gas is charged as if there were
none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from huitong.core import execution
from huitong.core.execution import CheckSignature, Prepared
from huitong.core.hashing import sha256
from huitong.core.limits import PREPARED_TXS_MAX
from huitong.core.module import MessageRoute
from huitong.core.tx import Transaction, verify_signature


class TxMemo:
    """Transactions that have been read, and signatures that have been verified."""

    def __init__(self, chain_id: str, routes: Mapping[str, MessageRoute]) -> None:
        """Begin empty.

        Args:
            chain_id: the zone, which signatures cover.
            routes: message routes by type URL.
        """
        self._chain_id = chain_id
        self._routes = routes
        self._prepared: OrderedDict[bytes, Prepared] = OrderedDict()
        self._verified: OrderedDict[bytes, int] = OrderedDict()

    def prepare(self, raw: bytes) -> Prepared:
        """Read a transaction and its messages; nobody may change them.

        Raises:
            RejectedError: as ``execution.prepare``; remembered is only what could be read.
        """
        key = sha256(raw)
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = execution.prepare(raw, self._routes)
            _remember(self._prepared, key, prepared)
        return prepared

    def forget(self, tx_hash: bytes) -> None:
        """Let go of a transaction that will not be asked for soon."""
        self._prepared.pop(tx_hash, None)

    def signature_check(self, tx: Transaction) -> CheckSignature:
        """Return the check of the transaction's one signature."""

        def check(account_number: int) -> None:
            if self._verified.get(tx.hash) != account_number:
                verify_signature(tx, self._chain_id, account_number)
                _remember(self._verified, tx.hash, account_number)

        return check


def _remember(memo: OrderedDict[bytes, Any], key: bytes, value: Any) -> None:
    """Keep a value; the oldest goes when the memo is full.

    CheckTx and the maker of blocks share the memo from different threads, so the oldest
    is found and removed in one step.
    """
    if len(memo) >= PREPARED_TXS_MAX:
        memo.popitem(last=False)
    memo[key] = value
