"""A gateway that is killed at any point: what the vault lists is whole, and opens."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from huitong.gateway.vault.errors import VaultErasedError
from tests.vault_kit import KEY, OTHER_KEY, SUBJECT, open_room, pieces, read

ROUNDS = 4
DOCUMENT = b"%PDF-1.7 " + bytes(range(256)) * 60_000

#: Puts, seals and erases without end; says a word after each payload.
WORK = """
import asyncio, sys
from pathlib import Path
from huitong.testing.s3 import S3Server
from tests.crash.test_vault_crash import DOCUMENT
from tests.vault_kit import *

async def work(folder):
    async with open_room(folder) as room:
        # The process before may have been killed while it changed the key.
        await room.again(KEY, [OTHER_KEY]).rotate()
        number = 0
        while True:
            number += 1
            subject = SUBJECT if number % 2 else b""
            stored = await room.vault.put(pieces(DOCUMENT[: number % 3 * 7_000_000 + 9]), subject=subject)
            await room.vault.seal(stored.digest, (), PUBLIC, context_of(stored))
            print("done", flush=True)
            if number % 5 == 0:
                await room.vault.erase_subject(SUBJECT)
            if number % 4 == 0:
                await room.vault.rotate_subject(b"")
            if number % 3 == 0:
                await room.again(OTHER_KEY, [KEY]).rotate()
                await room.again(KEY, [OTHER_KEY]).rotate()

asyncio.run(work(Path(sys.argv[1])))
"""


def killed_at_work(folder: Path, after_s: float) -> None:
    """Let a process work for a while, and kill it."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(folder)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    # Issued once at least, however busy the machine is.
    while (said := process.stdout.readline()) != b"done\n":
        assert said, "it ended by itself"
    time.sleep(after_s)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
async def test_vault_that_was_killed_lists_only_what_opens(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(ROUNDS):
        killed_at_work(tmp_path, chance.uniform(0.05, 0.8))
        async with open_room(tmp_path) as room:
            vault = room.again(KEY, [OTHER_KEY])
            for stored in await vault.list(limit=10_000):
                if stored.is_erased:
                    with pytest.raises(VaultErasedError):
                        await vault.open(stored.digest)
                else:
                    content = await read(vault, stored.digest)
                    assert content == DOCUMENT[: stored.size]
    async with open_room(tmp_path) as room:
        vault = room.again(KEY, [OTHER_KEY])
        await vault.rotate()
        await vault.rotate_subject(b"")
        await vault.sweep(before_ns=2**62)
        living = [one for one in await vault.list(limit=10_000) if not one.is_erased]
        assert living
        for stored in living:
            assert await read(room.vault, stored.digest)
        payloads = [path for path in room.files() if "payload" in path.parts]
        assert len(payloads) == len(living)
        assert await room.vault.put(pieces(b"%PDF-1.7"), subject=SUBJECT)
