"""Two linked zones and two gateways on them as processes, as organisations run them.

::

    with pair_of_gateways(tmp_path, ground) as (bureau, bank): ...

The fixture ``ground`` of this folder gives all of them, one after the other: databases,
vaults and engines. Without it: SQLite, vaults in folders, the embedded engine.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
from click.testing import CliRunner

from huitong.cli.main import main as huitong_command
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.relayer.config import LinkConfig
from huitong.sdk import Gateway
from huitong.testing.s3 import S3Server
from tests.gateway.exchange_kit import Node, linked_nodes, relaying

ResultT = TypeVar("ResultT")


def command(*arguments: object, environment: Mapping[str, str] | None = None) -> Any:
    """Run a command of ``huitong`` that succeeds, and return the object that it prints."""
    done = CliRunner().invoke(
        huitong_command,
        [*(str(each) for each in arguments), "--json"],
        env=dict(environment or {}),
    )
    assert done.exit_code == 0, done.output
    # The relayer of this process may log between the lines.
    (answer,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return orjson.loads(answer)


@dataclass
class Side:
    """The gateway of one member."""

    member_id: str
    home: Path
    process: GatewayProcess
    channel_id: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_key: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.process.url

    def client(self) -> Gateway:
        """Return a client of it that may publish, ask and decide."""
        return Gateway(self.url, self.api_key)

    def connector(self, *arguments: object) -> Any:
        """Run ``huitong gateway connector``."""
        return self.run("gateway", "connector", *arguments)

    def run(self, *arguments: object) -> Any:
        """Run a command on this gateway's home."""
        home = f"--home={self.home}"
        return command(*arguments, home, environment=self.environment)

    def define(self, name: str, definition: str) -> None:
        """Write a connector's definition."""
        folder = self.home / "connectors"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.yaml").write_text(definition)

    def make_key(self, name: str, *roles: str) -> str:
        """Make an API key."""
        options = [f"--role={role}" for role in roles]
        return str(self.run("gateway", "key", "add", name, *options)["key"])


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a pair of gateways and their zones stand on."""

    databases: Sequence[str] = ("", "")
    """URL of each gateway's empty database; empty for SQLite in its home."""
    bucket: S3Server | None = None
    """Where both vaults lie, each under its member's name; None: in the homes."""
    engine: str = "embedded"
    """Of both zones, ``embedded`` or ``cometbft``."""


@contextmanager
def pair_of_gateways(
    folder: Path, ground: Ground | None = None, settings: str = ""
) -> Iterator[tuple[Side, Side]]:
    """Run the provider's and the requester's gateway, which know each other.

    Both get ``settings``, tables of TOML, behind their own.
    """
    ground = ground or Ground()
    bucket = ground.bucket
    with linked_nodes(folder, ground.engine) as nodes, _relayed(nodes) as link:
        channels = (link.channel_on_a, link.channel_on_b)
        ports = free_ports(2)
        environment = bucket.environment() if bucket else {}
        sides = []
        for number, database in enumerate(ground.databases):
            node, other = nodes[number], nodes[1 - number]
            side = _make(folder, node, other, channels[number], database, environment)
            if bucket is not None:
                _use_bucket(side, bucket)
            sides.append(side)
        for number, side in enumerate(sides):
            _introduce(side, sides[1 - number], ports[number], ports[1 - number])
            with (side.home / "gateway.toml").open("a") as file:
                file.write(settings)
        with ExitStack() as stack:
            for side in sides:
                stack.enter_context(side.process)
                side.api_key = side.make_key("test", "integrator", "officer")
            yield sides[0], sides[1]


@contextmanager
def _relayed(nodes: tuple[Node, Node]) -> Iterator[LinkConfig]:
    """Relay in a thread, because commands of the tests have event loops of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    relay = relaying(nodes)

    def wait_for(work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    try:
        link = wait_for(_entered(relay))
        try:
            yield link
        finally:
            wait_for(_left(relay))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _entered(relay: AbstractAsyncContextManager[LinkConfig]) -> LinkConfig:
    return await relay.__aenter__()


async def _left(relay: AbstractAsyncContextManager[LinkConfig]) -> None:
    await relay.__aexit__(None, None, None)


def _make(
    folder: Path,
    node: Node,
    other: Node,
    channel_id: str,
    database: str,
    environment: Mapping[str, str],
) -> Side:
    member_id = "hz-tax" if node.chain_id == "hangzhou-1" else "cq-bank"
    home = folder / f"gateway-{member_id}"
    options = [f"--database={database}"] if database else []
    command(
        "gateway",
        "init",
        f"--home={home}",
        f"--member={member_id}",
        f"--zone={node.chain_id}={node.rpc_url}",
        f"--other-zone={other.chain_id}={other.rpc_url}",
        f"--key={member_id}",
        f"--key-from={node.home}",
        "--listen=tcp://127.0.0.1:0",
        *options,
    )
    process = GatewayProcess(home, environment=environment)
    return Side(member_id, home, process, channel_id, environment)


def _use_bucket(side: Side, bucket: S3Server) -> None:
    with (side.home / "gateway.toml").open("a") as file:
        file.write(
            '\n[vault.store]\nkind = "s3"\n'
            f'bucket = "{bucket.bucket}"\nprefix = "{side.member_id}"\n'
            f'endpoint = "{bucket.endpoint}"\nallow_http = true\n'
        )


def _introduce(side: Side, other: Side, own_port: int, other_port: int) -> None:
    with (side.home / "gateway.toml").open("a") as file:
        file.write(
            f'\n[peer]\nlisten = "tcp://127.0.0.1:{own_port}"\n'
            f"\n[peers.{other.member_id}]\n"
            f'url = "https://127.0.0.1:{other_port}"\n'
            f'certificate = "{other.home}/peer.crt"\n'
        )
