"""The end of the server for peers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from huitong.gateway.peers.certificates import (
    OwnCertificate,
    client_context,
    make_certificate,
    read_own_certificate,
    server_context,
)
from huitong.gateway.peers.server import PeerServer
from huitong.gateway.peers.serving import STOP_TIMEOUT_S, PeerService


def _own(folder: Path, member_id: str) -> OwnCertificate:
    paths = folder / f"{member_id}.crt", folder / f"{member_id}.key"
    for path, data in zip(paths, make_certificate(member_id, "z-1"), strict=True):
        path.write_bytes(data)
    return read_own_certificate(*paths)


async def test_idle_connection_of_a_peer_does_not_hold_up_the_end(
    tmp_path: Path,
) -> None:
    """A peer that does not read never answers the farewell of TLS."""
    own, peer = _own(tmp_path, "cq-bank"), _own(tmp_path, "hz-tax")
    nobody_asks: Any = None
    server = PeerServer(
        member_id="cq-bank",
        chain_id="z-1",
        arrivals=nobody_asks,
        signers=nobody_asks,
        certificates={},
    )
    service = PeerService(
        server, "tcp://127.0.0.1:0", server_context(own, [peer.certificate])
    )
    serving = asyncio.create_task(service.run_until_cancelled())
    async with httpx.AsyncClient(
        base_url=service.url, verify=client_context(peer, own.certificate)
    ) as client:
        assert (await client.get("/")).status_code == 404
        serving.cancel()
        # What waits for the peer waits for all of it.
        async with asyncio.timeout(STOP_TIMEOUT_S * 0.8):
            await asyncio.wait([serving])
    assert serving.cancelled()
