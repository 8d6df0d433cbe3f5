"""Packs and their versions in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import prefix_end
from huitong.modules.packs.errors import PackNotFoundError
from huitong.modules.packs.keys import (
    COUNT_KEY,
    PACK_PREFIX,
    STORE,
    VERSION_PREFIX,
    pack_key,
    version_key,
    versions_prefix,
)
from huitong.modules.packs.versions import parse_version
from huitong.proto.huitong.packs.v1 import packs_pb2 as pb
from huitong.proto.huitong.packs.v1.packs_pb2 import Pack, PackVersion

ACTIVE = pb.PACK_STATUS_ACTIVE
RETIRED = pb.PACK_STATUS_RETIRED


def find_pack(ctx: Context, name: str) -> Pack | None:
    """Return a pack with its newest version, or None."""
    value = ctx.store(STORE).get(pack_key(name))
    return None if value is None else Pack.FromString(value)


def get_pack(ctx: Context, name: str) -> Pack:
    """Return a pack with its newest version.

    Raises:
        PackNotFoundError: there is none.
    """
    pack = find_pack(ctx, name)
    if pack is None:
        raise PackNotFoundError(name=name)
    return pack


def save_pack(ctx: Context, pack: Pack) -> None:
    """Write a pack, and count it if it is new."""
    store = ctx.store(STORE)
    if not store.has(pack_key(pack.name)):
        store.set(COUNT_KEY, (pack_count(ctx) + 1).to_bytes(8, "big"))
    store.set(pack_key(pack.name), encode(pack))


def pack_count(ctx: Context) -> int:
    """Return how many packs there are, retired ones included."""
    value = ctx.store(STORE).get(COUNT_KEY)
    return 0 if value is None else int.from_bytes(value, "big")


def packs_after(ctx: Context, start_after: str) -> Iterator[Pack]:
    """Walk over the packs by ascending name, those behind one."""
    start = pack_key(start_after) + b"\x00" if start_after else PACK_PREFIX
    for _, value in ctx.store(STORE).iterate(start, prefix_end(PACK_PREFIX)):
        yield Pack.FromString(value)


def save_version(ctx: Context, name: str, version: PackVersion) -> None:
    """Write a version of a pack."""
    key = version_key(name, parse_version(version.version))
    ctx.store(STORE).set(key, encode(version))


def versions_after(ctx: Context, name: str, start_after: str) -> Iterator[PackVersion]:
    """Walk over the versions of a pack, the oldest first, those behind one.

    Raises:
        PackVersionError: ``start_after`` is neither empty nor a version.
    """
    prefix = versions_prefix(name)
    start = prefix
    if start_after:
        start = version_key(name, parse_version(start_after)) + b"\x00"
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield PackVersion.FromString(value)


def all_versions(ctx: Context) -> Iterator[tuple[str, PackVersion]]:
    """Walk over the versions of all packs with the packs' names."""
    end = prefix_end(VERSION_PREFIX)
    for key, value in ctx.store(STORE).iterate(VERSION_PREFIX, end):
        yield key[1:].split(b"/", 1)[0].decode(), PackVersion.FromString(value)
