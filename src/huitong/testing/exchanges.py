"""Two zones with an open exchange channel: hangzhou-1 holds records, chongqing-1 asks.

Packets travel with real proofs over real light clients::

    pair = open_exchange()
    pair.publish()
    pair.grant()
    packet = pair.request()
    acknowledgement = pair.receive(packet)
    pair.acknowledge(packet, acknowledgement)
    assert pair.exchange_on_b(packet.sequence).decision.reason_code == "grant"

On hangzhou-1 the member ``tax`` has the accounts ``publisher``, ``officer`` and
``delegate``, and there is a ``regulator``; on
chongqing-1 the member ``bank`` has ``requester`` and ``taker``, an officer, and the member
``thief`` has ``rogue``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.modules import (
    anchors,
    exchange,
    facts,
    grants,
    links,
    members,
    policies,
    records,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2, handover_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.policies.v1 import policies_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Packet
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.links import TIMEOUT_NS, Endpoint, Path
from huitong.testing.mock_application import MockApplication
from huitong.testing.zones import SimClock, SimZone

PUBLISHER: Final = address_of("publisher")
OFFICER: Final = address_of("officer")
DELEGATE: Final = address_of("delegate")
REGULATOR: Final = address_of("regulator")
REQUESTER: Final = address_of("requester")
ROGUE: Final = address_of("rogue")
TAKER: Final = address_of("taker")
DIGEST: Final = bytes(range(32))
SUBJECT: Final = bytes(range(32, 64))
SEALED_DIGEST: Final = bytes(range(64, 96))
PURPOSE: Final = "receivable-financing"
FIELDS: Final = ("amount", "buyer", "number", "seller")

_MODULES: Final = (
    members.MODULE,
    links.MODULE,
    records.MODULE,
    facts.MODULE,
    grants.MODULE,
    policies.MODULE,
    exchange.MODULE,
    anchors.MODULE,
)
_ACCOUNTS_ON_A: Final = {
    "publisher": ("tax", "publisher"),
    "officer": ("tax", "officer"),
    "delegate": ("tax", "delegate"),
    "other-delegate": ("court", "delegate"),
    "regulator": ("", "regulator"),
    "other-officer": ("court", "officer publisher"),
    "operator": ("", "operator"),
}
_ACCOUNTS_ON_B: Final = {
    "requester": ("bank", "requester"),
    "taker": ("bank", "officer publisher"),
    "rogue": ("thief", "requester"),
    "rogue-officer": ("thief", "officer"),
    "operator": ("", "operator"),
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePair:
    """The provider's zone a and the requester's zone b."""

    path: Path
    """``path.a`` is the provider's end."""

    @property
    def a(self) -> SimZone:
        """The provider's zone."""
        return self.path.a.zone

    @property
    def b(self) -> SimZone:
        """The requester's zone."""
        return self.path.b.zone

    @property
    def now_s(self) -> int:
        """The time of both zones, seconds since the epoch."""
        return self.a.clock.time_ns // NS_PER_SECOND

    # --- on a ---------------------------------------------------------------------------

    def publish(self, **changes: Any) -> None:
        """Publish record inv-1 of tax, conditional unless told otherwise."""
        fields: dict[str, Any] = {
            "signer": PUBLISHER,
            "record_id": "inv-1",
            "record_type": "tax.invoice",
            "subject": SUBJECT,
            "payload_digest": DIGEST,
            "fields": FIELDS,
            "level": 2,
            "share_class": records_pb2.SHARE_CLASS_CONDITIONAL,
        }
        self.a.deliver(records_pb2.MsgPublishRecord(**{**fields, **changes}))

    def grant(self, **changes: Any) -> int:
        """Let bank read inv-1 for financing; return the grant's id."""
        fields: dict[str, Any] = {
            "signer": PUBLISHER,
            "reader": self.reader(),
            "record_id": "inv-1",
            "purpose": PURPOSE,
        }
        message = grants_pb2.MsgGrant(**{**fields, **changes})
        return int(self.a.deliver(message).grant_id)

    def set_policy(self, *rules: tuple[str, str, str], **changes: Any) -> int:
        """Let a policy hold for invoices; return its version.

        Args:
            rules: of each ``grant``, ``refuse`` or ``ask``, the condition and the code.
            changes: other fields of the message.
        """
        known = policies.find_policy(self.a.context(), "tax.invoice")
        message = policies_pb2.MsgSetPolicy(
            signer=GOVERNANCE_ADDRESS,
            record_type="tax.invoice",
            previous_version=0 if known is None else known.version,
            rules=[
                policies_pb2.Rule(
                    effect=policies_pb2.Effect.Value(f"EFFECT_{effect.upper()}"),  # type: ignore[arg-type]
                    condition=condition,
                    reason_code=code,
                )
                for effect, condition, code in rules
            ],
            **changes,
        )
        return int(self.a.deliver(message).version)

    def reader(self, member_id: str = "bank") -> grants_pb2.Reader:
        """Return how a names a member of b."""
        return grants_pb2.Reader(channel_id=self.path.a.channel_id, member_id=member_id)

    def receive(self, packet: channel_pb2.Packet) -> bytes | None:
        """Bring a packet of b to a; return the acknowledgement if there is one now."""
        self.path.a.receive(packet)
        return written_acknowledgement(self.a)

    def decide(self, sequence: int, **changes: Any) -> bytes:
        """Grant a waiting request as the officer; return the acknowledgement."""
        fields: dict[str, Any] = {
            "signer": OFFICER,
            "channel_id": self.path.a.channel_id,
            "sequence": sequence,
            "outcome": exchange_pb2.OUTCOME_GRANTED,
        }
        self.a.deliver(exchange_pb2.MsgDecideExchange(**{**fields, **changes}))
        return written_acknowledgement(self.a) or b""

    def deliver_sealed(self, sequence: int, **changes: Any) -> None:
        """State the delivery as the issuer."""
        fields: dict[str, Any] = {
            "signer": PUBLISHER,
            "channel_id": self.path.a.channel_id,
            "sequence": sequence,
            "sealed_digest": SEALED_DIGEST,
        }
        self.a.deliver(exchange_pb2.MsgRecordDelivery(**{**fields, **changes}))

    def exchange_on_a(
        self, sequence: int, push_number: int = 0
    ) -> exchange_pb2.Exchange:
        """Return the exchange as a keeps it, from the block under way."""
        return exchange.get_exchange(
            self.a.context(),
            exchange.PROVIDER,
            self.path.a.channel_id,
            sequence,
            push_number,
        )

    def publish_version(self, previous: int, **changes: Any) -> bytes:
        """Publish the next version of inv-1; return its digest."""
        fields: dict[str, Any] = {
            "signer": PUBLISHER,
            "record_id": "inv-1",
            "previous_version": previous,
            "payload_digest": sha256(b"%d" % (previous + 1)),
            "fields": FIELDS,
        }
        message = records_pb2.MsgPublishVersion(**{**fields, **changes})
        self.a.deliver(message)
        return message.payload_digest

    def push(
        self, sequence: int, *, timeout_ns: int = TIMEOUT_NS, **changes: Any
    ) -> exchange_pb2.MsgPushVersionResponse:
        """Push the head of inv-1 under a standing permission, as the issuer."""
        fields: dict[str, Any] = {
            "signer": PUBLISHER,
            "channel_id": self.path.a.channel_id,
            "sequence": sequence,
            "record_id": "inv-1",
            "sealed_digest": SEALED_DIGEST,
            "timeout_timestamp": self.a.clock.time_ns + timeout_ns,
        }
        message = exchange_pb2.MsgPushVersion(**{**fields, **changes})
        response: exchange_pb2.MsgPushVersionResponse = self.a.deliver(message)
        return response

    def end(
        self, sequence: int, *, on_a: bool = True, **changes: Any
    ) -> exchange_pb2.MsgEndSubscriptionResponse:
        """End a standing permission from one side."""
        zone, end = (self.a, self.path.a) if on_a else (self.b, self.path.b)
        fields: dict[str, Any] = {
            "signer": PUBLISHER if on_a else REQUESTER,
            "channel_id": end.channel_id,
            "sequence": sequence,
            "side": exchange.PROVIDER if on_a else exchange.REQUESTER,
            "reason": "no longer needed",
            "timeout_timestamp": zone.clock.time_ns + TIMEOUT_NS,
        }
        message = exchange_pb2.MsgEndSubscription(**{**fields, **changes})
        response: exchange_pb2.MsgEndSubscriptionResponse = zone.deliver(message)
        return response

    def offer(self, *, timeout_ns: int = TIMEOUT_NS, **changes: Any) -> Packet:
        """Offer inv-1 to bank as the issuer; return the packet."""
        fields: dict[str, Any] = {
            "signer": PUBLISHER,
            "channel_id": self.path.a.channel_id,
            "record_id": "inv-1",
            "receiver": "bank",
            "reader_key": bytes(32),
            "sealed_digest": SEALED_DIGEST,
            "reason": "moved away",
            "timeout_timestamp": self.a.clock.time_ns + timeout_ns,
        }
        self.a.deliver(handover_pb2.MsgOfferHandOver(**{**fields, **changes}))
        return sent_packet(self.a)

    def acknowledge_on_a(self, packet: Packet, acknowledgement: bytes) -> None:
        """Settle a packet of a by an acknowledgement that b has written."""
        self.path.a.acknowledge(packet, acknowledgement)

    # --- on b ---------------------------------------------------------------------------

    def request(
        self, *, signer: str = REQUESTER, timeout_ns: int = TIMEOUT_NS, **changes: Any
    ) -> channel_pb2.Packet:
        """Ask for inv-1 as bank; return the packet."""
        fields: dict[str, Any] = {
            "requester": "bank",
            "reader_key": bytes(32),
            "issuer": "tax",
            "record_id": "inv-1",
            "purpose": PURPOSE,
            "legal_basis": "contract 7",
        }
        message = exchange_pb2.MsgRequestExchange(
            signer=signer,
            channel_id=self.path.b.channel_id,
            request=exchange_pb2.RequestPacket(**{**fields, **changes}),
            timeout_timestamp=self.b.clock.time_ns + timeout_ns,
        )
        self.b.deliver(message)
        return sent_packet(self.b)

    def acknowledge(self, packet: channel_pb2.Packet, acknowledgement: bytes) -> None:
        """Settle a packet of b by an acknowledgement that a has written."""
        self.path.b.acknowledge(packet, acknowledgement)

    def confirm(
        self, sequence: int, *, timeout_ns: int = TIMEOUT_NS, **changes: Any
    ) -> channel_pb2.Packet:
        """Confirm what arrived as bank; return the receipt packet."""
        fields: dict[str, Any] = {
            "signer": REQUESTER,
            "channel_id": self.path.b.channel_id,
            "sequence": sequence,
            "payload_digest": DIGEST,
            "sealed_digest": SEALED_DIGEST,
            "received_time": self.now_s,
            "grade": "proven",
            "timeout_timestamp": self.b.clock.time_ns + timeout_ns,
        }
        self.b.deliver(exchange_pb2.MsgConfirmReceipt(**{**fields, **changes}))
        return sent_packet(self.b)

    def exchange_on_b(
        self, sequence: int, push_number: int = 0
    ) -> exchange_pb2.Exchange:
        """Return the exchange as b keeps it, from the block under way."""
        return exchange.get_exchange(
            self.b.context(),
            exchange.REQUESTER,
            self.path.b.channel_id,
            sequence,
            push_number,
        )

    def receive_on_b(self, packet: Packet) -> bytes | None:
        """Bring a packet of a to b; return the acknowledgement if there is one now."""
        self.path.b.receive(packet)
        return written_acknowledgement(self.b)

    def decide_hand_over(self, sequence: int, **changes: Any) -> bytes:
        """Take over inv-1 as the officer of bank; return the acknowledgement."""
        fields: dict[str, Any] = {
            "signer": TAKER,
            "channel_id": self.path.b.channel_id,
            "sequence": sequence,
            "outcome": handover_pb2.HAND_OVER_OUTCOME_ACCEPTED,
            "payload_digest": DIGEST,
        }
        self.b.deliver(handover_pb2.MsgDecideHandOver(**{**fields, **changes}))
        return written_acknowledgement(self.b) or b""

    def subscribed(self, **changes: Any) -> int:
        """Run a standing request under a grant up to its decision on b; its sequence."""
        term_until = self.now_s + 1_000
        packet = self.request(**{"standing": True, "term_until": term_until, **changes})
        acknowledgement = self.receive(packet)
        if acknowledgement is None:
            raise AssertionError("the request waits")
        self.acknowledge(packet, acknowledgement)
        return packet.sequence

    def granted(self) -> int:
        """Run a request under a grant up to its decision on b; return its sequence."""
        packet = self.request()
        acknowledgement = self.receive(packet)
        if acknowledgement is None:
            raise AssertionError("the request waits")
        self.acknowledge(packet, acknowledgement)
        return packet.sequence


def open_exchange(params: dict[str, Any] | None = None) -> ExchangePair:
    """Return two zones with an open channel.

    Args:
        params: rules of exchange on both zones that are not the default.
    """
    clock = SimClock()
    ends = [
        _endpoint("hangzhou-1", _ACCOUNTS_ON_A, clock, params),
        _endpoint("chongqing-1", _ACCOUNTS_ON_B, clock, params),
    ]
    path = Path(a=ends[0], b=ends[1])
    path.a.face(path.b)
    path.b.face(path.a)
    path.open_clients()
    path.open_connection()
    path.open_channel()
    return ExchangePair(path=path)


def sent_packet(zone: SimZone) -> channel_pb2.Packet:
    """Return the packet that the last message on ``zone`` sent, from its event."""
    told = zone.told("send_packet")[0]
    return channel_pb2.Packet(
        sequence=int(told["packet_sequence"]),
        source_port=told["packet_src_port"],
        source_channel=told["packet_src_channel"],
        destination_port=told["packet_dst_port"],
        destination_channel=told["packet_dst_channel"],
        data=bytes.fromhex(told["packet_data_hex"]),
        timeout_height=Height.parse(told["packet_timeout_height"]).to_proto(),
        timeout_timestamp=int(told["packet_timeout_timestamp"]),
    )


def written_acknowledgement(zone: SimZone) -> bytes | None:
    """Return the acknowledgement that the last message wrote, from its event."""
    told = zone.told("write_acknowledgement")
    return bytes.fromhex(told[0]["packet_ack_hex"]) if told else None


def _endpoint(
    chain_id: str,
    accounts: dict[str, tuple[str, str]],
    clock: SimClock,
    params: dict[str, Any] | None,
) -> Endpoint:
    zone = SimZone(
        chain_id,
        _MODULES,
        clock=clock,
        ports={exchange.PORT_ID: exchange.ExchangeApplication()},
        genesis={
            "members": members_genesis(accounts),
            "exchange": {"params": params or {}},
        },
    )
    zone.next_block()
    return Endpoint(
        zone=zone,
        application=MockApplication(),
        port_id=exchange.PORT_ID,
        version=exchange.VERSION,
    )
