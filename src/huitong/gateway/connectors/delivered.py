"""What a sink is given: a received document and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from huitong.core.canonical_json import JsonError, decode_json
from huitong.core.commitment import DOCUMENT_FIELD


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A document that another member delivered, and that passed every check."""

    exchange: str
    """Id of the exchange in this gateway; unique."""
    zone: str
    """Chain id of the zone that it came from."""
    issuer: str
    """Member that issued the record."""
    record_type: str
    """Type of the record."""
    record_id: str
    """The record, under its issuer."""
    version: int
    """Version of the record."""
    grade: str
    """Trust grade of the answer."""
    received_ns: int
    """When it was received."""
    content_type: str
    """``application/json``, or what the document is."""
    document: bytes
    """The fields that were given, as JSON, or the file."""

    def facts(self) -> dict[str, Any]:
        """Return everything but the document, as JSON."""
        return {
            "exchange": self.exchange,
            "zone": self.zone,
            "issuer": self.issuer,
            "record_type": self.record_type,
            "record_id": self.record_id,
            "version": self.version,
            "grade": self.grade,
            "received_ns": self.received_ns,
            "content_type": self.content_type,
        }

    def fields(self) -> dict[str, Any]:
        """Return the fields of a JSON document; the file is one named ``document``."""
        try:
            value = decode_json(self.document)
        except JsonError:
            value = None
        return value if isinstance(value, dict) else {DOCUMENT_FIELD: self.document}


class Sink(Protocol):
    """A place that received documents go to."""

    async def check(self) -> None:
        """Look whether it could take a document.

        Raises:
            SinkDownError: it does not answer.
            SinkRefusedError: something that the definition names is missing.
        """

    async def deliver(self, delivered: Delivered) -> None:
        """Write a document; once more for the same exchange changes nothing.

        Raises:
            SinkDownError: not now.
            SinkRefusedError: not in this form.
        """

    async def close(self) -> None:
        """Give back connections."""
