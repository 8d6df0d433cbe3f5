"""A node that is killed under load, again and again: what it told of stays."""

from __future__ import annotations

import asyncio
import base64
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from huitong.core.address import address_of_public_key
from huitong.core.codec import encode, pack_any
from huitong.core.hashing import sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import build_transaction
from huitong.engines.embedded.replay import ReplayReport
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.node.config import load_config
from huitong.node.home import Home
from huitong.node.parts import replay_home
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2, query_pb2
from huitong.proto.huitong.records.v1 import records_pb2

#: Accounts that send at the same time.
SENDERS = 4
#: A node is killed this long after it serves, seconds.
KILL_AFTER_S = (0.05, 0.8)
_CHAIN_ID = "kill-1"


@dataclass(slots=True)
class Account:
    """One key that publishes records as fast as the node takes them."""

    number: int
    key: bytes
    sequence: int = 0
    acknowledged: set[str] = field(default_factory=set)
    """Hashes that the node has told to be in a durable block."""

    @property
    def address(self) -> str:
        return address_of_public_key(public_key_of_private_key(self.key))

    def next_tx(self) -> bytes:
        """Sign the publication of another record."""
        name = f"R-{self.number}-{self.sequence}-{len(self.acknowledged)}"
        message = records_pb2.MsgPublishRecord(
            signer=self.address,
            record_id=name,
            record_type="invoice",
            payload_digest=sha256(name.encode()),
            fields=["amount"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        )
        raw = build_transaction(
            [pack_any(message)],
            private_key=self.key,
            chain_id=_CHAIN_ID,
            account_number=self.number,
            sequence=self.sequence,
            gas_limit=200_000,
        )
        self.sequence += 1
        return raw


@dataclass(slots=True)
class KillRun:
    """What a run found."""

    seed: int
    kills: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    report: ReplayReport | None = None


def run_kills(folder: Path, kills: int, seed: int) -> KillRun:
    """Kill a node ``kills`` times under load; then compare with a replay of all blocks."""
    chance = random.Random(seed)
    accounts = [
        Account(number, sha256(b"kill %d" % number)) for number in range(SENDERS)
    ]
    node = NodeProcess(
        folder / "home",
        chain_id=_CHAIN_ID,
        members=[MemberSpec(member_id="tax", roles=("publisher",))],
        accounts=[
            AccountSpec(
                name=f"a{account.number}",
                member_id="tax",
                roles=("publisher",),
                private_key=account.key,
            )
            for account in accounts
        ],
        block_time="20ms",
    )
    node.init()
    run = KillRun(seed=seed)
    for _ in range(kills):
        node.start()
        run.heights.append(asyncio.run(_load(node, accounts, chance)))
        run.kills += 1
    node.start()
    run.lost = asyncio.run(_missing(node, accounts))
    node.stop()
    run.acknowledged = sum(len(account.acknowledged) for account in accounts)
    home = Home(node.home)
    run.report = replay_home(home, load_config(home.config_file))
    return run


async def _load(
    node: NodeProcess, accounts: list[Account], chance: random.Random
) -> int:
    """Send until the node is killed; return the height at the start."""
    url = node.rpc_url.replace("tcp://", "http://")
    limits = httpx.Limits(max_connections=2 * SENDERS)
    async with httpx.AsyncClient(base_url=url, timeout=10, limits=limits) as http:
        status = (await _call(http, "status"))["sync_info"]
        for account in accounts:
            account.sequence = await _sequence(http, account)
        sending = [asyncio.create_task(_send(http, account)) for account in accounts]
        await asyncio.sleep(chance.uniform(*KILL_AFTER_S))
        node.kill()
        await asyncio.gather(*sending)
    return int(status["latest_block_height"])


async def _send(http: httpx.AsyncClient, account: Account) -> None:
    """Publish records one after the other; note those that were committed."""
    while True:
        raw = account.next_tx()
        try:
            answer = await _call(http, "broadcast_tx_commit", tx=_base64(raw))
        except (httpx.HTTPError, orjson.JSONDecodeError):
            return  # the node was killed
        assert answer["tx_result"]["code"] == 0, answer
        account.acknowledged.add(answer["hash"])


async def _missing(node: NodeProcess, accounts: list[Account]) -> list[str]:
    """Return the transactions that were acknowledged and are not there."""
    url = node.rpc_url.replace("tcp://", "http://")
    lost = []
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        for account in accounts:
            for tx_hash in sorted(account.acknowledged):
                answer = (await http.get("/tx", params={"hash": f"0x{tx_hash}"})).json()
                if answer.get("result", {}).get("tx_result", {}).get("code") != 0:
                    lost.append(tx_hash)
    return lost


async def _sequence(http: httpx.AsyncClient, account: Account) -> int:
    """Return the next sequence that the zone expects."""
    request = encode(query_pb2.QueryAccountRequest(address=account.address))
    answer = await _call(
        http,
        "abci_query",
        path="/cosmos.auth.v1beta1.Query/Account",
        data=request.hex(),
    )
    value = base64.b64decode(answer["response"]["value"])
    packed = query_pb2.QueryAccountResponse.FromString(value).account
    return auth_pb2.BaseAccount.FromString(packed.value).sequence


async def _call(http: httpx.AsyncClient, method: str, **params: Any) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    response = await http.post("/", content=orjson.dumps(body))
    answer = orjson.loads(response.content)
    assert "error" not in answer, answer
    return answer["result"]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
