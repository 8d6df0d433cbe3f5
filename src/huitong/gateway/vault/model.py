"""What the vault takes and gives. Nothing here holds key material or content in a repr."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from huitong.core.time import TimeNs
from huitong.payload.form import PayloadHead
from huitong.payload.sealing import SealingContext

ByteStream: TypeAlias = AsyncIterator[bytes]
"""Pieces of bytes of any size, none of them kept longer than the next one needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayload:
    """A payload that lies in the vault, whole."""

    digest: bytes
    """The ``payload_digest`` of the record header, 32 bytes."""
    holder: str
    """Empty for the own payloads; for a received one what it was received for."""
    fields: tuple[str, ...]
    """Names of all fields, ascending; the ``fields`` of the record header."""
    given: tuple[str, ...]
    """Names of the fields whose values lie here; for the own payloads all of them."""
    size: int
    """Bytes of content: the document's, or the values' together."""
    content_type: str
    """Media type that the content was checked against, or was found to have."""
    created_ns: TimeNs
    """When it was stored."""
    is_erased: bool
    """Whether its key was destroyed; only this row and the history on chain remain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedPayload:
    """A payload whose ciphertext is stored and whose row is not: nobody sees it yet.

    Dropped without ``commit`` or ``discard`` it is an orphan, which ``sweep`` removes.
    """

    payload: StoredPayload
    """What it will be."""
    owner: str
    """Whose key will wrap the data key."""
    object_name: str
    """Where the ciphertext lies."""
    data_key: bytes = field(repr=False)
    """Key of the ciphertext, 32 bytes; not stored anywhere yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPayload:
    """A payload on its way out, decrypted piece by piece."""

    stored: StoredPayload
    """What it is."""
    head: PayloadHead = field(repr=False)
    """Its fields, or the salt of the document; that is in ``content`` alone, and never in
    memory as a whole."""
    file_name: str
    """``document`` with the ending that a viewer expects."""
    content: ByteStream = field(repr=False)
    """The document, or for fields a JSON document that shows the given ones. Raises
    ``VaultCorruptError`` before the last piece is given if anything was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOrder:
    """What of an own payload is to be sealed, and to whom."""

    digest: bytes
    """Of the payload."""
    names: Collection[str]
    """Fields to give, empty for all; the others stay provable."""
    reader_key: bytes
    """X25519 public key, 32 bytes."""
    context: SealingContext
    """The exchange that it is for."""
    holder: str = ""
    """What it is for, such as an exchange; the sealed bytes are dropped with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPayload:
    """Bytes sealed to one reader, kept in the store until they are dropped."""

    sealed_digest: bytes
    """SHA-256 of the sealed bytes; what the issuer states on chain."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSealed:
    """Sealed bytes that lie in the store and whose row does not exist: nobody finds them.

    Dropped without being entered or forgotten they are an orphan, which ``sweep`` removes.
    """

    payload: SealedPayload
    """What they are."""
    object_name: str
    """Where they lie."""
    owner: str | None = None
    """Owner of the own payload that they hold; None for bytes that arrived."""
    holder: str = ""
    """What they are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What somebody who receives a sealed payload knows about it beforehand."""

    context: SealingContext
    """The exchange; its ``payload_digest`` is that of the proven record header."""
    sealed_digest: bytes
    """What the issuer stated on chain, proven."""
    private_key: bytes = field(repr=False)
    """The reader's X25519 key, 32 bytes."""
    fields: tuple[str, ...]
    """Names of all fields, from the proven record header."""
    granted: tuple[str, ...]
    """Names of the granted fields, from the decision; empty means all."""
    holder: str
    """What it is received for, 1 to 128 characters; with the digest the payload's name."""
    subject: bytes = b""
    """Pseudonym of the data subject, 32 bytes or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What ``erase_subject`` did."""

    keys: tuple[str, ...]
    """Ids of the keys that were destroyed."""
    payloads: int
    """Payloads that cannot be read any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What one call of a rotation did."""

    rewrapped: int
    """Keys that are wrapped anew."""
    key_id: str
    """Id of the key that wraps them now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What ``sweep`` removed."""

    objects: int
    """Ciphertexts that belonged to nothing."""
    size: int
    """Their bytes."""
