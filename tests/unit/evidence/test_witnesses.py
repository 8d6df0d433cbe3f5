"""Headers for a trust file: taken from nodes, which must not contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from huitong.evidence.errors import WitnessError
from huitong.evidence.trust import encode_trust, load_trust
from huitong.evidence.witnesses import read_headers
from huitong.light.tendermint.header import header_hash
from huitong.testing.zones import SimClock
from tests.evidence_kit import MemorySource, open_link


class Witness(MemorySource):
    """A node that may answer with another height than it was asked for."""

    url = "tcp://node"

    def __init__(self, zone: Any, shift: int = 0, chain_id: str = "") -> None:
        super().__init__(zone)
        self.shift = shift
        self.said = chain_id

    async def chain_id(self) -> str:
        return self.said or await super().chain_id()

    async def wait_height(self, height: int) -> int:
        assert self.zone.height >= height
        return self.zone.height

    async def light_block(self, height: int) -> Any:
        return await super().light_block(height - self.shift)


@pytest.fixture(scope="module")
def zones() -> tuple[Any, Any]:
    path = open_link(SimClock(), "witness")
    return path.a.zone, path.b.zone


@pytest.fixture(scope="module")
def other_a() -> Any:
    return open_link(SimClock(), "another universe").a.zone


async def read(*witnesses: Witness, heights: tuple[int, ...] = ()) -> Any:
    return await read_headers(witnesses, heights)  # type: ignore[arg-type]


async def test_newest_headers_of_both_zones_make_a_trust_file(
    zones: tuple[Any, Any], tmp_path: Path
) -> None:
    a, b = zones
    headers = await read(Witness(a), Witness(b), Witness(a))
    assert {name: header.height for name, header in headers.items()} == {
        "hangzhou-1": a.height,
        "chongqing-1": b.height,
    }
    file = tmp_path / "trust.json"
    file.write_bytes(encode_trust(headers))
    anchors = load_trust(file)
    assert anchors["hangzhou-1"].hash == header_hash(headers["hangzhou-1"])
    assert anchors["chongqing-1"].height == b.height


async def test_heights_may_be_chosen(zones: tuple[Any, Any]) -> None:
    a, b = zones
    headers = await read(Witness(a), Witness(b), heights=(3, 2))
    assert headers["hangzhou-1"].height == 3
    assert headers["chongqing-1"].height == 2


async def test_nodes_of_one_zone_that_disagree_are_refused(
    zones: tuple[Any, Any], other_a: Any
) -> None:
    with pytest.raises(WitnessError, match="another node says"):
        await read(Witness(zones[0]), Witness(other_a), heights=(3, 3))


async def test_node_that_answers_something_else_is_refused(
    zones: tuple[Any, Any],
) -> None:
    a, b = zones
    with pytest.raises(WitnessError, match="a header of height"):
        await read(Witness(a, shift=1))
    with pytest.raises(WitnessError, match="chongqing-1"):
        await read(Witness(b, chain_id="hangzhou-1"))
