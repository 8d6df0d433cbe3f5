"""A table as a sink: one row for each exchange, never two."""

from __future__ import annotations

import asyncio
from typing import Any, Final, final

from sqlalchemy import Engine, Table, insert, select
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)

from huitong.core.canonical_json import NumberText, encode_json
from huitong.gateway.connectors.definition import TableSink
from huitong.gateway.connectors.delivered import Delivered
from huitong.gateway.connectors.errors import (
    SinkDownError,
    SinkRefusedError,
    SourceDownError,
    SourceShapeError,
)
from huitong.gateway.connectors.sql_source import open_engine, open_table

#: Columns of a definition that stand for facts of the exchange, not for fields.
_FACT: Final = "@"


@final
class TableRows:
    """Writes documents into one table."""

    def __init__(self, connector: str, sink: TableSink, url: str) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            SinkRefusedError: the URL is not usable.
        """
        self._connector = connector
        self._sink = sink
        try:
            self._engine: Engine = open_engine(connector, url)
        except SourceShapeError as error:
            raise self._refused(error.fields["reason"]) from error

    async def check(self) -> None:
        """See ``Sink.check``."""
        await asyncio.to_thread(self._table)

    async def deliver(self, delivered: Delivered) -> None:
        """See ``Sink.deliver``."""
        await asyncio.to_thread(self._write, delivered)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._engine.dispose)

    def _table(self) -> Table:
        sink = self._sink
        wanted = [sink.exchange_column, *sink.columns]
        try:
            return open_table(
                self._connector, self._engine, sink.table, sink.schema_name, wanted
            )
        except SourceDownError as error:
            raise self._down(error.fields["reason"]) from error
        except SourceShapeError as error:
            raise self._refused(error.fields["reason"]) from error

    def _write(self, delivered: Delivered) -> None:
        table = self._table()
        values = self._values(delivered)
        exchange = table.columns[self._sink.exchange_column]
        known = select(exchange).where(exchange == delivered.exchange).limit(1)
        try:
            with self._engine.begin() as connection:
                if connection.execute(known).first() is None:
                    connection.execute(insert(table).values(values))
        except IntegrityError as error:
            with self._engine.connect() as connection:
                if connection.execute(known).first() is not None:
                    return  # somebody wrote it meanwhile
            raise self._refused("the table's rules do not allow the row") from error
        except (DataError, StatementError) as error:
            if isinstance(error, SQLAlchemyError) and _is_down(error):
                raise self._down(type(error).__name__) from error
            raise self._refused(
                f"the row does not fit: {type(error).__name__}"
            ) from error
        except SQLAlchemyError as error:
            raise self._down(type(error).__name__) from error

    def _values(self, delivered: Delivered) -> dict[str, Any]:
        fields, facts = delivered.fields(), delivered.facts()
        values: dict[str, Any] = {self._sink.exchange_column: delivered.exchange}
        for column, name in self._sink.columns.items():
            if name.startswith(_FACT):
                if name[1:] not in facts:
                    raise self._refused(f"{name!r} is no fact of an exchange")
                values[column] = facts[name[1:]]
            else:
                values[column] = _column_value(fields.get(name))
        return values

    def _down(self, reason: str) -> SinkDownError:
        return SinkDownError(connector=self._connector, reason=reason)

    def _refused(self, reason: str) -> SinkRefusedError:
        return SinkRefusedError(connector=self._connector, reason=reason)


def _column_value(value: Any) -> Any:
    """Return a field as a column takes it: what has an inner form becomes JSON text."""
    if isinstance(value, NumberText):
        return value.digits
    if isinstance(value, dict | list):
        return encode_json(value).decode()
    return value


def _is_down(error: SQLAlchemyError) -> bool:
    origin = getattr(error, "orig", None)
    return type(origin).__name__ in ("OperationalError", "InterfaceError")
