"""What the scanner refuses, and what it does not answer, is not stored."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from huitong.gateway.vault.errors import ContentRefusedError, ScannerDownError
from huitong.gateway.vault.settings import (
    ClamdScannerSettings,
    CommandScannerSettings,
    ScannerSettings,
    VaultSettings,
)
from tests.vault_kit import (
    PUBLIC,
    collect,
    context_of,
    open_room,
    pieces,
    read,
    reception_of,
)

MARK = b"X5O!-not-a-real-virus"
CLEAN = b"%PDF-1.7 " + bytes(range(256)) * 10_000
INFECTED = CLEAN + MARK

#: Reads all of its input, as a scanner does, and looks for the mark.
SCAN = f"""
import sys
data = sys.stdin.buffer.read()
if {MARK!r} in data:
    print("Test.Mark")
    sys.exit(1)
"""


def command(program: str, timeout_s: float = 30) -> CommandScannerSettings:
    return CommandScannerSettings(
        kind="command", command=(sys.executable, "-c", program), timeout_s=timeout_s
    )


@asynccontextmanager
async def clamd(
    answer: Callable[[bytes], bytes], *, limit: int = 2**30
) -> AsyncIterator[ClamdScannerSettings]:
    """Serve INSTREAM as clamd does: hang up with an answer beyond ``limit``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = bytearray()
        if await reader.readexactly(10) == b"zINSTREAM\0":
            while size := int.from_bytes(await reader.readexactly(4), "big"):
                data += await reader.readexactly(size)
                if len(data) > limit:
                    break
            over = b"INSTREAM size limit exceeded. ERROR\0"
            writer.write(over if len(data) > limit else answer(bytes(data)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**22)
    host, port = server.sockets[0].getsockname()
    async with server:
        yield ClamdScannerSettings(
            kind="clamd", address=f"tcp:{host}:{port}", timeout_s=30
        )


def verdict(data: bytes) -> bytes:
    return b"stream: Test.Mark FOUND\0" if MARK in data else b"stream: OK\0"


async def check_scanner(tmp_path: Path, scanner: ScannerSettings) -> None:
    async with open_room(tmp_path) as room:
        vault = room.again(settings=VaultSettings(scanner=scanner))
        stored = await vault.put(pieces(CLEAN))
        assert await read(vault, stored.digest) == CLEAN
        for document in (INFECTED, MARK, b'{"a":"' + MARK + b'"}'):
            with pytest.raises(ContentRefusedError, match="Mark"):
                await vault.put(pieces(document))
        assert len(room.files()) == 1
        infected = await room.vault.put(pieces(INFECTED))
        sealed = await room.vault.seal(
            infected.digest, (), PUBLIC, context_of(infected)
        )
        sent = await collect(await room.vault.open_sealed(sealed.sealed_digest))
        with pytest.raises(ContentRefusedError):
            await vault.receive(
                pieces(sent), reception_of(infected, sealed.sealed_digest)
            )


async def test_program_refuses_documents_of_any_origin(tmp_path: Path) -> None:
    await check_scanner(tmp_path, command(SCAN))


async def test_clamd_refuses_documents_of_any_origin(tmp_path: Path) -> None:
    async with clamd(verdict) as scanner:
        await check_scanner(tmp_path, scanner)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.stdin.buffer.read(); sys.exit(2)", "exit code 2"),
        ("raise SystemExit(7)", "exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "exit code -9"),
        ("import sys; sys.stdin.buffer.read(); print('x' * 100_000); sys.exit(3)", "3"),
        ("import time; time.sleep(60)", "too long"),
        ("import sys, time; sys.stdin.buffer.read(); time.sleep(60)", "too long"),
    ],
)
async def test_program_without_a_verdict_refuses(
    tmp_path: Path, program: str, reason: str
) -> None:
    scanner = command(program, timeout_s=1.5 if reason == "too long" else 30)
    async with open_room(tmp_path) as room:
        vault = room.again(settings=VaultSettings(scanner=scanner))
        with pytest.raises(ScannerDownError, match=reason):
            await vault.put(pieces(CLEAN))
        assert room.files() == []


async def test_program_may_stop_to_read_once_it_knows(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        for code in (0, 1):
            program = f"import sys; sys.stdin.buffer.read(9); sys.exit({code})"
            vault = room.again(settings=VaultSettings(scanner=command(program)))
            if code:
                with pytest.raises(ContentRefusedError):
                    await vault.put(pieces(CLEAN))
            else:
                assert (await vault.put(pieces(CLEAN))).size == len(CLEAN)


async def test_program_sees_no_keys_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUITONG_VAULT_KEY", "11" * 32)
    program = "import os, sys; sys.exit('HUITONG_VAULT_KEY' in os.environ)"
    async with open_room(tmp_path) as room:
        vault = room.again(settings=VaultSettings(scanner=command(program)))
        assert await vault.put(pieces(CLEAN))


async def test_absent_scanner_refuses(tmp_path: Path) -> None:
    absent = (
        CommandScannerSettings(kind="command", command=(str(tmp_path / "absent"),)),
        ClamdScannerSettings(kind="clamd", address=f"unix:{tmp_path}/absent"),
    )
    async with open_room(tmp_path) as room:
        for scanner in absent:
            vault = room.again(settings=VaultSettings(scanner=scanner))
            with pytest.raises(ScannerDownError, match="No such file"):
                await vault.put(pieces(CLEAN))
        assert room.files() == []


@pytest.mark.parametrize(
    "answer", [b"", b"\0", b"stream: ERROR\0", b"OK", b"stream: OK FOUNDx"]
)
async def test_clamd_without_a_verdict_refuses(tmp_path: Path, answer: bytes) -> None:
    async with clamd(lambda _: answer) as scanner, open_room(tmp_path) as room:
        vault = room.again(settings=VaultSettings(scanner=scanner))
        with pytest.raises(ScannerDownError):
            await vault.put(pieces(CLEAN))
        assert room.files() == []


async def test_clamd_that_refuses_the_size_refuses(tmp_path: Path) -> None:
    async with clamd(verdict, limit=100_000) as scanner, open_room(tmp_path) as room:
        vault = room.again(settings=VaultSettings(scanner=scanner))
        with pytest.raises(ScannerDownError):
            await vault.put(pieces(CLEAN))
        assert room.files() == []
