"""The state of a zone in one file, and a zone that goes on from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.cli.genesis import genesis as genesis_group
from huitong.core.abci import ValidatorUpdate
from huitong.core.app import Application
from huitong.core.canonical_json import encode_json
from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.core.module import Module
from huitong.core.store.backend import MemoryBackend
from huitong.core.time import NS_PER_SECOND
from huitong.engines.embedded.chain import Chain
from huitong.engines.embedded.engine import Clocks, EmbeddedEngine
from huitong.engines.embedded.mempool import MempoolLimits
from huitong.engines.embedded.schedule import Pace
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.engines.genesis import (
    GenesisDocument,
    decode_genesis,
    genesis_json,
    genesis_request,
)
from huitong.modules import exchange, grants, links, members, records
from huitong.node.errors import ExportFileError, ExportTimeError, NoStateError
from huitong.node.exports import (
    decode_export,
    encode_export,
    export_state,
    genesis_from_export,
)
from huitong.node.parts import OpenState, open_application
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from huitong.testing.embedded import EmbeddedZone
from huitong.testing.exchanges import open_exchange

ACCOUNTS = {
    "tax": ("hz-tax", "publisher"),
    "bank": ("cq-bank", "requester publisher"),
    "operator": ("", "operator"),
}
#: Modules whose whole state two linked zones have.
LINKED: tuple[Module, ...] = (
    members.MODULE,
    links.MODULE,
    records.MODULE,
    grants.MODULE,
    exchange.MODULE,
)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LmdbBackend]:
    opened = LmdbBackend(LmdbEnvironment(tmp_path / "data", durable=False))
    yield opened
    opened.close()


def a_zone(backend: LmdbBackend, folder: Path) -> EmbeddedZone:
    return EmbeddedZone(accounts=ACCOUNTS, backend=backend, folder=folder)


def state_of(zone: EmbeddedZone, backend: LmdbBackend) -> OpenState:
    return OpenState(genesis=zone.genesis, backend=backend, app=zone.app)


def publish(zone: EmbeddedZone, number: int) -> None:
    message = records_pb2.MsgPublishRecord(
        signer=zone.address("tax"),
        record_id=f"inv-{number}",
        record_type="tax.invoice",
        subject=sha256(b"subject"),
        payload_digest=sha256(b"payload %d" % number),
        level=1,
        share_class=records_pb2.SHARE_CLASS_OPEN,
    )
    result = zone.send("tax", message)
    assert result.code == 0, result


@pytest.fixture
def zone(backend: LmdbBackend, tmp_path: Path) -> EmbeddedZone:
    made = a_zone(backend, tmp_path)
    made.start()
    for number in range(3):
        publish(made, number)
        made.work()
    return made


def test_same_state_gives_the_same_bytes(
    zone: EmbeddedZone, backend: LmdbBackend
) -> None:
    first = export_state(state_of(zone, backend))
    data = encode_export(first)
    at = first.height
    zone.work()
    assert encode_export(export_state(state_of(zone, backend), at)) == data
    assert decode_export(data, "file") == first
    assert encode_export(decode_export(data, "file")) == data


def test_export_says_where_it_was_taken(
    zone: EmbeddedZone, backend: LmdbBackend
) -> None:
    export = export_state(state_of(zone, backend))
    committed = zone.empty()
    assert export.height == committed.block.header.height - 1
    assert export.app_hash == committed.block.header.app_hash
    assert export.genesis.initial_height == export.height + 1
    assert export.genesis.time_ns < committed.block.header.time_ns


def test_zone_goes_on_from_an_export_and_exports_the_same(
    zone: EmbeddedZone, backend: LmdbBackend
) -> None:
    export = export_state(state_of(zone, backend))
    document = genesis_from_export(export, "hangzhou-2")
    assert decode_genesis(encode_json(genesis_json(document))) == document
    app = open_application(document, MemoryBackend(), 10)
    app.init_chain(genesis_request(document))
    assert encode_json(app.export_genesis()) == encode_json(
        dict(export.genesis.app_state)
    )


def test_history_goes_on_after_an_export(
    zone: EmbeddedZone, backend: LmdbBackend, tmp_path: Path
) -> None:
    export = export_state(state_of(zone, backend))
    before = export.genesis.app_state["history"]["accumulator"]
    document = genesis_from_export(export, "hangzhou-2")
    folder = tmp_path / "next"
    folder.mkdir()
    store = LmdbBackend(LmdbEnvironment(folder, durable=False))
    try:
        app = open_application(document, store, 10)
        chain = Chain(genesis=document, app=app, backend=store, key=zone.key)
        engine = EmbeddedEngine(
            chain=chain,
            app=app,
            key=zone.key,
            guard=SignGuard(folder / "validator_state.json"),
            pace=Pace(),
            limits=MempoolLimits(),
            clocks=Clocks(wall_ns=zone.clock.read, monotonic_ns=zone.clock.read),
        )
        for _ in range(2):
            zone.clock.advance(NS_PER_SECOND)
            engine.step()
        opened = OpenState(genesis=document, backend=store, app=app)
        after = export_state(opened)
        accumulator = after.genesis.app_state["history"]["accumulator"]
        assert after.height == export.height + 2
        assert accumulator["first_height"] == before["first_height"]
        assert int(accumulator["leaf_count"]) == int(before["leaf_count"]) + 2
        for name in ("members", "records", "links", "consensus"):
            assert after.genesis.app_state[name] == export.genesis.app_state[name]
    finally:
        store.close()


def test_zone_cannot_begin_before_the_exported_block(
    zone: EmbeddedZone, backend: LmdbBackend
) -> None:
    export = export_state(state_of(zone, backend))
    time_ns = export.genesis.time_ns
    later = genesis_from_export(export, "hangzhou-2", time_ns + 5)
    assert later.time_ns == time_ns + 5
    with pytest.raises(ExportFileError, match="before the exported block"):
        genesis_from_export(export, "hangzhou-2", time_ns - 1)


def test_zone_without_blocks_has_nothing_to_export(
    backend: LmdbBackend, tmp_path: Path
) -> None:
    with pytest.raises(NoStateError):
        export_state(state_of(a_zone(backend, tmp_path), backend))


def test_block_whose_time_is_not_known_cannot_be_exported(
    zone: EmbeddedZone, backend: LmdbBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "huitong.node.exports.find_block_time_ns", lambda ctx, height: None
    )
    with pytest.raises(ExportTimeError):
        export_state(state_of(zone, backend))


def garbled(data: bytes) -> Iterator[tuple[str, bytes]]:
    document = json.loads(data)
    yield "cut off", data[:-10]
    yield "empty", b""
    yield "no export", b'{\n  "format": "huitong-evidence-1"\n}\n'
    yield "a genesis file", encode_json(document["genesis"], indent=2)
    yield "another layout", encode_json(document)
    yield "a list", b"[]\n"
    for name, value in (
        ("format", "huitong-export-2"),
        ("height", str(int(document["height"]) + 1)),
        ("app_hash", "00" * 32),
        ("digest", "00" * 32),
        ("genesis", document["genesis"] | {"initial_height": "1"}),
        ("genesis", document["genesis"] | {"app_state": {}}),
    ):
        yield f"another {name}", encode_json(document | {name: value}, indent=2)
    without = {name: value for name, value in document.items() if name != "app_hash"}
    yield "an entry is missing", encode_json(without, indent=2)
    yield "an entry too many", encode_json(document | {"more": 1}, indent=2)


def test_foreign_and_garbled_files_are_refused(
    zone: EmbeddedZone, backend: LmdbBackend
) -> None:
    data = encode_export(export_state(state_of(zone, backend)))
    for what, changed in garbled(data):
        with pytest.raises(ExportFileError):
            decode_export(changed, what)


@pytest.mark.parametrize("name", ["height", "app_hash", "genesis"])
def test_entries_of_a_right_digest_are_checked_too(
    zone: EmbeddedZone, backend: LmdbBackend, name: str
) -> None:
    document = json.loads(encode_export(export_state(state_of(zone, backend))))
    document[name] = "garbled"
    del document["digest"]
    document["digest"] = sha256(encode_json(document)).hex()
    with pytest.raises(ExportFileError):
        decode_export(encode_json(document, indent=2), "file")


def test_state_that_a_module_does_not_give_back_is_refused(
    zone: EmbeddedZone, backend: LmdbBackend
) -> None:
    export = export_state(state_of(zone, backend))
    state = dict(export.genesis.app_state)
    state["records"] = {}
    foreign = replace(export, genesis=replace(export.genesis, app_state=state))
    with pytest.raises(ExportFileError, match="records gives back other state"):
        genesis_from_export(foreign, "hangzhou-2")


def test_command_makes_the_genesis(
    zone: EmbeddedZone, backend: LmdbBackend, tmp_path: Path
) -> None:
    export = export_state(state_of(zone, backend))
    file, made = tmp_path / "export.json", tmp_path / "genesis.json"
    file.write_bytes(encode_export(export))
    command = ["from-export", str(file), "--chain-id", "hangzhou-2"]
    runner = CliRunner()
    assert (
        runner.invoke(genesis_group, [*command, "--output", str(made)]).exit_code == 0
    )
    assert decode_genesis(made.read_bytes()) == genesis_from_export(
        export, "hangzhou-2"
    )
    shown = runner.invoke(genesis_group, [*command, "--time", "2199-01-01T00:00:00Z"])
    assert json.loads(shown.stdout)["genesis_time"] == "2199-01-01T00:00:00Z"
    file.write_bytes(b"{}")
    refused = runner.invoke(genesis_group, command)
    assert (refused.exit_code, "[node/50]" in refused.stderr) == (1, True)


# --- random states --------------------------------------------------------------------


def imported(state: dict[str, Any], height: int, time_ns: int) -> Application:
    key = sha256(b"validator")
    document = GenesisDocument(
        time_ns=time_ns,
        chain_id="hangzhou-9",
        initial_height=height,
        validators=(),
        app_state=state,
    )
    app = open_application(document, MemoryBackend(), 1)
    request = genesis_request(document)
    app.init_chain(
        replace(request, validators=(ValidatorUpdate(public_key=key, power=1),))
    )
    return app


_steps = st.lists(
    st.tuples(st.sampled_from("pgrdascnb"), st.integers(0, 3)), max_size=14
)


@settings(max_examples=25)
@given(steps=_steps)
def test_random_states_of_linked_zones_come_back_byte_for_byte(
    steps: list[tuple[str, int]],
) -> None:
    pair = open_exchange()
    waiting: list[Any] = []
    for kind, number in steps:
        try:
            if kind == "p":
                pair.publish(record_id=f"inv-{number}")
            elif kind == "g":
                pair.grant(record_id=f"inv-{number}")
            elif kind == "r":
                waiting.append([pair.request(record_id=f"inv-{number}"), None])
            elif kind in "da" and waiting:
                place = waiting[number % len(waiting)]
                if kind == "d":
                    place[1] = pair.decide(place[0].sequence)
                elif place[1] is None:
                    place[1] = pair.receive(place[0])
                else:
                    pair.acknowledge(place[0], place[1])
            elif kind == "s" and waiting:
                pair.deliver_sealed(waiting[number % len(waiting)][0].sequence)
            elif kind == "c" and waiting:
                pair.confirm(waiting[number % len(waiting)][0].sequence)
            elif kind in "nb":
                (pair.a if kind == "n" else pair.b).next_block()
        except HuitongError:
            continue
    for zone in (pair.a, pair.b):
        ctx = zone.context()
        state = {item.name: item.export_genesis(ctx) for item in LINKED}
        app = imported(state, zone.height.revision_height, zone.time_ns)
        given_back = app.export_genesis()
        for name, exported in state.items():
            assert encode_json(given_back[name]) == encode_json(exported), name
