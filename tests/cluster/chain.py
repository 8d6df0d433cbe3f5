"""What nodes say of their blocks, compared; and what a light client makes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from huitong.client import ZoneClient
from huitong.client.calls import all_answered
from huitong.light.tendermint.errors import InsufficientTrustError
from huitong.light.tendermint.signed_header import LightBlock
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.verify import (
    TrustedHeader,
    TrustOptions,
    verify_light_header,
)
from huitong.localnet.node import LocalNode

POLL_S: Final = 0.05
#: Seconds until a node that runs must have answered.
ANSWER_S: Final = 60.0
#: Seconds in which a zone with too few validators must not make another block.
SILENCE_S: Final = 5.0
OPTIONS: Final = TrustOptions(
    trusting_period_ns=86_400 * 10**9,
    max_clock_drift_ns=10 * 10**9,
    trust_level=TrustLevel(numerator=1, denominator=3),
)


def wait_until(holds: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """Return what ``holds`` gives as soon as that is true; fail after a time."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}"
        time.sleep(POLL_S)
    return found


def wait_past(nodes: Sequence[LocalNode], height: int, timeout_s: float) -> None:
    """Wait until each node has a block above ``height``."""
    for node in nodes:
        wait_until(
            lambda node=node: (node.find_height() or 0) > height,
            timeout_s,
            f"{node.name} above height {height}",
        )


def newest_height(nodes: Sequence[LocalNode]) -> int:
    """Return the greatest height of any of them; all answer sooner or later."""
    return max(map(height_of, nodes))


def height_of(node: LocalNode) -> int:
    """Return the height of a node that runs; a slow answer is asked for again."""
    found: int = wait_until(node.find_height, ANSWER_S, f"{node.name} answers")
    return found


def stopped_height(nodes: Sequence[LocalNode]) -> int:
    """Wait until these make no block for a time; return the last height.

    One that was under way may still come; fail if there are more.
    """
    last_s, height = time.monotonic(), newest_height(nodes)
    started = height
    while time.monotonic() - last_s < SILENCE_S:
        if newest_height(nodes) > height:
            last_s, height = time.monotonic(), newest_height(nodes)
        assert height <= started + 2, "so few validators make blocks"
        time.sleep(POLL_S)
    return height


async def block_hashes(node: LocalNode, first: int, last: int) -> list[tuple[str, str]]:
    """Return hash and app hash of each block from ``first`` to ``last``."""
    async with ZoneClient(node.rpc_url) as client:
        calls = [("commit", {"height": str(each)}) for each in range(first, last + 1)]
        answers = all_answered(await client.rpc.call_many(calls))
    signed = [answer["signed_header"] for answer in answers]
    return [
        (each["commit"]["block_id"]["hash"], each["header"]["app_hash"])
        for each in signed
    ]


async def check_no_fork(nodes: Sequence[LocalNode], first: int, last: int) -> None:
    """Fail unless all nodes have the same blocks and app hashes."""
    expected = await block_hashes(nodes[0], first, last)
    for node in nodes[1:]:
        assert await block_hashes(node, first, last) == expected, node.name


async def light_block(node: LocalNode, height: int) -> LightBlock:
    """Return what a light client needs of one height."""
    async with ZoneClient(node.rpc_url) as client:
        return await client.light_block(height)


async def follow(node: LocalNode, chain_id: str, trusted: LightBlock, to: int) -> int:
    """Verify the header at ``to`` from a trusted one; return how many steps it took.

    Where too few of the validators that are trusted signed, a header between is first.
    """
    target = await light_block(node, to)
    try:
        verify(chain_id, trusted, target)
    except InsufficientTrustError:
        middle = (trusted.signed_header.header.height + to) // 2
        steps = await follow(node, chain_id, trusted, middle)
        return steps + await follow(node, chain_id, await light_block(node, middle), to)
    return 1


def verify(chain_id: str, trusted: LightBlock, target: LightBlock) -> None:
    """Raise unless ``target`` follows from ``trusted``."""
    header = trusted.signed_header.header
    assert trusted.next_validators is not None
    assert target.validators is not None
    verify_light_header(
        chain_id=chain_id,
        trusted=TrustedHeader(
            height=header.height,
            time_ns=header.time_ns,
            next_validators_hash=header.next_validators_hash,
        ),
        trusted_validators=trusted.next_validators,
        signed_header=target.signed_header,
        validators=target.validators,
        options=OPTIONS,
        now_ns=time.time_ns(),
    )
