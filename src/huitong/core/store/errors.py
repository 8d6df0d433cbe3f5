"""What can go wrong when reading, proving or keeping state.

Codespace ``store`` is the state's own; ``storage`` is the disk below it. A damaged disk
and a full one are told apart, because the operator does different things about them.
"""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class StoreUnknownError(
    RejectedError,
    codespace="store",
    code=4,
    text="no such store: {name}: unknown request",
):
    """No module has a store of this name; code and words are the Cosmos SDK's."""


class VersionUnknownError(
    RejectedError,
    codespace="store",
    code=3,
    text="version {version} was never committed, the latest is {latest}",
):
    """The version lies ahead of the latest, or before the first block."""


class VersionPrunedError(
    RejectedError,
    codespace="store",
    code=9,
    text="version {version} was pruned, the oldest kept is {oldest}",
    next_step="Ask for a newer height, or ask an archive node.",
):
    """The version once existed and is no longer kept here."""


class StoreEmptyError(
    RejectedError,
    codespace="store",
    code=5,
    text="store {name} is empty at version {version}: there is nothing to prove against",
):
    """The empty tree has no leaf that could prove anything, not even an absence."""


class KeyTooLongError(
    RejectedError,
    codespace="store",
    code=6,
    text="key of {size} bytes, at most {maximum}",
):
    """The key passes the limit of the state."""


class ProofUnavailableError(
    RejectedError,
    codespace="store",
    code=7,
    text="proof is unexpectedly empty; ensure height has not been pruned "
    "(version {version}, kept are {oldest} to {latest}): invalid request",
    next_step="Ask for a height that is kept, or ask an archive node.",
):
    """A proof is wanted of a version that is not kept, or not there yet.

    Code and first words are those of a Cosmos SDK node, which relayers look for.
    """


class SnapshotInvalidError(
    RejectedError,
    codespace="store",
    code=8,
    text="the snapshot cannot be used: {reason}",
    next_step="Take another snapshot, or replay the blocks from genesis.",
):
    """It is malformed, or it does not lead to the app hash that is trusted."""


class StorageFullError(
    UnavailableError,
    codespace="storage",
    code=2,
    text="no room for the state in {path}: {reason}",
    next_step="Free disk space, then start again: the last whole block is kept.",
):
    """The disk or the map is full; nothing of the batch was written."""


class StorageCorruptError(
    BrokenError,
    codespace="storage",
    code=3,
    text="the state in {path} is damaged: {reason}",
    next_step="Restore the data folder from a backup, or join again from a peer.",
):
    """What was read is not what was once written."""


class StorageBusyError(
    UnavailableError,
    codespace="storage",
    code=4,
    text="the state in {path} cannot be opened now: {reason}",
):
    """Another process holds the database, or too many readers do."""


class StorageFormatError(
    BrokenError,
    codespace="storage",
    code=5,
    text="the state has format {actual}, this software reads {expected}",
    next_step="Use the release that wrote the data folder, or migrate it.",
):
    """Another release, with another layout, wrote the database."""
