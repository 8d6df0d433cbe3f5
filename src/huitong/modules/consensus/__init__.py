"""Who makes the zone's blocks, and how large these may be."""

from __future__ import annotations

from typing import Final

from huitong.core.module import Module
from huitong.modules.consensus.keys import STORE
from huitong.modules.consensus.rules import ZoneConsensus

__all__ = ["MODULE", "STORE", "ZoneConsensus"]

MODULE: Final = Module(name="consensus", store=STORE)
