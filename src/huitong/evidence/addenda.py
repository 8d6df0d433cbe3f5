"""What is added to a bundle later: newer headers that lead back to its own, time-stamps.

An addendum lies in ``addenda/<number>/`` with a manifest that follows from its entries
and the signed manifest of the bundle; see ``manifest``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from huitong.core.limits import BUNDLE_ADDENDA_MAX
from huitong.evidence.entries import (
    decode_history,
    decode_light_block,
    encode_history,
    encode_light_block,
)
from huitong.evidence.errors import ContainerError, EntryFormError, EntryMissingError
from huitong.evidence.kinds import SIDES
from huitong.evidence.manifest import ADDENDA_PREFIX, encode_addendum_manifest
from huitong.evidence.model import Addendum, HistoryEvidence
from huitong.light.tendermint.signed_header import LightBlock

_NUMBER: Final = re.compile(rf"{ADDENDA_PREFIX}([0-9]{{2}})/", re.ASCII)
_MANIFEST: Final = "manifest.json"
_STAMP: Final = "timestamp.tsr"


def encode_addendum(
    addendum: Addendum, number: int, signed_manifest: bytes
) -> dict[str, bytes]:
    """Return the entries of an addendum, its manifest among them."""
    folder = f"{ADDENDA_PREFIX}{number:02d}/"
    entries: dict[str, bytes] = {}
    for side, block in addendum.headers.items():
        entries[f"{folder}{side}/header.json"] = encode_light_block(block)
    for side, history in addendum.histories.items():
        entries[f"{folder}{side}/history.json"] = encode_history(history)
    if addendum.stamp:
        entries[folder + _STAMP] = addendum.stamp
    manifest = encode_addendum_manifest(entries, signed_manifest)
    return {**entries, folder + _MANIFEST: manifest}


def decode_addenda(entries: Mapping[str, bytes]) -> tuple[Addendum, ...]:
    """Return the addenda among the entries, oldest first.

    Raises:
        ContainerError: too many, or their numbers do not run from 1.
        EntryMissingError, EntryFormError: an addendum lacks a part or is malformed.
    """
    numbers: set[int] = set()
    for name in entries:
        if name.startswith(ADDENDA_PREFIX):
            match = _NUMBER.match(name)
            if match is None:
                raise EntryFormError(entry=name, reason="no addendum has this name")
            numbers.add(int(match[1]))
    if len(numbers) > BUNDLE_ADDENDA_MAX:
        raise ContainerError(reason=f"more than {BUNDLE_ADDENDA_MAX} addenda")
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        raise ContainerError(reason="addenda are not numbered from 1")
    return tuple(_decode_one(entries, number) for number in range(1, len(numbers) + 1))


def _decode_one(entries: Mapping[str, bytes], number: int) -> Addendum:
    folder = f"{ADDENDA_PREFIX}{number:02d}/"
    headers: dict[str, LightBlock] = {}
    histories: dict[str, HistoryEvidence] = {}
    for side in SIDES:
        header, history = f"{folder}{side}/header.json", f"{folder}{side}/history.json"
        if header not in entries:
            continue
        if history not in entries:
            raise EntryMissingError(entry=history)
        headers[side] = decode_light_block(header, entries[header])
        histories[side] = decode_history(history, entries[history])
    stamp = entries.get(folder + _STAMP, b"")
    if bool(headers) == bool(stamp):
        raise EntryMissingError(entry=f"{folder}<side>/header.json or {_STAMP}, one")
    return Addendum(
        headers=MappingProxyType(headers),
        histories=MappingProxyType(histories),
        stamp=stamp,
    )
