"""Sealed bytes from gateway to gateway by mutual TLS, and everything that is refused."""

from __future__ import annotations

import ssl
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx

from huitong.gateway.exchange.orders import ExchangeFilter, Stage
from huitong.gateway.peers.certificates import (
    client_context,
    make_certificate,
    read_certificate,
    read_own_certificate,
)
from huitong.gateway.peers.statement import DeliveryStatement, sign_statement
from tests.gateway.exchange_kit import (
    LatePeers,
    by_https,
    grant,
    linked_nodes,
    make_gateway,
    publication,
    relaying,
    request,
)


def _path(statement: DeliveryStatement) -> str:
    place = f"{statement.chain_id_of_b}/{statement.channel_on_b}/{statement.sequence}"
    return f"/peer/v1/deliveries/{place}"


async def test_exchange_by_https_settles_and_every_forgery_is_refused(
    tmp_path: Path,
) -> None:
    with linked_nodes(tmp_path) as nodes:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(relaying(nodes))
            gateways = []
            for node, other in zip(nodes, reversed(nodes), strict=True):
                folder = tmp_path / f"gateway-{node.chain_id}"
                gateways.append(
                    await stack.enter_async_context(
                        make_gateway(folder, node, other, LatePeers())
                    )
                )
            bureau, bank = gateways
            services = await stack.enter_async_context(
                by_https((bureau, bank), tmp_path)
            )
            for gateway in gateways:
                await stack.enter_async_context(gateway.running())
            await grant(bureau, link.channel_on_a, "cq-bank")
            one = await bureau.exchanges.publish(publication(1))
            await bureau.outbox.wait(one.step_id, 60)
            asked = await bank.exchanges.request(request(1, link.channel_on_b))
            view = await bank.exchanges.wait(asked.id, 90)
            assert (view.stage, view.problem) == (Stage.SETTLED, None)
            (provided,) = await bureau.exchanges.find(ExchangeFilter())
            # --- what is refused ---
            own = read_own_certificate(tmp_path / "hz-tax.crt", tmp_path / "hz-tax.key")
            there = read_certificate(tmp_path / "cq-bank.crt")
            good = DeliveryStatement(
                provider="hz-tax",
                chain_id_of_a="hangzhou-1",
                channel_on_a=link.channel_on_a,
                requester="cq-bank",
                chain_id_of_b="chongqing-1",
                channel_on_b=link.channel_on_b,
                sequence=view.sequence,
                push_number=0,
                sealed_digest=view.sealed_digest.hex(),
                size=view.sealed_size,
                stated_height=provided.decided_height,
                certificate=own.certificate.spki_digest.hex(),
                time_ns=time.time_ns(),
            )
            key = nodes[0].private_key("officer")
            stranger = nodes[0].private_key("relayer")
            now_ns = good.time_ns
            other_bytes = "00" * 32
            cases = [
                (good, key, 200, "taken"),  # again: the same answer
                (replace(good, sealed_digest=other_bytes), key, 409, "23"),
                (replace(good, sequence=999), key, 404, "22"),
                (replace(good, channel_on_b="channel-77"), key, 404, "22"),
                (replace(good, requester="hz-tax"), key, 404, "22"),
                (replace(good, provider="cq-bank"), key, 403, "7"),
                (good, stranger, 403, "7"),
                (replace(good, certificate=other_bytes), key, 403, "7"),
                (replace(good, time_ns=now_ns - 10**13), key, 400, "6"),
                (replace(good, size=0), key, 400, "6"),
                (replace(good, size=2**62), key, 400, "6"),
                (replace(good, channel_on_a="../../etc"), key, 400, "6"),
            ]
            client = httpx.AsyncClient(
                base_url=services[1].url, verify=client_context(own, there)
            )
            async with client:
                for statement, signer, status, told in cases:
                    answer = await client.post(
                        _path(statement),
                        headers=sign_statement(statement, signer),
                        content=b"x",
                    )
                    shown = answer.json()
                    assert answer.status_code == status, (statement, shown)
                    assert told in (str(shown.get("code")), shown.get("state"))
                headers = sign_statement(good, key)
                for name in headers:
                    less = {k: v for k, v in headers.items() if k != name}
                    answer = await client.post(_path(good), headers=less, content=b"x")
                    assert answer.status_code == 400
                elsewhere = replace(good, sequence=good.sequence + 1)
                answer = await client.post(
                    _path(elsewhere), headers=headers, content=b"x"
                )
                assert answer.status_code == 400
                for path in ("/peer/v1/deliveries/a/b/..%2f..%2fetc", "/v1", "/"):
                    assert (await client.get(path)).status_code in (400, 404)
            # --- who is not known is not even heard ---
            pem, its_key = make_certificate("hz-tax", "hangzhou-1")
            (tmp_path / "s.crt").write_bytes(pem)
            (tmp_path / "s.key").write_bytes(its_key)
            unknown = read_own_certificate(tmp_path / "s.crt", tmp_path / "s.key")
            async with httpx.AsyncClient(
                base_url=services[1].url, verify=client_context(unknown, there)
            ) as client:
                try:
                    answer = await client.post(_path(good), headers=headers)
                except (httpx.HTTPError, ssl.SSLError):
                    answer = None
            assert answer is None
