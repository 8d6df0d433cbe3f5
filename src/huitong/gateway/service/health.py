"""Whether a gateway lives, and whether it is of use: what probes and balancers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from huitong.core.errors import HuitongError
from huitong.gateway.database.migrating import check_version
from huitong.gateway.service.services import Services
from huitong.node.watch.health import Check, Verdict

#: Seconds that one part gets to answer.
CHECK_TIMEOUT_S: Final = 2.0


async def find_readiness(services: Services) -> Verdict:
    """Ask every part that requests depend on, at the same time.

    Cost: at most ``CHECK_TIMEOUT_S``.
    """
    return Verdict(
        checks=tuple(
            await asyncio.gather(
                _ask("database", "answers", lambda: check_version(services.database)),
                _ask("zone", "answers", lambda: _ask_zone(services)),
            )
        )
    )


async def _ask(name: str, seen: str, ask: Callable[[], Awaitable[None]]) -> Check:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await ask()
    except TimeoutError:
        seen = f"no answer within {CHECK_TIMEOUT_S:.0f} s"
    except HuitongError as error:
        # What stands in the text may be of no business of whoever probes.
        seen = f"{error.codespace}/{error.code}"
    else:
        return Check(name=name, is_met=True, seen=seen)
    return Check(name=name, is_met=False, seen=seen)


async def _ask_zone(services: Services) -> None:
    await services.zone.latest_height()
