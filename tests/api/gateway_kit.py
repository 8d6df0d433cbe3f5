"""A zone of one node and gateways on it, for tests of the gateway's interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
from click.testing import CliRunner, Result

from huitong.cli.main import main as huitong_command
from huitong.gateway.access.roles import Role
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec

CHAIN_ID = "hangzhou-1"
MEMBER = "hz-tax-bureau"
#: Names of keys that sign for the member: one for each gateway, because nobody else may
#: sign for the account of a gateway.
GATEWAY_KEYS = tuple(f"gateway{number}" for number in range(11))
#: What callers of the tests may be.
ROLES = tuple(Role)


def make_node(home: Path) -> NodeProcess:
    """Make the home of a node whose zone knows the member and its gateways."""
    node = NodeProcess(
        home,
        chain_id=CHAIN_ID,
        block_time="50ms",
        members=[
            MemberSpec(member_id=MEMBER, name="杭州示范税务局"),
            MemberSpec(member_id="xiling-silk", name="杭州西泠丝织有限公司"),
        ],
        accounts=[
            AccountSpec(
                name=name,
                member_id=MEMBER,
                roles=("officer", "publisher", "requester"),
            )
            for name in GATEWAY_KEYS
        ],
    )
    node.init()
    return node


def run(*arguments: object) -> Result:
    """Run a command of ``huitong`` in this process."""
    return CliRunner().invoke(huitong_command, [str(each) for each in arguments])


def init(home: Path, node_url: str, *options: object) -> Result:
    """Run ``huitong gateway init``."""
    return run(
        "gateway",
        "init",
        f"--home={home}",
        f"--member={MEMBER}",
        f"--zone={CHAIN_ID}={node_url}",
        "--listen=tcp://127.0.0.1:0",
        "--json",
        *options,
    )


def answer_of(done: Result) -> dict[str, Any]:
    """Return the one object that a command printed."""
    answer = orjson.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def make_key(home: Path, *roles: Role, name: str = "test") -> str:
    """Make an API key of a gateway."""
    options = [f"--role={role}" for role in roles]
    done = run("gateway", "key", "add", name, f"--home={home}", "--json", *options)
    key = answer_of(done)["key"]
    assert isinstance(key, str)
    return key


class Callers:
    """Clients of one gateway, one for each role."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self.anonymous = httpx.Client(base_url=gateway.url, timeout=60)
        self._clients = {role: self._client(role) for role in ROLES}

    def _client(self, *roles: Role) -> httpx.Client:
        key = make_key(self.gateway.home, *roles)
        return httpx.Client(
            base_url=self.gateway.url,
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
        )

    def __getitem__(self, role: Role) -> httpx.Client:
        return self._clients[role]

    def move(self) -> None:
        """Go to where the gateway answers after it was started again."""
        for client in (self.anonymous, *self._clients.values()):
            client.base_url = httpx.URL(self.gateway.url)

    def close(self) -> None:
        """Close all clients."""
        for client in (self.anonymous, *self._clients.values()):
            client.close()


@contextmanager
def running_gateway(
    home: Path,
    node: NodeProcess,
    key_name: str,
    *options: object,
    settings: str = "",
) -> Iterator[Callers]:
    """Make a gateway, run it, and give clients of it."""
    done = init(
        home, node.rpc_url, f"--key={key_name}", f"--key-from={node.home}", *options
    )
    assert done.exit_code == 0, done.stdout
    with (home / "gateway.toml").open("a") as file:
        file.write(settings)
    with GatewayProcess(home) as gateway:
        callers = Callers(gateway)
        try:
            yield callers
        finally:
            callers.close()


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal, whose form is checked."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["instance"] == answer.headers["x-request-id"]
    return answer.status_code, f"{problem['codespace']}/{problem['code']}"
