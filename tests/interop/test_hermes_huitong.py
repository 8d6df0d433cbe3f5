"""Hermes, unchanged, relays exchanges between two zones of ours, on either engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.interop.kit.exchanges import (
    PORT,
    PROVIDER_ZONE,
    REQUESTER_ZONE,
    VERSION,
    count_granted,
    publish_and_grant,
    running_zones,
    send_requests,
)
from tests.interop.kit.waiting import wait_for

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

PACKETS: Final = 200
PACKETS_TIMEOUT_S: Final = 240.0
LANE: Final = "Hermes, Huitong and Huitong"
ENGINES: Final = [
    pytest.param("embedded", marks=pytest.mark.lane(LANE, peers=("hermes",))),
    pytest.param(
        "cometbft",
        marks=pytest.mark.lane(
            f"{LANE}, one on CometBFT", peers=("hermes", "cometbft")
        ),
    ),
]


@pytest.mark.parametrize("engine", ENGINES)
async def test_all_requests_are_granted_and_acknowledged(
    engine: str, tmp_path: Path, figure: Callable[[str, object], None]
) -> None:
    with running_zones(tmp_path / "zones", engine) as zones:
        hermes = zones.make_hermes(tmp_path / "hermes")
        channels = hermes.create_channel(
            PROVIDER_ZONE, REQUESTER_ZONE, port=PORT, version=VERSION
        )
        async with zones.open_provider() as provider, zones.open_requester() as asker:
            await publish_and_grant(provider, channels[0])
            with hermes:
                started_s = time.monotonic()
                await send_requests(asker, channels[1], PACKETS)
                await wait_for(
                    lambda: asker.unsettled(PORT, channels[1]),
                    lambda sequences: not sequences,
                    "requests",
                    PACKETS_TIMEOUT_S,
                )
                figure("requests_s", round(time.monotonic() - started_s, 1))
            assert await count_granted(asker, channels[1]) == PACKETS
