"""The steps of an exchange, each as the party that takes it runs it.

::

    provider a                              requester b
    publish_document ──► record on a
                                            find_offers      (a's catalogue)
                                            request_record   ──► packet to a
    (policy or officer decides on a)        wait_decision    ◄── acknowledgement
    deliver ─── sealed payload, by any way ──► check_delivery
                                            confirm_receipt  ──► packet to a
                                            wait_settled     ◄── acknowledgement

The provider's steps are in ``providing``, the requester's in ``requesting``. Each reads
the zones anew, so a gateway that stops between two steps goes on where the chain says.
Nothing of a payload is logged or put into a message.
"""

from __future__ import annotations

from huitong.gateway.exchange.party import Party, get_exchange
from huitong.gateway.exchange.providing import (
    Delivery,
    RecordTerms,
    deliver,
    publish_document,
    seal_granted,
    state_delivery,
)
from huitong.gateway.exchange.requesting import (
    CheckedAnswer,
    check_delivery,
    check_grade,
    check_payload,
    confirm_receipt,
    find_offers,
    request_record,
    wait_decision,
    wait_settled,
)

__all__ = [
    "CheckedAnswer",
    "Delivery",
    "Party",
    "RecordTerms",
    "check_delivery",
    "check_grade",
    "check_payload",
    "confirm_receipt",
    "deliver",
    "find_offers",
    "get_exchange",
    "publish_document",
    "request_record",
    "seal_granted",
    "state_delivery",
    "wait_decision",
    "wait_settled",
]
