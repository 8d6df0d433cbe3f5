"""The form of a payload as a stream: a head with its fields, then perhaps a document.

    size of the head, 4 bytes, big endian ‖ head ‖ body

The head is canonical JSON. If the payload is one document that is given, it is
``{"document":{"salt":…}}``, and the body is the document, to the end of the stream.
Otherwise it is the disclosure of ``huitong.core.commitment``, and there is no body. So a
document of any size passes without being held, and a vault, a sealed stream and a bundle
of evidence agree about fields.

Where the stream ends is told by what carries it (``huitong.payload.chunks``).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Final, final

from huitong.core.canonical_json import decode_canonical_json, encode_json
from huitong.core.commitment import (
    DOCUMENT_FIELD,
    SALT_SIZE_BYTES,
    Disclosure,
    DisclosureMismatchError,
    GivenField,
    commit_hashes,
    decode_disclosure,
    disclosure_root,
    encode_disclosure,
)
from huitong.core.errors import HuitongError
from huitong.core.limits import PAYLOAD_FIELDS_SIZE_BYTES_MAX, PAYLOAD_SIZE_BYTES_MAX
from huitong.payload.errors import PayloadFieldsError, PayloadFormError

#: Bytes of a head: the fields in base64, with names, salts and leaves around them.
HEAD_SIZE_BYTES_MAX: Final = 2 * PAYLOAD_FIELDS_SIZE_BYTES_MAX
LENGTH_SIZE_BYTES: Final = 4
#: Bytes of a whole payload in this form.
FORM_SIZE_BYTES_MAX: Final = (
    LENGTH_SIZE_BYTES + HEAD_SIZE_BYTES_MAX + PAYLOAD_SIZE_BYTES_MAX
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadHead:
    """What stands before the body; exactly one of the two is there."""

    disclosure: Disclosure | None = None
    """Fields that are given in the head, and withheld ones; then there is no body."""
    document_salt: bytes | None = None
    """Salt of the document in the body, 32 bytes."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all fields, ascending."""
        return self.disclosure.names() if self.disclosure else (DOCUMENT_FIELD,)

    def given(self) -> tuple[str, ...]:
        """Return the names of the given fields, ascending."""
        if self.disclosure is None:
            return (DOCUMENT_FIELD,)
        return tuple(field.name for field in self.disclosure.given)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPayload:
    """What a stream was found to hold, once all of it was read."""

    head: PayloadHead
    """Its head."""
    size: int
    """Bytes of content: the document's, or the given values' together."""
    root: bytes
    """The digest that the fields give, 32 bytes."""


def encode_head(head: PayloadHead) -> bytes:
    """Return the head with its size before it."""
    if head.disclosure is not None:
        encoded = encode_disclosure(head.disclosure)
    else:
        salt = base64.b64encode(head.document_salt or b"").decode("ascii")
        encoded = encode_json({DOCUMENT_FIELD: {"salt": salt}})
    return len(encoded).to_bytes(LENGTH_SIZE_BYTES, "big") + encoded


def decode_head(encoded: bytes) -> PayloadHead:
    """Read a head, without the size before it.

    Raises:
        PayloadFormError: the bytes are no head.
    """
    try:
        if not encoded.startswith(b'{"document":'):
            return PayloadHead(disclosure=decode_disclosure(encoded))
        return PayloadHead(document_salt=_salt(decode_canonical_json(encoded)))
    except HuitongError as error:
        raise PayloadFormError(reason=str(error)) from error


@final
class PayloadReader:
    """Reads a payload that comes in pieces; ``update`` with them, then ``finish`` once."""

    def __init__(self) -> None:
        """Begin at the first byte."""
        self.head: PayloadHead | None = None
        """The head, as soon as it was read."""
        self._pending = bytearray()
        self._hash = hashlib.sha256()
        self._body_size = 0

    def update(self, piece: bytes) -> bytes:
        """Take a piece; return what of it belongs to the document.

        Raises:
            PayloadFormError: the bytes are no payload, or one that is too large.
        """
        if self.head is None:
            self._pending += piece
            piece = self._read_head()
            if self.head is None:
                return b""
        if piece and self.head.disclosure is not None:
            raise PayloadFormError(reason="there is something behind the fields")
        self._body_size += len(piece)
        if self._body_size > PAYLOAD_SIZE_BYTES_MAX:
            raise PayloadFormError(reason=f"more than {PAYLOAD_SIZE_BYTES_MAX} bytes")
        self._hash.update(piece)
        return piece

    def finish(self) -> CheckedPayload:
        """Return what was read.

        Raises:
            PayloadFormError: it ends too early.
        """
        if self.head is None:
            raise PayloadFormError(reason="it ends within its head")
        if (disclosure := self.head.disclosure) is not None:
            size = sum(len(field.value) for field in disclosure.given)
            root = disclosure_root(disclosure)
        else:
            size = self._body_size
            root = document_root(self._hash.digest(), self.head.document_salt or b"")
        if size == 0 and self.head.given():
            raise PayloadFormError(reason="it has no content")
        return CheckedPayload(head=self.head, size=size, root=root)

    def _read_head(self) -> bytes:
        """Read the head if it is there whole; return what stands behind it."""
        if len(self._pending) < LENGTH_SIZE_BYTES:
            return b""
        size = int.from_bytes(self._pending[:LENGTH_SIZE_BYTES], "big")
        if size > HEAD_SIZE_BYTES_MAX:
            raise PayloadFormError(reason=f"a head of {size} bytes")
        end = LENGTH_SIZE_BYTES + size
        if len(self._pending) < end:
            return b""
        self.head = decode_head(bytes(self._pending[LENGTH_SIZE_BYTES:end]))
        behind = bytes(self._pending[end:])
        self._pending = bytearray()
        return behind


def document_root(value_hash: bytes, salt: bytes) -> bytes:
    """Return the digest of a payload that is one document, by the document's SHA-256."""
    return commit_hashes({DOCUMENT_FIELD: value_hash}, {DOCUMENT_FIELD: salt}).root


def check_root(checked: CheckedPayload, expected: bytes) -> None:
    """Check that a payload is the one that a record header commits to.

    Raises:
        DisclosureMismatchError: its fields give another digest.
    """
    if checked.root != expected:
        raise DisclosureMismatchError(actual=checked.root, expected=expected)


def check_names(
    head: PayloadHead, fields: tuple[str, ...], granted: tuple[str, ...]
) -> None:
    """Check the names of fields against the record header and the grant.

    Args:
        head: what was delivered.
        fields: names of all fields, ascending, from the record header.
        granted: names that were granted; empty for all.

    Raises:
        PayloadFieldsError: they are not those.
    """
    if head.names() != fields:
        raise PayloadFieldsError(reason="they are not those of the record header")
    wanted, given = set(granted) or set(fields), set(head.given())
    if wanted != given:
        different = ", ".join(sorted(wanted ^ given))
        raise PayloadFieldsError(reason=f"granted and given differ in {different}")


def as_disclosure(head: PayloadHead, document: bytes) -> Disclosure:
    """Return the payload as one disclosure, as evidence needs it.

    Args:
        head: its head.
        document: its body; looked at only if the head has no fields.
    """
    if head.disclosure is not None:
        return head.disclosure
    salt = head.document_salt or b""
    field = GivenField(name=DOCUMENT_FIELD, value=document, salt=salt)
    return Disclosure(given=(field,), withheld=())


def _salt(value: Any) -> bytes:
    inner = value[DOCUMENT_FIELD]
    if set(value) != {DOCUMENT_FIELD} or not isinstance(inner, dict):
        raise PayloadFormError(reason="expected a document alone")
    text = inner.get("salt")
    if set(inner) != {"salt"} or not isinstance(text, str):
        raise PayloadFormError(reason="expected a salt alone")
    try:
        salt = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise PayloadFormError(reason="a salt that is not base64") from error
    if len(salt) != SALT_SIZE_BYTES or base64.b64encode(salt).decode("ascii") != text:
        raise PayloadFormError(reason="a salt of another size or form")
    return salt
