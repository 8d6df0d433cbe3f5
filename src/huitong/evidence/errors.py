"""Failures of evidence bundles, codespace ``evidence``.

Every check of a bundle fails with one of these or with the error of the part that it
asks (light client, Merkle proofs, field commitments).
"""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError

_SPACE = "evidence"


class BundleUnreadableError(
    RejectedError, codespace=_SPACE, code=2, text="cannot read {path}: {reason}"
):
    """The bundle's file is missing, a folder, or not ours to read."""


class BundleTooLargeError(
    RejectedError,
    codespace=_SPACE,
    code=3,
    text="{path} has {size} bytes, a bundle has at most {maximum}",
):
    """More bytes than any bundle may have."""


class ContainerError(
    RejectedError, codespace=_SPACE, code=4, text="not a bundle's container: {reason}"
):
    """The file is not the one ZIP archive that holds its entries."""


class ManifestError(RejectedError, codespace=_SPACE, code=5, text="manifest: {reason}"):
    """The manifest is malformed or lists other entries than there are."""


class EntryDigestError(
    RejectedError,
    codespace=_SPACE,
    code=6,
    text="entry {entry} has digest {actual}, the manifest says {expected}",
):
    """An entry was changed after the manifest was made."""


class ManifestSignatureError(
    RejectedError,
    codespace=_SPACE,
    code=7,
    text="the manifest's signature does not verify: {reason}",
):
    """The manifest was changed, or signed by another key."""


class EntryFormError(
    RejectedError, codespace=_SPACE, code=8, text="entry {entry}: {reason}"
):
    """An entry does not have the form that its name promises."""


class EntryMissingError(
    RejectedError, codespace=_SPACE, code=9, text="entry {entry} is missing"
):
    """Something without which the bundle proves nothing is not there."""


class EntryContentError(
    RejectedError,
    codespace=_SPACE,
    code=10,
    text="entry {entry} does not say what the proofs say",
):
    """A readable entry differs from what the proven state gives."""


class StateProofError(
    RejectedError, codespace=_SPACE, code=11, text="state {label} of {zone}: {reason}"
):
    """A proof is for another key or height, or there is no header to check it by."""


class TransactionProofError(
    RejectedError,
    codespace=_SPACE,
    code=12,
    text="transaction {label} of {zone}: {reason}",
):
    """A transaction is not in the block, or did not succeed, or is another one."""


class ContradictionError(
    RejectedError,
    codespace=_SPACE,
    code=13,
    text="{what}: expected {expected}, found {actual}",
):
    """Two parts of the bundle that must agree do not."""


class HistoryError(
    RejectedError, codespace=_SPACE, code=14, text="history of {zone}: {reason}"
):
    """An accumulator or a path in it does not belong to the header it should."""


class TrustFileError(
    RejectedError, codespace=_SPACE, code=15, text="trust file {path}: {reason}"
):
    """The trust file is unreadable or not of the form that the documentation gives."""


class ZoneNotTrustedError(
    RejectedError,
    codespace=_SPACE,
    code=16,
    text="no trusted header or genesis is given for zone {zone}",
    next_step="Add an entry for the zone to the trust file.",
):
    """The trust file says nothing about a zone that the bundle speaks of."""


class TrustedHashError(
    RejectedError,
    codespace=_SPACE,
    code=17,
    text="zone {zone}, height {height}: the bundle has {what} {actual}, "
    "the trusted one is {expected}",
):
    """The bundle's header is not the trusted one of the same height."""


class HeaderNotTrustedError(
    RejectedError,
    codespace=_SPACE,
    code=18,
    text="zone {zone}, header {height} does not follow from the trusted header "
    "{trusted_height}: {reason}",
):
    """No chain of proofs leads from what is trusted to a header of the bundle."""


class HeaderTooNewError(
    RejectedError,
    codespace=_SPACE,
    code=19,
    text="zone {zone}: the trusted header {trusted_height} is newer than the bundle, "
    "which ends at {height}",
    next_step="Run `huitong evidence refresh` against a node of the zone.",
):
    """Nothing in the bundle leads back from the newer header."""


class RefreshError(
    RejectedError, codespace=_SPACE, code=20, text="cannot refresh: {reason}"
):
    """No node can prove the bundle's headers to a newer one."""


class CollectError(
    UnavailableError, codespace=_SPACE, code=21, text="cannot collect: {reason}"
):
    """The zones do not (yet, or no longer) hold what a bundle needs."""


class BundleWriteError(
    UnavailableError,
    codespace=_SPACE,
    code=22,
    text="cannot write {path}: {reason}",
    next_step="Check free space and rights of the folder.",
):
    """The disk is full or the folder not writable."""


class WitnessError(
    RejectedError,
    codespace=_SPACE,
    code=23,
    text="{url} says of zone {zone}, height {height}: {reason}",
    next_step="Trust neither node before you know which one is wrong.",
):
    """A node contradicts another one of its zone, or itself."""


class ReportError(
    RejectedError, codespace=_SPACE, code=24, text="no report as PDF: {reason}"
):
    """A refused bundle has no report, and a page that cannot be set none either."""


class FontMissingError(
    UnavailableError,
    codespace=_SPACE,
    code=25,
    text="no font {font!r} on this machine",
    next_step="Install it (Debian: apt-get install fonts-noto-cjk), then try again.",
):
    """Without it the Chinese half of a report would be boxes."""


class StampError(
    RejectedError,
    codespace=_SPACE,
    code=26,
    text="time-stamp: {reason}",
    next_step="Ask the authority for a new one.",
):
    """A time-stamp that is malformed, of something else, or of an authority not trusted."""


class AuthorityDownError(
    UnavailableError,
    codespace=_SPACE,
    code=27,
    text="the time-stamping authority {url} gives no time-stamp: {reason}",
    next_step="Try later or ask another authority; the bundle is complete without.",
):
    """Nothing was added; the same may succeed later."""
