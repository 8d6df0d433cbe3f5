"""How often a server looks for unreachable cycles of objects."""

from __future__ import annotations

import gc
from typing import Final

#: Objects made before Python looks, in its three generations. Trees and tables hold
#: hundreds of thousands of objects without cycles: looking through them as often as the
#: default says takes a third of the time of a block, and a seventh of an exchange's.
_THRESHOLDS: Final = (100_000, 50, 100)


def collect_rarely() -> None:
    """Leave what is loaded out of garbage collection, and collect the rest rarely.

    To be called once what stays for the life of the process is there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
