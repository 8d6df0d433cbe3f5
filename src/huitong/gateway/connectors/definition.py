"""The form of a connector's definition, and every bound on it.

A definition is data that an administrator of the member writes. It names tables, columns,
paths and members of answers, and never holds SQL, code or a password: names are looked up
in the source, and secrets are referred to as ``env:NAME`` or ``file:/path``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from huitong.core.limits import (
    FIELD_NAME_BYTES_MAX,
    FIELDS_MAX,
    LEVEL_MAX,
    NAME_CHARACTERS_MAX,
)
from huitong.gateway.connectors.rows import PAGE_ROWS_MAX

#: Field that names source and snapshot in every document.
SOURCE_FIELD: Final = "source"

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_SECRET: Final = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00]+)\Z")
_LOGIN_IN_URL: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@", re.IGNORECASE
)


def _check_secret(value: str) -> str:
    if not _SECRET.match(value):
        raise ValueError("give env:NAME or file:/path, never the secret itself")
    return value


def _check_address(value: str) -> str:
    if _LOGIN_IN_URL.match(value):
        raise ValueError("it holds a password; give env:NAME or file:/path instead")
    return value


Word: TypeAlias = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=NAME_CHARACTERS_MAX,
        pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$",
    ),
]
"""A name for machines."""
Identifier: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""Name of a column, table, or member of an object, in any script."""
Secret: TypeAlias = Annotated[str, AfterValidator(_check_secret)]
"""Where a secret is: ``env:NAME`` or ``file:/path``."""
Address: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_048),
    AfterValidator(_check_address),
]
"""A URL without password, or a reference to a secret that holds the URL."""


class Part(BaseModel):
    """A part of a definition: unknown keys are refused, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SqlSource(Part):
    """Rows of a table or view of any database that SQLAlchemy reads."""

    kind: Literal["sql"]
    url: Address = Field(description="SQLAlchemy URL, or `env:`/`file:` of one.")
    table: Identifier = Field(description="Table or view.")
    schema_name: Identifier | None = Field(
        None, alias="schema", description="Schema of the table."
    )
    key: Identifier = Field(description="Column that names a row; unique, not null.")
    watermark: Identifier | None = Field(
        None,
        description="Column that grows with every change; without it, every run reads all rows.",
    )
    page_rows: int = Field(500, ge=1, le=PAGE_ROWS_MAX, description="Rows of one read.")


class RestSource(Part):
    """Objects that an HTTP endpoint answers with, as JSON."""

    kind: Literal["rest"]
    url: Address = Field(description="Address that is asked with GET.")
    token: Secret | None = Field(
        None, description="Bearer token that is sent with every request."
    )
    items: str = Field(
        "", max_length=512, description="JSON pointer to the list in an answer."
    )
    next: str | None = Field(
        None,
        max_length=512,
        description="JSON pointer to the address of the next page, on the same host.",
    )
    since: Identifier | None = Field(
        None, description="Query parameter that takes the last watermark."
    )
    key: Identifier = Field(description="Member that names an object.")
    watermark: Identifier | None = Field(
        None, description="Member that grows with every change."
    )
    timeout_s: int = Field(30, ge=1, le=300, description="Seconds for one answer.")

    @model_validator(mode="after")
    def _since_needs_watermark(self) -> Self:
        if (self.since is None) != (self.watermark is None):
            raise ValueError("`since` and `watermark` are given together")
        return self


class FolderSource(Part):
    """Files below a folder; a file is a row, or holds many."""

    kind: Literal["folder"]
    path: str = Field(min_length=1, max_length=1_024, description="Absolute path.")
    pattern: str = Field(
        "*", min_length=1, max_length=128, description="Names that are read."
    )
    format: Literal["json", "csv", "xml", "pdf"] = Field(
        description="Form of the files."
    )
    each: Literal["file", "row"] = Field(
        "file", description="`row`: each row, or element of a list, is a record."
    )
    rows: str | None = Field(
        None,
        max_length=256,
        description="Where the rows are: JSON pointer, or path of XML elements.",
    )
    key: Identifier | None = Field(
        None, description="Member that names a row; a file is named by its path."
    )
    encoding: Literal["utf-8", "gb18030"] = Field("utf-8", description="Of CSV files.")
    file_bytes_max: int = Field(
        16 * 1024 * 1024, ge=1, le=256 * 1024 * 1024, description="Larger ones fail."
    )

    @model_validator(mode="after")
    def _rows_need_key(self) -> Self:
        if self.each == "row" and self.key is None:
            raise ValueError("`each: row` needs `key`")
        if self.each == "row" and self.format == "pdf":
            raise ValueError("a PDF file has no rows")
        if self.format == "xml" and self.each == "row" and self.rows is None:
            raise ValueError("`rows` must name the XML elements")
        if not self.path.startswith("/"):
            raise ValueError("the path is not absolute")
        return self


Source: TypeAlias = Annotated[
    SqlSource | RestSource | FolderSource, Field(discriminator="kind")
]

FieldType: TypeAlias = Literal[
    "text", "integer", "decimal", "date", "time", "boolean", "json"
]


class FieldRule(Part):
    """How one field of the document is made."""

    column: Identifier | None = Field(
        None,
        alias="from",
        description="Column or member; the field's own name if absent.",
    )
    value: str | int | bool | None = Field(None, description="The same for every row.")
    type: FieldType = Field("text", description="What the value must be.")
    required: bool = Field(True, description="A row without the value fails.")
    level: int = Field(1, ge=1, le=LEVEL_MAX, description="Data level of the field.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.column is not None and self.value is not None:
            raise ValueError("`from` and `value` exclude each other")
        return self


class RecordRule(Part):
    """What the record says beside the document."""

    type: Word = Field(description="Record type, for example `tax.invoice`.")
    id: str = Field(
        min_length=1,
        max_length=256,
        description="Record id with columns in braces, for example `INV-{number}`.",
    )
    subject: Identifier | None = Field(
        None, description="Column that names the data subject."
    )
    share_class: Literal["open", "conditional", "closed"] = Field(
        "conditional", description="Who may have it."
    )
    title: str = Field("", max_length=256, description="Line in the catalogue.")
    terms: str = Field("", max_length=1_024, description="Terms in the catalogue.")

    @model_validator(mode="after")
    def _id_varies(self) -> Self:
        if not self.columns_of_id():
            raise ValueError(
                "`id` names no column in braces: all rows would be one record"
            )
        return self

    def columns_of_id(self) -> tuple[str, ...]:
        """Return the columns that the record id is made of."""
        return tuple(_PLACEHOLDER.findall(self.id))

    def make_id(self, texts: dict[str, str]) -> str:
        """Return the record id; ``texts`` has every column of ``columns_of_id``."""
        return _PLACEHOLDER.sub(lambda found: texts[found.group(1)], self.id)


class SourceDefinition(Part):
    """A connector that makes records of rows."""

    connector: Word = Field(description="Name of the connector.")
    source: Source = Field(description="Where the rows are.")
    record: RecordRule = Field(description="What the record says.")
    fields: dict[str, FieldRule] = Field(
        default_factory=dict,
        max_length=FIELDS_MAX - 1,
        description="Fields of the document by name; empty takes the whole file.",
    )
    interval_s: int | None = Field(
        None,
        ge=1,
        le=86_400,
        description="Seconds between two runs; without it `[connectors]` of gateway.toml says.",
    )
    json_schema: dict[str, Any] | None = Field(
        None, alias="schema", description="JSON Schema that each document must meet."
    )

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        whole = isinstance(self.source, FolderSource) and self.source.each == "file"
        if not self.fields and not whole:
            raise ValueError("`fields` is empty")
        if (
            isinstance(self.source, FolderSource)
            and self.source.format == "pdf"
            and self.fields
        ):
            raise ValueError("a PDF file is one field; leave `fields` out")
        for name in self.fields:
            if not 0 < len(name.encode()) <= FIELD_NAME_BYTES_MAX:
                raise ValueError(f"field name {name[:40]!r} is empty or too long")
            if name == SOURCE_FIELD:
                raise ValueError(
                    f"the field {SOURCE_FIELD!r} is written by the gateway"
                )
        return self


class TableSink(Part):
    """Received documents become rows of a table."""

    kind: Literal["sql"]
    url: Address = Field(description="SQLAlchemy URL, or `env:`/`file:` of one.")
    table: Identifier = Field(description="Table that takes the rows.")
    schema_name: Identifier | None = Field(
        None, alias="schema", description="Schema of the table."
    )
    exchange_column: Identifier = Field(
        description="Column for the exchange's id; unique, so that none is written twice."
    )
    columns: dict[Identifier, Identifier] = Field(
        min_length=1,
        max_length=FIELDS_MAX,
        description="Field of the document by column.",
    )


class FolderSink(Part):
    """Received documents become files."""

    kind: Literal["folder"]
    path: str = Field(
        min_length=1, max_length=1_024, pattern=r"^/", description="Absolute path."
    )


class WebhookSink(Part):
    """Received documents are posted, signed, as CloudEvents."""

    kind: Literal["webhook"]
    url: Address = Field(
        description="Address that is posted to; https outside loopback."
    )
    secret: Secret = Field(description="Key of the signature, at least 24 characters.")
    timeout_s: int = Field(30, ge=1, le=300, description="Seconds for one answer.")


Sink: TypeAlias = Annotated[
    TableSink | FolderSink | WebhookSink, Field(discriminator="kind")
]


class SinkDefinition(Part):
    """A connector that writes what was received."""

    connector: Word = Field(description="Name of the connector.")
    sink: Sink = Field(description="Where received documents go.")
    record_types: tuple[Word, ...] = Field(
        (), description="Types that it takes; empty for all.", strict=False
    )
