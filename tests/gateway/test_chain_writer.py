"""Messages of many steps on a running zone: each once, whatever stops in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select

from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.codec import pack_any
from huitong.gateway.database.engine import Database
from huitong.gateway.outbox import StepState, signing
from huitong.gateway.outbox import writer as writing
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.tables import ChainTransactionRow
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.google.protobuf import any_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from tests.gateway.outbox_kit import (
    Stop,
    add,
    make_outbox,
    publication,
    running,
    wait_all,
)


async def test_messages_of_many_steps_share_a_transaction_and_each_step_is_done(
    database: Database, zone: ZoneClient, node: NodeProcess
) -> None:
    outbox, (writer,), handler = make_outbox(database, zone, node.private_key("tax"))
    steps = [publication(writer.address, f"r-{number}") for number in range(120)]
    async with running(outbox):
        ids = await add(outbox, *steps)
        done = await wait_all(outbox, ids)
    assert {step.state for step in done} == {StepState.DONE}
    assert len({step.tx_hash for step in done}) <= 4
    assert all(step.height for step in done)
    assert set(handler.states) == {step.key for step in done}
    assert len(handler.settled) == len(steps)
    response = records_pb2.MsgPublishRecordResponse.FromString(done[0].result)
    assert response.version == 1


async def test_failing_message_is_alone_in_its_failure(
    database: Database, zone: ZoneClient, node: NodeProcess
) -> None:
    key = node.private_key("tax")
    outbox, (writer,), handler = make_outbox(database, zone, key, attempts_max=2)
    signer = writer.address
    good = [publication(signer, f"r-{number}") for number in range(10)]
    # refused in the block, and refused at the door because it has another signer
    twice = replace(publication(signer, "r-3", level=1), key="publish/twice")
    stranger = replace(publication(node.address("second"), "r-x"), lane=signer)
    async with running(outbox):
        ids = await add(outbox, *good[:5], twice, *good[5:], stranger)
        done = await wait_all(outbox, ids)
    by_key = {step.key: step for step in done}
    assert {by_key[step.key].state for step in good} == {StepState.DONE}
    failed = by_key["publish/twice"]
    assert (failed.state, failed.error_codespace) == (StepState.STUCK, "records")
    assert by_key["publish/r-x"].state == StepState.STUCK
    assert handler.states["publish/twice"] == StepState.STUCK


async def test_step_is_done_though_the_blocks_are_followed_far_behind(
    database: Database,
    zone: ZoneClient,
    node: NodeProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox, (writer,), _ = make_outbox(database, zone, node.private_key("tax"))
    monkeypatch.setattr(BlockFollower, "height", 1)
    monkeypatch.setattr(signing, "TIMEOUT_BLOCKS", 5)
    await zone.wait_height(10)
    async with running(outbox):
        (step_id,) = await add(outbox, publication(writer.address, "r-1"))
        step = await outbox.wait(step_id, 30)
    assert (step.state, step.attempts) == (StepState.DONE, 1), step.error


async def test_sequence_used_by_another_program_is_made_up_for(
    database: Database, zone: ZoneClient, node: NodeProcess
) -> None:
    key = node.private_key("tax")
    outbox, (writer,), _ = make_outbox(database, zone, key)
    async with running(outbox):
        (first,) = await add(outbox, publication(writer.address, "r-1"))
        await outbox.wait(first, 30)
        other = publication(writer.address, "by-hand")
        packed = any_pb2.Any.FromString(other.payload)
        message = records_pb2.MsgPublishRecord.FromString(packed.value)
        await Sender(zone, key).send(message)
        (second,) = await add(outbox, publication(writer.address, "r-2"))
        step = await outbox.wait(second, 30)
    assert step.state == StepState.DONE


async def test_transaction_that_the_node_refused_is_signed_again_to_the_byte(
    database: Database,
    zone: ZoneClient,
    node: NodeProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node that was killed lost the one before it; no block comes in between."""
    outbox, (writer,), _ = make_outbox(database, zone, node.private_key("tax"))
    broadcast, lost = zone.broadcast_many, asyncio.Event()

    async def lose(raws: list[bytes]) -> list[Exception | None]:
        if not lost.is_set():
            lost.set()
            return [None] * len(raws)
        return await broadcast(raws)

    monkeypatch.setattr(zone, "broadcast_many", lose)
    monkeypatch.setattr(writing, "RESEND_S", 2.0)
    monkeypatch.setattr(writing, "PAUSE_S", 0.05)
    # The refused one is signed again before the lost one is sent again.
    monkeypatch.setattr(writer, "_resend", _after(3, writer._resend))
    with structlog.testing.capture_logs() as logs:
        async with running(outbox):
            ids = await add(outbox, publication(writer.address, "r-1"))
            await lost.wait()
            ids += await add(outbox, publication(writer.address, "r-2"))
            done = await wait_all(outbox, ids)
    assert {step.state for step in done} == {StepState.DONE}
    names = [entry["event"] for entry in logs]
    assert names.count("sequence_differs") > 1
    assert "writer_broken" not in names


async def test_transaction_refused_in_its_block_before_its_messages_blocks_no_other(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its member is frozen in that block, and stays so until its time is over."""
    monkeypatch.setattr(signing, "TIMEOUT_BLOCKS", 4)
    monkeypatch.setattr(writing, "RESEND_S", 0.5)
    node = NodeProcess(
        tmp_path / "zone",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="hz-tax")],
        accounts=[
            AccountSpec(name="tax", member_id="hz-tax", roles=("publisher",)),
            AccountSpec(name="head", member_id="hz-tax", roles=("delegate",)),
        ],
        block_time="1s",
    )
    node.init()
    with node, structlog.testing.capture_logs() as logs:
        async with ZoneClient(node.rpc_url) as zone, ZoneClient(node.rpc_url) as own:
            head = Sender(zone, node.private_key("head"))
            freezing = {
                "signer": node.address("head"),
                "member_id": "hz-tax",
                "kind": members_pb2.FREEZE_KIND_OWN,
                "reason": "keys were stolen",
            }
            outbox, (writer,), _ = make_outbox(
                database, own, node.private_key("tax"), attempts_max=50
            )
            broadcast = own.broadcast_many

            async def freeze_before(raws: list[bytes]) -> list[Exception | None]:
                monkeypatch.setattr(own, "broadcast_many", broadcast)
                freeze = pack_any(members_pb2.MsgFreezeMember(**freezing))
                await head.broadcast([freeze], gas_limit=1_000_000)
                return await broadcast(raws)

            async with running(outbox):
                # The next block with transactions is a second behind the first one's.
                await outbox.wait(
                    *await add(outbox, publication(writer.address, "r-0")), 30
                )
                monkeypatch.setattr(own, "broadcast_many", freeze_before)
                (refused,) = await add(outbox, publication(writer.address, "r-1"))
                while (await outbox.get(refused)).error_code == 0:
                    await zone.wait_height(await zone.latest_height() + 1)
                await head.send(members_pb2.MsgUnfreezeMember(**freezing))
                (other,) = await add(outbox, publication(writer.address, "r-2"))
                done = await wait_all(outbox, [refused, other])
    assert {step.state for step in done} == {StepState.DONE}
    assert "transaction_refused" in {entry["event"] for entry in logs}


def _after(count: int, call: Callable[[float], Awaitable[None]]) -> Any:
    """Return a call that does nothing the first times."""
    calls = iter(range(count))

    async def later(now_s: float) -> None:
        if next(calls, None) is None:
            await call(now_s)

    return later


async def test_step_of_a_transaction_that_was_stored_but_not_sent_is_done_once(
    database: Database,
    zone: ZoneClient,
    node: NodeProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = node.private_key("tax")
    outbox, (writer,), _ = make_outbox(database, zone, key)

    stop = Stop()
    monkeypatch.setattr(zone, "broadcast_many", stop)
    (step_id,) = await add(outbox, publication(writer.address, "r-1"))
    async with running(outbox):
        await stop.reached.wait()
    async with database.transaction() as session:
        stored = (await session.scalars(select(ChainTransactionRow))).one()
    assert stored.state == "signed"
    monkeypatch.undo()
    again, _, handler = make_outbox(database, zone, key)
    async with running(again):
        step = await again.wait(step_id, 30)
    assert step.state == StepState.DONE
    assert step.tx_hash == stored.tx_hash.hex().upper()
    assert len(handler.settled) == 1


async def test_step_whose_block_came_while_the_gateway_was_away_is_done_once(
    database: Database,
    zone: ZoneClient,
    node: NodeProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = node.private_key("tax")
    outbox, (writer,), _ = make_outbox(database, zone, key)
    stop = Stop(behind=zone.broadcast_many)
    monkeypatch.setattr(zone, "broadcast_many", stop)
    monkeypatch.setattr(outbox.follower, "_apply", Stop())
    (step_id,) = await add(outbox, publication(writer.address, "r-1"))
    async with running(outbox):
        await stop.reached.wait()
    monkeypatch.undo()
    await zone.wait_height(await zone.latest_height() + 2)
    again, _, handler = make_outbox(database, zone, key)
    async with running(again):
        step = await again.wait(step_id, 30)
    assert step.state == StepState.DONE
    assert len(handler.settled) == 1


async def test_node_that_is_killed_and_started_again_loses_and_doubles_nothing(
    database: Database, zone: ZoneClient, node: NodeProcess
) -> None:
    outbox, (writer,), handler = make_outbox(database, zone, node.private_key("tax"))
    async with running(outbox):
        ids = []
        for round_ in range(3):
            ids += await add(
                outbox,
                *(publication(writer.address, f"r-{round_}-{n}") for n in range(40)),
            )
            await asyncio.to_thread(node.kill)
            await asyncio.to_thread(node.start)
        done = await wait_all(outbox, ids, 60)
    assert {(step.state, step.error) for step in done} == {(StepState.DONE, "")}
    assert len(handler.settled) == len(ids)


async def test_accounts_do_not_wait_for_one_another(
    database: Database, zone: ZoneClient, node: NodeProcess
) -> None:
    keys = node.private_key("tax"), node.private_key("second")
    outbox, (one, two), _ = make_outbox(database, zone, *keys)
    async with running(outbox):
        ids = await add(
            outbox, publication(one.address, "a"), publication(two.address, "b")
        )
        done = await wait_all(outbox, ids)
    assert {step.state for step in done} == {StepState.DONE}
    assert len({step.tx_hash for step in done}) == 2
