"""Hermes, unchanged, relays transfers between a zone of ours and ibc-go's simd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from huitong.bench.hermes import Hermes
from tests.interop.kit.chain import Chain
from tests.interop.kit.pair import (
    OUR_CHAIN_ID,
    Link,
    Pair,
    hermes_has_started,
    make_hermes,
    make_link,
    running_pair,
)
from tests.interop.kit.scenarios import (
    all_arrive,
    check_late_transfers_are_refunded,
    leave_packets_behind,
    send_there_and_back,
)
from tests.interop.kit.waiting import wait_for

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.lane("Hermes, Huitong and simd", peers=("hermes", "simd")),
    pytest.mark.timeout(600),
]

Figure = Callable[[str, object], None]
#: Seconds after which a light client that nobody updates is worth nothing.
SHORT_TRUST_S: Final = 120


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as both:
        yield both


@pytest.fixture(scope="module")
def hermes(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Hermes:
    return make_hermes(tmp_path_factory.mktemp("hermes"), pair)


@pytest.fixture(scope="module")
def link(hermes: Hermes) -> Link:
    return make_link(hermes)


def test_health_check_finds_our_zone_healthy(hermes: Hermes) -> None:
    log = hermes.folder / "commands.log"
    already = log.stat().st_size
    hermes.run("health-check")
    said = log.read_bytes()[already:].decode()
    ours = [line for line in said.splitlines() if OUR_CHAIN_ID in line]
    assert any("chain is healthy" in line for line in ours), said
    # simd itself is not: built by a module of others it does not tell its ibc-go.
    assert not any('"level":"WARN"' in line for line in ours), said


async def test_all_transfers_there_and_back_are_acknowledged(
    pair: Pair, hermes: Hermes, link: Link, figure: Figure
) -> None:
    with hermes:
        for name, value in (await send_there_and_back(pair, link)).items():
            figure(name, value)


async def test_transfer_that_times_out_is_refunded_on_both_sides(
    pair: Pair, hermes: Hermes, link: Link
) -> None:
    await check_late_transfers_are_refunded(pair, hermes, link)


async def test_killed_hermes_clears_what_is_left_when_it_comes_back(
    pair: Pair, hermes: Hermes, link: Link, figure: Figure
) -> None:
    sent, left = await leave_packets_behind(pair, hermes, link)
    figure("left_by_killed_hermes", left)
    with hermes:
        # When it starts, Hermes looks at the oldest packet alone; was that received already
        # and only its acknowledgement is missing, then the next packet wakes it.
        await hermes_has_started(hermes)
        await all_arrive(pair, link, sent, more=1)


async def test_clients_are_refreshed_before_they_expire(
    pair: Pair, hermes: Hermes
) -> None:
    link = make_link(hermes, f"--trusting-period={SHORT_TRUST_S}s")
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        with hermes:
            for chain, client_id in (
                (ours, link.client_on_ours),
                (simd, link.client_on_simd),
            ):
                await _refreshed(chain, client_id)


async def _refreshed(chain: Chain, client_id: str) -> None:
    """Return once the client knows a newer header than now."""
    known = (await chain.client_state(client_id)).latest_height
    await wait_for(
        lambda: chain.client_state(client_id),
        lambda state: state.latest_height > known,
        f"update of {client_id} on {chain.chain_id}",
        SHORT_TRUST_S,
    )
