"""Sending a packet: what is committed, told, and refused (ICS-4)."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.height import Height
from huitong.core.limits import PACKET_DATA_SIZE_BYTES_MAX
from huitong.light import light_client
from huitong.light.tendermint.terms import TRUSTING_PERIOD_NS
from huitong.modules.links import keys, packets, state
from huitong.modules.links.commitments import commit_packet
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.links import ORDERED, UNORDERED, Endpoint, Path, open_path
from tests.unit.links.refusals import forget, refused_with, set_channel_state

CLOSED = channel_pb2.STATE_CLOSED
INIT = channel_pb2.STATE_INIT


def latest_on_b(path: Path) -> tuple[Height, int]:
    """Return height and time of the newest header of b that a knows."""
    store = path.a.zone.context().store(keys.STORE)
    height = light_client.latest_height(store, path.a.client_id)
    time_ns = light_client.timestamp_at_height(store, path.a.client_id, height)
    return height, time_ns


@pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])
def test_packets_are_numbered_committed_and_told(ordering: channel_pb2.Order) -> None:
    path = open_path(ordering=ordering)
    for expected in (1, 2, 3):
        packet = path.a.send(b"ok \xff" if expected == 3 else b"ok")
        assert packet.sequence == expected
        store = path.a.zone.context().store(keys.STORE)
        committed = state.find_commitment(store, "mock", "channel-0", expected)
        assert committed == commit_packet(packet)
    assert state.get_next_sequence_send(store, "mock", "channel-0") == 4
    (told,) = path.a.zone.told("send_packet")
    assert told == {
        "packet_data": "",
        "packet_data_hex": "6f6b20ff",
        "packet_timeout_height": "0-0",
        "packet_timeout_timestamp": str(packet.timeout_timestamp),
        "packet_sequence": "3",
        "packet_src_port": "mock",
        "packet_src_channel": "channel-0",
        "packet_dst_port": "mock",
        "packet_dst_channel": "channel-0",
        "packet_channel_ordering": channel_pb2.Order.Name(ordering),
        "packet_connection": "connection-0",
        "connection_id": "connection-0",
    }
    assert path.a.zone.told("message") == [{"module": "ibc_channel"}]


@pytest.mark.parametrize(
    "changed",
    [
        {"data": b"no"},
        {"timeout_timestamp": 8},
        {"timeout_height": Height(1, 6).to_proto()},
        {"timeout_height": Height(2, 5).to_proto()},
    ],
)
def test_commitment_covers_data_and_timeouts(changed: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "data": b"ok",
        "timeout_timestamp": 7,
        "timeout_height": Height(1, 5).to_proto(),
    }
    packet = channel_pb2.Packet(**given)
    assert commit_packet(packet) != commit_packet(
        channel_pb2.Packet(**(given | changed))
    )


def _send(end: Endpoint, **changed: Any) -> None:
    given: dict[str, Any] = {
        "port_id": "mock",
        "channel_id": "channel-0",
        "timeout_height": Height.ZERO,
        "timeout_timestamp": end.zone.time_ns + 10**12,
        "data": b"ok",
    }
    packets.send_packet(end.zone.context(), **(given | changed))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"channel_id": "channel-9"}, "channel/3"),
        ({"port_id": "other"}, "channel/3"),
        ({"data": b""}, "channel/13"),
        ({"data": b"x" * (PACKET_DATA_SIZE_BYTES_MAX + 1)}, "channel/13"),
        ({"timeout_timestamp": 0}, "channel/13"),
    ],
)
def test_wrong_packet_is_rejected(changed: dict[str, Any], code: str) -> None:
    with refused_with(code):
        _send(open_path().a, **changed)


def test_longest_data_is_sent() -> None:
    _send(open_path().a, data=b"x" * PACKET_DATA_SIZE_BYTES_MAX)


@pytest.mark.parametrize(
    ("value", "code"), [(INIT, "channel/5"), (CLOSED, "channel/5")]
)
def test_no_packet_over_a_channel_that_is_not_open(value: int, code: str) -> None:
    path = open_path()
    set_channel_state(path.a, value)
    with refused_with(code):
        _send(path.a)


def test_no_packet_on_a_port_without_application() -> None:
    path = open_path()
    path.a.zone.ports.clear()
    path.a.zone.next_block()
    ctx = path.a.zone.context()
    ctx.ports = {}
    with refused_with("port/5"):
        packets.send_packet(ctx, "mock", "channel-0", Height(1, 999), 0, b"ok")


def test_no_packet_without_a_sequence() -> None:
    path = open_path()
    forget(path.a, keys.next_sequence_send("mock", "channel-0"))
    with refused_with("channel/10"):
        _send(path.a)


def test_no_packet_over_a_lost_connection() -> None:
    path = open_path()
    forget(path.a, keys.connection("connection-0"))
    with refused_with("connection/3"):
        _send(path.a)


def test_no_packet_over_a_frozen_or_expired_client() -> None:
    path = open_path()
    ctx = path.a.zone.context()
    light_client.freeze(ctx.store(keys.STORE), path.a.client_id)
    path.a.zone.take(ctx)
    with refused_with("client/29"):
        _send(path.a)
    path = open_path()
    path.a.zone.next_block(duration_ns=TRUSTING_PERIOD_NS)
    with refused_with("client/29"):
        _send(path.a)


@pytest.mark.parametrize(("beyond", "late"), [(-1, True), (0, True), (1, False)])
def test_timeout_is_compared_with_the_newest_known_header(
    beyond: int, late: bool
) -> None:
    path = open_path()
    height, time_ns = latest_on_b(path)
    for changed in (
        {"timeout_timestamp": time_ns + beyond},
        {"timeout_timestamp": 0, "timeout_height": height.plus(beyond)},
    ):
        if late:
            with refused_with("channel/40"):
                _send(path.a, **changed)
        else:
            _send(path.a, **changed)


def test_timeout_in_a_later_revision_has_not_elapsed() -> None:
    path = open_path()
    _send(path.a, timeout_timestamp=0, timeout_height=Height(2, 1))
    with refused_with("channel/40"):
        _send(path.a, timeout_timestamp=0, timeout_height=Height(0, 10**6))
