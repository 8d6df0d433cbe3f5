"""What a node on CometBFT does about snapshots and old blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from huitong.engines.cometbft.retaining import retain_height
from huitong.engines.cometbft.snapshots import SnapshotExchange
from huitong.engines.cometbft.state_sync import NodeSnapshots
from huitong.node.config import NodeConfig
from huitong.node.home import Home
from huitong.node.parts import OpenState
from huitong.storage.snapshot_files import SnapshotFiles
from huitong.storage.snapshot_maker import SnapshotMaker

_log: Final = structlog.get_logger("node")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSnapshots:
    """The snapshots of one node, ready to be made, given and taken."""

    exchange: SnapshotExchange
    """Gives them to other nodes, and takes one of theirs."""
    maker: SnapshotMaker
    """Makes them; to be told of each durable block."""
    blocks_kept: int
    """How many newest blocks stay; 0 for all."""
    evidence_age_blocks: int
    """For how many blocks a validator can be accused."""

    def retain_height(self, height: int) -> int:
        """Return the lowest height whose block CometBFT must keep; 0 keeps all."""
        return retain_height(
            height,
            blocks_kept=self.blocks_kept,
            evidence_age_blocks=self.evidence_age_blocks,
            snapshot_heights=self.maker.heights(),
        )


@contextmanager
def open_snapshots(
    home: Home, config: NodeConfig, state: OpenState
) -> Iterator[OpenSnapshots]:
    """Open the snapshots of a home; on leaving, what is half made is given up.

    Args:
        home: the node's folder.
        config: how it runs.
        state: the application above its database, open until later.
    """
    files = SnapshotFiles(home.data / "snapshots")
    maker = SnapshotMaker(
        state=state.app.state,
        sides=state.app.side_rows,
        files=files,
        every_blocks=config.snapshots.every_blocks,
        kept=config.snapshots.kept,
    )
    exchange = NodeSnapshots(
        app=state.app,
        backend=state.backend,
        files=files,
        initial_height=state.genesis.initial_height,
    )
    try:
        yield OpenSnapshots(
            exchange=exchange,
            maker=maker,
            blocks_kept=config.blocks_kept,
            evidence_age_blocks=state.genesis.params.evidence_age_blocks_max,
        )
    finally:
        maker.stop()


def ensure_joined(home: Home, config: NodeConfig, state: OpenState) -> None:
    """Let a node that took a snapshot, and no block after it, join once more.

    CometBFT writes its state, then its first block; when it ends between the two it does
    not start again. Such a node has nothing that the zone does not give it again.
    """
    wanted = config.cometbft
    if wanted.is_run and wanted.state_sync_rpc and state.app.state.is_as_restored:
        _log.warning("joining_again", height=state.app.state.version)
        home.cometbft.forget_chain()
