"""A packet takes effect once, whatever is shown again, when, by whom and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huitong.modules import links
from huitong.modules.links import keys
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.testing import mock_application
from huitong.testing.actors import address_of
from huitong.testing.links import ORDERED, TIMEOUT_NS, UNORDERED, Path, open_path
from huitong.testing.mock_application import count_steps
from huitong.testing.zones import SimZone
from tests.unit.links.refusals import refused_with

NOOP = tx_pb2.RESPONSE_RESULT_TYPE_NOOP
ORDERINGS = pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])
ONCE = {"channel-0/1": 1}


def in_the_same_block(path: Path, message: Any) -> None:
    """Nothing happens in between."""


def in_the_next_block(path: Path, message: Any) -> None:
    path.a.zone.next_block()
    path.b.zone.next_block()


def after_a_restart(path: Path, message: Any) -> None:
    in_the_next_block(path, message)
    path.a.zone.restart()
    path.b.zone.restart()


def by_another_relayer(path: Path, message: Any) -> None:
    message.signer = address_of("another relayer")


def when_it_is_long_too_late(path: Path, message: Any) -> None:
    """Past its timeout a packet is refused even if it was received."""
    path.a.zone.next_block(duration_ns=TIMEOUT_NS)
    path.b.zone.next_block()


WHEN = pytest.mark.parametrize(
    "when",
    [in_the_same_block, in_the_next_block, after_a_restart, by_another_relayer],
)


def received(ordering: channel_pb2.Order) -> tuple[Path, tx_pb2.MsgRecvPacket]:
    path = open_path(ordering=ordering)
    packet = path.a.send(b"ok once")
    path.b.catch_up()
    message = path.b.recv_message(packet)
    path.b.zone.deliver(message)
    return path, message


@ORDERINGS
@WHEN
def test_packet_is_received_once(
    ordering: channel_pb2.Order, when: Callable[[Path, Any], None]
) -> None:
    path, message = received(ordering)
    when(path, message)
    assert path.b.zone.is_redundant(message)
    before = path.b.zone.context().store(keys.STORE).iterate(b"", None)
    kept = list(before)
    assert path.b.zone.deliver(message).result == NOOP
    assert list(path.b.zone.context().store(keys.STORE).iterate(b"", None)) == kept
    assert count_steps(path.b.zone.context(), "on_recv_packet") == ONCE


@ORDERINGS
def test_packet_that_was_received_and_is_too_late_is_refused(
    ordering: channel_pb2.Order,
) -> None:
    path, message = received(ordering)
    when_it_is_long_too_late(path, message)
    with refused_with("channel/40"):
        path.b.zone.deliver(message)
    assert count_steps(path.b.zone.context(), "on_recv_packet") == ONCE


@ORDERINGS
@WHEN
def test_acknowledgement_settles_once(
    ordering: channel_pb2.Order, when: Callable[[Path, Any], None]
) -> None:
    path, received_message = received(ordering)
    path.a.catch_up()
    message = path.a.acknowledgement_message(received_message.packet)
    path.a.zone.deliver(message)
    when(path, message)
    assert path.a.zone.is_redundant(message)
    assert path.a.zone.deliver(message).result == NOOP
    assert count_steps(path.a.zone.context(), "on_acknowledgement_packet") == ONCE


@WHEN
def test_timeout_settles_once(when: Callable[[Path, Any], None]) -> None:
    path = open_path()
    packet = path.a.send(b"ok once")
    path.b.zone.next_block(duration_ns=TIMEOUT_NS)
    path.a.catch_up()
    message = path.a.timeout_message(packet)
    path.a.zone.deliver(message)
    when(path, message)
    assert path.a.zone.deliver(message).result == NOOP
    assert count_steps(path.a.zone.context(), "on_timeout_packet") == ONCE


@ORDERINGS
def test_packet_is_received_once_across_export_and_import(
    ordering: channel_pb2.Order,
) -> None:
    path, message = received(ordering)
    path.b.zone.next_block()
    again = SimZone(
        "chongqing-1",
        [links.MODULE, mock_application.MODULE],
        clock=path.b.zone.clock,
        ports=mock_application.mock_ports(path.b.application),
        genesis={"links": path.b.zone.export()["links"]},
    )
    again.next_block()
    assert again.is_redundant(message)
    assert again.deliver(message).result == NOOP
    assert count_steps(again.context(), "on_recv_packet") == {}


# --- the same packet elsewhere ------------------------------------------------------------


def with_second_channel() -> tuple[Path, tx_pb2.MsgRecvPacket]:
    """A packet of the first channel, and a second one over the same connection."""
    path, message = received(UNORDERED)
    path.open_channel()
    assert path.a.channel_id == path.b.channel_id == "channel-1"
    path.b.catch_up()
    return path, message


@pytest.mark.parametrize(
    ("source", "destination", "code"),
    [
        ("channel-1", "channel-1", "commitment/2"),
        ("channel-0", "channel-1", "channel/13"),
        ("channel-1", "channel-0", "channel/13"),
    ],
)
def test_packet_of_one_channel_is_none_of_another(
    source: str, destination: str, code: str
) -> None:
    path, message = with_second_channel()
    message.packet.source_channel = source
    message.packet.destination_channel = destination
    with refused_with(code):
        path.b.zone.deliver(message)
    assert count_steps(path.b.zone.context(), "on_recv_packet") == ONCE


def test_acknowledgement_of_one_channel_settles_nothing_of_another() -> None:
    path, message = with_second_channel()
    packet = path.a.send(b"ok once")
    path.a.catch_up()
    proven = path.a.proven(keys.acknowledgement("mock", "channel-0", 1))
    forged = path.a.acknowledgement_message(packet, links.result_acknowledgement(b"ok"))
    forged.acknowledgement = links.result_acknowledgement(message.packet.data)
    forged.proof_acked = proven.proof
    forged.proof_height.CopyFrom(proven.height.to_proto())
    with refused_with("commitment/2"):
        path.a.zone.deliver(forged)
    assert count_steps(path.a.zone.context(), "on_acknowledgement_packet") == {}


def test_absence_on_one_channel_times_nothing_out_on_another() -> None:
    path, _ = with_second_channel()
    packet = path.a.send(b"ok real")
    path.b.receive(packet)
    path.b.zone.next_block(duration_ns=TIMEOUT_NS)
    path.a.catch_up()
    message = path.a.timeout_message(packet)
    proven = path.a.proven(keys.receipt("mock", "channel-0", 7))
    message.proof_unreceived = proven.proof
    with refused_with("commitment/2"):
        path.a.zone.deliver(message)


def test_receipt_shown_with_a_prefix_of_its_sequence_is_another() -> None:
    """Sequences are decimal text: 1 is the beginning of 10, and neither stands for it."""
    path = open_path()
    packets = [path.a.send(b"ok") for _ in range(10)]
    path.b.receive(packets[9])
    path.b.zone.next_block(duration_ns=TIMEOUT_NS)
    path.a.catch_up()
    late = path.a.timeout_message(packets[9])
    late.proof_unreceived = path.a.timeout_message(packets[0]).proof_unreceived
    with refused_with("commitment/2"):
        path.a.zone.deliver(late)
    path.a.zone.deliver(path.a.timeout_message(packets[0]))
    assert count_steps(path.a.zone.context(), "on_timeout_packet") == ONCE
