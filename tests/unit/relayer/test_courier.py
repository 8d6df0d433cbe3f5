"""Carrying packets to a zone that refuses, fails and vanishes."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from huitong.client.errors import UnreachableError
from huitong.relayer import courier as courier_module
from huitong.relayer.chain import ChainTerms
from huitong.relayer.courier import Courier
from huitong.relayer.gas import GasTable
from huitong.relayer.handshake import Side
from tests.unit.relayer.fakes import FakeZone, tracker_with
from tests.unit.relayer.models import packet


def setting(count: int, **target_options):
    """A tracker with packets for b, b's courier, and b."""
    tracker = tracker_with(count)
    zones = {
        Side.A: FakeZone("hangzhou-1"),
        Side.B: FakeZone("chongqing-1", **target_options),
    }
    return tracker, Courier(tracker, Side.B, zones), zones[Side.B]


async def ship_all(courier: Courier) -> None:
    while await courier.ship():
        pass


def commit(tracker, courier, zone) -> None:
    block = zone.make_block()
    courier.on_block(block)
    tracker.take_block(Side.B, block, 1)


async def test_packets_go_in_full_transactions_and_only_once():
    tracker, courier, zone = setting(250)
    await ship_all(courier)
    assert zone.broadcasts == [100, 100, 50]
    assert await courier.ship() is False  # all of them are on their way
    commit(tracker, courier, zone)
    assert sorted(zone.received) == list(range(1, 251))
    assert await courier.ship() is False
    assert courier.in_flight == ()


async def test_only_the_first_transaction_updates_the_client():
    _, courier, zone = setting(150)
    await ship_all(courier)
    sizes = [len(packed) for _, packed in zone.waiting]
    assert sizes == [101, 50]


async def test_one_poisoned_packet_in_100_does_not_hold_up_the_others():
    tracker, courier, zone = setting(100, poisoned={37})
    for _ in range(12):
        await ship_all(courier)
        commit(tracker, courier, zone)
    assert sorted(zone.received) == [n for n in range(1, 101) if n != 37]
    assert tracker.resting == 1
    # Halving finds one among a hundred in seven rounds of two transactions.
    assert len(zone.broadcasts) <= 1 + 2 * 7


async def test_two_poisoned_packets_are_both_found():
    tracker, courier, zone = setting(64, poisoned={1, 64})
    for _ in range(20):
        await ship_all(courier)
        commit(tracker, courier, zone)
    assert sorted(zone.received) == list(range(2, 64))
    assert tracker.resting == 2


async def test_poisoned_packet_is_tried_again_after_its_rest(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(courier_module, "_now_s", lambda: now_s[0])
    tracker, courier, zone = setting(1, poisoned={1})
    await ship_all(courier)
    commit(tracker, courier, zone)
    tracker.end_rests(now_s[0] + 0.9)
    assert await courier.ship() is False
    tracker.end_rests(now_s[0] + 1.0)
    zone.poisoned = set()
    assert await courier.ship() is True
    commit(tracker, courier, zone)
    assert zone.received == [1]


async def test_rests_grow_up_to_a_limit():
    tracker, _, _ = setting(1)
    (item,) = tracker.items_for(Side.B)
    now_s = 0.0
    rests_s = []
    for _ in range(10):
        tracker.rest([item], now_s, "no")
        rest_s = 0.0
        while not tracker.items_for(Side.B):
            rest_s += 0.5
            tracker.end_rests(now_s + rest_s)
        rests_s.append(rest_s)
        now_s += rest_s
    assert rests_s == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


@pytest.mark.parametrize("refusal", [("channel", 22), ("sdk", 20)])
async def test_refusal_at_the_door_that_is_nobodys_fault_rests(refusal):
    tracker, courier, zone = setting(10, refuse_at_door=[refusal])
    await ship_all(courier)
    assert zone.broadcasts == [10]
    assert tracker.resting == 10
    assert courier.failed_txs == 0


async def test_missing_client_update_is_not_blamed_on_packets():
    tracker, courier, zone = setting(10, refuse_at_door=[("client", 7)])
    await ship_all(courier)
    assert zone.broadcasts == [10]  # not halved
    assert tracker.resting == 10


async def test_out_of_gas_is_tried_again_with_more():
    tracker, courier, zone = setting(8, poisoned={1}, refusal=("sdk", 11))
    await ship_all(courier)
    commit(tracker, courier, zone)
    zone.poisoned = set()
    await ship_all(courier)
    commit(tracker, courier, zone)
    assert sorted(zone.received) == list(range(1, 9))


async def test_lost_node_releases_what_was_to_be_sent():
    tracker = tracker_with(5)
    zones = {Side.A: FakeZone("hangzhou-1"), Side.B: FakeZone("chongqing-1")}
    courier = Courier(tracker, Side.B, zones)
    zones[Side.A].is_reachable = False
    with pytest.raises(UnreachableError):
        await courier.ship()
    zones[Side.A].is_reachable = True
    assert await courier.ship() is True
    assert zones[Side.B].broadcasts == [5]


async def test_transaction_that_no_block_takes_is_given_up_and_sent_again(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(courier_module, "_now_s", lambda: now_s[0])
    _, courier, zone = setting(3)
    await ship_all(courier)
    zone.waiting = []  # the node forgets it
    assert courier.give_up_old() is False
    now_s[0] += courier_module.TX_LIFETIME_S + 1
    assert courier.give_up_old() is True
    assert zone.forgotten == 1
    await ship_all(courier)
    assert zone.broadcasts == [3, 3]


async def test_forgetting_lets_everything_be_planned_again():
    tracker, courier, zone = setting(3)
    await ship_all(courier)
    courier.forget()
    assert courier.in_flight == ()
    assert len(tracker.items_for(Side.B)) == 3
    assert zone.forgotten == 1


async def test_transactions_under_way_are_bounded():
    _, courier, zone = setting(3_000)
    await ship_all(courier)
    assert len(zone.broadcasts) == courier_module.TXS_IN_FLIGHT_MAX


@pytest.mark.parametrize(
    "limit",
    [{"max_messages": 30}, {"max_gas": 5_000_000}, {"max_tx_bytes": 2_000}],
    ids=lambda limit: next(iter(limit)),
)
async def test_transactions_are_bounded_by(limit):
    terms = ChainTerms(**limit)
    _, courier, zone = setting(100, terms=terms)
    await ship_all(courier)
    assert sum(zone.broadcasts) == 100
    assert len(zone.broadcasts) > 2
    for count, (_, packed) in zip(zone.broadcasts, zone.waiting, strict=True):
        size = sum(len(message.value) for message in packed)
        assert count <= terms.max_messages
        assert size <= terms.max_tx_bytes
        if terms.max_gas:
            assert GasTable().limit(count, size) <= terms.max_gas


async def test_packet_above_the_limits_is_tried_by_itself():
    _, courier, zone = setting(2, terms=ChainTerms(max_tx_bytes=1, max_gas=1))
    await ship_all(courier)
    assert zone.broadcasts == [1, 1]


@pytest.mark.parametrize("refusal", [("sdk", 4), ("sdk", 5), ("sdk", 9), ("sdk", 13)])
async def test_refused_account_is_told_and_no_packet_blamed(refusal):
    tracker, courier, zone = setting(10, refuse_at_door=[refusal])
    with capture_logs() as logs:
        await ship_all(courier)
    assert zone.broadcasts == [10]  # not halved
    assert tracker.resting == 10
    assert "ht1relayer" in courier.account_refused
    assert logs[0]["event"] == "account_refused"
    assert "add-account ADDRESS --role relayer" in logs[0]["next_step"]


async def test_account_that_is_taken_again_is_no_problem_any_more(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(courier_module, "_now_s", lambda: now_s[0])
    tracker, courier, zone = setting(3, refuse_at_door=[("sdk", 4)])
    await ship_all(courier)
    tracker.end_rests(now_s[0] + 1.0)
    await ship_all(courier)
    commit(tracker, courier, zone)
    assert courier.account_refused == ""
    assert tracker.stuck() == []


async def test_halves_of_a_failed_batch_do_not_build_on_each_other():
    tracker, courier, zone = setting(4, poisoned={1})
    await ship_all(courier)
    commit(tracker, courier, zone)
    await ship_all(courier)
    updates = [
        sum(message.type_url.endswith("MsgUpdateClient") for message in packed)
        for _, packed in zone.waiting
    ]
    assert updates == [1, 1]


async def test_packet_at_fault_is_tried_again_by_itself(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(courier_module, "_now_s", lambda: now_s[0])
    tracker, courier, zone = setting(3, poisoned={2})
    for _ in range(4):
        await ship_all(courier)
        commit(tracker, courier, zone)
    assert sorted(zone.received) == [1, 3]
    ((item, failure),) = tracker.stuck()
    assert (item.action.sequence, failure.count) == (2, 1)
    assert "poisoned" in failure.reason
    tracker.lanes[Side.A].add_sent(packet(4), 5)
    tracker.end_rests(now_s[0] + 1.0)
    zone.broadcasts.clear()
    await ship_all(courier)
    assert zone.broadcasts == [1, 1]
    commit(tracker, courier, zone)
    assert 4 in zone.received
    ((_, failure),) = tracker.stuck()
    assert failure.count == 2


async def test_gas_is_simulated_where_the_chain_wants_it():
    _, courier, zone = setting(
        2, terms=ChainTerms(simulates_gas=True, max_gas=2_000_000)
    )
    zone.simulated = 500_000
    await ship_all(courier)
    assert zone.gas_limits == [500_000]
    zone.simulated = None  # it builds on what is under way: the table serves
    courier.forget()
    await ship_all(courier)
    (from_table,) = zone.gas_limits[1:]
    assert 900_000 < from_table <= 2_000_000
