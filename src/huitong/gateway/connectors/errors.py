"""Failures of connectors; codespace connector."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class DefinitionError(
    RejectedError,
    codespace="connector",
    code=2,
    text="connector definition {path}: {reason}",
    next_step="Correct the definition; docs/reference/connectors.md lists every key.",
):
    """The file is no definition of a connector."""


class SecretMissingError(
    RejectedError,
    codespace="connector",
    code=3,
    text="connector {connector}: {reference} gives no value: {reason}",
    next_step="Set the variable, or write the file, that the definition refers to.",
):
    """A password or address that the definition refers to is not there."""


class SourceDownError(
    UnavailableError,
    codespace="connector",
    code=4,
    text="source of connector {connector} does not answer: {reason}",
    next_step="Check that it runs and that the gateway may connect to it.",
):
    """The old system cannot be reached; what was read before is kept."""


class SourceShapeError(
    RejectedError,
    codespace="connector",
    code=5,
    text="source of connector {connector}: {reason}",
    next_step="Compare the definition with what the source has now.",
):
    """A table, column, file or member that the definition names is not in the source."""


class RowError(
    RejectedError, codespace="connector", code=6, text="row {key}: {field}: {reason}"
):
    """A row does not make a document; it waits in the error queue."""


class RowAbsentError(
    RejectedError,
    codespace="connector",
    code=7,
    text="the source of connector {connector} has no row {key} any more",
    next_step="Skip it, if it was removed on purpose.",
):
    """A row of the error queue is gone from the source."""


class ConnectorNotFoundError(
    RejectedError,
    codespace="connector",
    code=8,
    text="no connector {connector}",
    next_step="`huitong gateway connector list` shows those that are defined.",
):
    """No definition has this name."""


class SinkDownError(
    UnavailableError,
    codespace="connector",
    code=9,
    text="sink of connector {connector} does not answer: {reason}",
    next_step="Check that it runs; what waits is tried again.",
):
    """A received document could not be written yet."""


class SinkRefusedError(
    RejectedError,
    codespace="connector",
    code=10,
    text="sink of connector {connector} refuses the document: {reason}",
    next_step="Correct the sink or its definition, then retry the delivery.",
):
    """Trying again does not help before something is changed."""


class ItemNotFoundError(
    RejectedError,
    codespace="connector",
    code=11,
    text="connector {connector} has no failed row {key}",
):
    """The error queue does not hold this row."""


class SubjectKeyError(
    RejectedError,
    codespace="connector",
    code=12,
    text="key of subjects {path}: {reason}",
    next_step="Put back the file from the gateway's backup; a new key makes other pseudonyms.",
):
    """Pseudonyms of data subjects cannot be made."""


class VersionStuckError(
    RejectedError,
    codespace="connector",
    code=13,
    text="the version before of record {record} is stuck as job {job}",
    next_step="Retry or cancel that job, then retry the row.",
):
    """A version cannot follow one that is not on chain yet."""


class VersionPendingError(
    UnavailableError,
    codespace="connector",
    code=14,
    text="the version before of record {record} is not on chain yet",
    next_step="The next run of the source goes on from here.",
):
    """A version waits for the one before."""


class ConnectorBusyError(
    UnavailableError,
    codespace="connector",
    code=15,
    text="connector {connector} is being run",
    next_step="Try again when that run has ended.",
):
    """A source is run by one process at a time."""


class WrongKindError(
    RejectedError,
    codespace="connector",
    code=16,
    text="connector {connector} is a {actual}, and this is about a {wanted}",
):
    """A source was taken for a sink, or the other way round."""
