"""What a tracker makes of readings and of blocks that overlap them."""

from __future__ import annotations

from huitong.client import BlockSeen, TxSeen
from huitong.relayer.handshake import Side
from huitong.relayer.lane import Lane, LaneReading
from huitong.relayer.plan import Head, Stage
from huitong.relayer.tracker import SideFacts, Tracker
from tests.unit.relayer.fakes import LINK, tracker_with
from tests.unit.relayer.models import END_ON_A, END_ON_B, packet


def told(kind: str, **attributes: str):
    return {
        "type": kind,
        "attributes": [
            {"key": key, "value": value} for key, value in attributes.items()
        ],
    }


def packet_told(kind: str, sequence: int, **more: str):
    return told(
        kind,
        packet_sequence=str(sequence),
        packet_src_port=END_ON_A.port_id,
        packet_src_channel=END_ON_A.channel_id,
        packet_dst_port=END_ON_B.port_id,
        packet_dst_channel=END_ON_B.channel_id,
        packet_data_hex="00ff",
        packet_timeout_height="0-0",
        packet_timeout_timestamp="99000000",
        **more,
    )


def block(height: int, *events, code: int = 0) -> BlockSeen:
    tx = TxSeen(
        raw="AA==",
        code=code,
        codespace="",
        log="",
        data="",
        gas_used=0,
        events=list(events),
    )
    return BlockSeen(height=height, time_ns=height * 1_000, txs=[tx])


def readings(height: int, *sequences: int) -> dict[Side, LaneReading]:
    onward = Lane(end_on_a=END_ON_A, end_on_b=END_ON_B)
    for sequence in sequences:
        onward.add_sent(packet(sequence), height)
    back = Lane(end_on_a=END_ON_B, end_on_b=END_ON_A)
    return {
        side: LaneReading(lane=lane, height_on_a=height, height_on_b=height, missing=())
        for side, lane in ((Side.A, onward), (Side.B, back))
    }


def facts(height: int) -> dict[Side, SideFacts]:
    head = Head(revision=1, height=height, time_ns=height * 1_000)
    return {
        side: SideFacts(head=head, client_height=1, client_time_ns=1_000)
        for side in Side
    }


def test_packet_lives_from_its_sending_to_its_acknowledgement():
    tracker = tracker_with(0)
    sent = packet_told("send_packet", 1)
    tracker.take_block(Side.A, block(11, sent), 1)
    assert tracker.items_for(Side.B) == []
    tracker.take_block(Side.A, block(12), 1)
    assert [item.action.stage for item in tracker.items_for(Side.B)] == [Stage.RECEIVE]
    answered = packet_told("write_acknowledgement", 1, packet_ack_hex="aa")
    tracker.take_block(Side.B, block(11, answered), 1)
    assert tracker.items_for(Side.B) == []
    tracker.take_block(Side.B, block(12), 1)
    (item,) = tracker.items_for(Side.A)
    assert item.action.stage is Stage.ACKNOWLEDGE
    tracker.take_block(Side.A, block(13, packet_told("acknowledge_packet", 1)), 1)
    assert tracker.items_for(Side.A) == []
    assert tracker.settled == 1
    assert tracker.lanes[Side.A].sent == {}


def test_failed_transactions_tell_nothing():
    tracker = tracker_with(0)
    tracker.take_block(Side.A, block(11, packet_told("send_packet", 1), code=5), 1)
    tracker.take_block(Side.A, block(12), 1)
    assert tracker.items_for(Side.B) == []


def test_other_channels_are_passed_over():
    tracker = tracker_with(0)
    foreign = told(
        "send_packet",
        packet_sequence="1",
        packet_src_port="transfer",
        packet_src_channel="channel-9",
    )
    tracker.take_block(Side.A, block(11, foreign), 1)
    assert tracker.lanes[Side.A].sent == {}


def test_blocks_seen_before_and_during_a_reading_are_not_lost():
    tracker = Tracker(link=LINK)
    tracker.take_block(Side.A, block(9, packet_told("send_packet", 1)), 1)
    tracker.take_block(Side.A, block(10, packet_told("send_packet", 2)), 1)
    tracker.begin_reading()
    tracker.take_block(Side.A, block(11, packet_told("send_packet", 3)), 1)
    tracker.take_readings(readings(9, 1), facts(10))
    assert sorted(tracker.lanes[Side.A].sent) == [1, 2, 3]


def test_blocks_that_a_reading_covers_do_not_bring_settled_packets_back():
    tracker = Tracker(link=LINK)
    tracker.begin_reading()
    tracker.take_block(Side.A, block(9, packet_told("send_packet", 1)), 1)
    tracker.take_readings(readings(12), facts(12))
    tracker.take_block(Side.A, block(10, packet_told("send_packet", 2)), 1)
    assert tracker.lanes[Side.A].sent == {}


def test_client_update_by_anybody_is_noticed():
    tracker = tracker_with(0)
    update = told(
        "update_client", client_id=LINK.client_on_b, consensus_heights="1-40,1-42"
    )
    tracker.take_block(Side.B, block(11, update), 1)
    assert tracker.client_heights[Side.B] == 42
    other = told("update_client", client_id="07-tendermint-7", consensus_height="1-99")
    tracker.take_block(Side.B, block(12, other), 1)
    assert tracker.client_heights[Side.B] == 42


def test_closed_end_turns_receiving_into_timing_out():
    tracker = tracker_with(1)
    closed = told(
        "channel_close_confirm",
        port_id=END_ON_B.port_id,
        channel_id=END_ON_B.channel_id,
    )
    tracker.take_block(Side.B, block(11, closed), 1)
    assert tracker.items_for(Side.B) == []
    (item,) = tracker.items_for(Side.A)
    assert item.action.stage is Stage.TIME_OUT_ON_CLOSE


def test_event_of_b_that_comes_before_that_of_a_is_kept():
    tracker = tracker_with(0)
    answered = packet_told("write_acknowledgement", 1, packet_ack_hex="aa")
    tracker.take_block(Side.B, block(11, answered), 1)
    tracker.take_block(Side.A, block(11, packet_told("send_packet", 1)), 1)
    tracker.take_block(Side.A, block(12), 1)
    tracker.take_block(Side.B, block(12), 1)
    assert tracker.items_for(Side.B) == []
    assert [item.action.stage for item in tracker.items_for(Side.A)] == [
        Stage.ACKNOWLEDGE
    ]


def test_newest_block_of_a_reading_before_the_stream_began_is_a_gap():
    tracker = tracker_with(0)
    tracker.begin_stream(Side.A)
    tracker.begin_reading()
    tracker.take_block(Side.A, block(13), 1)
    assert not tracker.has_gap(Side.A)  # what is being read may cover block 12
    tracker.take_readings(readings(11), facts(12))
    assert tracker.has_gap(Side.A)
    assert not tracker.has_gap(Side.B)
    tracker.take_block(Side.A, block(14), 1)
    assert tracker.has_gap(Side.A)
    tracker.begin_reading()
    tracker.take_readings(readings(13, 1), facts(14))
    assert not tracker.has_gap(Side.A)


def test_a_stream_that_goes_on_from_a_reading_has_no_gap():
    tracker = tracker_with(0)
    tracker.begin_stream(Side.A)
    tracker.take_readings(readings(11), facts(12))
    assert not tracker.has_gap(Side.A)
    for height in (12, 13, 14):
        tracker.take_block(Side.A, block(height), 1)
        assert not tracker.has_gap(Side.A)


def test_a_block_that_the_stream_leaves_out_is_a_gap():
    tracker = tracker_with(0)
    tracker.take_readings(readings(11), facts(12))
    tracker.take_block(Side.A, block(12), 1)
    tracker.take_block(Side.A, block(14), 1)
    assert tracker.has_gap(Side.A)
    tracker.take_readings(readings(13), facts(14))
    assert not tracker.has_gap(Side.A)


def test_what_a_block_tells_is_counted_once_however_often_the_state_is_read():
    tracker = tracker_with(0)
    tracker.take_block(Side.A, block(12, packet_told("send_packet", 1)), 1)
    tracker.take_block(Side.A, block(13, packet_told("acknowledge_packet", 1)), 1)
    for _ in range(3):
        tracker.begin_reading()
        tracker.take_readings(readings(11), facts(13))
    assert tracker.counts[Side.A, "send_packet"] == 1
    assert tracker.counts[Side.A, "acknowledge_packet"] == 1
    assert tracker.settled == 1
