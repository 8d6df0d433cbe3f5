"""Talking to a zone through its node: queries, proofs, transactions, blocks.

``ZoneClient`` is one zone through one node; ``Sender`` signs for one account of it.
Errors of the node and of the zone are in ``huitong.client.errors``.
"""

from huitong.client.answers import ProvenValue, TxOutcome
from huitong.client.errors import (
    AccountUnknownError,
    HeightNotReachedError,
    NotCommittedError,
    QueryError,
    RpcError,
    SubscriptionBrokenError,
    TransactionFailedError,
    UnreachableError,
    UnreadableAnswerError,
)
from huitong.client.sender import Sender
from huitong.client.subscription import BlockSeen, TxSeen
from huitong.client.terms import AccountTerms, GasPrice
from huitong.client.zone import ZoneClient

__all__ = [
    "AccountTerms",
    "AccountUnknownError",
    "BlockSeen",
    "GasPrice",
    "HeightNotReachedError",
    "NotCommittedError",
    "ProvenValue",
    "QueryError",
    "RpcError",
    "Sender",
    "SubscriptionBrokenError",
    "TransactionFailedError",
    "TxOutcome",
    "TxSeen",
    "UnreachableError",
    "UnreadableAnswerError",
    "ZoneClient",
]
