"""Answers about facts. Each comes with what a rule would be told: an expired or revoked
fact never looks like one that may be used."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_name,
    check_record_id,
    check_size,
)
from huitong.core.paging import page_of
from huitong.modules.facts.state import (
    facts_of_record,
    facts_of_source,
    get_fact,
    get_params,
)
from huitong.modules.facts.use import usable_fact
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb


def answer_fact(ctx: Context, request: pb.QueryFactRequest) -> pb.QueryFactResponse:
    """Return a fact, and whether a rule may use it.

    Raises:
        InvalidRequestError: the id is malformed.
        FactNotFoundError: there is none.
    """
    check_size(request.fact_id, "fact_id", DIGEST_SIZE_BYTES)
    return pb.QueryFactResponse(fact=_view(ctx, get_fact(ctx, request.fact_id)))


def answer_facts(ctx: Context, request: pb.QueryFactsRequest) -> pb.QueryFactsResponse:
    """Return the facts of a source, or of all; ``next`` is a key to go on from."""
    found, last = _page(
        ctx, facts_of_source(ctx, request.source, request.start_after), request.limit
    )
    return pb.QueryFactsResponse(facts=found, next=last)


def answer_record_facts(
    ctx: Context, request: pb.QueryRecordFactsRequest
) -> pb.QueryRecordFactsResponse:
    """Return the facts about a record, from whatever source.

    Raises:
        InvalidRequestError: issuer or record id is malformed.
    """
    check_name(request.issuer, "issuer")
    if request.record_id:
        check_record_id(request.record_id)
    pairs = facts_of_record(ctx, request.issuer, request.record_id, request.start_after)
    found, last = _page(ctx, pairs, request.limit)
    return pb.QueryRecordFactsResponse(facts=found, next=last)


def answer_params(
    ctx: Context, request: pb.QueryParamsRequest
) -> pb.QueryParamsResponse:
    """Return the zone's rules of facts."""
    return pb.QueryParamsResponse(params=get_params(ctx))


def _page(
    ctx: Context, pairs: Iterator[tuple[bytes, pb.Fact]], limit: int
) -> tuple[list[pb.FactView], bytes]:
    page, more = page_of(pairs, limit)
    return [_view(ctx, fact) for _, fact in page], page[-1][0] if more else b""


def _view(ctx: Context, fact: pb.Fact) -> pb.FactView:
    try:
        usable_fact(ctx, fact.fact_id)
    except RejectedError as refusal:
        return pb.FactView(
            fact=fact,
            codespace=refusal.codespace,
            code=refusal.code,
            reason=str(refusal),
        )
    return pb.FactView(fact=fact, usable=True)
