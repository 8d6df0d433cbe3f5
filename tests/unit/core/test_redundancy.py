"""The redundant-relay rule: what counts, and what does not count beside it."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.execution import Prepared, Routed, is_redundant
from huitong.core.module import MessageRoute
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.testing.contexts import MemoryZone


def _route(kind: str) -> MessageRoute:
    """A route whose message is a known or new packet or header, or not relayed at all."""
    answers = {"known": True, "new": False}
    shape, _, age = kind.partition(" ")
    return MessageRoute(
        request=channel_tx_pb2.MsgRecvPacket,
        signer=lambda message: "",
        check=lambda ctx, message: None,
        apply=lambda ctx, message: message,
        is_redundant=(lambda ctx, message: answers[age]) if age else None,
        brings_header=shape == "header",
    )


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["packet known"], True),
        (["packet new"], False),
        (["packet known", "packet known"], True),
        (["packet known", "packet new"], False),
        (["header known"], True),
        (["header new"], False),
        (["header known", "header new"], False),
        (["header new", "packet known"], True),
        (["header new", "packet known", "packet new"], False),
        (["header known", "packet new"], False),
        (["other"], False),
        (["packet known", "other"], False),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else None,
)
def test_transaction_is_redundant_when_nothing_that_counts_has_an_effect(
    kinds: list[str], expected: bool
) -> None:
    unused: Any = None
    message = channel_tx_pb2.MsgRecvPacket()
    routed = tuple(Routed("", _route(kind), message) for kind in kinds)
    prepared = Prepared(tx=unused, sender="", messages=routed)
    assert is_redundant(MemoryZone([]).context(), prepared) is expected
