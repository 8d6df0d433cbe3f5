"""The upgrades that this software knows: name → what it does to the state.

A release that changes what blocks do adds one entry. Its function runs in the first block
of the upgrade's height, before all else, in the block's context; it may write to every
store, those included that are new with the release. It must be deterministic like all of
the state machine, and must not fail.

The entry of a release stays for ever: software without the entry of an upgrade that a
zone has carried out makes no blocks of that zone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from huitong.core.context import Context

Migration = Callable[[Context], None]
"""Changes the state from what the software before wrote to what this one reads."""

#: Upgrade by name. Filled when modules are imported and never changed afterwards.
MIGRATIONS: Final[dict[str, Migration]] = {}
