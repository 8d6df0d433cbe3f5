"""``huitong bench blob``: a large document through a vault, and the memory that it takes.

A child process opens a vault in a folder, lets a small document through so that everything
is loaded, and notes the most memory that it ever held. Then the document is put, sealed to
a reader, received from the sealed bytes, and read, one after the other; the most memory
held by then, less what was noted, is what a document costs above an idle process.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from huitong.bench.errors import BenchChildError
from huitong.bench.usage import rss_peak_mib
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.gateway.vault.keys import make_key_file
from huitong.gateway.vault.model import ByteStream, Reception
from huitong.gateway.vault.opening import open_vault
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.vault.vault import Vault
from huitong.payload.sealing import SealingContext, make_encryption_key

_MIB: Final = 1_048_576
#: Bytes of one piece, as a server hands over what arrives.
_PIECE_SIZE_BYTES: Final = 65_536
_MAGIC: Final = b"%PDF-1.7"
_HOLDER: Final = "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPlan:
    """What is to be measured."""

    size_mib: int
    """Size of the document."""
    rounds: int
    """How often; the best round counts for speeds, all of them for memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobReport:
    """What was measured; speeds in 10**6 bytes of content per second."""

    size_mib: int
    put_mb_per_s: float
    """From a stream in memory to ciphertext that is synced to disk."""
    seal_mb_per_s: float
    """From the vault to sealed bytes that are synced to disk."""
    receive_mb_per_s: float
    """From sealed bytes, all checked, to ciphertext that is synced to disk."""
    open_mb_per_s: float
    """From the vault to content in pieces."""
    idle_mib: float
    """Most memory before."""
    peak_mib_above_idle: float
    """Most memory of all steps, less that."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return asdict(self)


def run_blob_bench(
    folder: Path, plan: BlobPlan, told: Callable[[str], None]
) -> BlobReport:
    """Run the benchmark in ``folder``, an empty one, and return what was measured.

    Raises:
        BenchChildError: the child process fails.
    """
    told(f"{plan.size_mib} MiB, {plan.rounds} rounds, vault in a folder")
    command = [sys.executable, "-m", __name__, str(folder)]
    done = subprocess.run(
        [*command, str(plan.size_mib), str(plan.rounds)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise BenchChildError(what="blob", reason=" ".join(reason))
    return BlobReport(**orjson.loads(done.stdout))


async def _measure(folder: Path, plan: BlobPlan) -> BlobReport:
    make_key_file(folder / "keys" / "vault.key")
    async with Database(f"sqlite:///{folder}/bench.db") as database:
        await database.make_tables(METADATA)
        vault = open_vault(database, VaultSettings(), base=folder, environment={})
        await _round(vault, 2 * _MIB)
        idle_mib = rss_peak_mib(os.getpid())
        size = plan.size_mib * _MIB
        rounds = [await _round(vault, size) for _ in range(plan.rounds)]
    peak_mib = rss_peak_mib(os.getpid())
    best = {step: min(taken[step] for taken in rounds) for step in rounds[0]}
    speeds = {
        f"{step}_mb_per_s": round(size / taken_s / 1e6, 1)
        for step, taken_s in best.items()
    }
    return BlobReport(
        size_mib=plan.size_mib,
        idle_mib=round(idle_mib, 1),
        peak_mib_above_idle=round(peak_mib - idle_mib, 1),
        **speeds,
    )


async def _round(vault: Vault, size: int) -> dict[str, float]:
    """Let one document through; return the seconds that each step took."""
    taken: dict[str, float] = {}

    async def timed(step: str, work: Awaitable[Any]) -> Any:
        begun = time.perf_counter()
        done = await work
        taken[step] = time.perf_counter() - begun
        return done

    stored = await timed("put", vault.put(_document(size)))
    private_key, public_key = make_encryption_key()
    context = SealingContext(
        chain_id_of_a="bench-1",
        channel_on_a="channel-0",
        sequence=1,
        requester="bench",
        payload_digest=stored.digest,
    )
    sealed = await timed("seal", vault.seal(stored.digest, (), public_key, context))
    reception = Reception(
        context=context,
        sealed_digest=sealed.sealed_digest,
        private_key=private_key,
        fields=stored.fields,
        granted=(),
        holder=_HOLDER,
    )
    stream = await vault.open_sealed(sealed.sealed_digest)
    await timed("receive", vault.receive(stream, reception))
    await timed("open", _read(vault, stored.digest))
    await vault.drop_sealed(sealed.sealed_digest)
    return taken


async def _document(size: int) -> ByteStream:
    piece = os.urandom(_PIECE_SIZE_BYTES)
    yield _MAGIC + piece[len(_MAGIC) :]
    for _ in range(size // _PIECE_SIZE_BYTES - 1):
        yield piece


async def _read(vault: Vault, digest: bytes) -> None:
    async for _ in (await vault.open(digest, _HOLDER)).content:
        pass


def _main() -> None:
    folder, size_mib, rounds = sys.argv[1:]
    plan = BlobPlan(size_mib=int(size_mib), rounds=int(rounds))
    report = asyncio.run(_measure(Path(folder), plan))
    sys.stdout.buffer.write(orjson.dumps(report.as_dict()))


if __name__ == "__main__":
    _main()
