"""Facts: values of other zones' states that are proven to this zone, for its rules.

For rules of other modules: ``usable_fact``, ``usable_record``, ``usable_absence``, with
ids from ``fact_id_of`` and ``record_fact_id``.
"""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.facts import handlers, params, queries
from huitong.modules.facts.genesis import export_genesis, init_genesis
from huitong.modules.facts.keys import (
    STORE,
    fact_id_of,
    fact_key,
    record_fact_id,
)
from huitong.modules.facts.state import find_fact
from huitong.modules.facts.use import usable_absence, usable_fact, usable_record
from huitong.modules.members import roles
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb

__all__ = [
    "MODULE",
    "STORE",
    "fact_id_of",
    "fact_key",
    "find_fact",
    "record_fact_id",
    "usable_absence",
    "usable_fact",
    "usable_record",
]

_QUERY: Final = "/huitong.facts.v1.Query"

MODULE: Final = Module(
    name="facts",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgImportFact,
            check=handlers.check_import_fact,
            apply=handlers.apply_import_fact,
            roles=roles.STAFF_ROLES,
        ),
        # Any active account: a revocation must not wait for those it hurts.
        MessageRoute(
            request=pb.MsgRefreshFact,
            check=handlers.check_refresh_fact,
            apply=handlers.apply_refresh_fact,
        ),
        MessageRoute(
            request=pb.MsgUpdateParams,
            check=params.check_update_params,
            apply=params.apply_update_params,
            governed=True,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Fact",
            request=pb.QueryFactRequest,
            answer=queries.answer_fact,
        ),
        QueryRoute(
            path=f"{_QUERY}/Facts",
            request=pb.QueryFactsRequest,
            answer=queries.answer_facts,
        ),
        QueryRoute(
            path=f"{_QUERY}/RecordFacts",
            request=pb.QueryRecordFactsRequest,
            answer=queries.answer_record_facts,
        ),
        QueryRoute(
            path=f"{_QUERY}/Params",
            request=pb.QueryParamsRequest,
            answer=queries.answer_params,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
