"""Deliveries to sinks: what is too large is refused before it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson

from huitong.gateway.connectors.handing_on import (
    DOCUMENT_BYTES_MAX,
    SINK,
    SinkDeliveries,
    sink_lane,
)
from huitong.gateway.connectors.shelf import Shelf
from huitong.gateway.outbox.steps import Done, Failed, Step, StepState


class Received:
    """One received document of a given size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.was_read = False
        self.links = self

    async def get(self, exchange_id: str) -> Any:
        return SimpleNamespace(
            id=exchange_id,
            channel_id="channel-0",
            issuer="hz-tax",
            record_type="tax.invoice",
            record_id="INV-1",
            version=1,
            grade="proven",
            changed_ns=1,
        )

    async def open_document(self, exchange_id: str) -> Any:
        stored = SimpleNamespace(size=self.size, content_type="application/json")
        return SimpleNamespace(stored=stored, content=self._content())

    async def other_end(self, channel_id: str) -> Any:
        return SimpleNamespace(chain_id="hangzhou-1")

    async def _content(self) -> AsyncIterator[bytes]:
        self.was_read = True
        yield b"{}"


def _step(connector: str) -> Step:
    return Step(
        id=1,
        kind=SINK,
        key=f"{sink_lane(connector)}/e1",
        lane=sink_lane(connector),
        subject="e1",
        request_id="",
        payload=orjson.dumps({"connector": connector, "exchange": "e1"}),
        is_chain=False,
        state=StepState.WAITING,
        attempts=0,
        next_attempt_ns=0,
        created_ns=0,
        changed_ns=0,
        error_codespace="",
        error_code=0,
        error="",
        result=b"",
        tx_hash="",
        height=0,
    )


async def _deliver(folder: Path, received: Received, connector: str = "inbox") -> Any:
    definition = f"connector: inbox\nsink: {{kind: folder, path: {folder}/inbox}}\n"
    (folder / "inbox.yaml").write_text(definition)
    shelf = Shelf(folder)
    shelf.refresh()
    deliveries = SinkDeliveries(shelf, received)  # type: ignore[arg-type]
    try:
        (outcome,) = await deliveries.execute([_step(connector)])
    finally:
        await deliveries.close()
    return outcome


async def test_document_is_written(tmp_path: Path) -> None:
    assert isinstance(await _deliver(tmp_path, Received(2)), Done)
    assert (tmp_path / "inbox" / "e1.json").read_bytes() == b"{}"


async def test_document_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    received = Received(DOCUMENT_BYTES_MAX + 1)
    outcome = await _deliver(tmp_path, received)
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.retry) == (10, None)
    assert str(DOCUMENT_BYTES_MAX) in str(outcome.error)
    assert not received.was_read


async def test_sink_without_definition_is_waited_for(tmp_path: Path) -> None:
    outcome = await _deliver(tmp_path, Received(2), "absent")
    assert isinstance(outcome, Failed)
    assert outcome.retry is True
