"""Opening and closing a channel: proven steps that the application agrees to (ICS-4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huitong.light import light_client
from huitong.modules.links import keys, state
from huitong.modules.links.handlers.close_channel import close_channel
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.testing.links import (
    ORDERED,
    UNORDERED,
    Endpoint,
    Path,
    connected_path,
    make_path,
    open_path,
)
from huitong.testing.mock_application import count_steps
from tests.unit.links.refusals import refused_with, set_connection_state

OPEN = channel_pb2.STATE_OPEN
CLOSED = channel_pb2.STATE_CLOSED
INIT = connection_pb2.STATE_INIT

Change = Callable[[Any], None]
Step = Callable[[], tuple[Path, Endpoint, Any]]


def channel_of(end: Endpoint) -> channel_pb2.Channel:
    store = end.zone.context().store(keys.STORE)
    return state.get_channel(store, end.port_id, end.channel_id)


def at_init() -> tuple[Path, Endpoint, Any]:
    path = connected_path()
    return path, path.a, path.a.channel_init_message()


def at_try() -> tuple[Path, Endpoint, Any]:
    path, end, message = at_init()
    end.zone.deliver(message)
    path.a.channel_id = "channel-0"
    path.b.catch_up()
    return path, path.b, path.b.channel_try_message()


def at_ack() -> tuple[Path, Endpoint, Any]:
    path, end, message = at_try()
    end.zone.deliver(message)
    path.b.channel_id = "channel-0"
    path.a.catch_up()
    return path, path.a, path.a.channel_ack_message()


def at_confirm() -> tuple[Path, Endpoint, Any]:
    path, end, message = at_ack()
    end.zone.deliver(message)
    path.b.catch_up()
    return path, path.b, path.b.channel_confirm_message()


def at_close_init() -> tuple[Path, Endpoint, Any]:
    path = open_path()
    return path, path.a, path.a.close_init_message()


def at_close_confirm() -> tuple[Path, Endpoint, Any]:
    path, end, message = at_close_init()
    end.zone.deliver(message)
    path.b.catch_up()
    return path, path.b, path.b.close_confirm_message()


def freeze(end: Endpoint) -> None:
    ctx = end.zone.context()
    light_client.freeze(ctx.store(keys.STORE), end.client_id)
    end.zone.take(ctx)


# --- successes ----------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", [ORDERED, UNORDERED])
def test_channel_opens_with_the_version_that_the_applications_chose(
    ordering: channel_pb2.Order,
) -> None:
    path = open_path(ordering=ordering)
    for end in (path.a, path.b):
        channel = channel_of(end)
        assert channel.state == OPEN
        assert channel.ordering == ordering
        assert channel.version == "mock-1"
        assert channel.counterparty.channel_id == end.other.channel_id
        store = end.zone.context().store(keys.STORE)
        place = (end.port_id, end.channel_id)
        assert state.get_next_sequence_send(store, *place) == 1
        assert state.get_next_sequence_receive(store, *place) == 1
        assert state.get_next_sequence_acknowledge(store, *place) == 1


def test_version_left_open_is_filled_in_by_the_application() -> None:
    path = connected_path()
    message = path.a.channel_init_message()
    message.channel.version = ""
    response = path.a.zone.deliver(message)
    assert (response.channel_id, response.version) == ("channel-0", "mock-1")


def test_second_channel_gets_the_next_id() -> None:
    path = open_path()
    path.open_channel()
    assert path.a.channel_id == path.b.channel_id == "channel-1"


def test_application_hears_of_every_step_once() -> None:
    path = open_path()
    for end, steps in (
        (path.a, ("on_chan_open_init", "on_chan_open_ack")),
        (path.b, ("on_chan_open_try", "on_chan_open_confirm")),
    ):
        for step in steps:
            assert count_steps(end.zone.context(), step) == {"channel-0": 1}


def test_channel_may_begin_before_its_connection_is_open() -> None:
    path = make_path()
    path.open_clients()
    path.a.zone.deliver(path.a.connection_init_message())
    path.a.connection_id = "connection-0"
    path.a.zone.deliver(path.a.channel_init_message())


@pytest.mark.parametrize(
    ("step", "kind", "counterparty"),
    [
        (at_init, "channel_open_init", ""),
        (at_try, "channel_open_try", "channel-0"),
        (at_ack, "channel_open_ack", "channel-0"),
        (at_confirm, "channel_open_confirm", "channel-0"),
        (at_close_init, "channel_close_init", "channel-0"),
        (at_close_confirm, "channel_close_confirm", "channel-0"),
    ],
)
def test_every_step_tells_both_ends(step: Step, kind: str, counterparty: str) -> None:
    _, end, message = step()
    end.zone.deliver(message)
    (told,) = end.zone.told(kind)
    assert told == {
        "port_id": "mock",
        "channel_id": "channel-0",
        "counterparty_port_id": "mock",
        "counterparty_channel_id": counterparty,
        "connection_id": "connection-0",
        "version": "mock-1",
    }
    assert {"module": "ibc_channel"} in end.zone.told("message")


def test_channel_closes_on_both_sides() -> None:
    path, end, message = at_close_confirm()
    end.zone.deliver(message)
    assert channel_of(path.a).state == channel_of(path.b).state == CLOSED
    assert count_steps(path.a.zone.context(), "on_chan_close_init")
    assert count_steps(path.b.zone.context(), "on_chan_close_confirm")


def test_application_closes_its_channel_without_being_asked() -> None:
    path = open_path()
    ctx = path.a.zone.context()
    close_channel(ctx, "mock", "channel-0")
    path.a.zone.take(ctx)
    assert channel_of(path.a).state == CLOSED
    assert count_steps(path.a.zone.context(), "on_chan_close_init") == {}
    with refused_with("channel/5"):
        close_channel(path.a.zone.context(), "mock", "channel-0")


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


def _hops(*hops: str) -> Change:
    def change(message: Any) -> None:
        del message.channel.connection_hops[:]
        message.channel.connection_hops.extend(hops)

    return change


TABLE: list[tuple[Step, Change, str]] = [
    (at_init, _set(port_id="x"), "host/2"),
    (at_init, _set(port_id="other"), "port/5"),
    (at_init, _set(channel__state=OPEN), "channel/5"),
    (at_init, _set(channel__ordering=0), "channel/6"),
    (at_init, _set(channel__counterparty__channel_id="channel-0"), "channel/7"),
    (at_init, _set(channel__counterparty__port_id="!"), "host/2"),
    (at_init, _set(channel__version="other"), "mock/7"),
    (at_init, _set(channel__version="x" * 4_097), "channel/24"),
    (at_init, _hops(), "channel/15"),
    (at_init, _hops("connection-0", "connection-0"), "channel/15"),
    (at_init, _hops("x"), "host/2"),
    (at_init, _hops("connection-9"), "connection/3"),
    (at_try, _set(port_id="x"), "host/2"),
    (at_try, _set(port_id="other"), "port/5"),
    (at_try, _set(previous_channel_id="channel-0"), "channel/18"),
    (at_try, _set(channel__state=OPEN), "channel/5"),
    (at_try, _set(channel__ordering=7), "channel/6"),
    (at_try, _set(channel__ordering=2), "commitment/2"),
    (at_try, _hops("connection-0", "connection-1"), "channel/15"),
    (at_try, _hops("connection-9"), "connection/3"),
    (at_try, _set(channel__counterparty__channel_id=""), "host/2"),
    (at_try, _set(channel__counterparty__channel_id="channel-9"), "commitment/2"),
    (at_try, _set(channel__counterparty__port_id="other"), "commitment/2"),
    (at_try, _set(counterparty_version="other"), "commitment/2"),
    (at_try, _set(counterparty_version="x" * 4_097), "channel/24"),
    (at_try, _set(proof_init=b""), "commitment/2"),
    (at_try, _set(proof_height__revision_height=1), "client/7"),
    (at_try, _set(proof_height__revision_height=999), "ibc/9"),
    (at_ack, _set(port_id="x"), "host/2"),
    (at_ack, _set(port_id="other"), "channel/3"),
    (at_ack, _set(channel_id="channel-9"), "channel/3"),
    (at_ack, _set(channel_id="somechannel"), "channel/18"),
    (at_ack, _set(counterparty_channel_id="x"), "host/2"),
    (at_ack, _set(counterparty_channel_id="channel-9"), "commitment/2"),
    (at_ack, _set(counterparty_version="other"), "commitment/2"),
    (at_ack, _set(counterparty_version="x" * 4_097), "channel/24"),
    (at_ack, _set(proof_try=b""), "commitment/2"),
    (at_confirm, _set(port_id="x"), "host/2"),
    (at_confirm, _set(channel_id="channel-9"), "channel/3"),
    (at_confirm, _set(channel_id="channel-00"), "channel/18"),
    (at_confirm, _set(proof_ack=b""), "commitment/2"),
    (at_close_init, _set(port_id="x"), "host/2"),
    (at_close_init, _set(port_id="other"), "port/5"),
    (at_close_init, _set(channel_id="channel-9"), "channel/3"),
    (at_close_init, _set(channel_id="x"), "channel/18"),
    (at_close_confirm, _set(port_id="x"), "host/2"),
    (at_close_confirm, _set(port_id="other"), "port/5"),
    (at_close_confirm, _set(channel_id="channel-9"), "channel/3"),
    (at_close_confirm, _set(channel_id="x"), "channel/18"),
    (at_close_confirm, _set(proof_init=b""), "commitment/2"),
    (at_close_confirm, _set(counterparty_upgrade_sequence=1), "commitment/2"),
]


@pytest.mark.parametrize(("step", "change", "code"), TABLE)
def test_wrong_step_is_rejected(step: Step, change: Change, code: str) -> None:
    _, end, message = step()
    change(message)
    with refused_with(code):
        end.zone.deliver(message)


@pytest.mark.parametrize("step", [at_ack, at_confirm, at_close_init, at_close_confirm])
def test_step_is_taken_once(step: Step) -> None:
    _, end, message = step()
    end.zone.deliver(message)
    with refused_with("channel/5"):
        end.zone.deliver(message)


@pytest.mark.parametrize(
    "step", [at_init, at_try, at_ack, at_confirm, at_close_init, at_close_confirm]
)
def test_no_step_with_a_frozen_client(step: Step) -> None:
    _, end, message = step()
    freeze(end)
    with refused_with("client/29"):
        end.zone.deliver(message)


@pytest.mark.parametrize(
    "step", [at_try, at_ack, at_confirm, at_close_init, at_close_confirm]
)
def test_no_step_over_a_connection_that_is_not_open(step: Step) -> None:
    _, end, message = step()
    set_connection_state(end, INIT)
    with refused_with("connection/6"):
        end.zone.deliver(message)


@pytest.mark.parametrize(
    ("step", "callback"),
    [
        (at_init, "on_chan_open_init"),
        (at_try, "on_chan_open_try"),
        (at_ack, "on_chan_open_ack"),
        (at_confirm, "on_chan_open_confirm"),
        (at_close_init, "on_chan_close_init"),
        (at_close_confirm, "on_chan_close_confirm"),
    ],
)
def test_application_may_refuse_each_step_and_nothing_stays(
    step: Step, callback: str
) -> None:
    _, end, message = step()
    before = list(end.zone.context().store(keys.STORE).iterate(b"", None))
    end.application.refuse.append(callback)
    with refused_with("mock/7"):
        end.zone.deliver(message)
    after = list(end.zone.context().store(keys.STORE).iterate(b"", None))
    assert after == before


def test_ordering_outside_of_the_connections_version_is_rejected() -> None:
    path = make_path()
    path.open_clients()
    message = path.a.connection_init_message()
    message.version.identifier = "1"
    message.version.features.append("ORDER_UNORDERED")
    path.a.zone.deliver(message)
    path.a.connection_id = "connection-0"
    path.a.ordering = ORDERED
    with refused_with("connection/9"):
        path.a.zone.deliver(path.a.channel_init_message())
