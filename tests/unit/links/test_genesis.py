"""Genesis of links: never empty, and the same after export and import."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from huitong.core.genesis import GenesisError
from huitong.core.invariants import InvariantBrokenError
from huitong.modules import links
from huitong.modules.links import keys, state
from huitong.testing.links import ORDERED, open_path
from huitong.testing.mock_application import MODULE as MOCK
from huitong.testing.zones import SimClock, SimZone


def zone_from(genesis: dict[str, Any]) -> SimZone:
    return SimZone(
        "hangzhou-1", [links.MODULE], clock=SimClock(), genesis={"links": genesis}
    )


def test_new_zone_has_counters_and_params_in_its_tree() -> None:
    zone = zone_from({})
    store = zone.context().store(keys.STORE)
    assert {key for key, _ in store.iterate(b"", None)} == {
        b"nextClientSequence",
        b"nextConnectionSequence",
        b"nextChannelSequence",
        b"clientParams",
        b"connectionParams",
    }
    assert store.get(b"nextClientSequence") == bytes(8)
    assert list(state.get_client_params(store).allowed_clients) == ["07-tendermint"]
    params = state.get_connection_params(store)
    assert params.max_expected_time_per_block == 30_000_000_000


def test_absence_is_proven_from_the_first_block_on() -> None:
    zone = zone_from({})
    zone.next_block()
    proven = zone.prove(keys.STORE, b"clients/07-tendermint-0/clientState")
    assert proven.value is None
    assert proven.proof


@pytest.mark.parametrize("ordering", [1, ORDERED])
def test_export_and_import_give_the_same_state_to_the_byte(ordering: Any) -> None:
    path = open_path(ordering=ordering)
    settled, waiting = path.a.send(b"ok 1"), path.a.send(b"ok 2")
    path.b.receive(settled)
    path.a.acknowledge(settled)
    path.a.zone.next_block()
    path.b.zone.next_block()
    for zone in (path.a.zone, path.b.zone):
        exported = zone.export()["links"]
        text = json.dumps(exported, sort_keys=True)
        again = zone_from(json.loads(text))
        before = zone.context().store(keys.STORE)
        after = again.context().store(keys.STORE)
        assert list(after.iterate(b"", None)) == list(before.iterate(b"", None))
        again.next_block()
        assert json.dumps(again.export()["links"], sort_keys=True) == text
    assert waiting.sequence == 2


def test_counters_and_params_may_be_given() -> None:
    zone = zone_from(
        {
            "next_channel_sequence": "5",
            "next_client_sequence": 7,
            "client_params": {"allowed_clients": ["*"]},
            "connection_params": {"max_expected_time_per_block": "1000"},
        }
    )
    store = zone.context().store(keys.STORE)
    assert state.get_counter(store, keys.NEXT_CHANNEL_SEQUENCE) == 5
    assert state.take_number(store, keys.NEXT_CLIENT_SEQUENCE) == 7
    assert list(state.get_client_params(store).allowed_clients) == ["*"]
    params = state.get_connection_params(store)
    assert params.max_expected_time_per_block == 1_000


def test_state_without_counters_stops_the_node() -> None:
    zone = zone_from({})
    ctx = zone.context()
    ctx.store(keys.STORE).delete(keys.NEXT_CLIENT_SEQUENCE)
    with pytest.raises(InvariantBrokenError, match="counters"):
        state.take_number(ctx.store(keys.STORE), keys.NEXT_CLIENT_SEQUENCE)


def entry(key: str, value: str) -> dict[str, str]:
    return {
        "key": base64.b64encode(key.encode()).decode(),
        "value": base64.b64encode(bytes.fromhex(value)).decode(),
    }


@pytest.mark.parametrize(
    "genesis",
    [
        {"unknown": 1},
        {"next_client_sequence": -1},
        {"next_client_sequence": 2**64},
        {"next_client_sequence": "x"},
        {"client_params": {"allowed_clients": []}},
        {"client_params": {"allowed": ["*"]}},
        {"connection_params": {"max_expected_time_per_block": "0"}},
        {"entries": {}},
        {"entries": [entry("connections/connection-0", "")]},
        {"entries": [entry("connections/connection-0", "ff")]},
        {"entries": [entry("channelEnds/ports/mock/channels/channel-0", "ff")]},
        {"entries": [entry("clients/07-tendermint-0/clientState", "ff")]},
        {"entries": [entry("clients/07-tendermint-0/connections", "ff")]},
        {"entries": [entry("nextSequenceSend/ports/p/channels/c", "01")]},
        {"entries": [entry("commitments/ports/p/channels/c/sequences/1", "01")]},
        {"entries": [entry("acks/ports/p/channels/c/sequences/1", "01")]},
        {"entries": [entry("receipts/ports/p/channels/c/sequences/1", "02")]},
        {"entries": [entry("nextClientSequence", "0000000000000000")]},
        {"entries": [entry("somethingElse", "01")]},
        {
            "entries": [
                entry("receipts/ports/p/channels/c/sequences/2", "01"),
                entry("receipts/ports/p/channels/c/sequences/1", "01"),
            ]
        },
    ],
)
def test_wrong_genesis_is_rejected(genesis: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        zone_from(genesis)


def test_mock_application_is_a_module_of_its_own() -> None:
    assert MOCK.store != links.MODULE.store
