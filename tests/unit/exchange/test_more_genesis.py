"""Standing permissions, pushes, hand-overs and receipts in the genesis file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huitong.core.genesis import GenesisError
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange, grants, members, records
from huitong.modules.exchange.keys import STORE
from huitong.testing.contexts import MemoryZone
from huitong.testing.exchanges import ExchangePair, open_exchange, sent_packet

MODULES = (members.MODULE, records.MODULE, grants.MODULE, exchange.MODULE)
State = dict[str, Any]


def busy() -> ExchangePair:
    """Two zones with a bit of everything: permissions, pushes, receipts, hand-overs."""
    pair = open_exchange()
    for record_id in ("inv-1", "inv-2", "inv-3"):
        pair.publish(record_id=record_id)
    pair.grant()
    pair.subscribed()
    pair.subscribed()
    pair.end(2)
    pair.push(1)
    pair.receive_on_b(sent_packet(pair.a))
    pair.receive(pair.confirm(1, push_number=1))
    pair.receive_on_b(pair.offer(record_id="inv-2"))
    packet = pair.offer(record_id="inv-3")
    pair.receive_on_b(packet)
    pair.acknowledge_on_a(packet, pair.decide_hand_over(packet.sequence))
    pair.receive(pair.request(purpose="audit"))
    for zone in (pair.a, pair.b):
        zone.next_block()
    return pair


STATES: State = {}


def exported(side: str) -> State:
    if not STATES:
        pair = busy()
        STATES.update(a=pair.a.export(), b=pair.b.export())
        STATES.update(
            dump_a=dict(pair.a.context().store(STORE).iterate(b"", None)),
            dump_b=dict(pair.b.context().store(STORE).iterate(b"", None)),
        )
    return dict(STATES[side])


def imported(state: State) -> MemoryZone:
    names = {module.name for module in MODULES}
    genesis = {name: value for name, value in state.items() if name in names}
    return MemoryZone(MODULES, genesis=genesis)


@pytest.mark.parametrize("side", ["a", "b"])
def test_export_makes_the_same_state_again(side: str) -> None:
    state = exported(side)
    assert state["exchange"]["subscriptions"]
    assert state["exchange"]["pushes"]
    assert state["exchange"]["hand_overs"]
    again = imported(state)
    assert again.export()["exchange"] == state["exchange"]
    assert again.state.dump()[STORE] == exported(f"dump_{side}")


def test_imported_permission_ends_with_its_term() -> None:
    zone = imported(exported("b"))
    zone.next_block(seconds=2_000_000_000 - zone.time_ns // NS_PER_SECOND)
    assert zone.told("subscription_ended")[0]["reason_code"] == "term"
    assert zone.told("hand_over_decided")[0]["reason_code"] == "deadline"


Change = Callable[[State], None]


def change(name: str, **fields: Any) -> Change:
    def apply(state: State) -> None:
        items = state["exchange"][name]
        items[0] = {
            key: value
            for key, value in {**items[0], **fields}.items()
            if value is not None
        }

    return apply


def twice(name: str) -> Change:
    def apply(state: State) -> None:
        state["exchange"][name] = state["exchange"][name] + state["exchange"][name][:1]

    return apply


def without(module: str, name: str) -> Change:
    def apply(state: State) -> None:
        state[module][name] = []

    return apply


def unlock(state: State) -> None:
    for record in state["records"]["records"]:
        if record["status"] == "RECORD_STATUS_IN_HAND_OVER":
            record["status"] = "RECORD_STATUS_ACTIVE"


def lock_another(state: State) -> None:
    for record in state["records"]["records"]:
        if record["record_id"] == "inv-1":
            record["status"] = "RECORD_STATUS_IN_HAND_OVER"


def forget_place(state: State) -> None:
    for record in state["records"]["records"]:
        record.pop("moved_to", None)


WRONG: list[tuple[str, Change]] = [
    ("a", change("subscriptions", state=None)),
    ("a", change("subscriptions", side=None)),
    ("a", change("subscriptions", channel_id="x")),
    ("a", change("subscriptions", request={})),
    ("a", change("subscriptions", sequence="77")),
    ("a", twice("subscriptions")),
    ("a", without("exchange", "subscriptions")),
    ("a", change("pushes", push_number=None)),
    ("a", change("pushes", push_number="9")),
    ("a", change("pushes", status=None)),
    ("a", change("pushes", request={})),
    ("a", twice("pushes")),
    ("a", change("exchanges", push_number="1")),
    ("b", change("hand_overs", status=None)),
    ("b", change("hand_overs", side=None)),
    ("b", change("hand_overs", channel_id="x")),
    ("b", change("hand_overs", offer={})),
    ("b", change("hand_overs", deadline=None)),
    ("b", change("hand_overs", status="HAND_OVER_STATUS_RETURNED")),
    ("b", twice("hand_overs")),
    ("b", without("exchange", "waiting")),
    ("b", without("exchange", "hand_overs")),
    ("a", without("exchange", "hand_overs")),
    ("a", change("receipts", digest="AA==")),
    ("a", change("receipts", count=None)),
    ("a", change("receipts", issuer="?")),
    ("a", twice("receipts")),
    ("a", unlock),
    ("a", lock_another),
    ("a", forget_place),
]


@pytest.mark.parametrize(("side", "wrong"), WRONG)
def test_wrong_genesis_is_refused(side: str, wrong: Change) -> None:
    pair_state = exported(side)
    state = {
        module: {
            name: list(value) if isinstance(value, list) else value
            for name, value in content.items()
        }
        for module, content in pair_state.items()
    }
    state["records"]["records"] = [dict(item) for item in state["records"]["records"]]
    wrong(state)
    with pytest.raises(GenesisError):
        imported(state)
