"""The zone's own header hashes, so that evidence stays checkable for decades."""

from __future__ import annotations

from typing import Final

from huitong.core.module import Module, QueryRoute
from huitong.modules.history import queries
from huitong.modules.history.blocks import append_header
from huitong.modules.history.genesis import export_genesis, init_genesis
from huitong.modules.history.keys import ACCUMULATOR_KEY, STORE
from huitong.modules.history.proofs import verify_history_proof
from huitong.modules.history.snapshot import HistoryRows
from huitong.proto.huitong.history.v1 import history_pb2 as pb

__all__ = ["ACCUMULATOR_KEY", "MODULE", "STORE", "verify_history_proof"]

_QUERY: Final = "/huitong.history.v1.Query"

MODULE: Final = Module(
    name="history",
    store=STORE,
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Accumulator",
            request=pb.QueryAccumulatorRequest,
            answer=queries.answer_accumulator,
        ),
        QueryRoute(
            path=f"{_QUERY}/HistoryProof",
            request=pb.QueryHistoryProofRequest,
            answer=queries.answer_history_proof,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
    begin_block=append_header,
    side_rows=HistoryRows(),
)
