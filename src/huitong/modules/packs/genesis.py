"""Packs in the genesis file: all versions, and which packs are retired.

::

    {"packs": [{"name": "customs", "versions": [PackVersion…],
                "retired": false, "changed_height": "7"}]}

Versions ascend; the last one is in use. ``retired`` and ``changed_height`` may be absent.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import DIGEST_SIZE_BYTES, check_name, check_size, check_text
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import (
    PACK_VERSIONS_MAX,
    PACKS_MAX,
    TEXT_BYTES_MAX,
    TITLE_BYTES_MAX,
)
from huitong.modules.packs.state import (
    ACTIVE,
    RETIRED,
    all_versions,
    find_pack,
    packs_after,
    save_pack,
    save_version,
)
from huitong.modules.packs.versions import parse_version
from huitong.proto.huitong.packs.v1 import packs_pb2 as pb

_ENTRY = ("name", "versions", "retired", "changed_height")


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the packs of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or out of order.
    """
    check_known_keys(state, ("packs",), "packs")
    packs = state.get("packs", [])
    if not isinstance(packs, list) or len(packs) > PACKS_MAX:
        raise GenesisError(where="packs.packs", reason=f"a list of at most {PACKS_MAX}")
    for index, entry in enumerate(packs):
        where = f"packs.packs[{index}]"
        if not isinstance(entry, dict):
            raise GenesisError(where=where, reason="expected an object")
        check_known_keys(entry, _ENTRY, where)
        try:
            _init_pack(ctx, entry, where)
        except GenesisError:
            raise
        except RejectedError as wrong:
            raise GenesisError(where=where, reason=str(wrong)) from wrong


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all packs with all their versions."""
    versions: dict[str, list[dict[str, Any]]] = {}
    for name, version in all_versions(ctx):
        versions.setdefault(name, []).append(message_to_json(version))
    return {
        "packs": [
            {
                "name": pack.name,
                "versions": versions[pack.name],
                "retired": pack.status == RETIRED,
                "changed_height": str(pack.changed_height),
            }
            for pack in packs_after(ctx, "")
        ]
    }


def _init_pack(ctx: Context, entry: dict[str, Any], where: str) -> None:
    name, retired = entry.get("name"), entry.get("retired", False)
    if not isinstance(name, str) or not isinstance(retired, bool):
        raise GenesisError(where=where, reason="name or retired is of another kind")
    check_name(name, "name")
    if find_pack(ctx, name) is not None:
        raise GenesisError(where=where, reason=f"{name} stands twice")
    versions = messages_from_json(
        pb.PackVersion, entry.get("versions"), f"{where}.versions"
    )
    _check_versions(versions, where)
    for version in versions:
        save_version(ctx, name, version)
    height = integer_from_json(entry.get("changed_height", 0), where)
    save_pack(
        ctx,
        pb.Pack(
            name=name,
            status=RETIRED if retired else ACTIVE,
            current=versions[-1],
            version_count=len(versions),
            changed_height=height,
        ),
    )


def _check_versions(versions: list[pb.PackVersion], where: str) -> None:
    if not 0 < len(versions) <= PACK_VERSIONS_MAX:
        raise GenesisError(where=where, reason=f"1 to {PACK_VERSIONS_MAX} versions")
    last = (-1, -1, -1)
    for version in versions:
        numbers = parse_version(version.version)
        if numbers <= last:
            raise GenesisError(where=where, reason="versions must ascend")
        last = numbers
        check_size(version.digest, "digest", DIGEST_SIZE_BYTES)
        check_text(version.title, "title", TITLE_BYTES_MAX, required=True)
        check_text(version.source, "source", TEXT_BYTES_MAX)
