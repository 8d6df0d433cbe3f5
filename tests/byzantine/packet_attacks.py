"""Messages that would be carried out, and ways to make a lie of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from huitong.light import light_client
from huitong.light.tendermint.terms import TRUSTING_PERIOD_NS
from huitong.modules.links import keys, state
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.testing.links import (
    TIMEOUT_NS,
    UNORDERED,
    Endpoint,
    Path,
    open_path,
)
from tests.unit.links.refusals import (
    forget,
    set_channel_state,
    set_connection_state,
)


@dataclass(slots=True)
class Attack:
    """A message that would be carried out, and the zone that it goes to."""

    path: Path
    end: Endpoint
    packet: channel_pb2.Packet
    message: Any


Change = Callable[[Attack], None]


def receiving(ordering: channel_pb2.Order = UNORDERED) -> Attack:
    path = open_path(ordering=ordering)
    packet = path.a.send(b"ok real")
    path.b.catch_up()
    return Attack(path, path.b, packet, path.b.recv_message(packet))


def acknowledging(ordering: channel_pb2.Order = UNORDERED) -> Attack:
    path = open_path(ordering=ordering)
    packet = path.a.send(b"ok real")
    path.b.receive(packet)
    path.a.catch_up()
    return Attack(path, path.a, packet, path.a.acknowledgement_message(packet))


def timing_out(ordering: channel_pb2.Order = UNORDERED) -> Attack:
    path = open_path(ordering=ordering)
    packet = path.a.send(b"ok real")
    path.b.zone.next_block(duration_ns=TIMEOUT_NS)
    path.a.catch_up()
    return Attack(path, path.a, packet, path.a.timeout_message(packet))


def closing(ordering: channel_pb2.Order = UNORDERED) -> Attack:
    path = open_path(ordering=ordering)
    packet = path.a.send(b"ok real")
    path.b.zone.deliver(path.b.close_init_message())
    path.a.catch_up()
    return Attack(path, path.a, packet, path.a.timeout_on_close_message(packet))


# --- ways to lie --------------------------------------------------------------------------


def put(**values: Any) -> Change:
    """Set fields of the message; two underscores go into a field."""

    def change(attack: Attack) -> None:
        for name, value in values.items():
            *path, last = name.split("__")
            target = attack.message
            for part in path:
                target = getattr(target, part)
            setattr(target, last, value)

    return change


def channel_is(value: int) -> Change:
    return lambda attack: set_channel_state(attack.end, value)


def connection_is(value: int) -> Change:
    return lambda attack: set_connection_state(attack.end, value)


def frozen(attack: Attack) -> None:
    ctx = attack.end.zone.context()
    light_client.freeze(ctx.store(keys.STORE), attack.end.client_id)
    attack.end.zone.take(ctx)


def expired(attack: Attack) -> None:
    attack.end.zone.next_block(duration_ns=TRUSTING_PERIOD_NS)


def without_connection(attack: Attack) -> None:
    forget(attack.end, keys.connection("connection-0"))


def without_next_receive(attack: Attack) -> None:
    forget(attack.end, keys.next_sequence_receive("mock", "channel-0"))


def without_next_acknowledge(attack: Attack) -> None:
    forget(attack.end, keys.next_sequence_acknowledge("mock", "channel-0"))


def without_application(attack: Attack) -> None:
    attack.end.zone.ports.clear()
    attack.end.zone.next_block()
    attack.end.zone.ports.clear()


def no_timeout(attack: Attack) -> None:
    attack.message.packet.timeout_timestamp = 0
    attack.message.packet.ClearField("timeout_height")


def later_height(attack: Attack) -> None:
    attack.message.packet.timeout_height.revision_number = 1
    attack.message.packet.timeout_height.revision_height = 10**9


def late_by_time(attack: Attack) -> None:
    attack.end.zone.next_block(duration_ns=TIMEOUT_NS)


def another_packet(attack: Attack) -> None:
    """Show a packet that was never sent, with the proof of one that was."""
    attack.message.packet.sequence = 2


def proof_of_another_key(attack: Attack) -> None:
    """Prove something true about something else."""
    proven = attack.end.proven(keys.channel("mock", "channel-0"))
    attack.message.proof_commitment = proven.proof


def proof_of_absence(attack: Attack) -> None:
    proven = attack.end.proven(keys.commitment("mock", "channel-0", 99))
    attack.message.proof_commitment = proven.proof


def proof_of_own_state(attack: Attack) -> None:
    """Prove by this zone's own state what the other one should have."""
    attack.end.zone.next_block()
    proven = attack.end.zone.prove(keys.STORE, b"nextClientSequence")
    attack.message.proof_commitment = proven.proof


def proof_of_another_chain(attack: Attack) -> None:
    """A third chain with the same ids has sent such a packet; this one has not."""
    other = receiving()
    attack.message.proof_commitment = other.message.proof_commitment
    attack.message.packet.data = b"ok forged"


def proof_at_older_height(attack: Attack) -> None:
    """The state before the packet was sent does not hold it."""
    height = attack.end.trusted_height - 1
    attack.message.proof_height.revision_height = height


def proof_of_receipt_for_absence(attack: Attack) -> None:
    proven = attack.end.proven(keys.channel("mock", "channel-0"))
    attack.message.proof_unreceived = proven.proof


def absence_of_another_packet(attack: Attack) -> None:
    proven = attack.end.proven(keys.receipt("mock", "channel-0", 77))
    attack.message.proof_unreceived = proven.proof


def received_meanwhile(attack: Attack) -> None:
    """The other side has the packet; time or closing does not make it unreceived."""
    path, packet = attack.path, attack.packet
    ctx = path.b.zone.context()
    state.save_receipt(ctx.store(keys.STORE), "mock", "channel-0", packet.sequence)
    state.save_next_sequence_receive(ctx.store(keys.STORE), "mock", "channel-0", 2)
    path.b.zone.take(ctx)
    path.a.catch_up()
    fresh: Any
    if isinstance(attack.message, tx_pb2.MsgTimeout):
        fresh = path.a.timeout_message(packet)
    else:
        fresh = path.a.timeout_on_close_message(packet)
    attack.message.CopyFrom(fresh)


def not_closed(attack: Attack) -> None:
    """The other end is open; the proof of it does not show it closed."""
    set_channel_state(attack.path.b, channel_pb2.STATE_OPEN)
    attack.path.a.catch_up()
    fresh = attack.path.a.timeout_on_close_message(attack.packet)
    attack.message.CopyFrom(fresh)


def is_outstanding(attack: Attack) -> bool:
    """Return whether the packet of an attack still waits to be settled."""
    store = attack.path.a.zone.context().store(keys.STORE)
    found = state.find_commitment(store, "mock", "channel-0", attack.packet.sequence)
    return found is not None
