"""Our relayer relays transfers between a zone of ours and ibc-go's simd."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.interop.kit.our_relayer import OurRelayer
from tests.interop.kit.pair import Link, Pair, running_pair
from tests.interop.kit.scenarios import (
    all_arrive,
    check_late_transfers_are_refunded,
    leave_packets_behind,
    send_there_and_back,
)

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.lane("our relayer, Huitong and simd", peers=("simd",)),
    pytest.mark.timeout(600),
]

Figure = Callable[[str, object], None]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as both:
        yield both


@pytest.fixture(scope="module")
def relayer(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> OurRelayer:
    made = OurRelayer(tmp_path_factory.mktemp("relayer") / "home")
    made.init(pair)
    return made


@pytest.fixture(scope="module")
def link(relayer: OurRelayer) -> Link:
    return relayer.link()


async def test_all_transfers_there_and_back_are_acknowledged(
    pair: Pair, relayer: OurRelayer, link: Link, figure: Figure
) -> None:
    with relayer:
        for name, value in (await send_there_and_back(pair, link)).items():
            figure(name, value)


async def test_transfer_that_times_out_is_refunded_on_both_sides(
    pair: Pair, relayer: OurRelayer, link: Link
) -> None:
    await check_late_transfers_are_refunded(pair, relayer, link)


async def test_killed_relayer_clears_what_is_left_when_it_comes_back(
    pair: Pair, relayer: OurRelayer, link: Link, figure: Figure
) -> None:
    sent, left = await leave_packets_behind(pair, relayer, link)
    figure("left_by_killed_relayer", left)
    with relayer:
        await all_arrive(pair, link, sent)
