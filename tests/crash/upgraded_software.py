"""``huitong`` as a later release would be: it knows the upgrade v2, with a new store.

::

    python upgraded_software.py FOLDER node start --home HOME

The migration counts its runs in the new store. The first time that it runs at all, it
kills the process in the middle of the block if ``FOLDER/kill`` exists.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from huitong.core.context import Context
from huitong.core.module import Module
from huitong.modules import upgrades, zone

STORE = "fresh"


def migrate(ctx: Context) -> None:
    """Count the runs; die in the first one if so told."""
    store = ctx.store(STORE)
    count = int(store.get(b"runs") or b"0") + 1
    store.set(b"runs", b"%d" % count)
    told = Path(sys.argv[1]) / "kill"
    if told.exists():
        told.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Become the later release, and do what the rest of the command line says."""
    upgrades.MIGRATIONS["v2"] = migrate
    names = tuple(sorted([*zone.STORE_NAMES, STORE]))
    zone.MODULES = (*zone.MODULES, Module(name=STORE, store=STORE))  # type: ignore[misc]
    zone.STORE_NAMES = names  # type: ignore[misc]
    from huitong.cli.main import main as huitong

    huitong(sys.argv[2:])


if __name__ == "__main__":
    main()
