"""Load that never pauses, and what was acknowledged meanwhile.

Each publisher sends a few transactions at once through some node that runs, and waits for
each. What a node then told to be in a block, with success, is *acknowledged*: from there
on nobody may lose it. Everything else (a node that went away, a block that did not come)
is counted and forgotten, as a program that retries would do with new records.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Self

from huitong.client import (
    NotCommittedError,
    RpcError,
    Sender,
    TransactionFailedError,
    UnreachableError,
    UnreadableAnswerError,
    ZoneClient,
)
from huitong.core.codec import pack_any
from huitong.core.hashing import sha256
from huitong.localnet.consortium import LocalZone
from huitong.localnet.node import LocalNode
from huitong.proto.huitong.records.v1 import records_pb2

GAS_LIMIT: Final = 100_000
#: Transactions that a publisher has under way at once.
AT_ONCE: Final = 10
#: Seconds until a publisher turns to another node.
PATIENCE_S: Final = 4.0
#: Seconds between two attempts when nobody answers.
_PAUSE_S: Final = 0.1
_EXPECTED: Final = (
    NotCommittedError,
    RpcError,
    TransactionFailedError,
    UnreachableError,
    UnreadableAnswerError,
)
RECORD_PATH: Final = "/huitong.records.v1.Query/Record"


class Load:
    """Publishes in a thread of its own, from ``with`` to its end."""

    def __init__(self, zone: LocalZone, publishers: Mapping[str, str]) -> None:
        """Prepare.

        Args:
            zone: running; nodes may come and go.
            publishers: the member of each key that publishes.
        """
        self._zone = zone
        self._publishers = publishers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")
        self._lock = threading.Lock()
        self._acknowledged: dict[tuple[str, str], int] = {}
        self.failures: Counter[str] = Counter()
        """How often what was not acknowledged, by the name of the error."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def acknowledged(self) -> dict[tuple[str, str], int]:
        """Return the height of each acknowledged record, by issuer and id."""
        with self._lock:
            return dict(self._acknowledged)

    def _run(self) -> None:
        asyncio.run(self._publish_all())

    async def _publish_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for place, name in enumerate(self._publishers):
                tasks.create_task(self._publish(place, name))

    async def _publish(self, place: int, name: str) -> None:
        numbers = iter(range(10**9))
        while not self._stopping.is_set():
            running = [node for node in self._zone.nodes if node.is_running]
            node = running[place % len(running)]
            place += 1
            try:
                async with ZoneClient(node.rpc_url) as client:
                    sender = Sender(client, self._zone.private_key(name))
                    while not self._stopping.is_set():
                        ids = [f"{name}-{next(numbers)}" for _ in range(AT_ONCE)]
                        await self._publish_some(sender, self._publishers[name], ids)
            except _EXPECTED as failure:
                self.failures[type(failure).__name__] += 1
                await asyncio.sleep(_PAUSE_S)

    async def _publish_some(
        self, sender: Sender, issuer: str, ids: Sequence[str]
    ) -> None:
        sent = [
            (
                record_id,
                await sender.broadcast(
                    [_publication(sender.address, record_id)], gas_limit=GAS_LIMIT
                ),
            )
            for record_id in ids
        ]
        for record_id, tx_hash in sent:
            outcome = await sender.client.wait_tx(tx_hash, PATIENCE_S)
            outcome.check_succeeded()
            with self._lock:
                self._acknowledged[issuer, record_id] = outcome.height


def _publication(signer: str, record_id: str):
    return pack_any(
        records_pb2.MsgPublishRecord(
            signer=signer,
            record_id=record_id,
            record_type="tax.invoice",
            payload_digest=sha256(record_id.encode()),
            fields=["amount", "number"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        )
    )


async def check_all_there(
    node: LocalNode, acknowledged: Mapping[tuple[str, str], int]
) -> int:
    """Fail unless the node's state has every record; return how many there are."""
    keys = sorted(acknowledged)
    async with ZoneClient(node.rpc_url) as client:
        answers = await client.query_many(
            RECORD_PATH,
            [
                records_pb2.QueryRecordRequest(issuer=issuer, record_id=record_id)
                for issuer, record_id in keys
            ],
            records_pb2.QueryRecordResponse,
        )
    for (issuer, record_id), answer in zip(keys, answers, strict=True):
        assert answer.record.payload_digest == sha256(record_id.encode()), (
            node.name,
            issuer,
            record_id,
        )
    return len(keys)
