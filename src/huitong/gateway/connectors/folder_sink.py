"""A folder as a sink: a file for each exchange, and its facts beside it.

Names are made of the exchange's id alone: nothing that another member wrote, such as a
record id, becomes part of a path. A file appears whole or not at all.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Final, final

from huitong.core.canonical_json import encode_json
from huitong.core.hashing import sha256
from huitong.gateway.connectors.definition import FolderSink
from huitong.gateway.connectors.delivered import Delivered
from huitong.gateway.connectors.errors import SinkDownError

_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z", re.ASCII)
_SUFFIXES: Final = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "text/csv": ".csv",
    "text/plain": ".txt",
}
_OTHER_SUFFIX: Final = ".bin"
_FACTS_SUFFIX: Final = ".exchange.json"
_ASIDE_PREFIX: Final = "."


@final
class FolderFiles:
    """Writes documents into one folder."""

    def __init__(self, connector: str, sink: FolderSink) -> None:
        """Prepare; nothing is written yet."""
        self._connector = connector
        self._root = Path(sink.path)

    async def check(self) -> None:
        """See ``Sink.check``."""
        await asyncio.to_thread(self._make)

    async def deliver(self, delivered: Delivered) -> None:
        """See ``Sink.deliver``. The facts are written last: where they are, all is."""
        await asyncio.to_thread(self._write_both, delivered)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _make(self) -> None:
        try:
            self._root.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise self._down(error) from error
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise SinkDownError(connector=self._connector, reason="not writable")

    def _write_both(self, delivered: Delivered) -> None:
        self._make()
        stem = file_stem(delivered.exchange)
        name = stem + _SUFFIXES.get(delivered.content_type, _OTHER_SUFFIX)
        facts = {
            **delivered.facts(),
            "file": name,
            "sha256": sha256(delivered.document).hex(),
        }
        try:
            _write(self._root, name, delivered.document)
            _write(self._root, stem + _FACTS_SUFFIX, encode_json(facts, indent=2))
        except OSError as error:
            raise self._down(error) from error

    def _down(self, error: OSError) -> SinkDownError:
        reason = error.strerror or type(error).__name__
        return SinkDownError(connector=self._connector, reason=reason)


def file_stem(exchange: str) -> str:
    """Return a file's name for an exchange; safe on every file system."""
    if _SAFE.match(exchange) and not exchange.endswith("."):
        return exchange
    return sha256(exchange.encode()).hex()


def _write(folder: Path, name: str, data: bytes) -> None:
    aside = folder / f"{_ASIDE_PREFIX}{name}.{os.getpid()}.tmp"
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / name)
    finally:
        aside.unlink(missing_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
