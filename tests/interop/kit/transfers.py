"""Transfers of a token between two chains (ICS-20), and waiting until all are settled."""

from __future__ import annotations

import time
from typing import Final

from huitong.core.height import Height
from huitong.core.ids import revision_of_chain_id
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2
from tests.interop.kit.chain import Chain
from tests.interop.kit.waiting import wait_for

PORT: Final = "transfer"
#: Transfers in one transaction, as relayers batch them.
PER_TX: Final = 25
#: Seconds that all packets of one direction may take.
SETTLED_TIMEOUT_S: Final = 240.0
TIMEOUT_S: Final = 1_000
_NS_PER_S: Final = 1_000_000_000


async def send_transfers(
    source: Chain,
    target: Chain,
    channel: str,
    denom: str,
    count: int,
    *,
    timeout_s: float = TIMEOUT_S,
    timeout_height: Height = Height.ZERO,
) -> None:
    """Send ``count`` transfers of one token each to the account on ``target``.

    Args:
        source: where they are sent, by its account.
        target: whose account receives.
        channel: the channel's end on ``source``.
        denom: what the token is called on ``source``.
        count: how many.
        timeout_s: seconds from now until they time out; 0 for no such bound.
        timeout_height: height of ``target`` at which they time out.
    """
    timestamp_ns = time.time_ns() + int(timeout_s * _NS_PER_S) if timeout_s else 0
    message = tx_pb2.MsgTransfer(
        source_port=PORT,
        source_channel=channel,
        sender=source.address,
        receiver=target.address,
        timeout_height=timeout_height.to_proto(),
        timeout_timestamp=timestamp_ns,
    )
    message.token.denom, message.token.amount = denom, "1"
    left = count
    while left:
        size = min(left, PER_TX)
        await source.send(*[message] * size)
        left -= size


async def height_soon(chain: Chain, blocks: int) -> Height:
    """Return the height that ``chain`` has in so many blocks."""
    height = await chain.client.latest_height() + blocks
    return Height(revision_of_chain_id(chain.chain_id), height)


async def settled(chain: Chain, channel: str, what: str) -> None:
    """Return once no packet of the channel's end on ``chain`` is under way."""
    await wait_for(
        lambda: chain.unsettled(PORT, channel),
        lambda sequences: not sequences,
        what,
        SETTLED_TIMEOUT_S,
    )
