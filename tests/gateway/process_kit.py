"""Two zones, two gateways and a relayer, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong.core.hashing import sha256
from huitong.keys import Keyring
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess
from huitong.localnet.program import Program
from huitong.localnet.relayer import RelayerProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from tests.gateway.pair_kit import Side, command

#: Chain id and member of the provider's zone and of the requester's.
ZONES: Final = (("hangzhou-1", "hz-tax"), ("chongqing-1", "cq-bank"))
#: Key of an account that may freeze members.
REGULATOR: Final = "regulator"
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
def all_processes(
    folder: Path, prepare: Callable[[NodeProcess], object] = lambda node: None
) -> Iterator[Rig]:
    """Run two linked zones and the gateways of a provider and a requester.

    Args:
        folder: gets all homes.
        prepare: called with each node before it starts.
    """
    ports = free_ports(6)
    nodes = [
        _make_node(folder / chain_id, chain_id, member_id, port)
        for (chain_id, member_id), port in zip(ZONES, ports[:2], strict=True)
    ]
    programs: list[Program] = [*nodes]
    try:
        for node in nodes:
            prepare(node)
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
            AccountSpec(name="officer", member_id=member_id, roles=roles),
            AccountSpec(name=REGULATOR, roles=("regulator",)),
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
