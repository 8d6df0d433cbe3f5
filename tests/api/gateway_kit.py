"""A zone of one node and gateways on it, for tests of the gateway's interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from click.testing import CliRunner, Result

from huitong.cli.main import main as huitong_command
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec

CHAIN_ID = "hangzhou-1"
MEMBER = "hz-tax-bureau"
#: Names of the keys of the member's gateways: one account for each, so that tests do not
#: sign for the same one.
GATEWAY_KEYS = tuple(f"gateway{number}" for number in range(8))


def make_node(home: Path) -> NodeProcess:
    """Make the home of a node whose zone knows the member and its gateways."""
    node = NodeProcess(
        home,
        chain_id=CHAIN_ID,
        block_time="50ms",
        members=[MemberSpec(member_id=MEMBER, name="杭州示范税务局")],
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
