"""How tests of links say that something is refused, and with which code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from huitong.core.errors import HuitongError
from huitong.modules.links import keys, state
from huitong.testing.links import Endpoint


@contextmanager
def refused_with(code: str) -> Iterator[pytest.ExceptionInfo[HuitongError]]:
    """Expect a refusal with ``codespace/number``."""
    with pytest.raises(HuitongError) as refused:
        yield refused
    actual = f"{refused.value.codespace}/{refused.value.code}"
    assert actual == code, str(refused.value)


def set_connection_state(end: Endpoint, value: int) -> None:
    """Put the connection of an endpoint into a state that no message would."""
    ctx = end.zone.context()
    store = ctx.store(keys.STORE)
    connection = state.get_connection(store, end.connection_id)
    connection.state = value
    state.save_connection(store, end.connection_id, connection)
    end.zone.take(ctx)


def set_channel_state(end: Endpoint, value: int) -> None:
    """Put the channel of an endpoint into a state that no message would."""
    ctx = end.zone.context()
    store = ctx.store(keys.STORE)
    channel = state.get_channel(store, end.port_id, end.channel_id)
    channel.state = value
    state.save_channel(store, end.port_id, end.channel_id, channel)
    end.zone.take(ctx)


def forget(end: Endpoint, key: bytes) -> None:
    """Delete a key of the store that no message would."""
    ctx = end.zone.context()
    ctx.store(keys.STORE).delete(key)
    end.zone.take(ctx)
