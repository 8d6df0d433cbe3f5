"""From a file to fields, and from fields to the digest that goes on chain.

* A JSON object becomes one field for each top-level member, the value being the member's
  canonical JSON text, so that members can be given or withheld one by one.
* Anything else is one field, ``document``, holding the file's bytes. So is JSON that is
  not an object, has too many members or names that are no field names, has no canonical
  form (a name given twice), or passes ``PAYLOAD_FIELDS_SIZE_BYTES_MAX``.
* Each field gets a random salt of 32 bytes; the digest is the Merkle root over the salted
  field hashes (``huitong.core.commitment``). The salts are part of the payload: without
  them a short field could be guessed from its hash.

Nothing here writes; the vault does.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from huitong.core.canonical_json import (
    JsonError,
    JsonFormError,
    decode_canonical_json,
    encode_json,
)
from huitong.core.commitment import (
    DOCUMENT_FIELD,
    SALT_SIZE_BYTES,
    CommitmentInputError,
    FieldCommitment,
    commit_fields,
    split_payload,
)
from huitong.core.limits import PAYLOAD_FIELDS_SIZE_BYTES_MAX, PAYLOAD_SIZE_BYTES_MAX
from huitong.payload.errors import (
    PayloadEmptyError,
    PayloadFormError,
    PayloadTooLargeError,
    PayloadUnreadableError,
)

_MARKUP: Final = b"<"
_SUFFIXES_BY_MAGIC: Final = ((b"%PDF-", ".pdf"), (b"PK\x03\x04", ".zip"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A document with the salts that its digest on chain was made with."""

    fields: Mapping[str, bytes]
    """Value of each field by name; canonical JSON text, or a file's bytes."""
    salts: Mapping[str, bytes]
    """32 random bytes for each field."""

    def commit(self) -> FieldCommitment:
        """Return the commitment whose root stands in the record header."""
        return commit_fields(self.fields, self.salts)


def read_document(path: Path) -> bytes:
    """Return the bytes of a document that is to be published.

    Raises:
        PayloadUnreadableError: there is no such file, or it cannot be read.
        PayloadEmptyError: the file has no bytes.
        PayloadTooLargeError: the file passes ``PAYLOAD_SIZE_BYTES_MAX``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(PAYLOAD_SIZE_BYTES_MAX + 1)
            size = max(len(data), os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise PayloadUnreadableError(path=path, reason=error.strerror) from error
    if not data:
        raise PayloadEmptyError(path=path)
    if size > PAYLOAD_SIZE_BYTES_MAX:
        raise PayloadTooLargeError(path=path, size=size, maximum=PAYLOAD_SIZE_BYTES_MAX)
    return data


def split_document(data: bytes) -> dict[str, bytes]:
    """Return the fields of a document; see the rules at the top of this module."""
    if len(data) > PAYLOAD_FIELDS_SIZE_BYTES_MAX:
        return {DOCUMENT_FIELD: data}
    try:
        return split_payload(data)
    except CommitmentInputError:
        return {DOCUMENT_FIELD: data}


def make_payload(data: bytes) -> Payload:
    """Return the document as fields, with a fresh random salt for each."""
    fields = split_document(data)
    salts = {name: os.urandom(SALT_SIZE_BYTES) for name in fields}
    return Payload(fields=MappingProxyType(fields), salts=MappingProxyType(salts))


def join_fields(fields: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Return a name and the bytes of a document that shows the given fields to people.

    Raises:
        PayloadFormError: a field of a JSON payload is not canonical JSON text.
    """
    if set(fields) == {DOCUMENT_FIELD}:
        data = fields[DOCUMENT_FIELD]
        return DOCUMENT_FIELD + _suffix(data), data
    try:
        shown = {name: decode_canonical_json(fields[name]) for name in sorted(fields)}
    except (JsonError, JsonFormError) as error:
        raise PayloadFormError(reason=str(error)) from error
    return DOCUMENT_FIELD + ".json", encode_json(shown, indent=2)


def encode_payload(payload: Payload) -> bytes:
    """Return the form in which a vault keeps a payload, before it is encrypted."""
    return encode_json(
        {
            name: [_text(payload.salts[name]), _text(value)]
            for name, value in payload.fields.items()
        }
    )


def decode_payload(data: bytes) -> Payload:
    """Read what ``encode_payload`` wrote.

    Raises:
        PayloadFormError: the bytes are anything else.
    """
    try:
        value = decode_canonical_json(data)
        pairs = {name: _pair(part) for name, part in value.items()}
    except (JsonError, JsonFormError, AttributeError, ValueError) as error:
        raise PayloadFormError(reason=type(error).__name__) from error
    return Payload(
        fields=MappingProxyType({name: pair[1] for name, pair in pairs.items()}),
        salts=MappingProxyType({name: pair[0] for name, pair in pairs.items()}),
    )


def _suffix(data: bytes) -> str:
    """Guess a file name's ending from the first bytes, so that a viewer opens it."""
    for magic, suffix in _SUFFIXES_BY_MAGIC:
        if data.startswith(magic):
            return suffix
    if data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_MARKUP):
        return ".xml"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return ".bin"
    return ".txt"


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _pair(part: Any) -> tuple[bytes, bytes]:
    if not isinstance(part, list) or [type(text) for text in part] != [str, str]:
        raise ValueError("a field needs a salt and a value")
    try:
        return b64decode(part[0], validate=True), b64decode(part[1], validate=True)
    except Base64Error as error:
        raise ValueError("base64") from error
