"""Kinds of steps that hand-overs consist of."""

from __future__ import annotations

from typing import Final

SEAL: Final = "hand-over.seal"
"""The receiver's key is asked for, and the payload sealed to it."""
OFFER: Final = "hand-over.offer"
"""The offer goes to the own zone, which locks the record."""
BRING: Final = "hand-over.bring"
"""The sealed bytes go to the receiver's gateway."""
CHECK: Final = "hand-over.check"
"""What arrived is opened and held against the record that is offered."""
DECIDE: Final = "hand-over.decide"
"""An officer's decision goes to the own zone."""
KEEP: Final = "hand-over.keep"
"""The payload of what was accepted is put among the own ones."""

#: Lane of the steps that only compute.
CHECK_LANE: Final = "hand-over"
#: Sealing of a hand-over is bound to no packet: the packet carries its digest.
SEALING_SEQUENCE: Final = 0


def step_key(kind: str, hand_over_id: str, which: int | str = 0) -> str:
    """Return the key of a step; ``which`` tells repetitions apart."""
    return f"{kind}/{hand_over_id}/{which}"
