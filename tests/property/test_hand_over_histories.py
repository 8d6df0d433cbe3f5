"""A record between two zones under a hostile order of events: random histories.

Whatever order relayers choose, whoever repeats a packet, whenever officers answer or do
not, and however often the record goes back and forth: at every step exactly one zone holds
it, or exactly one offer of it is under way; never both, never neither.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import encode
from huitong.core.errors import RejectedError
from huitong.core.hashing import sha256
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange.hand_overs import all_hand_overs, find_hand_over
from huitong.modules.exchange.keys import GIVER, RECEIVER
from huitong.modules.exchange.state import all_waiting
from huitong.modules.links.acknowledgements import result_acknowledgement
from huitong.modules.records.keys import RECORD_PREFIX
from huitong.modules.records.state import ACTIVE, IN_HAND_OVER, all_records
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Packet
from huitong.testing.actors import address_of
from huitong.testing.exchanges import (
    PUBLISHER,
    SEALED_DIGEST,
    TAKER,
    ExchangePair,
    open_exchange,
    sent_packet,
    written_acknowledgement,
)
from huitong.testing.links import Endpoint

ACTIONS: Final = (
    *["offer"] * 3,
    *["receive"] * 4,
    *["accept"] * 3,
    "return",
    *["acknowledge"] * 4,
    *["time out"] * 2,
    "wait",
    "publish",
    "garbage",
)
OFFICERS: Final = {"tax": address_of("officer"), "bank": TAKER}
SIGNERS: Final = {"tax": PUBLISHER, "bank": TAKER}


@dataclass
class File:
    """One record, two zones, and every packet and acknowledgement that was ever seen."""

    pair: ExchangePair = field(default_factory=open_exchange)
    sent: list[tuple[Endpoint, Packet]] = field(default_factory=list)
    acknowledgements: dict[tuple[str, int], bytes] = field(default_factory=dict)
    accepted: int = 0
    names: int = 0

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        return self.pair.path.a, self.pair.path.b

    def act(self, action: str, choice: int) -> None:
        # A refusal is an answer; the checks tell whether it left traces.
        with suppress(RejectedError):
            self._act(action, choice)

    def _act(self, action: str, choice: int) -> None:
        if action in ("offer", "publish"):
            self._use_record(action, choice)
        elif action == "wait":
            for end in self.ends:
                end.zone.next_block(duration_ns=choice * NS_PER_SECOND)
        elif self.sent:
            self._carry(action, *self.sent[choice % len(self.sent)])

    def _use_record(self, action: str, choice: int) -> None:
        """Offer the record, or give it a version, wherever somebody believes to have it."""
        end = self.ends[choice % 2]
        head = records_in(end)[-1]
        if action == "publish":
            self.names += 1
            end.zone.deliver(
                records_pb2.MsgPublishVersion(
                    signer=SIGNERS[head.issuer],
                    record_id=head.record_id,
                    previous_version=head.version,
                    payload_digest=sha256(b"%d" % self.names),
                    fields=head.fields,
                )
            )
            return
        receiver = "bank" if head.issuer == "tax" else "tax"
        end.zone.deliver(
            pb.MsgOfferHandOver(
                signer=SIGNERS[head.issuer],
                channel_id=end.channel_id,
                record_id=head.record_id,
                receiver="nobody" if choice % 11 == 10 else receiver,
                reader_key=bytes(32),
                sealed_digest=SEALED_DIGEST,
                reason="moved",
                timeout_timestamp=end.zone.time_ns + (20 + choice) * NS_PER_SECOND,
            )
        )
        self.sent.append((end, sent_packet(end.zone)))

    def _carry(self, action: str, source: Endpoint, packet: Packet) -> None:
        target = source.other
        if action == "receive":
            target.receive(packet)
            self._note(source, packet)
        elif action in ("accept", "return"):
            self._decide(action, source, packet)
        elif action == "acknowledge":
            known = self.acknowledgements.get((source.zone.chain_id, packet.sequence))
            source.acknowledge(packet, known or b'{"result":"AQ=="}')
        elif action == "time out":
            source.time_out(packet)
        elif action == "garbage":  # no proof will be found for it
            source.acknowledge(packet, b'{"error":"x"}')

    def _decide(self, action: str, source: Endpoint, packet: Packet) -> None:
        target = source.other
        hand_over = find_hand_over(
            target.zone.context(), RECEIVER, target.channel_id, packet.sequence
        )
        if hand_over is None:
            return
        taken = action == "accept"
        self.names += 1
        target.zone.deliver(
            pb.MsgDecideHandOver(
                signer=OFFICERS[hand_over.offer.receiver],
                channel_id=target.channel_id,
                sequence=packet.sequence,
                outcome=pb.HAND_OVER_OUTCOME_ACCEPTED
                if taken
                else pb.HAND_OVER_OUTCOME_RETURNED,
                reason="r",
                record_id=f"file-{self.names}" if taken else "",
                payload_digest=hand_over.offer.record.payload_digest if taken else b"",
            )
        )
        self.accepted += taken
        self._note(source, packet)

    def _note(self, source: Endpoint, packet: Packet) -> None:
        made = written_acknowledgement(source.other.zone)
        if made is not None:
            key = (source.zone.chain_id, packet.sequence)
            assert self.acknowledgements.setdefault(key, made) == made
            return

    def note_deadlines(self) -> None:
        """Find what the zones answered by themselves, in a block of their own."""
        for end in self.ends:
            for kept in all_hand_overs(end.zone.context()):
                if kept.side == RECEIVER and kept.decision.reason_code == "deadline":
                    key = (end.other.zone.chain_id, kept.sequence)
                    made = result_acknowledgement(encode(kept.decision))
                    self.acknowledgements.setdefault(key, made)

    def check(self) -> None:
        self.note_deadlines()
        holders = [
            (end.zone.chain_id, record.record_id)
            for end in self.ends
            for record in records_in(end)
            if record.status == ACTIVE
            or (record.status == IN_HAND_OVER and not self._is_taken(end, record))
        ]
        assert len(holders) == 1, holders
        for end in self.ends:
            waiting = [
                kept
                for kept in all_hand_overs(end.zone.context())
                if kept.side == RECEIVER and kept.status == pb.HAND_OVER_STATUS_OFFERED
            ]
            assert len(waiting) == len(list(all_waiting(end.zone.context())))

    def _is_taken(self, end: Endpoint, record: RecordHeader) -> bool:
        """Return whether the other zone has accepted what is locked here."""
        offers = [
            kept
            for kept in all_hand_overs(end.zone.context())
            if kept.side == GIVER
            and kept.status == pb.HAND_OVER_STATUS_OFFERED
            and kept.offer.record.record_id == record.record_id
        ]
        assert len(offers) == 1, "a locked record is offered once"
        taken = find_hand_over(
            end.other.zone.context(),
            RECEIVER,
            end.other.channel_id,
            offers[0].sequence,
        )
        return taken is not None and taken.status == pb.HAND_OVER_STATUS_ACCEPTED

    def settle(self) -> None:
        """Let honest relayers finish: then nothing is under way any more."""
        for end in self.ends:
            end.zone.next_block(duration_ns=100 * NS_PER_SECOND)
        self.note_deadlines()
        for source, packet in self.sent:
            for action in ("time out", "receive", "acknowledge"):
                with suppress(RejectedError):
                    self._carry(action, source, packet)
        active: list[Any] = [
            record
            for end in self.ends
            for record in records_in(end)
            if record.status in (ACTIVE, IN_HAND_OVER)
        ]
        assert [record.status for record in active] == [ACTIVE]


def records_in(end: Endpoint) -> list[RecordHeader]:
    """Return the heads in a zone, one that can be offered last; all are of one file."""
    found = list(all_records(end.zone.context(), RECORD_PREFIX))
    return sorted(found, key=lambda head: head.status == ACTIVE) or [
        RecordHeader(issuer="bank", record_id="none")
    ]


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 40)),
        min_size=5,
        max_size=50,
    )
)
def test_record_is_in_one_place_in_any_order_of_events(
    steps: list[tuple[str, int]],
) -> None:
    file = File()
    file.pair.publish()
    for action, choice in steps:
        file.act(action, choice)
        file.check()
    file.settle()
    file.check()


def test_history_of_the_test_does_move_the_record() -> None:
    """The actions reach what the property is about: there, back, late and returned."""
    file = File()
    file.pair.publish()
    for action, choice in (
        ("offer", 0),
        ("receive", 0),
        ("accept", 0),
        ("offer", 1),
        ("receive", 1),
        ("acknowledge", 0),
        ("accept", 1),
        ("acknowledge", 1),
        ("offer", 0),
        ("wait", 40),
        ("time out", 2),
        ("offer", 0),
        ("receive", 3),
        ("return", 3),
        ("acknowledge", 3),
    ):
        file._act(action, choice)
        file.check()
    assert file.accepted == 2
    ends = [
        [kept.status for kept in all_hand_overs(end.zone.context())]
        for end in file.ends
    ]
    assert ends == [
        [
            pb.HAND_OVER_STATUS_ACCEPTED,
            pb.HAND_OVER_STATUS_TIMED_OUT,
            pb.HAND_OVER_STATUS_RETURNED,
            pb.HAND_OVER_STATUS_ACCEPTED,
        ],
        [
            pb.HAND_OVER_STATUS_ACCEPTED,
            pb.HAND_OVER_STATUS_ACCEPTED,
            pb.HAND_OVER_STATUS_RETURNED,
        ],
    ]
