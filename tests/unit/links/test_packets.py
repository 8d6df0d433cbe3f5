"""The life of a packet: received once, settled once, by acknowledgement or timeout."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.modules.links import keys, packets, state
from huitong.modules.links.acknowledgements import (
    error_acknowledgement_of,
    result_acknowledgement,
)
from huitong.modules.links.commitments import commit_acknowledgement
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.testing.links import (
    ORDERED,
    TIMEOUT_NS,
    UNORDERED,
    Endpoint,
    Path,
    open_path,
)
from huitong.testing.mock_application import ERROR_TEXT, count_steps
from tests.unit.links.refusals import refused_with, set_channel_state

NOOP = tx_pb2.RESPONSE_RESULT_TYPE_NOOP
SUCCESS = tx_pb2.RESPONSE_RESULT_TYPE_SUCCESS
ORDERINGS = pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])


def receipt(end: Endpoint, sequence: int) -> bool:
    store = end.zone.context().store(keys.STORE)
    return state.has_receipt(store, "mock", "channel-0", sequence)


def acknowledged(end: Endpoint, sequence: int) -> bytes | None:
    store = end.zone.context().store(keys.STORE)
    return state.find_acknowledgement(store, "mock", "channel-0", sequence)


def outstanding(end: Endpoint, sequence: int) -> bool:
    store = end.zone.context().store(keys.STORE)
    return state.find_commitment(store, "mock", "channel-0", sequence) is not None


def received(end: Endpoint) -> dict[str, int]:
    return count_steps(end.zone.context(), "on_recv_packet")


def settled(end: Endpoint) -> tuple[dict[str, int], dict[str, int]]:
    ctx = end.zone.context()
    return (
        count_steps(ctx, "on_acknowledgement_packet"),
        count_steps(ctx, "on_timeout_packet"),
    )


def prefixes(path: Path) -> list[str]:
    return [event.kind for event in path.b.zone.events]


# --- receive and acknowledge --------------------------------------------------------------


@ORDERINGS
def test_packet_is_received_and_acknowledged(ordering: channel_pb2.Order) -> None:
    path = open_path(ordering=ordering)
    packet = path.a.send(b"ok hello")
    assert path.b.receive(packet).result == SUCCESS
    assert receipt(path.b, 1) is (ordering == UNORDERED)
    told = result_acknowledgement(b"ok hello")
    assert acknowledged(path.b, 1) == commit_acknowledgement(told)
    (event,) = path.b.zone.told("write_acknowledgement")
    assert event["packet_ack_hex"] == told.hex()
    assert event["packet_ack"] == told.decode()
    assert path.a.acknowledge(packet).result == SUCCESS
    assert not outstanding(path.a, 1)
    assert settled(path.a) == ({"channel-0/1": 1}, {})
    (event,) = path.a.zone.told("acknowledge_packet")
    assert event["packet_sequence"] == "1"


@ORDERINGS
def test_packet_received_again_is_a_no_op_without_events(
    ordering: channel_pb2.Order,
) -> None:
    path = open_path(ordering=ordering)
    packet = path.a.send()
    path.b.receive(packet)
    message = path.b.recv_message(packet)
    assert path.b.zone.is_redundant(message)
    assert path.b.zone.deliver(message).result == NOOP
    assert path.b.zone.events == []
    path.b.zone.next_block()
    message.signer = "ht1someoneelse"
    assert path.b.zone.deliver(message).result == NOOP
    assert received(path.b) == {"channel-0/1": 1}


@ORDERINGS
def test_acknowledgement_again_is_a_no_op_without_events(
    ordering: channel_pb2.Order,
) -> None:
    path = open_path(ordering=ordering)
    packet = path.a.send()
    path.b.receive(packet)
    path.a.catch_up()
    message = path.a.acknowledgement_message(packet)
    assert not path.a.zone.is_redundant(message)
    path.a.zone.deliver(message)
    assert path.a.zone.is_redundant(message)
    assert path.a.zone.deliver(message).result == NOOP
    assert path.a.zone.events == []
    assert settled(path.a) == ({"channel-0/1": 1}, {})


def test_unordered_packets_arrive_in_any_order() -> None:
    path = open_path()
    sent = [path.a.send(b"ok %d" % number) for number in range(3)]
    for packet in reversed(sent):
        assert path.b.receive(packet).result == SUCCESS
    for packet in (sent[1], sent[2], sent[0]):
        assert path.a.acknowledge(packet).result == SUCCESS


def test_ordered_packets_arrive_and_settle_in_order_only() -> None:
    path = open_path(ordering=ORDERED)
    first, second = path.a.send(b"ok 1"), path.a.send(b"ok 2")
    with refused_with("channel/21"):
        path.b.receive(second)
    path.b.receive(first)
    path.b.receive(second)
    with refused_with("channel/21"):
        path.a.acknowledge(second)
    path.a.acknowledge(first)
    path.a.acknowledge(second)


# --- what the application answers ---------------------------------------------------------


def test_refused_packet_is_acknowledged_and_leaves_nothing_behind() -> None:
    path = open_path()
    packet = path.a.send(b"refuse this")
    assert path.b.receive(packet).result == SUCCESS
    assert received(path.b) == {}
    kinds = prefixes(path)
    assert "mock_step" not in kinds
    assert "ibccallbackerror-mock_step" in kinds
    (refusal,) = path.b.zone.told("ibccallbackerror-refusal")
    assert (refusal["codespace"], refusal["code"]) == ("mock", "7")
    (step,) = path.b.zone.told("ibccallbackerror-mock_step")
    assert set(step) == {
        "ibccallbackerror-name",
        "ibccallbackerror-port_id",
        "ibccallbackerror-key",
    }
    told = b'{"error":"ABCI code: 7: error handling packet: see events for details"}'
    assert path.a.acknowledge(packet, told).result == SUCCESS


def test_error_acknowledgement_of_the_application_undoes_its_writes() -> None:
    path = open_path()
    packet = path.a.send(b"error please")
    path.b.receive(packet)
    assert received(path.b) == {}
    told = error_acknowledgement_of(ERROR_TEXT)
    assert acknowledged(path.b, 1) == commit_acknowledgement(told)
    assert path.a.acknowledge(packet, told).result == SUCCESS


def test_refusal_without_acknowledgement_fails_the_message() -> None:
    path = open_path()
    packet = path.a.send(b"silent")
    with refused_with("channel/16"):
        path.b.receive(packet)
    assert not receipt(path.b, 1)


def test_running_out_of_gas_fails_the_message_instead_of_the_packet() -> None:
    path = open_path()
    packet = path.a.send(b"gas guzzler")
    path.b.catch_up()
    message = path.b.recv_message(packet)
    with refused_with("sdk/11"):
        path.b.zone.deliver(message, gas=10**9)
    for gas in range(0, 200_000, 10_000):
        with refused_with("sdk/11"):
            path.b.zone.deliver(message, gas=gas)
    assert not receipt(path.b, 1)
    assert acknowledged(path.b, 1) is None


def test_acknowledgement_may_come_later() -> None:
    path = open_path()
    packet = path.a.send(b"async")
    path.b.receive(packet)
    assert receipt(path.b, 1)
    assert acknowledged(path.b, 1) is None
    ctx = path.b.zone.context()
    packets.write_acknowledgement(ctx, packet, b"later")
    path.b.zone.take(ctx)
    assert path.a.acknowledge(packet, b"later").result == SUCCESS


@ORDERINGS
def test_acknowledgement_is_written_once_and_only_for_what_was_received(
    ordering: channel_pb2.Order,
) -> None:
    path = open_path(ordering=ordering)
    packet, unseen = path.a.send(b"ok"), path.a.send(b"ok")
    path.b.receive(packet)
    ctx = path.b.zone.context()
    with refused_with("channel/17"):
        packets.write_acknowledgement(ctx, packet, b"other")
    with refused_with("channel/13"):
        packets.write_acknowledgement(ctx, unseen, b"early")
    with refused_with("channel/16"):
        packets.write_acknowledgement(ctx, unseen, b"")
    with refused_with("channel/16"):
        packets.write_acknowledgement(ctx, unseen, b"x" * 262_145)
    elsewhere = channel_pb2.Packet()
    elsewhere.CopyFrom(packet)
    elsewhere.destination_channel = "channel-9"
    with refused_with("channel/3"):
        packets.write_acknowledgement(ctx, elsewhere, b"lost")
    set_channel_state(path.b, channel_pb2.STATE_CLOSED)
    with refused_with("channel/5"):
        packets.write_acknowledgement(path.b.zone.context(), unseen, b"late")


def test_application_that_fails_on_an_acknowledgement_leaves_the_packet() -> None:
    path = open_path()
    packet = path.a.send()
    path.b.receive(packet)
    path.a.application.refuse.append("on_acknowledgement_packet")
    with refused_with("mock/7"):
        path.a.acknowledge(packet)
    assert outstanding(path.a, 1)
    path.a.application.refuse.clear()
    assert path.a.acknowledge(packet).result == SUCCESS


def test_commitment_is_gone_before_the_application_hears_of_it() -> None:
    path = open_path()
    packet = path.a.send()
    path.b.receive(packet)
    seen: list[bool] = []
    heard = path.a.application.on_acknowledgement_packet

    def look(ctx: Any, *arguments: Any) -> None:
        store = ctx.store(keys.STORE)
        found = state.find_commitment(store, "mock", "channel-0", 1)
        seen.append(found is None)
        heard(ctx, *arguments)

    path.a.application.on_acknowledgement_packet = look  # type: ignore[method-assign]
    path.a.acknowledge(packet)
    assert seen == [True]


# --- timeouts -----------------------------------------------------------------------------


def passed_by_time(path: Path) -> channel_pb2.Packet:
    packet = path.a.send(b"ok")
    path.b.zone.next_block(duration_ns=TIMEOUT_NS)
    return packet


def passed_by_height(path: Path) -> channel_pb2.Packet:
    limit = path.b.zone.height.plus(3)
    packet = path.a.send(b"ok", timeout_height=limit, timeout_timestamp=0)
    for _ in range(3):
        path.b.zone.next_block()
    return packet


@pytest.mark.parametrize("passed", [passed_by_time, passed_by_height])
def test_unordered_packet_times_out_and_the_channel_stays_open(passed: Any) -> None:
    path = open_path()
    packet = passed(path)
    assert path.a.time_out(packet).result == SUCCESS
    assert not outstanding(path.a, 1)
    assert settled(path.a) == ({}, {"channel-0/1": 1})
    assert path.a.zone.told("timeout_packet")[0]["packet_sequence"] == "1"
    assert not path.a.zone.told("channel_close")
    path.a.send(b"ok again")


@pytest.mark.parametrize("passed", [passed_by_time, passed_by_height])
def test_ordered_packet_times_out_and_the_channel_closes(passed: Any) -> None:
    path = open_path(ordering=ORDERED)
    packet = passed(path)
    assert path.a.time_out(packet).result == SUCCESS
    (told,) = path.a.zone.told("channel_close")
    assert told["channel_ordering"] == "ORDER_ORDERED"
    with refused_with("channel/5"):
        path.a.send(b"ok again")


def test_every_packet_of_a_closed_ordered_channel_can_still_time_out() -> None:
    path = open_path(ordering=ORDERED)
    first, second = path.a.send(b"ok 1"), path.a.send(b"ok 2")
    path.b.zone.next_block(duration_ns=TIMEOUT_NS)
    path.a.time_out(first)
    path.a.catch_up()
    message = path.a.timeout_message(second, next_sequence=1)
    assert path.a.zone.deliver(message).result == SUCCESS


@ORDERINGS
def test_timeout_again_is_a_no_op_without_events(ordering: channel_pb2.Order) -> None:
    path = open_path(ordering=ordering)
    packet = passed_by_time(path)
    path.a.catch_up()
    message = path.a.timeout_message(packet)
    assert not path.a.zone.is_redundant(message)
    path.a.zone.deliver(message)
    assert path.a.zone.is_redundant(message)
    assert path.a.zone.deliver(message).result == NOOP
    assert path.a.zone.events == []


@pytest.mark.parametrize(("beyond_ns", "in_time"), [(-1, True), (0, False), (1, False)])
def test_time_limit_is_exact_on_both_sides(beyond_ns: int, in_time: bool) -> None:
    path = open_path()
    start_ns = path.a.zone.clock.time_ns
    packet = path.a.send(b"ok", timeout_timestamp=start_ns + 10 * NS_PER_SECOND)
    path.a.zone.next_block()
    path.b.update_client()
    now_ns = path.b.zone.clock.time_ns
    wait_ns = start_ns + 10 * NS_PER_SECOND + beyond_ns - now_ns
    path.b.zone.next_block(duration_ns=wait_ns)
    message = path.b.recv_message(packet)
    path.a.update_client()
    if in_time:
        with refused_with("channel/39"):
            path.a.zone.deliver(path.a.timeout_message(packet))
        path.b.zone.deliver(message)
    else:
        with refused_with("channel/40"):
            path.b.zone.deliver(message)
        # The header of the late block carries the state before it: nothing received.
        path.a.zone.deliver(path.a.timeout_message(packet))


@pytest.mark.parametrize(("beyond", "in_time"), [(-1, True), (0, False), (1, False)])
def test_height_limit_is_exact_on_both_sides(beyond: int, in_time: bool) -> None:
    path = open_path()
    limit = path.b.zone.height.plus(6)
    packet = path.a.send(b"ok", timeout_height=limit, timeout_timestamp=0)
    path.a.zone.next_block()
    path.b.update_client()
    while path.b.zone.height < limit.plus(beyond):
        path.b.zone.next_block()
    message = path.b.recv_message(packet)
    path.a.update_client()
    if in_time:
        with refused_with("channel/39"):
            path.a.zone.deliver(path.a.timeout_message(packet))
        path.b.zone.deliver(message)
    else:
        with refused_with("channel/40"):
            path.b.zone.deliver(message)
        path.a.zone.deliver(path.a.timeout_message(packet))


def test_application_that_fails_on_a_timeout_leaves_the_packet() -> None:
    path = open_path()
    packet = passed_by_time(path)
    path.a.application.refuse.append("on_timeout_packet")
    with refused_with("mock/7"):
        path.a.time_out(packet)
    assert outstanding(path.a, 1)


# --- timeout on close ---------------------------------------------------------------------


@ORDERINGS
def test_packet_under_way_settles_when_the_other_end_is_closed(
    ordering: channel_pb2.Order,
) -> None:
    path = open_path(ordering=ordering)
    packet = path.a.send()
    path.b.zone.deliver(path.b.close_init_message())
    path.a.catch_up()
    message = path.a.timeout_on_close_message(packet)
    assert not path.a.zone.is_redundant(message)
    assert path.a.zone.deliver(message).result == SUCCESS
    assert settled(path.a) == ({}, {"channel-0/1": 1})
    assert path.a.zone.is_redundant(message)
    assert path.a.zone.deliver(message).result == NOOP


def test_packet_settles_after_both_ends_are_closed() -> None:
    path = open_path()
    packet = path.a.send()
    path.b.zone.deliver(path.b.close_init_message())
    path.a.catch_up()
    path.a.zone.deliver(path.a.close_confirm_message())
    message = path.a.timeout_on_close_message(packet)
    assert path.a.zone.deliver(message).result == SUCCESS


# --- delay --------------------------------------------------------------------------------


def test_connection_with_a_delay_makes_proofs_wait() -> None:
    delay_ns = 60 * NS_PER_SECOND
    path = open_path(delay_period_ns=delay_ns)
    packet = path.a.send()
    path.b.catch_up()
    message = path.b.recv_message(packet)
    with refused_with("07-tendermint/10"):
        path.b.zone.deliver(message)
    path.b.zone.next_block(duration_ns=delay_ns)
    # Sixty seconds are two blocks of at most thirty.
    with refused_with("07-tendermint/10"):
        path.b.zone.deliver(message)
    path.b.zone.next_block()
    assert path.b.zone.deliver(message).result == SUCCESS


def test_unknown_channel_is_not_redundant() -> None:
    path = open_path()
    packet = path.a.send(timeout_height=Height(9, 9))
    path.b.catch_up()
    message = path.b.recv_message(packet)
    message.packet.destination_channel = "channel-9"
    assert not path.b.zone.is_redundant(message)
