"""Claims between zones: a chain with a coin, and two zones without.

::

    simd-1 (its coin is stake) ── hangzhou-1 ── chongqing-1

Packets travel with real proofs over real light clients. ``alice`` and ``carol`` have
accounts on hangzhou-1, ``bob`` has one on chongqing-1::

    net = open_transfers()
    denom = net.fund("alice", 100)
    packet = net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 40)
    net.settle(net.a_to_b.a, packet)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, final

from huitong.core.height import Height
from huitong.modules import claims, links, members, transfer
from huitong.modules.claims.state import get_holding, get_supply
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from huitong.proto.huitong.transfer.v1 import transfer_pb2
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing import foreign_bank
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.exchanges import sent_packet, written_acknowledgement
from huitong.testing.foreign_bank import COIN, ForeignBank
from huitong.testing.links import TIMEOUT_NS, Endpoint, Path
from huitong.testing.mock_application import MockApplication
from huitong.testing.zones import SimClock, SimZone

#: Who has coins on the foreign chain, by whatever its addresses look like.
RICH: Final = "cosmos1rich"
RICHES: Final = 1_000_000

_ACCOUNTS_ON_A: Final = {
    "alice": ("bank", "requester"),
    "carol": ("court", "officer"),
    "operator": ("", "operator"),
}
_ACCOUNTS_ON_B: Final = {"bob": ("mill", "requester"), "operator": ("", "operator")}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNet:
    """A foreign chain and the zones a and b, with open transfer channels."""

    bank: ForeignBank
    foreign_to_a: Path
    """``.a`` is the foreign chain's end, ``.b`` the one on zone a."""
    a_to_b: Path
    """``.a`` is zone a's end, ``.b`` the one on zone b."""

    @property
    def foreign(self) -> SimZone:
        """The chain with a coin."""
        return self.foreign_to_a.a.zone

    @property
    def a(self) -> SimZone:
        """The zone next to it."""
        return self.a_to_b.a.zone

    @property
    def b(self) -> SimZone:
        """The zone behind a."""
        return self.a_to_b.b.zone

    def send_in(
        self,
        receiver: str,
        amount: int,
        *,
        end: Endpoint | None = None,
        denom: str = COIN,
        timeout_ns: int = TIMEOUT_NS,
        timeout_height: Height = Height.ZERO,
        memo: str = "",
    ) -> channel_pb2.Packet:
        """Send coins of the foreign chain to an address on zone a; return the packet."""
        end = end or self.foreign_to_a.a
        ctx = end.zone.context()
        self.bank.send(
            ctx,
            end.channel_id,
            sender=RICH,
            receiver=receiver,
            amount=amount,
            denom=denom,
            memo=memo,
            timeout_height=timeout_height,
            timeout_timestamp=end.zone.clock.time_ns + timeout_ns if timeout_ns else 0,
        )
        end.zone.take(ctx)
        return sent_packet(end.zone)

    def fund(self, name: str, amount: int, *, denom: str = COIN) -> str:
        """Let coins of the foreign chain arrive on zone a; return the voucher's name."""
        packet = self.send_in(address_of(name), amount, denom=denom)
        acknowledgement = self.settle(self.foreign_to_a.a, packet)
        if acknowledgement != b'{"result":"AQ=="}':
            raise AssertionError(f"not funded: {acknowledgement!r}")
        return self.voucher(denom)

    def voucher(self, denom: str = COIN) -> str:
        """Return what zone a calls a coin of the foreign chain."""
        return transfer.voucher_denom(
            f"transfer/{self.foreign_to_a.b.channel_id}/{denom}"
        )

    def voucher_on_b(self, denom: str = COIN) -> str:
        """Return what zone b calls a coin of the foreign chain that came over zone a."""
        return transfer.voucher_denom(
            f"transfer/{self.a_to_b.b.channel_id}/"
            f"transfer/{self.foreign_to_a.b.channel_id}/{denom}"
        )

    def message(
        self,
        end: Endpoint,
        name: str,
        receiver: str,
        denom: str,
        amount: int | str,
        *,
        timeout_ns: int = TIMEOUT_NS,
        **fields: Any,
    ) -> tx_pb2.MsgTransfer:
        """Return the message by which the account ``name`` sends a claim over an end."""
        timeout = end.zone.clock.time_ns + timeout_ns if timeout_ns else 0
        known: dict[str, Any] = {
            "source_port": end.port_id,
            "source_channel": end.channel_id,
            "token": Coin(denom=denom, amount=str(amount)),
            "sender": address_of(name),
            "receiver": receiver,
            "timeout_timestamp": timeout,
        }
        return tx_pb2.MsgTransfer(**{**known, **fields})

    def send(
        self,
        end: Endpoint,
        name: str,
        receiver: str,
        denom: str,
        amount: int,
        **fields: Any,
    ) -> channel_pb2.Packet:
        """Send a claim over an end of zone a or b; return the packet."""
        end.zone.deliver(self.message(end, name, receiver, denom, amount, **fields))
        return sent_packet(end.zone)

    def settle(self, end: Endpoint, packet: channel_pb2.Packet) -> bytes:
        """Carry a packet from ``end`` to the other side, and its acknowledgement back."""
        acknowledgement = self.deliver(end, packet)
        end.acknowledge(packet, acknowledgement)
        return acknowledgement

    def deliver(self, end: Endpoint, packet: channel_pb2.Packet) -> bytes:
        """Carry a packet from ``end`` to the other side; return what is acknowledged."""
        end.other.receive(packet)
        return written_acknowledgement(end.other.zone) or b""

    def held(self, zone: SimZone, name: str, denom: str) -> int:
        """Return what an account of a zone holds, in the block under way."""
        return get_holding(zone.context(), address_of(name), denom)

    def held_by(self, zone: SimZone, address: str, denom: str) -> int:
        """Return what an address of a zone holds, in the block under way."""
        return get_holding(zone.context(), address, denom)

    def supply(self, zone: SimZone, denom: str) -> int:
        """Return how much of a claim there is on a zone, in the block under way."""
        return get_supply(zone.context(), denom)


def open_transfers(
    rules_of_a: dict[str, Any] | None = None, *, with_channels: bool = True
) -> TransferNet:
    """Return the three chains with open connections, and channels unless told otherwise.

    Args:
        rules_of_a: genesis of ``transfer`` on zone a; any client may carry transfers
            unless it says something.
        with_channels: whether the channels are open.
    """
    clock = SimClock()
    bank = ForeignBank()
    foreign = SimZone(
        "simd-1",
        [links.MODULE, foreign_bank.MODULE],
        clock=clock,
        ports={foreign_bank.PORT: bank},
    )
    allow_all = {"allow_any_client": True}
    a = _zone("hangzhou-1", _ACCOUNTS_ON_A, clock, rules_of_a or allow_all)
    b = _zone("chongqing-1", _ACCOUNTS_ON_B, clock, allow_all)
    ctx = foreign.context()
    bank.mint(ctx, RICH, RICHES)
    foreign.take(ctx)
    foreign.next_block()
    net = TransferNet(bank=bank, foreign_to_a=_facing(foreign, a), a_to_b=_facing(a, b))
    for path in (net.foreign_to_a, net.a_to_b):
        path.open_clients()
        path.open_connection()
        if with_channels:
            path.open_channel()
    return net


def rules(**fields: Any) -> transfer_pb2.MsgUpdateParams:
    """Return the message that sets the rules of transfers: all is allowed but ``fields``."""
    known = {"allow_any_client": True, "send_enabled": True, "receive_enabled": True}
    params = transfer_pb2.Params(**{**known, **fields})
    return transfer_pb2.MsgUpdateParams(params=params)


def another_channel(path: Path) -> Path:
    """Open another transfer channel on the connection of a path."""
    made = Path(
        a=replace(path.a, channel_id="", _other=[]),
        b=replace(path.b, channel_id="", _other=[]),
    )
    made.a.face(made.b)
    made.b.face(made.a)
    made.open_channel()
    return made


def _zone(
    chain_id: str,
    accounts: dict[str, tuple[str, str]],
    clock: SimClock,
    genesis: dict[str, Any],
) -> SimZone:
    zone = SimZone(
        chain_id,
        [members.MODULE, links.MODULE, claims.MODULE, transfer.MODULE],
        clock=clock,
        ports={transfer.PORT_ID: transfer.TransferApplication()},
        genesis={"members": members_genesis(accounts), "transfer": genesis},
    )
    zone.next_block()
    return zone


def _facing(a: SimZone, b: SimZone) -> Path:
    ends = [
        Endpoint(
            zone=zone,
            application=MockApplication(),
            port_id=transfer.PORT_ID,
            version=transfer.VERSION,
        )
        for zone in (a, b)
    ]
    ends[0].face(ends[1])
    ends[1].face(ends[0])
    return Path(a=ends[0], b=ends[1])
