"""Some lives of two zones, printed as hashes; run in several environments.

python -m tests.property.links_scenario
"""

from __future__ import annotations

import sys

from tests.property.links_world import live


def main() -> None:
    """Print one line for each life."""
    for seed in range(8):
        world = live(seed, 80)
        line = f"{seed} {world.delivered} {world.refused} {world.digest()}"
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
