"""Two linked zones and two gateways on them as processes, as organisations run them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from click.testing import CliRunner

from huitong.cli.main import main as huitong_command
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from huitong.relayer.config import LinkConfig
from huitong.sdk import Gateway
from tests.gateway.exchange_kit import linked_nodes, relaying

ResultT = TypeVar("ResultT")


def command(*arguments: object) -> Any:
    """Run a command of ``huitong`` that succeeds, and return the object that it prints."""
    done = CliRunner().invoke(
        huitong_command, [*(str(each) for each in arguments), "--json"]
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
        return command("gateway", "connector", *arguments, f"--home={self.home}")

    def define(self, name: str, definition: str) -> None:
        """Write a connector's definition."""
        folder = self.home / "connectors"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.yaml").write_text(definition)

    def make_key(self, name: str, *roles: str) -> str:
        """Make an API key."""
        options = [f"--role={role}" for role in roles]
        made = command("gateway", "key", "add", name, *options, f"--home={self.home}")
        return str(made["key"])


@contextmanager
def pair_of_gateways(folder: Path) -> Iterator[tuple[Side, Side]]:
    """Run the provider's and the requester's gateway, which know each other."""
    with linked_nodes(folder) as nodes, _relayed(nodes) as link:
        channels = (link.channel_on_a, link.channel_on_b)
        ports = free_ports(2)
        sides = [
            _make(folder, nodes[number], nodes[1 - number], channels[number])
            for number in range(2)
        ]
        for number, side in enumerate(sides):
            _introduce(side, sides[1 - number], ports[number], ports[1 - number])
        with ExitStack() as stack:
            for side in sides:
                stack.enter_context(side.process)
                side.api_key = side.make_key("test", "integrator", "officer")
            yield sides[0], sides[1]


@contextmanager
def _relayed(nodes: tuple[NodeProcess, NodeProcess]) -> Iterator[LinkConfig]:
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


def _make(folder: Path, node: NodeProcess, other: NodeProcess, channel_id: str) -> Side:
    member_id = "hz-tax" if node.chain_id == "hangzhou-1" else "cq-bank"
    home = folder / f"gateway-{member_id}"
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
    )
    return Side(member_id, home, GatewayProcess(home), channel_id)


def _introduce(side: Side, other: Side, own_port: int, other_port: int) -> None:
    with (side.home / "gateway.toml").open("a") as file:
        file.write(
            f'\n[peer]\nlisten = "tcp://127.0.0.1:{own_port}"\n'
            f"\n[peers.{other.member_id}]\n"
            f'url = "https://127.0.0.1:{other_port}"\n'
            f'certificate = "{other.home}/peer.crt"\n'
        )
