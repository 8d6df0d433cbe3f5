"""From a file to fields, and from fields to the digest that goes on chain.

* A JSON object becomes one field for each top-level member, the value being the member's
  canonical JSON text, so that members can be given or withheld one by one.
* Anything else is one field, ``document``, holding the file's bytes. So is JSON that is
  not an object, has too many members or names that are no field names, has no canonical
  form (a name given twice), or passes ``PAYLOAD_FIELDS_SIZE_BYTES_MAX``.
* Each field gets a random salt of 32 bytes; the digest is the Merkle root over the salted
  field hashes (``huitong.core.commitment``). The salts are part of the payload
  (``huitong.payload.form``): without them a short field could be guessed from its hash.

Nothing here writes; the vault does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from huitong.core.canonical_json import (
    JsonError,
    JsonFormError,
    decode_canonical_json,
    encode_json,
)
from huitong.core.commitment import (
    DOCUMENT_FIELD,
    CommitmentInputError,
    split_payload,
)
from huitong.core.limits import (
    BUNDLE_PAYLOAD_SIZE_BYTES_MAX,
    PAYLOAD_FIELDS_SIZE_BYTES_MAX,
)
from huitong.payload.errors import (
    PayloadEmptyError,
    PayloadFormError,
    PayloadTooLargeError,
    PayloadUnreadableError,
)

#: Bytes of a file that are read at once.
_PIECE_SIZE_BYTES: Final = 1_048_576
_MARKUP: Final = b"<"
_SUFFIXES_BY_MAGIC: Final = ((b"%PDF-", ".pdf"), (b"PK\x03\x04", ".zip"))


async def document_pieces(path: Path) -> AsyncIterator[bytes]:
    """Yield the bytes of a document that is to be published.

    Raises:
        PayloadUnreadableError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE_SIZE_BYTES):
                yield piece
    except OSError as error:
        raise PayloadUnreadableError(path=path, reason=error.strerror) from error


def read_document(path: Path) -> bytes:
    """Return the bytes of a document, as evidence of it will hold them in memory.

    Raises:
        PayloadUnreadableError: there is no such file, or it cannot be read.
        PayloadEmptyError: the file has no bytes.
        PayloadTooLargeError: the file passes ``BUNDLE_PAYLOAD_SIZE_BYTES_MAX``.
    """
    maximum = BUNDLE_PAYLOAD_SIZE_BYTES_MAX
    try:
        with path.open("rb") as file:
            data = file.read(maximum + 1)
            size = max(len(data), os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise PayloadUnreadableError(path=path, reason=error.strerror) from error
    if not data:
        raise PayloadEmptyError(path=path)
    if size > maximum:
        raise PayloadTooLargeError(path=path, size=size, maximum=maximum)
    return data


def split_document(data: bytes) -> dict[str, bytes]:
    """Return the fields of a document; see the rules at the top of this module."""
    if len(data) > PAYLOAD_FIELDS_SIZE_BYTES_MAX:
        return {DOCUMENT_FIELD: data}
    try:
        return split_payload(data)
    except CommitmentInputError:
        return {DOCUMENT_FIELD: data}


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
