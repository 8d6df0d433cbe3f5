"""Why a backup is not taken or not restored; codespace ``backup``."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class BackupExistsError(
    RejectedError,
    codespace="backup",
    code=2,
    text="{path} exists already",
    next_step="Choose another name; backups are never overwritten.",
):
    """Something lies where the backup is to be written."""


class BackupDamagedError(
    RejectedError,
    codespace="backup",
    code=3,
    text="backup {path}: {reason}",
    next_step="Use another backup. What it lacks is also on the other nodes of the zone.",
):
    """No backup, or not all of it, or changed since it was taken."""


class ClearKeysError(
    RejectedError,
    codespace="backup",
    code=4,
    text="keys lie in clear and are not copied: {names}",
    next_step=(
        "Seal the validator's key with `huitong node key encrypt`, move the others "
        "away, or take the backup without --with-keys."
    ),
):
    """A backup holds keys only under their passphrases."""


class NoValidatorKeyError(
    RejectedError,
    codespace="backup",
    code=5,
    text="backup {path} was taken without the validator's key",
    next_step="Restore without --as-validator and put the key into the home.",
):
    """There is nothing to go on signing with."""


class SignedBeyondError(
    RejectedError,
    codespace="backup",
    code=6,
    text="the validator signed up to height {signed}, and the backup ends at {height}",
    next_step=(
        "Restore a newer backup. With the embedded engine the blocks after a backup "
        "exist nowhere else."
    ),
):
    """Going on from the backup would sign other blocks at heights that are signed."""


class BackupRunsError(
    UnavailableError,
    codespace="backup",
    code=7,
    text="another process takes a backup of {path}",
    next_step="Wait for it to end.",
):
    """One backup of a home at a time."""


class RestoreRunsError(
    UnavailableError,
    codespace="backup",
    code=8,
    text="another process restores a backup into {path}",
    next_step="Wait for it to end.",
):
    """One restore into a home at a time."""
