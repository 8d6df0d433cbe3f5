"""Transactions as a block stream shows them."""

from __future__ import annotations

import base64

from huitong.client import TxSeen
from huitong.core.codec import encode
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.google.protobuf import any_pb2


def tx_with(*packed: any_pb2.Any) -> TxSeen:
    """A transaction with these messages that succeeded and told nothing."""
    body = encode(tx_pb2.TxBody(messages=packed))
    raw = encode(tx_pb2.TxRaw(body_bytes=body))
    return TxSeen(
        raw=base64.b64encode(raw).decode(),
        code=0,
        codespace="",
        log="",
        data="",
        gas_used=0,
        events=[],
    )
