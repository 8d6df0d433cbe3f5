"""What can go wrong between a program and a zone's node.

An answer that carries an error of the zone itself becomes ``QueryError`` or
``TransactionFailedError``; their ``codespace`` and ``code`` are the zone's, so that a
caller can match on the same pair as the zone's software does.
"""

from __future__ import annotations

from typing import Any

from huitong.core.errors import RejectedError, UnavailableError


class UnreachableError(
    UnavailableError,
    codespace="zone_client",
    code=2,
    text="no answer from {url}: {reason}",
    next_step="Check that the node runs and that the URL is the one it printed.",
):
    """Nobody answers at the URL, or the connection broke before the answer came."""


class RpcError(
    RejectedError,
    codespace="zone_client",
    code=3,
    text="{url} refuses {method}: {reason}",
):
    """The node answered a JSON-RPC call with an error of the RPC layer."""


class UnreadableAnswerError(
    UnavailableError,
    codespace="zone_client",
    code=4,
    text="{url} answered {method} with something unreadable: {reason}",
    next_step="Check that the URL belongs to a node of a zone.",
):
    """The answer is not what the call should give."""


class _ZoneError(RejectedError):
    """A refusal by the zone, under the zone's own codespace and code."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        # The instance speaks with the zone's pair; the class keeps its own, so that
        # the registry stays complete.
        vars(self).update(codespace=str(fields["codespace"]), code=int(fields["code"]))


class QueryError(
    _ZoneError, codespace="zone_client", code=5, text="the zone refuses {path}: {log}"
):
    """The zone answered a query with an error of its own."""


class TransactionFailedError(_ZoneError, codespace="zone_client", code=6, text="{log}"):
    """The zone refused a transaction, at the door or in its block."""


class NotCommittedError(
    UnavailableError,
    codespace="zone_client",
    code=7,
    text="transaction {tx_hash} is in no block after {timeout_s} s",
    next_step="Ask for the transaction by its hash later; it may still be committed.",
):
    """The wait for a transaction ended before a block held it."""


class HeightNotReachedError(
    UnavailableError,
    codespace="zone_client",
    code=8,
    text="{url} did not reach height {height} within {timeout_s} s",
):
    """The wait for a block ended before the zone made it."""


class AccountUnknownError(
    RejectedError,
    codespace="zone_client",
    code=9,
    text="account {address} is not known in zone {chain_id}",
    next_step="Add it to the genesis, or have an operator add it to a member.",
):
    """The key that should sign has no account in the zone."""


class SubscriptionBrokenError(
    UnavailableError,
    codespace="zone_client",
    code=10,
    text="the subscription at {url} ended: {reason}",
):
    """The stream of blocks stopped; what happened since must be asked for."""


class OtherChainError(
    RejectedError,
    codespace="zone_client",
    code=11,
    text="{url} belongs to {actual}, expected {expected}",
    next_step="Give the URL of a node of the zone that the source stands for.",
):
    """The node is not one of the chain that is to be read."""


class NoProofHeightError(
    UnavailableError,
    codespace="zone_client",
    code=12,
    text="no header that {client_id} knows arrived {delay_s} s ago or more",
    next_step="Try again later; the delay of the connection has to pass.",
):
    """The zone would take no proof yet."""
