"""Answers about the history, from the state at the height asked for."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.modules.history.errors import (
    HeightNotInHistoryError,
    HistoryNodesMissingError,
)
from huitong.modules.history.keys import HEADERS_TABLE, header_key
from huitong.modules.history.mountain import prove
from huitong.modules.history.state import find_accumulator, node_reader
from huitong.proto.huitong.history.v1 import history_pb2 as pb


def answer_accumulator(
    ctx: Context, request: pb.QueryAccumulatorRequest
) -> pb.QueryAccumulatorResponse:
    """Return the accumulator; empty before the first block."""
    return pb.QueryAccumulatorResponse(accumulator=find_accumulator(ctx))


def answer_history_proof(
    ctx: Context, request: pb.QueryHistoryProofRequest
) -> pb.QueryHistoryProofResponse:
    """Return the proof that a header belongs to the history.

    Raises:
        HeightNotInHistoryError: the accumulator has no such height.
        HistoryNodesMissingError: this node does not keep what it takes.
    """
    accumulator = find_accumulator(ctx) or pb.Accumulator()
    first, count = accumulator.first_height, accumulator.leaf_count
    index = request.height - first
    if not 0 <= index < count:
        raise HeightNotInHistoryError(
            height=request.height, first=first, last=first + count - 1
        )
    steps = prove(count, index, node_reader(ctx))
    header_hash = ctx.find_side_row(HEADERS_TABLE, header_key(request.height))
    if steps is None or header_hash is None:
        raise HistoryNodesMissingError(height=request.height)
    proof = pb.HistoryProof(
        height=request.height,
        header_hash=header_hash,
        steps=[
            pb.HistoryStep(sibling=step.sibling, sibling_is_left=step.sibling_is_left)
            for step in steps
        ],
        accumulator=accumulator,
    )
    return pb.QueryHistoryProofResponse(proof=proof)
