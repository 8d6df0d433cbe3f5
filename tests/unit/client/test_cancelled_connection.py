"""A loop that ends while a client connects leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import warnings

from huitong.client.rpc import RpcConnection


def test_a_connection_attempt_cancelled_before_it_starts_warns_of_nothing():
    async def connect_and_end() -> None:
        connection = RpcConnection("tcp://127.0.0.1:1")
        asking = asyncio.create_task(connection.call("health"))
        while len(asyncio.all_tasks()) < 3:  # this one, the call, its attempt
            await asyncio.sleep(0)
        assert not asking.done()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # as a runner does at its end, also what has not begun

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(connect_and_end())
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
