"""Packets that nobody sent, acknowledgements that nobody wrote: each refused by its rule.

Three tables, one for each message, after ibc-go's tests of the same. A row changes one
thing in a message that would otherwise be carried out, or in the zone that carries it
out, and names the code of the refusal.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from huitong.core.limits import PACKET_DATA_SIZE_BYTES_MAX, PROOF_SIZE_BYTES_MAX
from huitong.modules.links import keys, state
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.testing.links import (
    ORDERED,
    TIMEOUT_NS,
    UNORDERED,
    open_path,
)
from huitong.testing.mock_application import count_steps
from tests.byzantine.packet_attacks import (
    Attack,
    Change,
    absence_of_another_packet,
    acknowledging,
    another_packet,
    channel_is,
    closing,
    connection_is,
    expired,
    frozen,
    is_outstanding,
    late_by_time,
    later_height,
    no_timeout,
    not_closed,
    proof_at_older_height,
    proof_of_absence,
    proof_of_another_chain,
    proof_of_another_key,
    proof_of_own_state,
    proof_of_receipt_for_absence,
    put,
    received_meanwhile,
    receiving,
    timing_out,
    without_application,
    without_connection,
    without_next_acknowledge,
    without_next_receive,
)
from tests.unit.links.refusals import (
    refused_with,
)


def rows(table: list[tuple[str, Change, str]]) -> pytest.MarkDecorator:
    """Return a table as parameters that are named by its first column."""
    return pytest.mark.parametrize(
        ("change", "code"),
        [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in table],
    )


INIT = channel_pb2.STATE_INIT
CLOSED = channel_pb2.STATE_CLOSED
TRYOPEN = connection_pb2.STATE_TRYOPEN
TOO_LONG = b"x" * (PROOF_SIZE_BYTES_MAX + 1)
TOO_MUCH = b"x" * (PACKET_DATA_SIZE_BYTES_MAX + 1)

# --- receive ------------------------------------------------------------------------------

RECEIVE: list[tuple[str, Change, str]] = [
    ("packet that was never sent", another_packet, "commitment/2"),
    ("other data", put(packet__data=b"ok forged"), "commitment/2"),
    ("one byte more", put(packet__data=b"ok real\x00"), "commitment/2"),
    ("later time limit", put(packet__timeout_timestamp=2**63), "commitment/2"),
    ("later height", later_height, "commitment/2"),
    ("other source port", put(packet__source_port="other"), "channel/13"),
    ("other source channel", put(packet__source_channel="channel-9"), "channel/13"),
    ("unknown port", put(packet__destination_port="other"), "channel/3"),
    ("unknown channel", put(packet__destination_channel="channel-9"), "channel/3"),
    ("malformed port", put(packet__destination_port="../"), "host/2"),
    ("malformed channel", put(packet__source_channel="x"), "host/2"),
    ("sequence 0", put(packet__sequence=0), "channel/13"),
    ("no data", put(packet__data=b""), "channel/13"),
    ("too much data", put(packet__data=TOO_MUCH), "channel/13"),
    ("no timeout", no_timeout, "channel/13"),
    ("too late by time", late_by_time, "channel/40"),
    ("channel not open yet", channel_is(INIT), "channel/5"),
    ("channel closed", channel_is(CLOSED), "channel/5"),
    ("connection not open", connection_is(TRYOPEN), "connection/6"),
    ("connection lost", without_connection, "connection/3"),
    ("port without application", without_application, "port/5"),
    ("client frozen", frozen, "client/29"),
    ("client expired", expired, "channel/40"),
    ("no proof", put(proof_commitment=b""), "commitment/2"),
    ("endless proof", put(proof_commitment=TOO_LONG), "commitment/2"),
    ("proof of another key", proof_of_another_key, "commitment/2"),
    ("proof of absence", proof_of_absence, "commitment/2"),
    ("proof of our own state", proof_of_own_state, "commitment/2"),
    ("proof of another chain", proof_of_another_chain, "commitment/2"),
    ("proof height 0", put(proof_height__revision_height=0), "client/7"),
    ("proof height unknown", put(proof_height__revision_height=1), "client/7"),
    ("proof height ahead", put(proof_height__revision_height=999), "ibc/9"),
    ("proof of another revision", put(proof_height__revision_number=0), "client/7"),
]


@rows(RECEIVE)
@pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])
def test_forged_packet_is_not_received(
    change: Change, code: str, ordering: channel_pb2.Order
) -> None:
    attack = receiving(ordering)
    change(attack)
    with refused_with(code) as refused:
        attack.end.zone.deliver(attack.message)
    assert str(refused.value).startswith("receive packet verification failed: ")
    assert count_steps(attack.end.zone.context(), "on_recv_packet") == {}


def test_text_of_a_missing_update_is_what_relayers_look_for() -> None:
    attack = receiving()
    attack.message.proof_height.revision_height = 999
    with refused_with("ibc/9") as refused:
        attack.end.zone.deliver(attack.message)
    assert "verification failed" in str(refused.value)
    assert "client state height < proof height" in str(refused.value)


def test_ordered_packet_without_a_sequence_is_not_received() -> None:
    attack = receiving(ORDERED)
    without_next_receive(attack)
    with refused_with("channel/11"):
        attack.end.zone.deliver(attack.message)


# --- acknowledge --------------------------------------------------------------------------

ACKNOWLEDGE: list[tuple[str, Change, str]] = [
    ("empty", put(acknowledgement=b""), "channel/16"),
    ("too long", put(acknowledgement=b"x" * 262_145), "channel/16"),
    ("forged result", put(acknowledgement=b'{"result":"AQ=="}'), "commitment/2"),
    ("forged error", put(acknowledgement=b'{"error":"no"}'), "commitment/2"),
    ("other bytes", put(acknowledgement=b"\x01"), "commitment/2"),
    ("blank inside", put(acknowledgement=b'{"result": "AQ=="}'), "channel/16"),
    ("two names", put(acknowledgement=b'{"result":"","error":""}'), "channel/16"),
    ("name twice", put(acknowledgement=b'{"error":"a","error":"b"}'), "channel/16"),
    ("other data", put(packet__data=b"ok forged"), "channel/13"),
    ("other time limit", put(packet__timeout_timestamp=5), "channel/13"),
    ("other height", put(packet__timeout_height__revision_height=5), "channel/13"),
    ("other destination", put(packet__destination_port="other"), "channel/13"),
    ("other channel", put(packet__destination_channel="channel-9"), "channel/13"),
    ("unknown port", put(packet__source_port="other"), "channel/3"),
    ("unknown channel", put(packet__source_channel="channel-9"), "channel/3"),
    ("malformed port", put(packet__source_port="!"), "host/2"),
    ("sequence 0", put(packet__sequence=0), "channel/13"),
    ("no data", put(packet__data=b""), "channel/13"),
    ("channel not open", channel_is(INIT), "channel/5"),
    ("channel closed", channel_is(CLOSED), "channel/5"),
    ("connection not open", connection_is(TRYOPEN), "connection/6"),
    ("connection lost", without_connection, "connection/3"),
    ("port without application", without_application, "port/5"),
    ("client frozen", frozen, "client/29"),
    ("client expired", expired, "client/29"),
    ("no proof", put(proof_acked=b""), "commitment/2"),
    ("endless proof", put(proof_acked=TOO_LONG), "commitment/2"),
    ("proof height unknown", put(proof_height__revision_height=1), "client/7"),
    ("proof height ahead", put(proof_height__revision_height=999), "ibc/9"),
    ("proof before the packet", proof_at_older_height, "commitment/2"),
]


@rows(ACKNOWLEDGE)
@pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])
def test_forged_acknowledgement_settles_nothing(
    change: Change, code: str, ordering: channel_pb2.Order
) -> None:
    attack = acknowledging(ordering)
    change(attack)
    with refused_with(code) as refused:
        attack.end.zone.deliver(attack.message)
    assert str(refused.value).startswith("acknowledge packet verification failed: ")
    assert is_outstanding(attack)


def test_ordered_acknowledgement_without_a_sequence_settles_nothing() -> None:
    attack = acknowledging(ORDERED)
    without_next_acknowledge(attack)
    with refused_with("channel/12"):
        attack.end.zone.deliver(attack.message)


def test_acknowledgement_of_a_packet_that_was_never_sent_is_a_no_op() -> None:
    attack = acknowledging()
    attack.message.packet.sequence = 9
    response = attack.end.zone.deliver(attack.message)
    assert response.result == tx_pb2.RESPONSE_RESULT_TYPE_NOOP
    assert is_outstanding(attack)


# --- timeout ------------------------------------------------------------------------------

TIMEOUT: list[tuple[str, Change, str]] = [
    ("other data", put(packet__data=b"ok forged"), "channel/13"),
    ("earlier limit", put(packet__timeout_timestamp=5), "channel/13"),
    ("later limit", put(packet__timeout_timestamp=2**63), "channel/39"),
    ("other destination", put(packet__destination_port="other"), "channel/13"),
    ("other channel", put(packet__destination_channel="channel-9"), "channel/13"),
    ("unknown port", put(packet__source_port="other"), "channel/3"),
    ("unknown channel", put(packet__source_channel="channel-9"), "channel/3"),
    ("malformed channel", put(packet__source_channel="!"), "host/2"),
    ("sequence 0", put(packet__sequence=0), "channel/13"),
    ("no next sequence", put(next_sequence_recv=0), "ibc/1"),
    ("connection lost", without_connection, "connection/3"),
    ("port without application", without_application, "port/5"),
    ("client frozen", frozen, "client/29"),
    ("client expired", expired, "client/29"),
    ("no proof", put(proof_unreceived=b""), "commitment/2"),
    ("endless proof", put(proof_unreceived=TOO_LONG), "commitment/2"),
    ("proof of presence", proof_of_receipt_for_absence, "commitment/2"),
    ("proof height unknown", put(proof_height__revision_height=1), "client/7"),
    ("proof height ahead", put(proof_height__revision_height=999), "client/7"),
]


@rows(TIMEOUT)
@pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])
def test_forged_timeout_settles_nothing(
    change: Change, code: str, ordering: channel_pb2.Order
) -> None:
    attack = timing_out(ordering)
    change(attack)
    with refused_with(code) as refused:
        attack.end.zone.deliver(attack.message)
    assert str(refused.value).startswith("timeout packet verification failed: ")
    assert is_outstanding(attack)


def test_timeout_before_the_limit_settles_nothing() -> None:
    path = open_path()
    packet = path.a.send()
    path.a.catch_up()
    with refused_with("channel/39"):
        path.a.zone.deliver(path.a.timeout_message(packet))


@pytest.mark.parametrize("begin", [timing_out, closing])
def test_received_packet_does_not_time_out_on_an_unordered_channel(
    begin: Callable[[], Attack],
) -> None:
    attack = begin()
    received_meanwhile(attack)
    with refused_with("commitment/2"):
        attack.end.zone.deliver(attack.message)
    assert is_outstanding(attack)


@pytest.mark.parametrize("begin", [timing_out, closing])
@pytest.mark.parametrize(
    ("claimed", "code"), [(1, "commitment/2"), (2, "channel/19"), (3, "channel/19")]
)
def test_received_packet_does_not_time_out_on_an_ordered_channel(
    begin: Callable[[channel_pb2.Order], Attack], claimed: int, code: str
) -> None:
    attack = begin(ORDERED)
    received_meanwhile(attack)
    attack.message.next_sequence_recv = claimed
    with refused_with(code):
        attack.end.zone.deliver(attack.message)
    assert is_outstanding(attack)


def test_absence_of_one_packet_says_nothing_about_another() -> None:
    # Both receipts lie in the same gap of the tree, so the proof fits both: what is
    # settled is the packet of the message, whose own absence the proof shows as well.
    attack = timing_out()
    received_meanwhile(attack)
    absence_of_another_packet(attack)
    with refused_with("commitment/2"):
        attack.end.zone.deliver(attack.message)


# --- timeout on close ---------------------------------------------------------------------

CLOSE: list[tuple[str, Change, str]] = [
    ("other end still open", not_closed, "commitment/2"),
    ("no proof of closing", put(proof_close=b""), "commitment/2"),
    ("endless proof of closing", put(proof_close=TOO_LONG), "commitment/2"),
    ("no proof of absence", put(proof_unreceived=b""), "commitment/2"),
    ("other upgrades", put(counterparty_upgrade_sequence=1), "commitment/2"),
    ("no next sequence", put(next_sequence_recv=0), "ibc/1"),
    ("other data", put(packet__data=b"ok forged"), "channel/13"),
    ("other destination", put(packet__destination_port="other"), "channel/13"),
    ("unknown channel", put(packet__source_channel="channel-9"), "channel/3"),
    ("malformed channel", put(packet__source_channel="!"), "host/2"),
    ("connection lost", without_connection, "connection/3"),
    ("port without application", without_application, "port/5"),
    ("client frozen", frozen, "client/29"),
    ("proof height ahead", put(proof_height__revision_height=999), "ibc/9"),
]


@rows(CLOSE)
@pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])
def test_forged_timeout_on_close_settles_nothing(
    change: Change, code: str, ordering: channel_pb2.Order
) -> None:
    attack = closing(ordering)
    change(attack)
    with refused_with(code) as refused:
        attack.end.zone.deliver(attack.message)
    text = "timeout on close packet verification failed: "
    assert str(refused.value).startswith(text)
    assert is_outstanding(attack)


# --- life after life ----------------------------------------------------------------------


def test_packet_that_timed_out_is_not_received_afterwards() -> None:
    attack = timing_out()
    attack.end.zone.deliver(attack.message)
    path = attack.path
    path.b.catch_up()
    message = path.b.recv_message(attack.packet)
    with refused_with("channel/40"):
        path.b.zone.deliver(message)


def test_acknowledged_packet_does_not_time_out_and_the_other_way_round() -> None:
    attack = acknowledging()
    attack.end.zone.deliver(attack.message)
    path, packet = attack.path, attack.packet
    path.b.zone.next_block(duration_ns=TIMEOUT_NS)
    path.a.catch_up()
    response = path.a.zone.deliver(path.a.timeout_message(packet))
    assert response.result == tx_pb2.RESPONSE_RESULT_TYPE_NOOP
    assert count_steps(path.a.zone.context(), "on_timeout_packet") == {}
    attack = timing_out()
    attack.end.zone.deliver(attack.message)
    path, packet = attack.path, attack.packet
    response = path.a.zone.deliver(path.a.acknowledgement_message(packet))
    assert response.result == tx_pb2.RESPONSE_RESULT_TYPE_NOOP
    assert count_steps(path.a.zone.context(), "on_acknowledgement_packet") == {}


def test_closed_channel_receives_nothing_but_settles_by_closing() -> None:
    attack = receiving()
    path = attack.path
    path.b.zone.deliver(path.b.close_init_message())
    with refused_with("channel/5"):
        attack.end.zone.deliver(attack.message)
    path.a.catch_up()
    message = path.a.timeout_on_close_message(attack.packet)
    path.a.zone.deliver(message)
    assert count_steps(path.a.zone.context(), "on_timeout_packet") == {"channel-0/1": 1}


def test_receipt_lasts_through_export_and_import() -> None:
    attack = receiving()
    attack.end.zone.deliver(attack.message)
    attack.end.zone.next_block()
    store = attack.end.zone.context().store(keys.STORE)
    exported = attack.end.zone.export()["links"]["entries"]
    assert len(exported) + 5 == len(list(store.iterate(b"", None)))
    assert state.has_receipt(store, "mock", "channel-0", 1)
