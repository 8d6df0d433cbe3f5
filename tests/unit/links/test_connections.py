"""Opening a connection: four steps, each proven (ICS-3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huitong.light import light_client
from huitong.modules.links import keys, state
from huitong.modules.links.versions import compatible_versions
from huitong.proto.google.protobuf.any_pb2 import Any as AnyMessage
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.testing.links import Endpoint, Path, connected_path, make_path
from tests.unit.links.refusals import refused_with

OPEN = connection_pb2.STATE_OPEN

Change = Callable[[Any], None]


def connection_of(end: Endpoint) -> connection_pb2.ConnectionEnd:
    store = end.zone.context().store(keys.STORE)
    return state.get_connection(store, end.connection_id)


def clients_path() -> Path:
    path = make_path()
    path.open_clients()
    return path


def at_try() -> tuple[Path, Any]:
    """Return a path whose side b is about to answer."""
    path = clients_path()
    path.a.zone.deliver(path.a.connection_init_message())
    path.a.connection_id = "connection-0"
    path.b.catch_up()
    return path, path.b.connection_try_message()


def at_ack() -> tuple[Path, Any]:
    """Return a path whose side a is about to open."""
    path, message = at_try()
    path.b.zone.deliver(message)
    path.b.connection_id = "connection-0"
    path.a.catch_up()
    return path, path.a.connection_ack_message()


def at_confirm() -> tuple[Path, Any]:
    """Return a path whose side b is about to open."""
    path, message = at_ack()
    path.a.zone.deliver(message)
    path.b.catch_up()
    return path, path.b.connection_confirm_message()


def freeze(end: Endpoint) -> None:
    ctx = end.zone.context()
    light_client.freeze(ctx.store(keys.STORE), end.client_id)
    end.zone.take(ctx)


# --- successes ----------------------------------------------------------------------------


def test_connection_opens_with_one_version_on_both_sides() -> None:
    path = connected_path()
    for end in (path.a, path.b):
        connection = connection_of(end)
        assert connection.state == OPEN
        assert list(connection.versions) == compatible_versions()
        assert connection.counterparty.connection_id == end.other.connection_id
        assert connection.counterparty.prefix.key_prefix == b"ibc"


def test_connection_ids_count_up_and_are_noted_at_the_client() -> None:
    path = connected_path()
    path.open_connection()
    assert (path.a.connection_id, path.b.connection_id) == (
        "connection-1",
        "connection-1",
    )
    store = path.a.zone.context().store(keys.STORE)
    known = state.find_client_connections(store, path.a.client_id)
    assert known is not None
    assert list(known.paths) == ["connection-0", "connection-1"]


def test_init_may_narrow_the_version() -> None:
    path = clients_path()
    message = path.a.connection_init_message()
    message.version.identifier = "1"
    message.version.features.append("ORDER_UNORDERED")
    path.a.zone.deliver(message)
    path.a.connection_id = "connection-0"
    path.b.catch_up()
    answer = path.b.connection_try_message()
    del answer.counterparty_versions[:]
    answer.counterparty_versions.append(message.version)
    path.b.zone.deliver(answer)
    path.b.connection_id = "connection-0"
    assert list(connection_of(path.b).versions) == [message.version]


def test_events_have_all_attributes_in_every_step() -> None:
    path, message = at_confirm()
    path.b.zone.deliver(message)
    (told,) = path.b.zone.told("connection_open_confirm")
    assert told == {
        "connection_id": "connection-0",
        "client_id": "07-tendermint-0",
        "counterparty_client_id": "07-tendermint-0",
        "counterparty_connection_id": "connection-0",
    }
    path.a.zone.deliver(path.a.connection_init_message())
    (told,) = path.a.zone.told("connection_open_init")
    assert told["counterparty_connection_id"] == ""
    assert path.a.zone.told("message") == [{"module": "ibc_connection"}]


@pytest.mark.parametrize("step", [at_try, at_ack])
def test_what_relayers_say_about_our_own_client_is_ignored(
    step: Callable[[], tuple[Path, Any]],
) -> None:
    path, message = step()
    message.client_state.CopyFrom(AnyMessage(type_url="/x", value=b"\x01"))
    message.proof_client = b"\x01"
    message.proof_consensus = b"\x01"
    message.consensus_height.revision_height = 99
    message.host_consensus_state_proof = b"\x01"
    end = path.b if step is at_try else path.a
    end.zone.deliver(message)


# --- refusals -----------------------------------------------------------------------------


def _set(**values: Any) -> Change:
    def change(message: Any) -> None:
        for name, value in values.items():
            *path, last = name.split("__")
            target = message
            for part in path:
                target = getattr(target, part)
            setattr(target, last, value)

    return change


def _versions(*versions: connection_pb2.Version) -> Change:
    def change(message: Any) -> None:
        del message.counterparty_versions[:]
        message.counterparty_versions.extend(versions)

    return change


def _version(version: connection_pb2.Version) -> Change:
    def change(message: Any) -> None:
        message.version.CopyFrom(version)

    return change


def version(identifier: str, *features: str) -> connection_pb2.Version:
    return connection_pb2.Version(identifier=identifier, features=features)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_set(client_id="07-tendermint-9"), "client/4"),
        (_set(client_id="a/b"), "host/2"),
        (_set(counterparty__connection_id="connection-0"), "connection/7"),
        (_set(counterparty__client_id="x"), "host/2"),
        (_set(counterparty__prefix__key_prefix=b""), "connection/7"),
        (_set(counterparty__prefix__key_prefix=b"x" * 129), "connection/7"),
        (_version(version("2", "ORDER_ORDERED")), "connection/9"),
        (_version(version("1")), "connection/9"),
        (_version(version("", "ORDER_ORDERED")), "connection/9"),
        (_version(version("1", "ORDER_DAG")), "connection/9"),
    ],
)
def test_wrong_init_is_rejected(change: Change, code: str) -> None:
    path = clients_path()
    message = path.a.connection_init_message()
    change(message)
    with refused_with(code):
        path.a.zone.deliver(message)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_set(previous_connection_id="connection-7"), "connection/11"),
        (_set(client_id="07-tendermint-9"), "client/4"),
        (_set(client_id="!"), "host/2"),
        (_set(counterparty__connection_id=""), "host/2"),
        (_set(counterparty__connection_id="connection-7"), "commitment/2"),
        (_set(counterparty__client_id="07-tendermint-7"), "commitment/2"),
        (_set(counterparty__prefix__key_prefix=b"other"), "commitment/2"),
        (_set(counterparty__prefix__key_prefix=b""), "connection/7"),
        (_set(delay_period=1), "commitment/2"),
        (_versions(), "ibc/10"),
        (_versions(*[version("1", "ORDER_ORDERED")] * 9), "ibc/10"),
        (_versions(version("1", " ")), "connection/9"),
        (_versions(version("2", "ORDER_ORDERED")), "connection/10"),
        (_versions(version("1", "ORDER_ORDERED")), "commitment/2"),
        (_set(proof_init=b""), "commitment/2"),
        (_set(proof_init=b"x" * 65_537), "commitment/2"),
        (_set(proof_height__revision_height=1), "client/7"),
        (_set(proof_height__revision_height=999), "ibc/9"),
    ],
)
def test_wrong_try_is_rejected(change: Change, code: str) -> None:
    path, message = at_try()
    change(message)
    with refused_with(code):
        path.b.zone.deliver(message)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_set(connection_id="connection-9"), "connection/3"),
        (_set(connection_id="connection-01"), "connection/11"),
        (_set(connection_id="someconnection"), "connection/11"),
        (_set(counterparty_connection_id=""), "host/2"),
        (_set(counterparty_connection_id="connection-7"), "commitment/2"),
        (_version(version("", "ORDER_ORDERED")), "connection/9"),
        (_version(version("2", "ORDER_ORDERED")), "connection/6"),
        (_version(version("1", "ORDER_ORDERED")), "commitment/2"),
        (_set(proof_try=b""), "commitment/2"),
    ],
)
def test_wrong_ack_is_rejected(change: Change, code: str) -> None:
    path, message = at_ack()
    change(message)
    with refused_with(code):
        path.a.zone.deliver(message)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_set(connection_id="connection-9"), "connection/3"),
        (_set(connection_id="other-0"), "connection/11"),
        (_set(proof_ack=b""), "commitment/2"),
    ],
)
def test_wrong_confirm_is_rejected(change: Change, code: str) -> None:
    path, message = at_confirm()
    change(message)
    with refused_with(code):
        path.b.zone.deliver(message)


@pytest.mark.parametrize("step", [at_ack, at_confirm])
def test_step_is_taken_once(step: Callable[[], tuple[Path, Any]]) -> None:
    path, message = step()
    end = path.a if step is at_ack else path.b
    end.zone.deliver(message)
    with refused_with("connection/6"):
        end.zone.deliver(message)


@pytest.mark.parametrize("step", [at_try, at_ack, at_confirm])
def test_no_step_with_a_frozen_client(step: Callable[[], tuple[Path, Any]]) -> None:
    path, message = step()
    end = path.a if step is at_ack else path.b
    freeze(end)
    with refused_with("client/29"):
        end.zone.deliver(message)


def test_no_connection_begins_above_a_frozen_client() -> None:
    path = clients_path()
    freeze(path.a)
    with refused_with("client/29"):
        path.a.zone.deliver(path.a.connection_init_message())


def test_connections_above_one_client_are_bounded() -> None:
    path = clients_path()
    message = path.a.connection_init_message()
    for _ in range(64):
        path.a.zone.deliver(message)
    with refused_with("connection/101"):
        path.a.zone.deliver(message)


def test_refused_proof_names_client_and_purpose() -> None:
    path, message = at_try()
    message.delay_period = 5
    with refused_with("commitment/2") as refused:
        path.b.zone.deliver(message)
    told = str(refused.value)
    assert told.startswith(
        "failed connection state verification for client (07-tendermint-0)"
    )
