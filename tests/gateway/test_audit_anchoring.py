"""The audit log's head on a zone that runs: each once, in the order of the log."""

from __future__ import annotations

import time

import pytest

from huitong.client.zone import ZoneClient
from huitong.gateway.access.audit import AuditEntry, AuditLog
from huitong.gateway.access.audit_anchoring import AuditAnchoring
from huitong.gateway.access.errors import AuditAnchorPendingError
from huitong.gateway.database.engine import Database
from huitong.localnet.process import NodeProcess
from huitong.modules.anchors import AUDIT_LOG
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from tests.gateway.outbox_kit import make_outbox, running


async def _write(log: AuditLog, *paths: str) -> None:
    for path in paths:
        entry = AuditEntry(
            time_ns=time.time_ns(), caller="key:1", method="GET", path=path, status=200
        )
        await log.record(entry)


async def test_heads_stand_on_chain_once_and_follow_one_another(
    database: Database, zone: ZoneClient, node: NodeProcess
) -> None:
    outbox, (writer,), _ = make_outbox(database, zone, node.private_key("tax"))
    log = AuditLog(database)
    anchoring = AuditAnchoring(database, outbox, account=writer.address, stream="audit")
    await _write(log, "/v1/a", "/v1/b")
    first = await log.head()
    async with running(outbox):
        reference = await anchoring.anchor(first)
        assert await anchoring.anchor(first) == reference
        await _write(log, "/v1/c")
        second = await log.head()
        assert await anchoring.anchor(second) != reference
    answer = await zone.query(
        "/huitong.anchors.v1.Query/Anchors",
        anchors_pb2.QueryAnchorsRequest(
            member_id="hz-tax", kind=AUDIT_LOG, stream="audit", limit=10
        ),
        anchors_pb2.QueryAnchorsResponse,
    )
    found = [(each.sequence, each.root, each.count) for each in answer.anchors]
    assert found == [(1, first.digest, 2), (2, second.digest, 1)]
    assert answer.anchors[1].previous_root == first.digest
    assert (await log.verify()).anchors == 2


async def test_head_that_is_not_on_chain_yet_is_anchored_later_and_once(
    database: Database, zone: ZoneClient, node: NodeProcess
) -> None:
    outbox, (writer,), _ = make_outbox(database, zone, node.private_key("tax"))
    log = AuditLog(database)
    anchoring = AuditAnchoring(
        database, outbox, account=writer.address, stream="audit", wait_s=0
    )
    await _write(log, "/v1/a")
    head = await log.head()
    with pytest.raises(AuditAnchorPendingError, match="is waiting"):
        await anchoring.anchor(head)  # nothing runs
    later = AuditAnchoring(database, outbox, account=writer.address, stream="audit")
    async with running(outbox):
        assert await later.anchor(head)
    assert (await log.verify()).anchors == 1
