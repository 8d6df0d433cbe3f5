"""Two zones, two gateways and a relayer as processes, any of which is killed at any time."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from huitong.core.hashing import sha256
from huitong.keys import Keyring
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from huitong.localnet.program import Program
from huitong.localnet.relayer import RelayerProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.sdk import AsyncGateway
from huitong.sdk.errors import NoAnswerError, ProblemError
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.pair_kit import Side, command

ResultT = TypeVar("ResultT")

#: Chain id and member of the provider's zone and of the requester's.
ZONES: Final = (("hangzhou-1", "hz-tax"), ("chongqing-1", "cq-bank"))
#: Callers that each run one exchange after the other.
CALLERS: Final = 40
#: Seconds between the moment when a kill is due and the kill.
KILL_DELAY_S: Final = (0.0, 0.4)
#: How often a kill follows at once on another, before anything has recovered.
IN_A_ROW: Final = 0.6
#: How often a program that was just started is killed once more, on its way up.
KILL_ON_THE_WAY_UP: Final = 0.2
ON_THE_WAY_UP_S: Final = (0.1, 2.0)
_PAUSE_S: Final = 0.2
_RELAYER: Final = "relayer"
#: A killed gateway's lease, the pauses of its peers, and the lease of an unanswered call
#: are short, so that most of the run is work and not waiting.
_SETTINGS: Final = """
[outbox]
lease_s = 1
retry_first_s = 0.1
retry_longest_s = 1
attempts_max = 1000

[http]
idempotency_lease_s = 1

[peer]
listen = "tcp://127.0.0.1:{own_port}"

[peers.{other}]
url = "https://127.0.0.1:{other_port}"
certificate = "{other_home}/peer.crt"
"""


@dataclass
class Rig:
    """Everything that runs."""

    nodes: tuple[NodeProcess, NodeProcess]
    sides: tuple[Side, Side]
    relayer: RelayerProcess

    @property
    def programs(self) -> dict[str, Program]:
        """What is killed, by name."""
        return {
            "node_a": self.nodes[0],
            "node_b": self.nodes[1],
            "gateway_a": self.sides[0].process,
            "gateway_b": self.sides[1].process,
            "relayer": self.relayer,
        }

    def launch(self, name: str) -> None:
        """Start one of them again, and do not wait for it."""
        program = self.programs[name]
        if isinstance(program, RelayerProcess):
            program.start()
        else:
            assert isinstance(program, NodeProcess | GatewayProcess)
            program.launch()

    def stop_gateways(self) -> None:
        """Stop relayer and gateways in order."""
        for program in (self.relayer, *(side.process for side in self.sides)):
            assert program.stop(60) == 0, program.log_tail()


@contextmanager
def killable(folder: Path) -> Iterator[Rig]:
    """Run two linked zones and the gateways of a provider and a requester."""
    ports = free_ports(6)
    nodes = [
        _make_node(folder / chain_id, chain_id, member_id, port)
        for (chain_id, member_id), port in zip(ZONES, ports[:2], strict=True)
    ]
    programs: list[Program] = [*nodes]
    try:
        for node in nodes:
            node.start()
        relayer, channels = _make_relayer(folder / "relayer", nodes)
        programs.append(relayer)
        sides = _make_sides(folder, nodes, channels, ports[2:])
        programs += [side.process for side in sides]
        relayer.start()
        for side in sides:
            side.process.start()
            side.api_key = side.make_key("test", "integrator", "officer")
        yield Rig((nodes[0], nodes[1]), (sides[0], sides[1]), relayer)
    finally:
        for program in programs:
            program.kill()


def _make_node(home: Path, chain_id: str, member_id: str, port: int) -> NodeProcess:
    roles = ("officer", "publisher", "requester")
    node = NodeProcess(
        home,
        chain_id=chain_id,
        members=[MemberSpec(member_id=member_id)],
        accounts=[
            AccountSpec(
                name=_RELAYER,
                roles=("relayer",),
                private_key=sha256(b"a key for both zones"),
            ),
            AccountSpec(name=member_id, member_id=member_id, roles=roles),
        ],
        block_time="100ms",
    )
    node.init()
    node.rpc_url = f"tcp://127.0.0.1:{port}"
    return node


def _make_relayer(
    home: Path, nodes: list[NodeProcess]
) -> tuple[RelayerProcess, tuple[str, str]]:
    key = nodes[0].private_key(_RELAYER)
    Keyring(home / "keyring").add(_RELAYER, key, None)
    zones = [f"--zone={node.chain_id}={node.rpc_url}" for node in nodes]
    command("relay", "init", f"--home={home}", *zones)
    chain_ids = [node.chain_id for node in nodes]
    link = command("relay", "link", *chain_ids, f"--home={home}")
    return RelayerProcess(home), (link["channel_on_a"], link["channel_on_b"])


def _make_sides(
    folder: Path, nodes: list[NodeProcess], channels: tuple[str, str], ports: list[int]
) -> list[Side]:
    homes = [folder / f"gateway-{member_id}" for _, member_id in ZONES]
    for number in range(2):
        node, other, member_id = nodes[number], nodes[1 - number], ZONES[number][1]
        command(
            "gateway",
            "init",
            f"--home={homes[number]}",
            f"--member={member_id}",
            f"--zone={node.chain_id}={node.rpc_url}",
            f"--other-zone={other.chain_id}={other.rpc_url}",
            f"--key={member_id}",
            f"--key-from={node.home}",
            f"--listen=tcp://127.0.0.1:{ports[number]}",
        )
        with (homes[number] / "gateway.toml").open("a") as file:
            file.write(
                _SETTINGS.format(
                    own_port=ports[2 + number],
                    other=ZONES[1 - number][1],
                    other_port=ports[3 - number],
                    other_home=homes[1 - number],
                )
            )
    return [
        Side(
            ZONES[number][1],
            homes[number],
            GatewayProcess(homes[number]),
            channels[number],
        )
        for number in range(2)
    ]


# --- the run ----------------------------------------------------------------------------


@dataclass
class Killing:
    """Some exchanges, during which something is killed again and again."""

    rig: Rig
    exchanges: int
    kills: int
    seed: int
    killed: Counter[str] = field(default_factory=Counter)
    """How often each program was killed."""
    settled: int = 0
    """Exchanges that a caller has seen settled."""
    ids: dict[int, str] = field(default_factory=dict)
    """The requester's ids of the exchanges, by number."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._numbers = iter(range(self.exchanges))
        self._progress = asyncio.Event()
        self._started_s = time.monotonic()

    async def run(self) -> None:
        """Run all exchanges to their end; every call is made until it is answered."""
        provider, requester = self.rig.sides
        async with (
            AsyncGateway(provider.url, provider.api_key, attempts_max=1) as bureau,
            AsyncGateway(requester.url, requester.api_key, attempts_max=1) as bank,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._watch())
            for _ in range(CALLERS):
                tasks.create_task(self._call(bureau, bank))
            tasks.create_task(self._kill_all())

    async def _call(self, bureau: AsyncGateway, bank: AsyncGateway) -> None:
        for number in self._numbers:
            await self._publish(bureau, number)
            asked = await answered(
                lambda n=number: bank.create_request(
                    channel=self.rig.sides[1].channel_id,
                    issuer=ZONES[0][1],
                    record=f"INV-{n}",
                    purpose=PURPOSE,
                    legal_basis="contract",
                    idempotency_key=f"request-{n:06}",
                )
            )
            self.ids[number] = asked.id
            while not asked.is_ended:
                asked = await answered(lambda a=asked: bank.get_exchange(a.id, wait=20))
                assert asked.problem is None, asked
            assert asked.stage == "settled", asked
            self.settled += 1
            self._progress.set()

    async def _publish(self, bureau: AsyncGateway, number: int) -> None:
        made = await answered(
            lambda: bureau.publish_record(
                record=f"INV-{number}",
                record_type="tax.invoice",
                document=document(number),
                idempotency_key=f"publish-{number:06}",
            )
        )
        while made.state == "waiting":
            made = await answered(lambda m=made: bureau.get_publication(m.id, wait=20))
        assert made.state == "published", made

    async def _kill_all(self) -> None:
        """Kill evenly over the exchanges, each time at a moment that nobody chose."""
        for number in range(self.kills):
            if self._chance.random() >= IN_A_ROW:
                await self._catch_up(number)
            name = self._chance.choice(sorted(self.rig.programs))
            await asyncio.sleep(self._chance.uniform(*KILL_DELAY_S))
            if self._chance.random() < KILL_ON_THE_WAY_UP:
                self._kill(name)
                await asyncio.sleep(self._chance.uniform(*ON_THE_WAY_UP_S))
            self._kill(name)
            since_s = time.monotonic() - self._started_s
            tell(f"{since_s:6.1f} s: {name} killed, {self.settled} settled")

    async def _catch_up(self, number: int) -> None:
        """Wait until as many exchanges are settled as belong to so many kills."""
        while self.settled * self.kills < number * self.exchanges * 0.9:
            self._progress.clear()
            await self._progress.wait()

    async def _watch(self) -> None:
        """Make sure that nothing ends by itself, whatever else is down meanwhile."""
        while self.settled < self.exchanges:
            for name, program in self.rig.programs.items():
                assert program.is_running, f"{name} ended: {program.log_tail()}"
            await asyncio.sleep(_PAUSE_S)

    def _kill(self, name: str) -> None:
        self.rig.programs[name].kill()
        self.killed[name] += 1
        self.rig.launch(name)


def tell(what: str) -> None:
    """Write a line that is shown if the test fails; commands change how logs go."""
    sys.stdout.write(f"{what}\n")


def document(number: int) -> dict[str, Any]:
    """Return the invoice of a number."""
    return {"buyer": "b", "lines": [1, 2], "number": str(number), "total": "113.00"}


async def answered(call: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Make a call again and again until the gateway answers.

    Raises:
        ProblemError: it refuses, and not for a reason that passes.
    """
    while True:
        try:
            return await call()
        except NoAnswerError:
            pass
        except ProblemError as refusal:
            if refusal.problem.status not in (409, 429, 503):
                raise
        await asyncio.sleep(_PAUSE_S)
