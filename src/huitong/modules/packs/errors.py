"""Refusals of the module ``packs``."""

from __future__ import annotations

from huitong.core.errors import RejectedError


class PackNotFoundError(
    RejectedError, codespace="packs", code=2, text="no pack {name} is installed"
):
    """The zone has never installed a pack of this name."""


class PackVersionError(
    RejectedError,
    codespace="packs",
    code=3,
    text="version {version!r} is not three numbers, MAJOR.MINOR.PATCH",
):
    """Versions are compared number by number."""


class PackNotNewerError(
    RejectedError,
    codespace="packs",
    code=4,
    text="version {version} of {name} is not above {installed}",
):
    """A digest belongs to one version for ever, and versions only go up."""


class TooManyPacksError(
    RejectedError,
    codespace="packs",
    code=5,
    text="the zone has {count} packs, at most {maximum}",
):
    """No room for another name."""


class TooManyPackVersionsError(
    RejectedError,
    codespace="packs",
    code=6,
    text="the pack {name} has {count} versions, at most {maximum}",
):
    """The history of the pack is full."""


class PackRetiredError(
    RejectedError, codespace="packs", code=7, text="the pack {name} is retired"
):
    """There is nothing to retire; a newer version takes it back."""
