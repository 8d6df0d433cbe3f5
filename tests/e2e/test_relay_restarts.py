"""A relayer process under kill -9, nodes that restart, two relayers on one link."""

from __future__ import annotations

import signal
import time

import pytest

from huitong.core.time import NS_PER_SECOND
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from tests.e2e.relaying import (
    Relayer,
    grant,
    make_link,
    request,
    running_zones,
    statuses,
    wait_time,
    wait_until_settled,
)

pytestmark = pytest.mark.slow

PACKETS = 60


@pytest.fixture
def zones(tmp_path):
    with running_zones(tmp_path) as running:
        yield running


async def test_relayer_killed_again_and_again_loses_no_packet(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    link = await make_link(relayer, zones)
    relayer.configure(zones, link)
    await grant(provider, link)
    with relayer:
        for _ in range(3):
            await request(requester, link, PACKETS // 3)
            relayer.end(signal.SIGKILL)
            relayer.start()
        await wait_until_settled(requester, link)
        assert relayer.end(signal.SIGTERM) == 0
        granted = exchange_pb2.EXCHANGE_STATUS_GRANTED
        assert await statuses(requester, link) == [granted] * PACKETS


async def test_nodes_killed_under_a_running_relayer_are_followed_again(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    link = await make_link(relayer, zones)
    relayer.configure(zones, link)
    await grant(provider, link)
    with relayer:
        for zone in zones:
            await request(requester, link, 20)
            zone.kill()
            zone.start()
        await request(requester, link, 20)
        await wait_until_settled(requester, link)
        assert relayer.end(signal.SIGTERM) == 0
        granted = exchange_pb2.EXCHANGE_STATUS_GRANTED
        assert await statuses(requester, link) == [granted] * 60


async def test_two_relayers_on_one_link_settle_each_packet_once(zones, tmp_path):
    provider, requester = zones
    first = Relayer(tmp_path / "first", zones, 0)
    second = Relayer(tmp_path / "second", zones, 1)
    link = await make_link(first, zones)
    await grant(provider, link)
    for relayer in (first, second):
        relayer.configure(zones, link)
    with first, second:
        await request(requester, link, PACKETS)
        await wait_until_settled(requester, link)
        for relayer in (first, second):
            assert relayer.end(signal.SIGTERM) == 0
    granted = exchange_pb2.EXCHANGE_STATUS_GRANTED
    assert await statuses(requester, link) == [granted] * PACKETS


async def test_packets_that_nobody_carried_in_time_are_timed_out(zones, tmp_path):
    provider, requester = zones
    relayer = Relayer(tmp_path / "relayer", zones, 0)
    link = await make_link(relayer, zones)
    await grant(provider, link)
    await request(requester, link, 10, timeout_s=10)  # one transaction, soon in a block
    await wait_time(provider, time.time_ns() + 10 * NS_PER_SECOND)
    relayer.configure(zones, link)
    with relayer:
        await wait_until_settled(requester, link)
        assert relayer.end(signal.SIGTERM) == 0
        timed_out = exchange_pb2.EXCHANGE_STATUS_TIMED_OUT
        assert await statuses(requester, link) == [timed_out] * 10
