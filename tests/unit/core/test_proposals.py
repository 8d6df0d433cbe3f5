"""What blocks may hold: one rule for proposing and for judging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core import execution
from huitong.core.limits import TX_SIZE_BYTES_MAX
from huitong.core.proposals import encoded_size
from huitong.core.store.errors import StorageCorruptError
from huitong.engines.genesis import ConsensusParams
from huitong.proto.google.protobuf.any_pb2 import Any as AnyMessage
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.tendermint.abci.types_pb2 import Event
from huitong.proto.tendermint.types import types_pb2
from huitong.testing.embedded import EmbeddedZone
from tests.unit.engines.messages import ACCOUNTS, publish

#: Gas of a block: that of five transactions.
GAS_MAX = 1_000_000


@cache
def _zone() -> EmbeddedZone:
    zone = EmbeddedZone(
        accounts=ACCOUNTS, params=ConsensusParams(block_gas_max=GAS_MAX)
    )
    zone.start()
    return zone


def _record(record_id: str) -> bytes:
    return _zone().sign("tax", publish(_zone(), record_id), sequence=0)


def _relayed_again(sequence: int) -> bytes:
    """An acknowledgement of a packet that is not waiting for one."""
    message = channel_tx_pb2.MsgAcknowledgement(
        packet=channel_pb2.Packet(
            source_port="exchange", source_channel="channel-0", sequence=sequence
        ),
        signer=_zone().address("tax"),
    )
    message.packet.timeout_height.SetInParent()
    message.proof_height.SetInParent()
    return _zone().sign("tax", message, sequence=0)


def _relayed(sequence: int) -> bytes:
    """A packet of a channel that nobody knows: it fails, but is not here already."""
    message = channel_tx_pb2.MsgRecvPacket(
        packet=channel_pb2.Packet(
            destination_port="exchange", destination_channel="c", sequence=sequence
        ),
        signer=_zone().address("tax"),
    )
    message.packet.timeout_height.SetInParent()
    message.proof_height.SetInParent()
    return _zone().sign("tax", message, sequence=0)


def _unreadable_header() -> bytes:
    message = client_tx_pb2.MsgUpdateClient(
        client_id="07-tendermint-0",
        client_message=AnyMessage(type_url="/nothing", value=b"?"),
        signer=_zone().address("tax"),
    )
    return _zone().sign("tax", message, sequence=0)


def _unknown_message() -> bytes:
    return _zone().sign("tax", Event(type="x"), sequence=0)


def _with_gas(gas_limit: int) -> bytes:
    message = publish(_zone(), "G")
    return _zone().sign("tax", message, sequence=0, gas_limit=gas_limit)


ACCEPTED: dict[str, Callable[[], list[bytes]]] = {
    "nothing": list,
    "one": lambda: [_record("A")],
    "as many as gas allows": lambda: [_record(name) for name in "ABCDE"],
    "all gas in one": lambda: [_with_gas(GAS_MAX)],
    "one that will fail by its sequence": lambda: [_record("A"), _record("B")],
    "a packet that is not here yet": lambda: [_relayed(1)],
    "the same packet from two relayers": lambda: [_relayed(1), _with_memo(_relayed)],
}
REFUSED: dict[str, Callable[[], list[bytes]]] = {
    "no bytes": lambda: [b""],
    "garbage": lambda: [_record("A"), b"\xff\x00garbage"],
    "a byte behind the end": lambda: [_record("A") + b"\x00"],
    "too large": lambda: [bytes(TX_SIZE_BYTES_MAX + 1)],
    "the same twice": lambda: [_record("A"), _record("B"), _record("A")],
    "a relayed packet that is here": lambda: [_relayed_again(1)],
    "a header that cannot be read": lambda: [_unreadable_header()],
    "an unknown message": lambda: [_unknown_message()],
    "more gas than a block has": lambda: [_record(name) for name in "ABCDEF"],
    "more gas in one": lambda: [_with_gas(GAS_MAX + 1)],
}


def _with_memo(make: Callable[[int], bytes]) -> bytes:
    """The same messages by another signer."""
    message = channel_tx_pb2.MsgRecvPacket()
    prepared = execution.prepare(make(1), _zone().app.routes)
    message.CopyFrom(prepared.messages[0].message)
    message.signer = _zone().address("road")
    return _zone().sign("road", message, sequence=0)


@pytest.mark.parametrize("name", ACCEPTED)
def test_proposal_that_keeps_the_rule_is_accepted_and_made_again(name: str) -> None:
    txs = ACCEPTED[name]()
    assert _zone().app.process_proposal(txs)
    assert _zone().app.prepare_proposal(txs, 1_000_000) == txs


@pytest.mark.parametrize("name", REFUSED)
def test_proposal_against_the_rule_is_refused_and_never_made(name: str) -> None:
    txs = REFUSED[name]()
    assert not _zone().app.process_proposal(txs)
    made = _zone().app.prepare_proposal(txs, 10_000_000)
    assert made != txs
    assert _zone().app.process_proposal(made)


def test_judging_writes_nothing_and_uses_up_nothing() -> None:
    txs = ACCEPTED["as many as gas allows"]()
    root = _zone().app.state.root_hash
    assert all(_zone().app.process_proposal(txs) for _ in range(3))
    assert _zone().app.state.root_hash == root


def test_the_first_block_is_judged_above_genesis() -> None:
    zone = EmbeddedZone(accounts=ACCOUNTS)
    raw = zone.sign("tax", publish(zone, "A"))
    assert zone.app.process_proposal([raw])
    assert zone.app.prepare_proposal([raw, b"garbage"], 10_000) == [raw]


def _fail_with(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def test_bytes_that_set_off_a_bug_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _record("A")
    monkeypatch.setattr(execution, "is_redundant", _fail_with(KeyError("bug")))
    assert not _zone().app.process_proposal([raw])
    assert _zone().app.prepare_proposal([raw], 10_000) == []


@pytest.mark.parametrize(
    "fault", [StorageCorruptError(path="x", reason="y"), OSError()]
)
def test_a_fault_of_the_machine_is_no_judgement(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    monkeypatch.setattr(execution, "is_redundant", _fail_with(fault))
    with pytest.raises(type(fault)):
        _zone().app.process_proposal([_record("A")])


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_size_in_a_block_is_what_protobuf_writes(size: int) -> None:
    raw = bytes(size)
    assert encoded_size(raw) == len(types_pb2.Data(txs=[raw]).SerializeToString())


@cache
def _pool() -> Sequence[bytes]:
    tables = (*ACCEPTED.values(), *REFUSED.values())
    return tuple(dict.fromkeys(raw for make in tables for raw in make()))


@given(
    places=st.lists(st.integers(0, 100), max_size=12),
    size_bytes_max=st.integers(0, 4_000),
)
def test_what_one_node_proposes_every_other_accepts(
    places: list[int], size_bytes_max: int
) -> None:
    pool = _pool()
    waiting = [pool[place % len(pool)] for place in places]
    made = _zone().app.prepare_proposal(waiting, size_bytes_max)
    assert sum(map(encoded_size, made)) <= size_bytes_max
    assert _zone().app.process_proposal(made)
    assert _other().app.process_proposal(made)


@cache
def _other() -> EmbeddedZone:
    """Another node at the same height, which has seen none of the transactions."""
    zone = EmbeddedZone(
        accounts=ACCOUNTS, params=ConsensusParams(block_gas_max=GAS_MAX)
    )
    zone.start()
    assert zone.app.info() == _zone().app.info()
    return zone
