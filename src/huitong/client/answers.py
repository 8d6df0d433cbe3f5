"""What a zone's node answers, as data."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from huitong.client.errors import QueryError, TransactionFailedError
from huitong.client.subscription import read_events
from huitong.core.abci import QueryResult
from huitong.core.events import Event
from huitong.core.store.view import ProofOp
from huitong.proto.cosmos.base.abci.v1beta1 import abci_pb2

MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenValue:
    """A value of the state, or its absence, with the proof of it."""

    key: bytes
    """Key within its store."""
    value: bytes | None
    """None: the proof shows that nothing is stored under the key."""
    proof: bytes
    """Encoded ``ibc.core.commitment.v1.MerkleProof``."""
    height: int
    """The height whose state was read; the root stands in the header after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TxOutcome:
    """A transaction in its block."""

    hash: str
    """SHA-256 of the transaction, upper-case hexadecimal."""
    height: int
    """Height of the block that holds it."""
    code: int
    """0 for success, else the zone's error code."""
    codespace: str
    """The family of ``code``; empty on success."""
    log: str
    """The zone's text of the error; empty on success."""
    events: tuple[Event, ...]
    """What it told the world, in order."""
    data: bytes
    """Encoded ``TxMsgData``: the responses of its messages."""
    gas_used: int
    """Work that it did."""

    def response(self, cls: type[MessageT], index: int = 0) -> MessageT:
        """Return the response to the message number ``index``.

        Raises:
            DecodeError: the answer holds no such response.
        """
        responses = abci_pb2.TxMsgData.FromString(self.data).msg_responses
        if index >= len(responses):
            raise DecodeError(f"{len(responses)} responses, asked for {index}")
        return cls.FromString(responses[index].value)

    def find_event(self, kind: str) -> Event | None:
        """Return the first event of this kind, or None."""
        for told in self.events:
            if told.kind == kind:
                return told
        return None

    def check_succeeded(self) -> None:
        """Raise what the zone refused.

        Raises:
            TransactionFailedError: with the zone's codespace and code.
        """
        if self.code:
            raise TransactionFailedError(
                codespace=self.codespace, code=self.code, log=self.log
            )


def read_query_result(response: Mapping[str, Any]) -> QueryResult:
    """Return the answer of ``abci_query`` from its JSON."""
    ops = (response.get("proofOps") or {}).get("ops") or []
    return QueryResult(
        code=int(response.get("code") or 0),
        codespace=response.get("codespace") or "",
        log=response.get("log") or "",
        key=from_base64(response.get("key")),
        value=from_base64(response.get("value")),
        height=int(response.get("height") or 0),
        proof_ops=tuple(
            ProofOp(
                type=op["type"],
                key=from_base64(op.get("key")),
                data=from_base64(op.get("data")),
            )
            for op in ops
        ),
    )


def check_query(path: str, result: QueryResult) -> None:
    """Raise what the zone refused.

    Raises:
        QueryError: with the zone's codespace and code.
    """
    if result.code:
        raise QueryError(
            path=path, codespace=result.codespace, code=result.code, log=result.log
        )


def read_tx_outcome(answer: Mapping[str, Any]) -> TxOutcome:
    """Return a committed transaction from the JSON of ``tx`` or ``tx_search``."""
    result = answer["tx_result"]
    return TxOutcome(
        hash=answer["hash"],
        height=int(answer["height"]),
        code=int(result.get("code") or 0),
        codespace=result.get("codespace") or "",
        log=result.get("log") or "",
        events=tuple(read_events(result.get("events") or [])),
        data=from_base64(result.get("data")),
        gas_used=int(result.get("gas_used") or 0),
    )


def from_base64(text: str | None) -> bytes:
    """Return the bytes of a base64 field; null and empty mean none."""
    return base64.b64decode(text) if text else b""
