"""Makes the home of one more node of a running zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from huitong.localnet.errors import NodeStartError
from huitong.localnet.founding import peer_of
from huitong.localnet.node import LocalNode
from huitong.localnet.ports import free_ports
from huitong.localnet.record import NodeRecord
from huitong.localnet.serving import find_block_hash
from huitong.node.config import CometBftConfig, load_config
from huitong.node.home import Home, make_home

#: CometBFT compares what two nodes tell before it believes a snapshot.
_STATE_SYNC_SOURCES: Final = 2


def join_zone(
    folder: Path,
    nodes: Sequence[LocalNode],
    sources: Sequence[LocalNode],
    *,
    is_snapshot: bool,
) -> NodeRecord:
    """Make the home of a node that validates nothing; it is not started.

    Args:
        folder: the zone's.
        nodes: those it has.
        sources: those of them that answer, at least one.
        is_snapshot: whether the new one begins from a snapshot of theirs.

    Raises:
        HomeExistsError: its home is there already.
        NodeStartError: a node does not tell a header to trust.
    """
    rpc, p2p, grpc = (f"127.0.0.1:{port}" for port in free_ports(3))
    record = NodeRecord(
        name=f"node{len(nodes)}",
        rpc=f"tcp://{rpc}",
        grpc=grpc,
        p2p=f"tcp://{p2p}",
        validator=False,
    )
    model = Home(nodes[0].home)
    peers = tuple(
        peer_of(Home(node.home), node.p2p_address) for node in nodes if node.p2p_address
    )
    config = load_config(model.config_file)
    cometbft = replace(config.cometbft, p2p_address=record.p2p, persistent_peers=peers)
    if is_snapshot:
        cometbft = _from_snapshot(cometbft, sources, config.snapshots.every_blocks)
    config = replace(
        config,
        moniker=record.name,
        rpc_address=record.rpc,
        grpc_address=record.grpc,
        cometbft=cometbft,
        watch_address="",
    )
    genesis = model.load_genesis()
    home = Home(folder / record.name)
    make_home(home, config, genesis.chain_id)
    home.save_genesis(genesis)
    return record


def _from_snapshot(
    cometbft: CometBftConfig, sources: Sequence[LocalNode], every_blocks: int
) -> CometBftConfig:
    """Return the settings with a header to trust: that of the newest snapshot's height.

    An operator asks other organisations for it; on one machine the nodes are believed.
    """
    source = sources[0]
    newest = source.find_height() or 1
    height = max(1, newest - newest % every_blocks if every_blocks else newest)
    block_hash = find_block_hash(source.rpc_url, height)
    if block_hash is None:
        raise NodeStartError(
            name=source.name, what="tells no header", reason=f"height {height}"
        )
    addresses = [node.rpc_url for node in sources[:_STATE_SYNC_SOURCES]]
    while len(addresses) < _STATE_SYNC_SOURCES:
        addresses.append(addresses[0])
    return replace(
        cometbft,
        state_sync_rpc=tuple(addresses),
        trust_height=height,
        trust_hash=block_hash,
    )
