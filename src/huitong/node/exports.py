"""The state of a zone in one file, and the genesis of a zone that goes on from it.

An export is taken from one node at one height; every node of the zone gives the same
bytes for the same height, whichever engine drives it. A new zone, or the same one after
all its nodes stopped, begins right after that height: its history of header hashes goes
on, and proofs for headers from before need the nodes of the old zone's history, which an
export does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from huitong.core.canonical_json import decode_canonical_json, encode_json
from huitong.core.context import Context
from huitong.core.errors import HuitongError
from huitong.core.gas import GasMeter
from huitong.core.hashing import sha256
from huitong.core.store.backend import MemoryBackend
from huitong.engines.genesis import (
    GenesisDocument,
    GenesisValidator,
    decode_genesis,
    encode_genesis,
    genesis_json,
    genesis_request,
)
from huitong.modules.consensus.state import (
    find_validator,
    get_block_params,
    get_told,
    told_powers,
)
from huitong.modules.history.blocks import find_block_time_ns
from huitong.node.errors import ExportFileError, ExportTimeError, NoStateError
from huitong.node.parts import OpenState, open_application

#: Version of the file's form.
FORMAT: Final = "huitong-export-1"
_INDENT: Final = 2
_NAMES: Final = ("app_hash", "digest", "format", "genesis", "height")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneExport:
    """The state of a zone after one block."""

    height: int
    """The block's height, at least 1."""
    app_hash: bytes
    """Hash of the state after it, 32 bytes; the next header of the zone carried it."""
    genesis: GenesisDocument
    """The genesis of the same zone, going on at the next height."""


def export_state(state: OpenState, height: int = 0) -> ZoneExport:
    """Return the state at ``height``, or at the newest.

    Raises:
        NoStateError: there is no block yet.
        ExportTimeError: this node does not know the block's time.
        RejectedError: the version is not kept.
    """
    at = height or state.app.info().last_block_height
    if not at:
        raise NoStateError(path=state.backend.path)
    app_state = state.app.export_genesis(at)
    with state.app.query_context(at, GasMeter(None)) as ctx:
        time_ns = find_block_time_ns(ctx, at)
        if time_ns is None:
            raise ExportTimeError(height=at)
        genesis = GenesisDocument(
            time_ns=time_ns,
            chain_id=state.genesis.chain_id,
            initial_height=at + 1,
            params=replace(
                state.genesis.params,
                block_size_bytes_max=get_block_params(ctx).size_bytes_max,
                block_gas_max=get_block_params(ctx).gas_max,
            ),
            validators=_validators(ctx),
            app_state=app_state,
        )
    with state.app.state.at(at) as view:
        return ZoneExport(height=at, app_hash=view.root_hash, genesis=genesis)


def encode_export(export: ZoneExport) -> bytes:
    """Return the file: canonical JSON with the SHA-256 of everything else in it."""
    document = _document(export)
    return encode_json(document | {"digest": _digest(document)}, indent=_INDENT)


def decode_export(data: bytes, path: object) -> ZoneExport:
    """Read an export.

    Args:
        data: the file.
        path: its name, for errors.

    Raises:
        ExportFileError: another file, or one that was changed or cut off.
    """
    try:
        document = decode_canonical_json(data, indent=_INDENT)
    except HuitongError as wrong:
        raise ExportFileError(path=path, reason=str(wrong)) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ExportFileError(path=path, reason=f"expected format {FORMAT}")
    if tuple(sorted(document)) != _NAMES:
        raise ExportFileError(path=path, reason=f"expected entries {_NAMES}")
    digest = document.pop("digest")
    if digest != _digest(document):
        raise ExportFileError(path=path, reason="its digest does not fit")
    try:
        genesis = decode_genesis(encode_json(document["genesis"]))
        app_hash = bytes.fromhex(document["app_hash"])
    except (HuitongError, TypeError, ValueError) as wrong:
        raise ExportFileError(path=path, reason=str(wrong)) from None
    if document["height"] != str(genesis.initial_height - 1):
        raise ExportFileError(path=path, reason="its heights do not fit")
    return ZoneExport(
        height=genesis.initial_height - 1, app_hash=app_hash, genesis=genesis
    )


def genesis_from_export(
    export: ZoneExport, chain_id: str, time_ns: int | None = None
) -> GenesisDocument:
    """Return the genesis of a zone that goes on from an export.

    Args:
        export: the state.
        chain_id: the new zone's; the old one's only if that zone has ended.
        time_ns: when it begins; the time of the exported block if None.

    Raises:
        GenesisFileError: the chain id is malformed.
        ExportFileError: the new time is before the exported block's, or a module gives
            back other state than it was given.
        RejectedError: a module of this software refuses its part.
    """
    old = export.genesis
    if time_ns is not None and time_ns < old.time_ns:
        raise ExportFileError(
            path=old.chain_id, reason="the zone cannot begin before the exported block"
        )
    genesis = replace(
        old, chain_id=chain_id, time_ns=old.time_ns if time_ns is None else time_ns
    )
    genesis = decode_genesis(encode_genesis(genesis))
    app = open_application(genesis, MemoryBackend(), 1)
    app.init_chain(genesis_request(genesis))
    taken = app.export_genesis()
    for name in sorted({*taken, *genesis.app_state}):
        if encode_json(taken.get(name)) != encode_json(genesis.app_state.get(name)):
            raise ExportFileError(
                path=old.chain_id, reason=f"{name} gives back other state than it took"
            )
    return genesis


def _document(export: ZoneExport) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "height": str(export.height),
        "app_hash": export.app_hash.hex().upper(),
        "genesis": genesis_json(export.genesis),
    }


def _digest(document: dict[str, Any]) -> str:
    return sha256(encode_json(document)).hex()


def _validators(ctx: Context) -> tuple[GenesisValidator, ...]:
    found = []
    for public_key, power in told_powers(get_told(ctx)).items():
        known = find_validator(ctx, public_key)
        name = known.name if known is not None else ""
        found.append(GenesisValidator(public_key=public_key, power=power, name=name))
    return tuple(found)
