"""Batches of sealed bytes by hand: signed, forged and broken, against a real gateway."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from huitong.core.hashing import sha256
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.rows import new_id
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.peers.certificates import (
    client_context,
    read_certificate,
    read_own_certificate,
)
from huitong.gateway.peers.manifest import ManifestItem, encode_manifest
from huitong.gateway.peers.statement import BatchStatement, sign_statement
from huitong.proto.huitong.exchange.v1.exchange_pb2 import RequestPacket
from tests.gateway.exchange_kit import (
    Gateway,
    LatePeers,
    by_https,
    linked_nodes,
    make_gateway,
    relaying,
)


def sealed_bytes(sequence: int, size: int = 500) -> bytes:
    """Return something that stands for the sealed bytes of a request."""
    return sha256(b"%d" % sequence) * (size // 32)


def item(sequence: int, **changes: Any) -> ManifestItem:
    """Return what a manifest says of ``sealed_bytes``."""
    data = sealed_bytes(sequence)
    told: dict[str, Any] = {
        "sequence": sequence,
        "push_number": 0,
        "sealed_digest": sha256(data).hex(),
        "size": len(data),
        "stated_height": 7,
        "request_id": f"request-{sequence}",
        "traceparent": "",
    }
    return ManifestItem(**told | changes)


@dataclass
class Batches:
    """The provider's end of a connection to a gateway that takes."""

    bank: Gateway
    client: httpx.AsyncClient
    statement: BatchStatement
    """Of an empty batch; names the parties."""
    key: bytes
    """Of an account of the provider."""
    stranger: bytes
    """Of an account of nobody."""
    path: str

    async def ask(self, sequences: Sequence[int], stage: Stage, **fields: Any) -> None:
        """Let the bank have asked for something."""
        async with self.bank.database.transaction() as session:
            for sequence in sequences:
                now_ns = time.time_ns()
                told: dict[str, Any] = {
                    "id": new_id(now_ns),
                    "side": Side.REQUESTER,
                    "stage": stage,
                    "channel_id": self.statement.channel_on_b,
                    "sequence": sequence,
                    "push_number": 0,
                    "peer": "hz-tax",
                    "record_id": f"INV-{sequence}",
                    "request": RequestPacket().SerializeToString(),
                    "created_ns": now_ns,
                    "changed_ns": now_ns,
                }
                session.add(ExchangeRow(**told | fields))

    def stated(self, manifest: bytes, size: int, count: int) -> BatchStatement:
        """Return the statement that binds a manifest."""
        return replace(
            self.statement,
            count=count,
            size=size,
            manifest_digest=sha256(manifest).hex(),
            manifest_size=len(manifest),
            time_ns=time.time_ns(),
        )

    async def bring(
        self,
        items: Sequence[ManifestItem],
        payloads: Sequence[bytes] | None = None,
        *,
        manifest: bytes | None = None,
        body: bytes | None = None,
        key: bytes = b"",
        path: str = "",
        **changes: Any,
    ) -> httpx.Response:
        """Bring a batch, changed in whatever way."""
        if payloads is None:
            payloads = [sealed_bytes(one.sequence) for one in items]
        manifest = encode_manifest(items) if manifest is None else manifest
        size = sum(one.size for one in items)
        statement = replace(self.stated(manifest, size, len(items)), **changes)
        content = b"".join([manifest, *payloads]) if body is None else body
        return await self.client.post(
            path or self.path,
            headers=sign_statement(statement, key or self.key),
            content=content,
        )


def states(answer: httpx.Response) -> list[str]:
    """Return what an answer says of each payload: ``taken`` or a code."""
    assert answer.status_code == 200, answer.text
    told = []
    for one in answer.json()["items"]:
        problem = one.get("problem")
        code = f"{problem['codespace']}/{problem['code']}" if problem else "taken"
        assert (one["state"] == "taken") == (problem is None)
        told.append(code)
    return told


@asynccontextmanager
async def batches(folder: Path) -> AsyncIterator[Batches]:
    """Give the provider's end of a connection to a gateway; neither does anything else."""
    with linked_nodes(folder) as nodes:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(relaying(nodes))
            bureau, bank = [
                await stack.enter_async_context(
                    make_gateway(folder / node.chain_id, node, other, LatePeers())
                )
                for node, other in (nodes, nodes[::-1])
            ]
            services = await stack.enter_async_context(by_https((bureau, bank), folder))
            own = read_own_certificate(folder / "hz-tax.crt", folder / "hz-tax.key")
            there = read_certificate(folder / "cq-bank.crt")
            client = httpx.AsyncClient(
                base_url=services[1].url, verify=client_context(own, there), timeout=30
            )
            statement = BatchStatement(
                provider="hz-tax",
                chain_id_of_a="hangzhou-1",
                channel_on_a=link.channel_on_a,
                requester="cq-bank",
                chain_id_of_b="chongqing-1",
                channel_on_b=link.channel_on_b,
                certificate=own.certificate.spki_digest.hex(),
                count=0,
                size=0,
                manifest_digest="00" * 32,
                manifest_size=0,
                time_ns=0,
            )
            yield Batches(
                bank=bank,
                client=await stack.enter_async_context(client),
                statement=statement,
                key=nodes[0].private_key("officer"),
                stranger=nodes[0].private_key("relayer"),
                path=f"/peer/v1/deliveries/chongqing-1/{link.channel_on_b}",
            )
