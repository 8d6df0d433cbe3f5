"""Transactions of one account in the database, and what steps they carry."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.subscription import TxSeen
from huitong.client.zone import ZoneClient
from huitong.core.limits import TX_MEMO_CHARACTERS_MAX
from huitong.gateway.outbox.ledger import STEPS, select_steps, step_of
from huitong.gateway.outbox.steps import Step, StepState
from huitong.gateway.outbox.tables import COMMITTED, SIGNED, ChainTransactionRow
from huitong.proto.cosmos.base.abci.v1beta1 import abci_pb2

TRANSACTIONS: Final = cast(Table, ChainTransactionRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A step and its place in the transaction that carries it."""

    step: Step
    transaction_id: int
    index: int


@dataclass(slots=True, kw_only=True)
class Flight:
    """A stored transaction that no block holds yet."""

    id: int
    sequence: int
    tx_hash: bytes
    raw: bytes
    timeout_height: int
    was_offered: bool
    """Whether a node may have it."""
    sent_s: float = 0.0


def signed_row(account: str, flight: Flight, now_ns: int) -> dict[str, Any]:
    """Return the row of a transaction that no block holds yet."""
    return {
        "account": account,
        "sequence": flight.sequence,
        "tx_hash": flight.tx_hash,
        "raw": flight.raw,
        "timeout_height": flight.timeout_height,
        "state": SIGNED,
        "created_ns": now_ns,
        **_result("", 0, "", 0, 0),
    }


def committed_row(of_id: int, tx: TxSeen, height: int) -> dict[str, Any]:
    """Return what a block changes of a transaction's row."""
    result = _result(tx.codespace, tx.code, tx.log[:4_000], tx.gas_used, height)
    return {"of_id": of_id, "state": COMMITTED, "raw": b"", **result}


def _result(
    codespace: str, code: int, text: str, gas_used: int, height: int
) -> dict[str, Any]:
    return {
        "codespace": codespace,
        "code": code,
        "log": text,
        "gas_used": gas_used,
        "height": height,
    }


async def find_transaction(
    zone: ZoneClient, tx_hash: bytes
) -> tuple[TxSeen | None, int]:
    """Return a committed transaction and its block; None and 0 if no block holds it."""
    found = await zone.find_tx(tx_hash.hex().upper())
    if found is None:
        return None, 0
    events = [
        {
            "type": told.kind,
            "attributes": [
                {"key": key, "value": value} for key, value in told.attributes
            ],
        }
        for told in found.events
    ]
    seen = TxSeen(
        raw="",
        code=found.code,
        codespace=found.codespace,
        log=found.log,
        data=base64.b64encode(found.data).decode(),
        gas_used=found.gas_used,
        events=events,
    )
    return seen, found.height


async def carried_by(
    session: AsyncSession, transaction_ids: Sequence[int]
) -> list[Carried]:
    """Return the steps that wait for the end of some transactions, in their order."""
    rows = await session.execute(
        select_steps()
        .where(STEPS.c.transaction_id.in_(transaction_ids))
        .where(STEPS.c.state == StepState.RUNNING)
        .order_by(STEPS.c.transaction_id, STEPS.c.message_index)
    )
    return [
        Carried(
            step=step_of(row),
            transaction_id=row.transaction_id,
            index=row.message_index,
        )
        for row in rows
    ]


def responses_of(tx: TxSeen) -> list[bytes]:
    """Return the encoded responses of a transaction's messages."""
    data = base64.b64decode(tx.data)
    return [item.value for item in abci_pb2.TxMsgData.FromString(data).msg_responses]


def memo_of(batch: Sequence[Any]) -> str:
    """Return the ids of the calls that led to a transaction, as many as fit."""
    memo = ""
    for request_id in dict.fromkeys(step.request_id for step in batch):
        longer = f"{memo} {request_id}".strip()
        if len(longer.encode()) > TX_MEMO_CHARACTERS_MAX:
            break
        memo = longer
    return memo
