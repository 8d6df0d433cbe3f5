"""Evidence of exchanges through the REST interface of two gateways that run."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from huitong.client.zone import ZoneClient
from huitong.core.time import NS_PER_SECOND
from huitong.evidence.trust import encode_trust, load_authorities, load_trust
from huitong.evidence.verify import verify_bundle
from huitong.evidence.witnesses import read_headers
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess, huitong_arguments
from huitong.relayer.config import LinkConfig, ZoneConfig
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.link import open_link
from huitong.relayer.worker import LinkWorker
from tests.api.gateway_kit import problem_of
from tests.gateway.exchange_kit import linked_nodes
from tests.unit.evidence.authority import make_authority

pytestmark = pytest.mark.slow
WAIT_S = 60
PURPOSE = "receivable-financing"
#: Nobody answers there.
NOWHERE = "http://127.0.0.1:9"


class Relay:
    """A relayer of two zones that can be stopped."""

    def __init__(self, link: LinkConfig, ends: list[Endpoint]) -> None:
        self.link = link
        self._ends = ends
        self.start()

    def start(self) -> None:
        self._task = asyncio.create_task(LinkWorker(self.link, *self._ends).run())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def _relaying(nodes: tuple[NodeProcess, NodeProcess]) -> AsyncIterator[Relay]:
    async with AsyncExitStack() as stack:
        ends = []
        for node in nodes:
            config = ZoneConfig(chain_id=node.chain_id, rpc=node.rpc_url)
            ends.append(Endpoint(config, node.private_key("relayer")))
            stack.push_async_callback(ends[-1].close)
        wanted = LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")
        relay = Relay(await open_link(*ends, wanted), ends)
        stack.push_async_callback(relay.stop)
        yield relay


@dataclass
class Rig:
    """Two gateways, and what a verifier trusts."""

    bureau: httpx.AsyncClient
    bank: httpx.AsyncClient
    relay: Relay
    zone: ZoneClient
    trust: Path
    root: str

    async def ask(self, record: str, **changes: Any) -> str:
        """Let the bank ask for a record; return the id of the exchange."""
        body = {
            "channel": self.relay.link.channel_on_b,
            "issuer": "hz-tax",
            "record": record,
            "purpose": PURPOSE,
        }
        asked = await self.bank.post("/v1/requests", json=body | changes)
        assert asked.status_code == 202, asked.text
        return str(asked.json()["id"])


def _publish(record: str, record_type: str) -> dict[str, Any]:
    document = {"number": record, "buyer": "b", "total": "113.00"}
    return {"record": record, "record_type": record_type, "document": document}


async def _until(
    ask: Callable[[], Any], is_right: Callable[[Any], bool]
) -> dict[str, Any]:
    deadline_s = time.monotonic() + WAIT_S
    while True:
        found = (await ask()).json()
        if is_right(found):
            return dict(found)
        assert time.monotonic() < deadline_s, found
        await asyncio.sleep(0.1)


async def _ended(client: httpx.AsyncClient, exchange: str) -> str:
    found = await _until(
        lambda: client.get(f"/v1/exchanges/{exchange}?wait=5"),
        lambda view: view["is_ended"],
    )
    return str(found["stage"])


def _command(*arguments: str) -> dict[str, Any]:
    """Run a command in a process of its own: the relayer writes to this one's output."""
    done = subprocess.run(
        huitong_arguments(*arguments), capture_output=True, timeout=60, check=True
    )
    return dict(orjson.loads(done.stdout))


def _make_home(
    folder: Path, nodes: tuple[NodeProcess, NodeProcess], ports: list[int], stamp: str
) -> Path:
    own, other = nodes
    members = {"hangzhou-1": "hz-tax", "chongqing-1": "cq-bank"}
    member, peer = members[own.chain_id], members[other.chain_id]
    home = folder / f"gateway-{member}"
    made = _command(
        "gateway", "init", f"--home={home}", f"--member={member}",
        f"--zone={own.chain_id}={own.rpc_url}",
        f"--other-zone={other.chain_id}={other.rpc_url}",
        "--listen=tcp://127.0.0.1:0", f"--key={member}", f"--key-from={own.home}",
        "--json",
    )  # fmt: skip
    assert made["made"] is True
    file = home / "gateway.toml"
    text = file.read_text(encoding="utf-8")
    peers = f'[peer]\nplain_http = true\nlisten = "tcp://127.0.0.1:{ports[0]}"\n'
    text = text.replace("# [peer]\n", peers)
    text = text.replace("# [evidence]\n", f'[evidence]\nauthority = "{stamp}"\n')
    text += f'\n[peers.{peer}]\nurl = "http://127.0.0.1:{ports[1]}"\n'
    file.write_text(text, encoding="utf-8")
    return home


@asynccontextmanager
async def _running(home: Path) -> AsyncIterator[httpx.AsyncClient]:
    gateway = GatewayProcess(home)
    await asyncio.to_thread(gateway.start)
    try:
        made = await asyncio.to_thread(
            _command, "gateway", "key", "add", "test", f"--home={home}", "--json",
            "--role=integrator", "--role=officer",
        )  # fmt: skip
        key = made["key"]
        async with httpx.AsyncClient(
            base_url=gateway.url,
            headers={"authorization": f"Bearer {key}"},
            timeout=WAIT_S,
            trust_env=False,
        ) as client:
            yield client
    finally:
        await asyncio.to_thread(gateway.stop)


@asynccontextmanager
async def _rig(folder: Path) -> AsyncIterator[Rig]:
    authority = make_authority(folder / "authority")
    async with AsyncExitStack() as stack:
        nodes = stack.enter_context(linked_nodes(folder))
        relay = await stack.enter_async_context(_relaying(nodes))
        stamps = stack.enter_context(authority.serve())
        ports = free_ports(2)
        clients = []
        for pair, order, stamp in (
            (nodes, ports, NOWHERE),
            (nodes[::-1], ports[::-1], stamps),
        ):
            home = await asyncio.to_thread(_make_home, folder, pair, order, stamp)
            clients.append(await stack.enter_async_context(_running(home)))
        async with ZoneClient(nodes[0].rpc_url) as a, ZoneClient(nodes[1].rpc_url) as b:
            trust = folder / "trust.json"
            trust.write_bytes(encode_trust(await read_headers([a, b], ())))
            root = authority.root_path.read_text()
            yield Rig(*clients, relay, a, trust, root)


async def _let_time_out(rig: Rig) -> str:
    """Let a request come to its zone, and not to the other one in time."""
    await rig.relay.stop()
    exchange = await rig.ask("N-2", timeout_s=2)
    place = f"/v1/exchanges/{exchange}"
    await _until(lambda: rig.bank.get(place), lambda view: bool(view["sequence"]))
    late_ns = time.time_ns() + 2 * NS_PER_SECOND
    while (await rig.zone.latest_block())[1] <= late_ns:
        await asyncio.sleep(0.1)
    rig.relay.start()
    return exchange


async def _exchanges(rig: Rig) -> dict[str, str]:
    """Let exchanges come to every end; return their ids at the bank."""
    grant = {
        "channel": rig.relay.link.channel_on_a,
        "reader": "cq-bank",
        "record_type": "tax.invoice",
        "purpose": PURPOSE,
    }
    given = await rig.bureau.post("/v1/grants?wait=30", json=grant)
    assert given.status_code == 200, given.text
    for record, kind in (
        ("I-1", "tax.invoice"),
        ("N-1", "tax.note"),
        ("N-2", "tax.note"),
    ):
        body = _publish(record, kind)
        made = await rig.bureau.post("/v1/records?wait=30", json=body)
        assert made.json()["state"] == "published", made.text
    found = {"settled": await rig.ask("I-1"), "refused": await rig.ask("N-1")}
    waiting = await _until(
        lambda: rig.bureau.get("/v1/requests"), lambda page: bool(page["items"])
    )
    (request,) = waiting["items"]
    decision = {"outcome": "refused", "reason": "not without a contract"}
    path = f"/v1/requests/{request['id']}/decision?wait=30"
    decided = await rig.bureau.post(path, json=decision)
    assert decided.status_code in (200, 202), decided.text
    assert await _ended(rig.bank, found["refused"]) == "refused"
    found["timed-out"] = await _let_time_out(rig)
    for stage, exchange in found.items():
        assert await _ended(rig.bank, exchange) == stage
    return found


async def test_evidence_of_every_end_verifies_offline_and_on_the_public_page(
    tmp_path: Path,
) -> None:
    async with _rig(tmp_path) as rig:
        ids = await _exchanges(rig)
        on_a = {
            each["record"]: each["id"]
            for each in (await rig.bureau.get("/v1/exchanges")).json()["items"]
        }
        trust = load_trust(rig.trust)
        table = [
            ("settled", rig.bank, ids["settled"], "stamped"),
            ("settled", rig.bureau, on_a["I-1"], "down"),
            ("refused", rig.bank, ids["refused"], "stamped"),
            ("refused", rig.bureau, on_a["N-1"], "down"),
            ("timed-out", rig.bank, ids["timed-out"], "stamped"),
        ]
        for stage, client, exchange, stamp in table:
            path = f"/v1/exchanges/{exchange}/evidence"
            answer = await _bundle(client, path)
            assert answer.headers["x-evidence-stamp"] == stamp, stage
            verdict = verify_bundle(answer.content, trust, now_ns=time.time_ns())
            assert (verdict.failed, verdict.grade) == (None, "proven"), stage
            await _check_public(client, answer.content, rig)
        await _check_anchored(rig, ids["settled"])
        await _check_state(rig, trust)
        report = await rig.bank.get(f"/v1/exchanges/{ids['refused']}/evidence.pdf")
        assert report.content.startswith(b"%PDF-"), report.text
        absent = await rig.bank.get("/v1/exchanges/absent/evidence")
        assert problem_of(absent) == (404, "flow/9")


async def _bundle(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Get a bundle; one zone may need a block to know of the end in the other."""
    deadline_s = time.monotonic() + WAIT_S
    while (answer := await client.get(path)).status_code == 503:
        assert time.monotonic() < deadline_s, answer.text
        await asyncio.sleep(0.2)
    assert answer.status_code == 200, answer.text
    return answer


async def _check_public(client: httpx.AsyncClient, data: bytes, rig: Rig) -> None:
    """Verify as somebody without an account does, with and without changes."""
    trust = orjson.loads(rig.trust.read_bytes())
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as anybody:
        for bundle, given, grade in (
            (data, trust, "proven"),
            (data, None, "unverified"),
            (bytes(changed), trust, None),
            (b"", None, None),
        ):
            body = {"bundle": base64.b64encode(bundle).decode(), "trust": given}
            answer = await anybody.post("/v1/verify", json=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["grade"] == grade


async def _check_anchored(rig: Rig, exchange: str) -> None:
    body = {"requester_heights": [3]}
    path = f"/v1/exchanges/{exchange}/evidence"
    answer = await rig.bank.post(path, json=body)
    assert answer.status_code == 200, answer.text
    full = rig.trust.parent / "with-authority.json"
    trust = orjson.loads(rig.trust.read_bytes())
    full.write_bytes(orjson.dumps(trust | {"timestamp_authorities": [rig.root]}))
    verdict = verify_bundle(
        answer.content,
        load_trust(full),
        now_ns=time.time_ns(),
        authorities=load_authorities(full),
    )
    assert verdict.grade == "proven", verdict.failed


async def _check_state(rig: Rig, trust: Any) -> None:
    for body in (
        {"kind": "record", "member": "hz-tax", "record": "I-1"},
        {"kind": "member", "member": "hz-tax"},
        {"kind": "grant", "number": 1},
    ):
        answer = await rig.bureau.post("/v1/evidence", json=body)
        assert answer.status_code == 200, answer.text
        verdict = verify_bundle(answer.content, trust, now_ns=time.time_ns())
        assert verdict.grade == "proven", (body, verdict.failed)
    absent = {"kind": "grant", "number": 999}
    refused = await rig.bureau.post("/v1/evidence", json=absent)
    assert problem_of(refused) == (404, "desk/8")
    incomplete = await rig.bureau.post("/v1/evidence", json={"kind": "grant"})
    assert problem_of(incomplete)[0] == 422
