"""Why an engine refuses to start, to go on, or to take a transaction.

Codespace ``engine``. Errors of a genesis document and of a validator's key are here too,
because every engine reads both.
"""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class GenesisFileError(
    RejectedError,
    codespace="engine",
    code=2,
    text="genesis: {field}: {reason}",
    next_step="Correct the genesis file; `huitong genesis validate` checks it.",
):
    """The genesis document cannot be used."""


class ValidatorKeyError(
    RejectedError,
    codespace="engine",
    code=3,
    text="validator key {path}: {reason}",
    next_step="Put back the file that belongs to this home, or make a new home.",
):
    """The validator's key file is absent or malformed."""


class DoubleSignError(
    BrokenError,
    codespace="engine",
    code=4,
    text="the validator signed height {signed} already, and the database ends at {stored}",
    next_step=(
        "Put back the newest data folder. Never run one validator key in two places."
    ),
):
    """Going on would sign a second block at a height that is signed already."""


class StateDivergedError(
    BrokenError,
    codespace="engine",
    code=5,
    text="height {height}: {what} is {actual}, the chain says {expected}",
    next_step="Do not start this node again: restore its data folder from a good copy.",
):
    """The state is not the one that the chain commits to."""


class QuorumLostError(
    BrokenError,
    codespace="engine",
    code=6,
    text="this validator would hold {power} of {total} voting power from height {height}",
    next_step=(
        "One process cannot go on with other validators beside it. Export the state with "
        "`huitong node export` and go on with it on the CometBFT engine."
    ),
):
    """One validator alone can no longer commit blocks."""


class WrongChainError(
    RejectedError,
    codespace="engine",
    code=7,
    text="the data folder belongs to {stored}, the genesis file to {genesis}",
    next_step="Use the genesis file that the home was started with.",
):
    """Genesis and database do not belong together."""


class TxInCacheError(
    RejectedError, codespace="engine", code=8, text="tx already exists in cache"
):
    """The same bytes were taken a moment ago; CometBFT's text."""


class MempoolIsFullError(
    UnavailableError,
    codespace="engine",
    code=9,
    text=(
        "mempool is full: number of txs {count} (max: {count_max}), "
        "total txs bytes {size} (max: {size_max})"
    ),
):
    """No room until a block is made; CometBFT's text."""


class EvidencePoolFullError(
    UnavailableError,
    codespace="engine",
    code=13,
    text="{maximum} pieces of evidence wait for a block already",
    next_step="Send it again after the next block.",
):
    """No room until a block is made."""


class TxOverSizeError(
    RejectedError,
    codespace="engine",
    code=10,
    text="Tx too large. Max size is {maximum}, but got {size}",
):
    """The transaction cannot be carried; CometBFT's text."""


class EngineStoppedError(
    UnavailableError, codespace="engine", code=11, text="the engine has stopped"
):
    """No more blocks are made by this process."""


class SignStateError(
    BrokenError,
    codespace="engine",
    code=12,
    text="record of signed heights {path}: {reason}",
    next_step=(
        "Put back the file from a backup. If the key was never used elsewhere, "
        "write the height of the newest block that the zone has."
    ),
):
    """The guard against double signing cannot be read."""


class BlocksPrunedError(
    RejectedError,
    codespace="engine",
    code=40,
    text="the oldest block that this node keeps is {lowest}, and {first} is needed",
    next_step=(
        "Ask a node that keeps all blocks: one that always ran with `blocks_kept = 0`."
    ),
):
    """Blocks were removed by the node's own setting; they cannot be carried out again."""


class BlocksElsewhereError(
    RejectedError,
    codespace="engine",
    code=41,
    text="CometBFT has the blocks of {path}, and they are not read by this command",
    next_step=(
        "Let a new node join the zone by replay: it carries out all blocks from genesis "
        "and compares every hash."
    ),
):
    """Only the embedded engine keeps its blocks beside the state."""
