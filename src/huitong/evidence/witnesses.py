"""Headers of zones as nodes tell them, to be trusted by whoever trusts the nodes."""

from __future__ import annotations

from collections.abc import Sequence

from huitong.client.zone import ZoneClient
from huitong.core.errors import RejectedError
from huitong.evidence.errors import WitnessError
from huitong.light.tendermint.header import BlockHeader, header_hash
from huitong.light.tendermint.signed_header import check_signed_header


async def read_headers(
    clients: Sequence[ZoneClient], heights: Sequence[int]
) -> dict[str, BlockHeader]:
    """Return one header for each zone, by chain id.

    Args:
        clients: nodes; several of one zone are compared.
        heights: for each node which header, or nothing: the first node of a zone tells
            its newest, and others are asked for the same.

    Raises:
        WitnessError: nodes of one zone contradict each other, or a node itself.
        RpcError: a node has no such block.
        HeightNotReachedError: a node is behind the first one of its zone.
    """
    headers: dict[str, BlockHeader] = {}
    for place, client in enumerate(clients):
        chain_id = await client.chain_id()
        first = headers.get(chain_id)
        if heights:
            height = heights[place]
        elif first is not None:
            height = await _reached(client, first.height)
        else:
            height = max(await client.latest_height(), 1)
        header = await _read_header(client, chain_id, height)
        if first is not None and header_hash(first) != header_hash(header):
            raise WitnessError(
                url=client.url,
                zone=chain_id,
                height=height,
                reason=f"hash {header_hash(header).hex()}, another node says "
                f"{header_hash(first).hex()} of height {first.height}",
            )
        headers[chain_id] = header
    return headers


async def _reached(client: ZoneClient, height: int) -> int:
    await client.wait_height(height)
    return height


async def _read_header(client: ZoneClient, chain_id: str, height: int) -> BlockHeader:
    block = await client.light_block(height)
    header = block.signed_header.header
    try:
        check_signed_header(block.signed_header, chain_id)
    except RejectedError as error:
        raise WitnessError(
            url=client.url, zone=chain_id, height=height, reason=str(error)
        ) from error
    if header.height != height:
        raise WitnessError(
            url=client.url,
            zone=chain_id,
            height=height,
            reason=f"a header of height {header.height}",
        )
    return header
