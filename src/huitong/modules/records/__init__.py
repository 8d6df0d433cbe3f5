"""Record headers: what the zone says about facts whose payloads stay off chain."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.members import roles
from huitong.modules.records import handlers, queries
from huitong.modules.records.genesis import export_genesis, init_genesis
from huitong.modules.records.keys import (
    STORE,
    archive_key,
    catalogue_key,
    record_key,
)
from huitong.modules.records.state import (
    find_record,
    find_version,
    get_record,
    get_version,
    level_of_field,
)
from huitong.proto.huitong.records.v1 import records_pb2 as pb

__all__ = [
    "MODULE",
    "STORE",
    "archive_key",
    "catalogue_key",
    "find_record",
    "find_version",
    "get_record",
    "get_version",
    "level_of_field",
    "record_key",
]


_QUERY: Final = "/huitong.records.v1.Query"

MODULE: Final = Module(
    name="records",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgPublishRecord,
            check=handlers.check_publish_record,
            apply=handlers.apply_publish_record,
            roles=(roles.PUBLISHER,),
        ),
        MessageRoute(
            request=pb.MsgPublishVersion,
            check=handlers.check_publish_version,
            apply=handlers.apply_publish_version,
            roles=(roles.PUBLISHER,),
        ),
        MessageRoute(
            request=pb.MsgSetRecordStatus,
            check=handlers.check_set_record_status,
            apply=handlers.apply_set_record_status,
            roles=(roles.PUBLISHER, roles.OFFICER),
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Record",
            request=pb.QueryRecordRequest,
            answer=queries.answer_record,
        ),
        QueryRoute(
            path=f"{_QUERY}/Records",
            request=pb.QueryRecordsRequest,
            answer=queries.answer_records,
        ),
        QueryRoute(
            path=f"{_QUERY}/Catalogue",
            request=pb.QueryCatalogueRequest,
            answer=queries.answer_catalogue,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
