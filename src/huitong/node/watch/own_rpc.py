"""What the node's own RPC says of it, the same for both engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from huitong.node.asking import RpcAsker
from huitong.node.errors import NodeNotServingError

#: How long the node's own RPC may take before a probe says that it does not answer.
OWN_RPC_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRpc:
    """One look at the node from outside."""

    is_catching_up: bool
    """Whether it replays blocks that others have."""
    power: int
    """Voting power of its own key."""
    earliest_height: int
    """Oldest block that it can show; 0 if it does not say."""
    mempool_txs: int
    """Transactions that wait."""
    mempool_size_bytes: int
    """Their bytes."""
    peers: int
    """Other nodes it is connected with."""


def find_own_rpc(asker: RpcAsker) -> OwnRpc | None:
    """Ask; None if the node does not answer or answers something else."""
    try:
        status, waiting, net = asker.calls(
            [("status", {}), ("num_unconfirmed_txs", {}), ("net_info", {})]
        )
        return _read(status, waiting, net)
    except (NodeNotServingError, KeyError, TypeError, ValueError):
        return None


def _read(status: Any, waiting: Any, net: Any) -> OwnRpc:
    sync = status["sync_info"]
    return OwnRpc(
        is_catching_up=bool(sync["catching_up"]),
        power=int(status["validator_info"]["voting_power"]),
        earliest_height=int(sync.get("earliest_block_height") or 0),
        mempool_txs=int(waiting["total"]),
        mempool_size_bytes=int(waiting["total_bytes"]),
        peers=int(net["n_peers"]),
    )
