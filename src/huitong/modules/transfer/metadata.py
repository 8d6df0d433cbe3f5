"""What wallets show of a voucher: ``DenomMetadata`` of the Cosmos SDK's bank.

Nothing is stored for it; everything follows from the way that the voucher came, in the
forms that ibc-go v8 gives it.
"""

from __future__ import annotations

from typing import Final

from huitong.core.context import Context
from huitong.core.grpc_words import not_found_as
from huitong.core.module import QueryRoute
from huitong.modules.claims.amounts import is_voucher_denom
from huitong.modules.claims.queries import checked_denom
from huitong.modules.transfer.queries import traces_page
from huitong.modules.transfer.state import find_trace
from huitong.modules.transfer.traces import (
    full_denom_of,
    hash_in_voucher,
    voucher_denom,
)
from huitong.proto.cosmos.bank.v1beta1 import bank_pb2, query_pb2
from huitong.proto.ibc.applications.transfer.v1.transfer_pb2 import DenomTrace


def answer_denom_metadata(
    ctx: Context, request: query_pb2.QueryDenomMetadataRequest
) -> query_pb2.QueryDenomMetadataResponse:
    """Return what there is to show of a voucher.

    Raises:
        InvalidRequestError: the denomination is malformed.
        NotFoundError: no voucher has it.
    """
    denom = checked_denom(request.denom)
    trace = None
    if is_voucher_denom(denom):
        trace = find_trace(ctx, hash_in_voucher(denom))
    if trace is None:
        # The bank of the Cosmos SDK says no more.
        raise not_found_as(f"client metadata for denom {denom}")
    return query_pb2.QueryDenomMetadataResponse(metadata=metadata_of(trace))


def answer_denoms_metadata(
    ctx: Context, request: query_pb2.QueryDenomsMetadataRequest
) -> query_pb2.QueryDenomsMetadataResponse:
    """Return a page of what there is to show of all vouchers, by hash."""
    found, pagination = traces_page(ctx, request.pagination)
    return query_pb2.QueryDenomsMetadataResponse(
        metadatas=[metadata_of(trace) for trace in found], pagination=pagination
    )


def metadata_of(trace: DenomTrace) -> bank_pb2.Metadata:
    """Return what there is to show of a voucher that came a way."""
    full_denom = full_denom_of(trace)
    return bank_pb2.Metadata(
        description=f"IBC token from {full_denom}",
        denom_units=[bank_pb2.DenomUnit(denom=trace.base_denom, exponent=0)],
        base=voucher_denom(full_denom),
        display=full_denom,
        name=f"{full_denom} IBC token",
        symbol=trace.base_denom.upper(),
    )


QUERIES: Final = (
    QueryRoute(
        path="/cosmos.bank.v1beta1.Query/DenomMetadata",
        request=query_pb2.QueryDenomMetadataRequest,
        answer=answer_denom_metadata,
    ),
    QueryRoute(
        path="/cosmos.bank.v1beta1.Query/DenomsMetadata",
        request=query_pb2.QueryDenomsMetadataRequest,
        answer=answer_denoms_metadata,
    ),
)
