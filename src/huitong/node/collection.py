"""How often a server looks for unreachable cycles of objects."""

from __future__ import annotations

import gc
from typing import Final

#: Objects made before Python looks at the youngest. Trees and tables hold hundreds of
#: thousands of objects without cycles: looking through them as often as the default says
#: takes a third of the time of a block, and a seventh of an exchange's.
OBJECTS: Final = 100_000
#: The same where strangers send bodies: what a request leaves in a cycle may be a few
#: objects and many megabytes.
OBJECTS_OF_STRANGERS: Final = 10_000
#: Looks at the youngest for one at the next generation, and those for one at the oldest.
_OLDER: Final = (50, 100)


def collect_rarely(objects: int = OBJECTS) -> None:
    """Leave what is loaded out of garbage collection, and collect the rest rarely.

    To be called once what stays for the life of the process is there.

    Args:
        objects: made, less those freed, before Python looks at them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(objects, *_OLDER)
