"""What stands in the access log of an exchange that is handed over."""

from __future__ import annotations

from huitong.gateway.exchange.rows import decision_of, request_of
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.reads.given import Gift, Way


def gift_of(row: ExchangeRow, reader_zone: str) -> Gift:
    """Return what an exchange gives.

    Args:
        row: of the provider's side, sealed.
        reader_zone: chain id of the zone that it goes to.
    """
    request, decision = request_of(row), decision_of(row)
    way = Way.SUBSCRIPTION if row.subscription_id else Way.EXCHANGE
    return Gift(
        key=row.id,
        way=Way.EMERGENCY if decision.break_glass_id else way,
        reader_zone=reader_zone,
        reader=request.requester,
        purpose=request.purpose,
        issuer=decision.issuer,
        record_id=decision.record_id,
        version=decision.version,
        payload_digest=decision.payload_digest,
        fields=tuple(decision.fields),
        height=row.stated_height,
        request_id=row.request_id,
    )
