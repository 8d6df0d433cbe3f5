"""Claims: who holds how much of which voucher for tokens of another chain.

The zone has no coin of its own. Nothing is issued but by a voucher that came in over a
channel, and nothing ends but by going back; both are the business of ``transfer``.
"""

from __future__ import annotations

from typing import Final

from huitong.core.module import Module
from huitong.modules.claims.genesis import export_genesis, init_genesis
from huitong.modules.claims.keys import STORE
from huitong.modules.claims.queries import QUERIES

__all__ = ["MODULE", "STORE"]

MODULE: Final = Module(
    name="claims",
    store=STORE,
    queries=QUERIES,
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
