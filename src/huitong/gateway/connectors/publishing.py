"""From a row that was read to a record, or a new version of one, on its way to the zone."""

from __future__ import annotations

from typing import Final, final

from huitong.client.errors import QueryError
from huitong.client.zone import ZoneClient
from huitong.core.hashing import sha256
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.gateway.connectors.errors import VersionPendingError, VersionStuckError
from huitong.gateway.connectors.runner import Publication
from huitong.gateway.connectors.subjects import Subjects
from huitong.gateway.exchange.exchanges import Exchanges
from huitong.gateway.exchange.orders import PublishOrder
from huitong.gateway.outbox.outbox import Outbox
from huitong.modules.records.errors import RecordNotFoundError
from huitong.proto.huitong.records.v1 import records_pb2 as pb

#: Seconds for which a version waits for the one before to come on chain.
VERSION_WAIT_S: Final = 30.0
#: Data level of a file that is taken whole.
LEVEL_DEFAULT: Final = 2
_SHARE_CLASSES: Final = {
    "open": pb.SHARE_CLASS_OPEN,
    "conditional": pb.SHARE_CLASS_CONDITIONAL,
    "closed": pb.SHARE_CLASS_CLOSED,
}
_ABSENT: Final = (RecordNotFoundError.codespace, RecordNotFoundError.code)


@final
class RecordPublisher:
    """Publishes what sources say, each state of a row once."""

    def __init__(
        self,
        *,
        member_id: str,
        exchanges: Exchanges,
        outbox: Outbox,
        zone: ZoneClient,
        subjects: Subjects,
    ) -> None:
        """Publish for this member on its own zone."""
        self._member_id = member_id
        self._exchanges = exchanges
        self._outbox = outbox
        self._zone = zone
        self._subjects = subjects

    async def __call__(self, publication: Publication) -> None:
        """Put one row on its way to the zone, if it is not there already.

        The newest publication of the record tells: one of the same row saying the same is
        this one. A row that goes back to what it said before is a new version.

        Raises:
            VersionStuckError: a person has to look after the version before.
            VersionPendingError: the version before takes long to come on chain.
            RejectedError: the vault does not take the document.
            UnavailableError: the zone, the vault or the database is down.
        """
        record_id = publication.row.record_id
        prefix = f"connector/{sha256(publication.idempotency_key.encode()).hex()}/"
        newest = await self._exchanges.newest_publication(record_id)
        if newest is not None and newest.key.startswith(prefix):
            return
        if newest is not None and newest.state == "waiting":
            await self._outbox.wait(newest.step_id, VERSION_WAIT_S)
            newest = await self._exchanges.publication(newest.id)
        if newest is not None and newest.state == "stuck":
            raise VersionStuckError(record=record_id, job=newest.step_id)
        if newest is not None and newest.state == "waiting":
            raise VersionPendingError(record=record_id)
        version = await self._version_on_chain(record_id)
        await self._exchanges.publish(
            self._order(publication, f"{prefix}{version}", version)
        )

    async def _version_on_chain(self, record_id: str) -> int:
        """Return the newest version of a record; 0 if there is none."""
        try:
            answer = await self._zone.query(
                "/huitong.records.v1.Query/Record",
                pb.QueryRecordRequest(issuer=self._member_id, record_id=record_id),
                pb.QueryRecordResponse,
            )
        except QueryError as refusal:
            if (refusal.codespace, refusal.code) == _ABSENT:
                return 0
            raise
        return answer.record.version

    def _order(self, publication: Publication, key: str, version: int) -> PublishOrder:
        said, row = publication.definition.record, publication.row
        has_fields = bool(publication.definition.fields)
        return PublishOrder(
            key=key,
            document=row.document,
            content_type="application/json" if has_fields else "",
            record_id=row.record_id,
            record_type="" if version else said.type,
            previous_version=version,
            subject=self._subjects.pseudonym(row.subject),
            level=max(row.levels.values(), default=LEVEL_DEFAULT),
            share_class=_SHARE_CLASSES[said.share_class],
            title=said.title,
            terms=_terms(publication),
        )


def _terms(publication: Publication) -> str:
    """Return the terms; those of a file that is taken whole tell where it came from."""
    said = publication.definition.record
    if publication.definition.fields or not said.title:
        return (
            said.terms
        )  # the document itself tells, or there is no line in the catalogue
    terms = f"{said.terms} [{publication.row.provenance}]".strip()
    return terms if len(terms.encode()) <= TEXT_BYTES_MAX else said.terms
