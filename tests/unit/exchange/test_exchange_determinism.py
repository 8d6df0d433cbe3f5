"""What a hostile zone says leaves the same bytes on every machine, whatever its Python.

``repr`` escapes the characters that its Unicode tables do not know, and these change with
the version of Python: a text that quotes a stranger's value would split the zone.
"""

from __future__ import annotations

import pytest

from huitong.core.codec import encode
from huitong.modules.exchange.decisions import decode_decision
from huitong.modules.exchange.errors import DecisionError
from huitong.modules.links import result_acknowledgement
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

#: Printable by the tables of Unicode 15.0, of 16.0 and of no version.
STRANGE = ("\U0001fae8", "\U0001fae9", "\U000e0fff")

REQUEST = pb.RequestPacket(issuer="tax", record_id="inv-1", fields=["amount"])


def failure(**changes: object) -> str:
    fields: dict[str, object] = {
        "outcome": pb.OUTCOME_GRANTED,
        "reason_code": "grant",
        "decided_by": "policy",
        "issuer": "tax",
        "record_id": "inv-1",
        "version": 1,
        "payload_digest": bytes(32),
        "fields": ["amount"],
    }
    decision = pb.Decision(**{**fields, **changes})  # type: ignore[arg-type]
    acknowledgement = result_acknowledgement(encode(decision))
    with pytest.raises(DecisionError) as caught:
        decode_decision(acknowledgement, REQUEST)
    return str(caught.value.fields["reason"])


@pytest.mark.parametrize("strange", STRANGE)
def test_reason_of_a_failed_exchange_quotes_nothing_that_was_sent(strange: str) -> None:
    assert failure(reason_code=strange) == failure(reason_code="A B")
    assert failure(fields=[strange]) == failure(fields=["seller"])
    assert failure(fields=[strange, strange]) == failure(fields=["b", "a"])
    assert failure(decided_by=strange * 20) == failure(decided_by="x" * 80)


def test_reason_of_a_failed_exchange_is_said_once() -> None:
    assert failure(outcome=7) == "neither granted nor refused"
