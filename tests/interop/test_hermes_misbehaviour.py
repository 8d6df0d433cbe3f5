"""Hermes finds a second header at one height and tells; the client that believed freezes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from huitong.core.height import Height
from tests.interop.kit.chain import Chain
from tests.interop.kit.forging import show_forged_header
from tests.interop.kit.pair import (
    Pair,
    hermes_has_started,
    make_hermes,
    make_link,
    running_pair,
)
from tests.interop.kit.waiting import wait_for

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.lane("Hermes, Huitong and simd", peers=("hermes", "simd")),
    pytest.mark.timeout(400),
]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with running_pair(tmp_path) as both:
        yield both


async def frozen(host: Chain, client_id: str) -> None:
    """Return once the client is frozen."""
    await wait_for(
        lambda: host.client_state(client_id),
        lambda state: state.frozen_height != Height.ZERO,
        f"{client_id} on {host.chain_id} frozen",
    )


async def test_second_header_of_our_zone_freezes_the_client_on_simd(
    pair: Pair, tmp_path: Path
) -> None:
    hermes = make_hermes(tmp_path / "hermes", pair)
    client_id = make_link(hermes).client_on_simd
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        with hermes:
            await hermes_has_started(hermes)
            await show_forged_header(
                simd, client_id, ours.client, pair.our_validator_key
            )
            await frozen(simd, client_id)
        # A zone of one validator lives on: nobody else could.
        await ours.client.wait_height(await ours.client.latest_height() + 1)


async def test_second_header_of_simd_freezes_the_client_in_our_zone(
    pair: Pair, tmp_path: Path
) -> None:
    hermes = make_hermes(tmp_path / "hermes", pair)
    client_id = make_link(hermes).client_on_ours
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        with hermes:
            await hermes_has_started(hermes)
            await show_forged_header(
                ours, client_id, simd.client, pair.simd_validator_key
            )
            await frozen(ours, client_id)
