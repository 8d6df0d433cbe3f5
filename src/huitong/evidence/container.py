"""A ZIP archive that has exactly one form, so that every byte of it counts.

Any ZIP program opens it. Entries are stored without compression (results of compressors
differ between versions), sorted by name, dated 1980-01-01, readable by everybody; there
are no comments, no extra fields, nothing before, between or after.

Reading takes the entries from the front and then writes the archive anew: if the bytes
differ from those read, the file is refused. So no field of the format is left that a
forger could play with: hidden entries, two directories, names that differ between the
two places, other dates. An archive cannot unfold into more bytes than it has.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from huitong.core.limits import (
    BUNDLE_ENTRIES_MAX,
    BUNDLE_NAME_BYTES_MAX,
    BUNDLE_SIZE_BYTES_MAX,
)
from huitong.evidence.errors import ContainerError

_NAME: Final = re.compile(
    r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*){0,5}", re.ASCII
)
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_CENTRAL_MAGIC: Final = b"PK\x01\x02"
_END_MAGIC: Final = b"PK\x05\x06"
#: PKZIP 1.0: stored entries need nothing newer.
_VERSION: Final = 10
#: Made on Unix, so that the file mode means something.
_MADE_BY: Final = (3 << 8) | _VERSION
_STORED: Final = 0
_TIME: Final = 0
#: 1980-01-01, the first day that a ZIP archive can name.
_DATE: Final = (1 << 5) | 1
#: A regular file, rw-r--r--.
_MODE: Final = 0o100644 << 16


def is_entry_name(name: str) -> bool:
    """Tell whether an entry may have this name: lower case, no tricks, not too long."""
    return len(name) <= BUNDLE_NAME_BYTES_MAX and _NAME.fullmatch(name) is not None


def encode_container(entries: Mapping[str, bytes]) -> bytes:
    """Return the one archive that holds ``entries``.

    Raises:
        ContainerError: a name or the number or size of entries is not acceptable.
    """
    _check_entries(entries)
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name in sorted(entries):
        data = entries[name]
        encoded = name.encode("ascii")
        shared = (
            _VERSION,
            0,
            _STORED,
            _TIME,
            _DATE,
            zlib.crc32(data),
            len(data),
            len(data),
            len(encoded),
            0,
        )
        parts += (_LOCAL.pack(_LOCAL_MAGIC, *shared), encoded, data)
        directory += (
            _CENTRAL.pack(_CENTRAL_MAGIC, _MADE_BY, *shared, 0, 0, 0, _MODE, offset),
            encoded,
        )
        offset += _LOCAL.size + len(encoded) + len(data)
    listed = b"".join(directory)
    count = len(entries)
    end = _END.pack(_END_MAGIC, 0, 0, count, count, len(listed), offset, 0)
    return b"".join((*parts, listed, end))


def decode_container(data: bytes) -> dict[str, bytes]:
    """Return the entries of an archive that ``encode_container`` could have made.

    Raises:
        ContainerError: any other bytes.

    Cost: one pass to read, one to write and compare; about 1 ms for each MiB.
    """
    if len(data) > BUNDLE_SIZE_BYTES_MAX:
        raise ContainerError(reason=f"{len(data)} bytes")
    entries: dict[str, bytes] = {}
    offset = 0
    while data.startswith(_LOCAL_MAGIC, offset):
        if len(entries) == BUNDLE_ENTRIES_MAX:
            raise ContainerError(reason=f"more than {BUNDLE_ENTRIES_MAX} entries")
        name, start, end = _locate_entry(data, offset)
        entries[name] = data[start:end]
        offset = end
    if not entries:
        raise ContainerError(reason="it does not begin like a ZIP archive")
    for before, after in pairwise(entries):
        if before >= after:
            raise ContainerError(reason=f"entry {after} stands out of order")
    if encode_container(entries) != data:
        raise ContainerError(reason="its bytes are not those that its entries give")
    return entries


def _locate_entry(data: bytes, offset: int) -> tuple[str, int, int]:
    """Return name, start and end of the entry whose local header is at ``offset``."""
    name_at = offset + _LOCAL.size
    if name_at > len(data):
        raise ContainerError(reason="it ends within an entry's head")
    fields = _LOCAL.unpack_from(data, offset)
    size, name_size = fields[8], fields[9]
    start = name_at + name_size
    end = start + size
    if end > len(data):
        raise ContainerError(reason="it ends within an entry")
    try:
        return data[name_at:start].decode("ascii"), start, end
    except UnicodeDecodeError as error:
        raise ContainerError(reason="the name of an entry is not ASCII") from error


def _check_entries(entries: Mapping[str, bytes]) -> None:
    if not 0 < len(entries) <= BUNDLE_ENTRIES_MAX:
        raise ContainerError(reason=f"{len(entries)} entries")
    for name in entries:
        if not is_entry_name(name):
            raise ContainerError(reason=f"no entry can be named {name!r}")
    if sum(map(len, entries.values())) > BUNDLE_SIZE_BYTES_MAX:
        raise ContainerError(reason=f"more than {BUNDLE_SIZE_BYTES_MAX} bytes")
