"""Anchors: roots over logs that members keep off chain."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.anchors import handlers, queries
from huitong.modules.anchors.genesis import export_genesis, init_genesis
from huitong.modules.anchors.inclusion import verify_inclusion
from huitong.modules.anchors.keys import STORE, anchor_key
from huitong.modules.anchors.state import ACCESS_LOG, AUDIT_LOG, STATEMENT
from huitong.proto.huitong.anchors.v1 import anchors_pb2 as pb

__all__ = [
    "ACCESS_LOG",
    "AUDIT_LOG",
    "MODULE",
    "STATEMENT",
    "STORE",
    "anchor_key",
    "verify_inclusion",
]

_QUERY: Final = "/huitong.anchors.v1.Query"

MODULE: Final = Module(
    name="anchors",
    store=STORE,
    messages=(
        # Any account of a member: its gateway signs, whatever else that may do.
        MessageRoute(
            request=pb.MsgAnchor,
            check=handlers.check_anchor,
            apply=handlers.apply_anchor,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Anchor",
            request=pb.QueryAnchorRequest,
            answer=queries.answer_anchor,
        ),
        QueryRoute(
            path=f"{_QUERY}/Anchors",
            request=pb.QueryAnchorsRequest,
            answer=queries.answer_anchors,
        ),
        QueryRoute(
            path=f"{_QUERY}/Streams",
            request=pb.QueryStreamsRequest,
            answer=queries.answer_streams,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)
