"""Which blocks CometBFT may forget: the answer to Commit."""

from __future__ import annotations

from collections.abc import Sequence


def retain_height(
    height: int,
    *,
    blocks_kept: int,
    evidence_age_blocks: int,
    snapshot_heights: Sequence[int],
) -> int:
    """Return the lowest height whose block must stay; 0 keeps all.

    Args:
        height: height of the block that was committed.
        blocks_kept: how many newest blocks this node keeps; 0 for an archive.
        evidence_age_blocks: for how many blocks a validator can be accused; the accuser
            shows its votes beside the block that was decided.
        snapshot_heights: of the snapshots that other nodes may begin from: they fetch
            the blocks after it, and light blocks from it on, from us.
    """
    if blocks_kept == 0:
        return 0
    lowest = min(height - blocks_kept + 1, height - evidence_age_blocks)
    return max(0, min([lowest, *snapshot_heights]))
