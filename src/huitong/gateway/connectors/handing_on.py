"""What was received goes to the sinks: each exchange once to each, by the outbox."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, final

import orjson
from sqlalchemy import exists, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.connectors.definition import SinkDefinition
from huitong.gateway.connectors.delivered import Delivered, Sink
from huitong.gateway.connectors.errors import (
    ConnectorNotFoundError,
    DefinitionError,
    SinkRefusedError,
)
from huitong.gateway.connectors.opening import open_sink
from huitong.gateway.connectors.shelf import Shelf
from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.exchanges import Exchanges
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.ledger import failure_of
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import (
    Done,
    Failed,
    NewStep,
    Settled,
    Step,
    StepOutcome,
)
from huitong.gateway.outbox.tables import StepRow

SINK: Final = "sink"
"""Kind of the steps that write a received document into a sink."""
#: Exchanges that are handed on in one transaction.
HANDED_ON_AT_ONCE: Final = 200
#: Bytes of a document that goes to a sink, which holds it whole, a webhook as base64 too;
#: a larger one is fetched by `huitong gw exchanges document`, in pieces.
DOCUMENT_BYTES_MAX: Final = 32 * 1024 * 1024
#: An exchange may be committed this much later than its time of change says.
COMMIT_LAG_S: Final = 60


def sink_lane(name: str) -> str:
    """Return the lane of a sink: one that is down keeps no other waiting."""
    return f"{SINK}/{name}"


@final
class HandingOn:
    """Finds what was received and orders its delivery to the sinks."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        """Prepare; the first call looks at everything that was ever received."""
        self._database = database
        self._outbox = outbox
        self._since_ns: dict[str, int] = {}

    def look_at_all(self) -> None:
        """Let the next calls look at everything that was ever received."""
        self._since_ns.clear()

    async def hand_on(self, sink: SinkDefinition) -> int:
        """Order the delivery of what a sink has not got yet; return of how many.

        Cost: one query over what has settled since the call before.
        """
        name = sink.connector
        next_since_ns = time.time_ns() - COMMIT_LAG_S * NS_PER_SECOND
        count = 0
        while True:
            async with self._database.searching() as session:
                ids = await self._missing(session, sink)
            if ids:
                steps = [_step(name, each) for each in ids]
                async with self._database.transaction() as session:
                    await self._outbox.add(session, *steps)
            count += len(ids)
            if len(ids) < HANDED_ON_AT_ONCE:
                break
        self._since_ns[name] = next_since_ns
        return count

    async def _missing(
        self, session: AsyncSession, sink: SinkDefinition
    ) -> Sequence[str]:
        prefix = literal(f"{sink_lane(sink.connector)}/")
        query = (
            select(ExchangeRow.id)
            .where(ExchangeRow.stage == Stage.SETTLED)
            .where(ExchangeRow.side == Side.REQUESTER, ExchangeRow.grade != "")
            .where(ExchangeRow.changed_ns >= self._since_ns.get(sink.connector, 0))
            .where(~exists().where(StepRow.key == prefix.concat(ExchangeRow.id)))
        )
        if sink.record_types:
            query = query.where(ExchangeRow.record_type.in_(sink.record_types))
        rows = await session.scalars(
            query.order_by(ExchangeRow.id).limit(HANDED_ON_AT_ONCE)
        )
        return rows.all()


def _step(name: str, exchange_id: str) -> NewStep:
    return NewStep(
        kind=SINK,
        key=f"{sink_lane(name)}/{exchange_id}",
        payload=orjson.dumps({"connector": name, "exchange": exchange_id}),
        lane=sink_lane(name),
        subject=exchange_id,
    )


class NothingFollows:
    """Hears of the end of deliveries to sinks: the sink has the document."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Do nothing."""


@final
class SinkDeliveries(NothingFollows):
    """Carries out the deliveries; a sink is kept open while its definition stays."""

    batch_max = 1
    """One document at a time is in memory for each sink."""
    parallel_max = 1
    """In the order in which they were received."""

    def __init__(self, shelf: Shelf, exchanges: Exchanges) -> None:
        """Use these definitions; nothing is opened yet."""
        self._shelf = shelf
        self._exchanges = exchanges
        self._open: dict[str, tuple[SinkDefinition, Sink]] = {}

    async def execute(self, steps: Sequence[Step]) -> Sequence[StepOutcome]:
        """Write each document; once more for the same exchange changes nothing."""
        return [await self._deliver(step) for step in steps]

    async def close(self) -> None:
        """Close all sinks."""
        for _, sink in self._open.values():
            await sink.close()
        self._open.clear()

    async def _deliver(self, step: Step) -> StepOutcome:
        wanted: dict[str, Any] = orjson.loads(step.payload)
        try:
            sink = await self._sink(wanted["connector"])
            await sink.deliver(await self._read(**wanted))
        except (ConnectorNotFoundError, DefinitionError) as error:
            return Failed(error=error, retry=True)  # the definition may come back
        except HuitongError as error:
            return Failed(error=error)
        except Exception as bug:  # noqa: BLE001 - each delivery fails for itself
            return failure_of(bug, SINK)
        return Done()

    async def _sink(self, name: str) -> Sink:
        definition = self._shelf.sink(name)
        known = self._open.get(name)
        if known is not None and known[0] == definition:
            return known[1]
        if known is not None:
            del self._open[name]
            await known[1].close()
        sink = open_sink(definition)
        self._open[name] = (definition, sink)
        return sink

    async def _read(self, connector: str, exchange: str) -> Delivered:
        view = await self._exchanges.get(exchange)
        opened = await self._exchanges.open_document(exchange)
        size = opened.stored.size
        if size > DOCUMENT_BYTES_MAX:
            reason = f"{size} bytes, a sink takes {DOCUMENT_BYTES_MAX} at most"
            raise SinkRefusedError(connector=connector, reason=reason)
        end = await self._exchanges.links.other_end(view.channel_id)
        return Delivered(
            exchange=view.id,
            zone=end.chain_id,
            issuer=view.issuer,
            record_type=view.record_type,
            record_id=view.record_id,
            version=view.version,
            grade=view.grade,
            received_ns=view.changed_ns,
            content_type=opened.stored.content_type,
            document=b"".join([piece async for piece in opened.content]),
        )
