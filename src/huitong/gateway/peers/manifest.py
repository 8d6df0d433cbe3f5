"""The manifest of a batch: what each payload is, in the order in which the bytes follow.

Canonical JSON at the beginning of the body. The signed statement in the headers binds its
digest, and so everything that it says of each payload.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from huitong.core.canonical_json import (
    JsonError,
    JsonFormError,
    decode_canonical_json,
    encode_json,
)
from huitong.core.hashing import sha256
from huitong.gateway.peers.errors import StatementError
from huitong.gateway.peers.limits import (
    BATCH_ITEM_SIZE_BYTES_MAX,
    REQUEST_ID_CHARACTERS_MAX,
)
from huitong.gateway.peers.statement import (
    BatchStatement,
    check_digest,
    check_members,
)

FORMAT: Final = "huitong-delivery-manifest-1"
#: Characters of a ``traceparent``, version 00.
_TRACEPARENT_CHARACTERS_MAX: Final = 55


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestItem:
    """One payload of a batch."""

    sequence: int
    """Of the request."""
    push_number: int
    """Of a version that was pushed under that request; 0 for none."""
    sealed_digest: str
    """SHA-256 of the bytes, hexadecimal."""
    size: int
    """How many they are."""
    stated_height: int
    """Block of zone a that holds the digest; a hint, since it is proven anyway."""
    request_id: str
    """Id of the call that led to it, for logs; may be empty."""
    traceparent: str
    """The sender's span; empty if nothing is recorded."""


def encode_manifest(items: Sequence[ManifestItem]) -> bytes:
    """Return the bytes of a manifest."""
    told = [asdict(item) for item in items]
    return encode_json({"format": FORMAT, "items": told})


def read_manifest(encoded: bytes, statement: BatchStatement) -> list[ManifestItem]:
    """Return what a manifest says, which must be the one that the statement binds.

    Raises:
        StatementError: it is another one, malformed, or does not agree with itself.
    """
    if sha256(encoded).hex() != statement.manifest_digest:
        raise StatementError(reason="the manifest has another digest")
    items = _decode(encoded)
    for item in items:
        _check(item)
    if len(items) != statement.count:
        raise StatementError(reason=f"the manifest names {len(items)} payloads")
    if sum(item.size for item in items) != statement.size:
        raise StatementError(reason="the sizes in the manifest make another sum")
    if len({(item.sequence, item.push_number) for item in items}) != len(items):
        raise StatementError(reason="the manifest names something twice")
    return items


def _decode(encoded: bytes) -> list[ManifestItem]:
    try:
        told = decode_canonical_json(encoded)
        if not isinstance(told, dict) or told.keys() != {"format", "items"}:
            raise StatementError(reason="the manifest is not what it should be")
        if told["format"] != FORMAT or not isinstance(told["items"], list):
            raise StatementError(reason=f"the manifest is not of the form {FORMAT}")
        return [ManifestItem(**item) for item in told["items"]]
    except (JsonError, JsonFormError, TypeError) as error:
        raise StatementError(reason="the manifest is not what it should be") from error


def _check(item: ManifestItem) -> None:
    check_members(item)
    check_digest(item.sealed_digest, "sealed_digest")
    if not 0 < item.size <= BATCH_ITEM_SIZE_BYTES_MAX:
        raise StatementError(reason=f"size {item.size} of a payload is out of range")
    for text, maximum in (
        (item.request_id, REQUEST_ID_CHARACTERS_MAX),
        (item.traceparent, _TRACEPARENT_CHARACTERS_MAX),
    ):
        if len(text) > maximum or not is_plain(text):
            raise StatementError(reason="an id in the manifest is malformed")


def is_plain(text: str) -> bool:
    """Return whether a text consists of characters that a log shows as they are."""
    return text.isascii() and text.isprintable()
