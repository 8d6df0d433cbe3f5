"""Answers about records and the catalogue."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.paging import page_of
from huitong.modules.records.state import (
    catalogue_after,
    get_version,
    records_after,
)
from huitong.proto.huitong.records.v1 import records_pb2 as pb


def answer_record(
    ctx: Context, request: pb.QueryRecordRequest
) -> pb.QueryRecordResponse:
    """Return one version of a record; 0 means the head.

    Raises:
        RecordNotFoundError: there is no such record.
        VersionNotFoundError: it has no such version.
    """
    header = get_version(ctx, request.issuer, request.record_id, request.version)
    return pb.QueryRecordResponse(record=header)


def answer_records(
    ctx: Context, request: pb.QueryRecordsRequest
) -> pb.QueryRecordsResponse:
    """Return the heads of an issuer by ascending id."""
    after = records_after(ctx, request.issuer, request.start_after)
    records, more = page_of(after, request.limit)
    return pb.QueryRecordsResponse(
        records=records, next=records[-1].record_id if more else ""
    )


def answer_catalogue(
    ctx: Context, request: pb.QueryCatalogueRequest
) -> pb.QueryCatalogueResponse:
    """Return catalogue entries by type, issuer and id; ``next`` is a key to go on from."""
    after = catalogue_after(ctx, request.record_type, request.start_after)
    pairs, more = page_of(after, request.limit)
    return pb.QueryCatalogueResponse(
        entries=[entry for _, entry in pairs], next=pairs[-1][0] if more else b""
    )
