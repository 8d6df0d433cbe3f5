"""A process that writes into the audit log: ``python -m tests.gateway.audit_writer URL NAME N``."""

from __future__ import annotations

import asyncio
import sys

from huitong.gateway.access.audit import AuditEntry, AuditLog
from huitong.gateway.database.engine import Database


async def write(url: str, name: str, count: int) -> None:
    """Write ``count`` entries of the caller ``name``, ten at a time."""
    async with Database(url) as database:
        log = AuditLog(database)
        for first in range(0, count, 10):
            await asyncio.gather(
                *(
                    log.record(
                        AuditEntry(
                            time_ns=number,
                            caller=name,
                            method="GET",
                            path=f"/v1/records/{number}",
                            status=200,
                        )
                    )
                    for number in range(first, first + 10)
                )
            )


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3])))
