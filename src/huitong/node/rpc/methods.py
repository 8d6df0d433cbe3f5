"""All methods of the interface in one table."""

from __future__ import annotations

from huitong.node.rpc.blocks import block_methods
from huitong.node.rpc.calls import Method
from huitong.node.rpc.consensus import consensus_methods
from huitong.node.rpc.served import Served
from huitong.node.rpc.state import state_methods
from huitong.node.rpc.subscriptions import SubscriptionHub
from huitong.node.rpc.txs import tx_methods


def all_methods(served: Served, hub: SubscriptionHub) -> dict[str, Method]:
    """Return every method by its name; subscriptions are WebSocket's own."""
    return {
        **state_methods(served),
        **block_methods(served),
        **consensus_methods(served),
        **tx_methods(served, hub),
    }
