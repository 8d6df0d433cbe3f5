"""A folder of files as a source: JSON, CSV, XML, PDF.

Only plain files inside the folder are read: a link that leads out, or stands for a file,
is a fault of that file. What cannot be parsed fails alone; the other files go on.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from huitong.core.canonical_json import JsonError, decode_json
from huitong.gateway.connectors.definition import FolderSource
from huitong.gateway.connectors.errors import SourceDownError, SourceShapeError
from huitong.gateway.connectors.pointers import PointerError, resolve
from huitong.gateway.connectors.rows import Page, Row, key_text

#: Files of one folder, and rows of one file.
FILES_MAX: Final = 100_000
FILE_ROWS_MAX: Final = 100_000
#: Files whose rows are read as one page.
PAGE_FILES: Final = 20
_FILE: Final = "file"
#: Name of an element's text, and mark of an attribute, among the members of an XML row.
_TEXT: Final = "#text"
_ATTRIBUTE: Final = "@"


class _FileFaultError(Exception):
    """One file cannot be read; the text says why."""


@final
class FolderRows:
    """Files below one folder, or the rows in them."""

    def __init__(self, connector: str, source: FolderSource, *, whole: bool) -> None:
        """Prepare; nothing is read yet.

        Args:
            connector: its name, for errors.
            source: the definition.
            whole: whether a file is taken as it is, not as members.
        """
        self.keeps_position = False
        self._connector = connector
        self._source = source
        self._whole = whole
        self._root = Path(source.path)

    async def check(self) -> None:
        """See ``Source.check``."""
        await asyncio.to_thread(self._list)

    async def read_page(self, position: Mapping[str, Any] | None) -> Page:
        """See ``Source.read_page``."""
        return await asyncio.to_thread(self._read_page, position)

    async def read_row(self, key: str) -> Row | None:
        """See ``Source.read_row``. Cost: reads files until the row is found."""
        return await asyncio.to_thread(self._read_row, key)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _read_page(self, position: Mapping[str, Any] | None) -> Page:
        last = "" if position is None else str(position[_FILE])
        names = [name for name in self._list() if name > last]
        rows: list[Row] = []
        faults: list[tuple[str, str]] = []
        taken = names[:PAGE_FILES]
        for name in taken:
            try:
                rows.extend(self._rows_of(name))
            except (_FileFaultError, SourceShapeError) as fault:
                faults.append((name, str(fault)))
        return Page(
            rows=tuple(rows),
            faults=tuple(faults),
            position={_FILE: taken[-1]} if taken else None,
            is_last=len(names) <= PAGE_FILES,
        )

    def _read_row(self, key: str) -> Row | None:
        for name in self._list():
            if self._source.each == "file" and name != key:
                continue
            try:
                for row in self._rows_of(name):
                    if row.key == key:
                        return row
            except (_FileFaultError, SourceShapeError) as fault:
                if name == key:
                    raise SourceShapeError(
                        connector=self._connector, reason=str(fault)
                    ) from fault
        return None

    def _list(self) -> list[str]:
        """Return the paths of the files below the folder, in order."""
        if ".." in Path(self._source.pattern).parts:
            raise self._wrong("the pattern leads out of the folder")
        try:
            if not self._root.is_dir():
                raise self._down("it is not a folder")
            names = []
            for path in self._root.glob(self._source.pattern):
                if path.is_symlink() or path.is_file():
                    names.append(path.relative_to(self._root).as_posix())
                if len(names) > FILES_MAX:
                    raise self._wrong(f"more than {FILES_MAX} files")
        except OSError as error:
            raise self._down(str(error.strerror)) from error
        return sorted(names)

    def _rows_of(self, name: str) -> Iterator[Row]:
        data = self._read(name)
        if self._whole:
            yield self._whole_file(name, data)
            return
        for values in self._parse(data):
            yield self._row(name, values)

    def _whole_file(self, name: str, data: bytes) -> Row:
        path = PurePosixPath(name)
        return Row(
            key=key_text(self._connector, name, "path"),
            values={"path": name, "name": path.name, "stem": path.stem},
            content=data,
            origin=name,
        )

    def _row(self, name: str, values: Mapping[str, Any]) -> Row:
        if self._source.each == "file":
            key = key_text(self._connector, name, "path")
        else:
            column = self._source.key or ""
            key = key_text(self._connector, values.get(column), column)
        return Row(key=key, values=values, origin=name)

    def _read(self, name: str) -> bytes:
        maximum = self._source.file_bytes_max
        try:
            descriptor = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise _FileFaultError("it is not a plain file")
                if (
                    not Path(self._root / name)
                    .resolve()
                    .is_relative_to(self._root.resolve())
                ):
                    raise _FileFaultError("it lies outside the folder")
                data = file.read(maximum + 1)
        except OSError as error:
            raise _FileFaultError(f"it cannot be read: {error.strerror}") from error
        if len(data) > maximum:
            raise _FileFaultError(f"more than {maximum} bytes")
        if not data:
            raise _FileFaultError("it is empty")
        return data

    def _parse(self, data: bytes) -> list[Mapping[str, Any]]:
        readers = {"json": self._json, "csv": self._csv, "xml": self._xml}
        found = readers[self._source.format](data)
        if len(found) > FILE_ROWS_MAX:
            raise _FileFaultError(f"{len(found)} rows, at most {FILE_ROWS_MAX}")
        return found

    def _json(self, data: bytes) -> list[Mapping[str, Any]]:
        try:
            value = resolve(decode_json(data), self._source.rows or "")
        except (JsonError, PointerError) as error:
            raise _FileFaultError(str(error)) from error
        items = value if self._source.each == "row" else [value]
        if not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
            raise _FileFaultError("it does not hold objects")
        return items

    def _csv(self, data: bytes) -> list[Mapping[str, Any]]:
        try:
            text = data.decode(self._source.encoding).removeprefix("\ufeff")
            reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
            rows = list(reader)
        except UnicodeDecodeError as error:
            raise _FileFaultError(f"it is not {self._source.encoding}") from error
        except csv.Error as error:
            raise _FileFaultError(f"it is not CSV: {error}") from error
        names = list(reader.fieldnames or ())
        if len(set(names)) != len(names) or "" in names:
            raise _FileFaultError("a column has no name, or two have one")
        for index, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise _FileFaultError(f"row {index} has another number of columns")
        if self._source.each == "file" and len(rows) != 1:
            raise _FileFaultError(f"{len(rows)} rows, and `each` is `file`")
        return list(rows)

    def _xml(self, data: bytes) -> list[Mapping[str, Any]]:
        try:
            root = fromstring(data, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise _FileFaultError(f"XML: {type(error).__name__}") from error
        if self._source.each == "file" and self._source.rows is None:
            return [_members(root)]
        try:
            found = root.findall(self._source.rows or "")
        except (SyntaxError, KeyError) as error:
            raise self._wrong(f"`rows` is no path of elements: {error}") from error
        if self._source.each == "file" and len(found) != 1:
            raise _FileFaultError(f"{len(found)} elements, and `each` is `file`")
        return [_members(element) for element in found]

    def _wrong(self, reason: str) -> SourceShapeError:
        return SourceShapeError(connector=self._connector, reason=reason)

    def _down(self, reason: str) -> SourceDownError:
        return SourceDownError(connector=self._connector, reason=reason)


def _members(element: Element) -> dict[str, Any]:
    """Return attributes (``@name``), children (local names) and text of an element.

    A child that holds children of its own is an object in turn; one that stands several
    times is a list.
    """
    members: dict[str, Any] = {
        f"{_ATTRIBUTE}{_local(name)}": value for name, value in element.attrib.items()
    }
    for child in element:
        value = _members(child) if len(child) else (child.text or "").strip()
        name = _local(str(child.tag))
        if name not in members:
            members[name] = value
        elif isinstance(members[name], list):
            members[name].append(value)
        else:
            members[name] = [members[name], value]
    text = (element.text or "").strip()
    if text:
        members[_TEXT] = text
    return members


def _local(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition("}")[2]
