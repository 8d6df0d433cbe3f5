"""What the module ``packs`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.proto.huitong.packs.v1.packs_pb2 import Pack


def pack_installed(pack: Pack) -> Event:
    """The zone works by this version of a pack from now on."""
    return event(
        "pack_installed",
        name=pack.name,
        version=pack.current.version,
        digest=pack.current.digest.hex(),
        title=pack.current.title,
        source=pack.current.source,
    )


def pack_retired(pack: Pack, *, reason: str) -> Event:
    """The zone does not use a pack any more."""
    return event(
        "pack_retired", name=pack.name, version=pack.current.version, reason=reason
    )
