"""``localnet.json``: what a zone on this machine consists of; written last when made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from huitong.localnet.errors import ZoneFolderError, ZoneMissingError
from huitong.localnet.making import RECORD_NAME, is_half_made
from huitong.node.home import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """One node; its home is the folder of its name."""

    name: str
    """``node0``, ``node1``, …"""
    rpc: str
    """Where RPC listens, ``tcp://HOST:PORT``."""
    grpc: str = ""
    """Where gRPC listens, ``HOST:PORT``; empty if nowhere."""
    p2p: str
    """Where other nodes reach it, ``tcp://HOST:PORT``; empty if nowhere."""
    validator: bool
    """Whether it was a validator in genesis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRecord:
    """One zone."""

    chain_id: str
    """The zone's chain id."""
    engine: str
    """``embedded`` or ``cometbft``."""
    nodes: tuple[NodeRecord, ...]
    """In the order of their numbers."""


def record_file(folder: Path) -> Path:
    """Return where the record of the zone in ``folder`` lies."""
    return folder / RECORD_NAME


def save_record(folder: Path, record: ZoneRecord) -> None:
    """Write the record, wholly or not at all."""
    write_whole(record_file(folder), json.dumps(asdict(record), indent=2).encode())


def load_record(folder: Path) -> ZoneRecord:
    """Read the record.

    Raises:
        ZoneMissingError: the folder is absent or empty, or holds what a making that
            was killed has left.
        ZoneFolderError: something else lies there, or the record is malformed.
    """
    try:
        told = json.loads(record_file(folder).read_bytes())
        nodes = tuple(NodeRecord(**item) for item in told.pop("nodes"))
        return ZoneRecord(**told, nodes=nodes)
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()) and not is_half_made(folder):
            raise ZoneFolderError(
                path=folder, reason="localnet.json is missing"
            ) from None
        raise ZoneMissingError(path=folder) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ZoneFolderError(path=folder, reason="localnet.json is damaged") from None
