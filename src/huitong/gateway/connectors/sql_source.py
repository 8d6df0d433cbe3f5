"""A table or view as a source.

Names of the definition are looked up in the database's own description of the table and
never become part of a statement as text. Rows are read in the order of watermark and key,
so that rows with the same watermark are neither lost nor read for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Table,
    and_,
    create_engine,
    or_,
    select,
)
from sqlalchemy.exc import (
    ArgumentError,
    NoSuchModuleError,
    NoSuchTableError,
    SQLAlchemyError,
)

from huitong.gateway.connectors.definition import SqlSource
from huitong.gateway.connectors.errors import SourceDownError, SourceShapeError
from huitong.gateway.connectors.rows import (
    Page,
    Row,
    Value,
    decode_position,
    encode_position,
    key_text,
)

_WATERMARK: Final = "watermark"
_KEY: Final = "key"


def open_table(
    connector: str, engine: Engine, name: str, schema: str | None, wanted: list[str]
) -> Table:
    """Return a table as its database describes it.

    Raises:
        SourceDownError: the database does not answer.
        SourceShapeError: no such table or column.
    """
    try:
        table = Table(name, MetaData(), schema=schema, autoload_with=engine)
    except NoSuchTableError as error:
        raise SourceShapeError(
            connector=connector, reason=f"no table or view {name!r}"
        ) from error
    except SQLAlchemyError as error:
        raise SourceDownError(
            connector=connector, reason=type(error).__name__
        ) from error
    for column in wanted:
        if column not in table.columns:
            raise SourceShapeError(
                connector=connector, reason=f"{name!r} has no column {column!r}"
            )
    return table


def open_engine(connector: str, url: str) -> Engine:
    """Return an engine for a database of others.

    Raises:
        SourceShapeError: the URL, which is not shown, is none of a known database.
    """
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=1, max_overflow=1)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, TypeError) as error:
        raise SourceShapeError(
            connector=connector, reason=f"the URL is not usable: {type(error).__name__}"
        ) from error


@final
class SqlRows:
    """Rows of one table or view."""

    def __init__(
        self, connector: str, source: SqlSource, url: str, columns: list[str]
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            connector: its name, for errors.
            source: the definition.
            url: SQLAlchemy URL, with password.
            columns: those that the mapping needs.

        Raises:
            SourceShapeError: the URL is not usable.
        """
        self.keeps_position = source.watermark is not None
        self._connector = connector
        self._source = source
        marks = [] if source.watermark is None else [source.watermark]
        self._columns = list(dict.fromkeys([source.key, *marks, *columns]))
        self._engine = open_engine(connector, url)
        self._known: Table | None = None

    async def check(self) -> None:
        """See ``Source.check``."""
        await asyncio.to_thread(self._table)

    async def read_page(self, position: Mapping[str, Any] | None) -> Page:
        """See ``Source.read_page``."""
        return await asyncio.to_thread(self._read_page, position)

    async def read_row(self, key: str) -> Row | None:
        """See ``Source.read_row``."""
        return await asyncio.to_thread(self._read_row, key)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._engine.dispose)

    def _table(self) -> Table:
        if self._known is None:
            self._known = open_table(
                self._connector,
                self._engine,
                self._source.table,
                self._source.schema_name,
                self._columns,
            )
        return self._known

    def _read_page(self, position: Mapping[str, Any] | None) -> Page:
        table = self._table()
        key = table.columns[self._source.key]
        mark = self._mark(table)
        order = [key] if mark is None else [mark, key]
        query = select(*(table.columns[name] for name in self._columns))
        if mark is not None:
            query = query.where(mark.is_not(None))
        if position is not None:
            query = query.where(_after(position, mark, key))
        limit = self._source.page_rows
        found = self._fetch(query.order_by(*order).limit(limit))
        return self._page(found, is_last=len(found) < limit)

    def _page(self, found: list[dict[str, Value]], *, is_last: bool) -> Page:
        rows, faults = [], []
        for values in found:
            try:
                rows.append(self._row(values))
            except SourceShapeError as error:
                faults.append((repr(values[self._source.key])[:80], str(error)))
        position = self._position(found[-1]) if found else None
        return Page(
            rows=tuple(rows), faults=tuple(faults), position=position, is_last=is_last
        )

    def _position(self, values: dict[str, Value]) -> dict[str, Any]:
        position = {_KEY: self._encode(values, self._source.key)}
        if self._source.watermark is not None:
            position[_WATERMARK] = self._encode(values, self._source.watermark)
        return position

    def _encode(self, values: dict[str, Value], column: str) -> dict[str, str]:
        try:
            return encode_position(values[column])
        except TypeError as error:
            raise SourceShapeError(
                connector=self._connector,
                reason=f"{column!r} is {error}, which has no order that can be kept",
            ) from error

    def _read_row(self, key: str) -> Row | None:
        table = self._table()
        column = table.columns[self._source.key]
        wanted: Any = int(key) if column.type.python_type is int else key
        query = select(*(table.columns[name] for name in self._columns))
        found = self._fetch(query.where(column == wanted).limit(1))
        return self._row(found[0]) if found else None

    def _row(self, values: dict[str, Value]) -> Row:
        key = key_text(self._connector, values[self._source.key], self._source.key)
        return Row(key=key, values=values, origin=self._source.table)

    def _mark(self, table: Table) -> ColumnElement[Any] | None:
        name = self._source.watermark
        return None if name is None else table.columns[name]

    def _fetch(self, query: Any) -> list[dict[str, Value]]:
        try:
            with self._engine.connect() as connection:
                return _rows_of(connection, query)
        except SQLAlchemyError as error:
            self._known = None
            raise SourceDownError(
                connector=self._connector, reason=type(error).__name__
            ) from error


def _rows_of(connection: Connection, query: Any) -> list[dict[str, Value]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _after(
    position: Mapping[str, Any],
    mark: ColumnElement[Any] | None,
    key: ColumnElement[Any],
) -> ColumnElement[bool]:
    last_key = decode_position(position[_KEY])
    if mark is None:
        return and_(key > last_key)
    last_mark = decode_position(position[_WATERMARK])
    return or_(mark > last_mark, and_(mark == last_mark, key > last_key))
