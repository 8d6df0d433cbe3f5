"""From a definition to the source or sink that it defines."""

from __future__ import annotations

import os
from collections.abc import Mapping

from huitong.gateway.connectors.definition import (
    RestSource,
    SinkDefinition,
    SourceDefinition,
    SqlSource,
    TableSink,
    WebhookSink,
)
from huitong.gateway.connectors.delivered import Sink
from huitong.gateway.connectors.folder_sink import FolderFiles
from huitong.gateway.connectors.folder_source import FolderRows
from huitong.gateway.connectors.loading import read_secret
from huitong.gateway.connectors.mapping import RowMapping
from huitong.gateway.connectors.rest_source import RestRows
from huitong.gateway.connectors.rows import Source
from huitong.gateway.connectors.sql_source import SqlRows
from huitong.gateway.connectors.table_sink import TableRows
from huitong.gateway.connectors.webhook_sink import WebhookCalls


def open_source(
    definition: SourceDefinition, environment: Mapping[str, str] = os.environ
) -> Source:
    """Return the source of a definition; nothing is asked yet.

    Raises:
        SecretMissingError: a secret that it refers to is not there.
        SourceShapeError: its address is not usable.
    """
    name, source = definition.connector, definition.source
    if isinstance(source, SqlSource):
        url = read_secret(name, source.url, environment)
        return SqlRows(name, source, url, RowMapping(definition).columns())
    if isinstance(source, RestSource):
        url = read_secret(name, source.url, environment)
        token = source.token
        secret = None if token is None else read_secret(name, token, environment)
        return RestRows(name, source, url, secret)
    return FolderRows(name, source, whole=not definition.fields)


def open_sink(
    definition: SinkDefinition, environment: Mapping[str, str] = os.environ
) -> Sink:
    """Return the sink of a definition; nothing is asked yet.

    Raises:
        SecretMissingError: a secret that it refers to is not there.
        SinkRefusedError: its address or secret is not usable.
    """
    name, sink = definition.connector, definition.sink
    if isinstance(sink, TableSink):
        return TableRows(name, sink, read_secret(name, sink.url, environment))
    if isinstance(sink, WebhookSink):
        url = read_secret(name, sink.url, environment)
        secret = read_secret(name, sink.secret, environment)
        return WebhookCalls(name, sink, url, secret)
    return FolderFiles(name, sink)
