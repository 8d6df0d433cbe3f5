"""A claim travels from one zone to another and back, with commands alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from huitong.keys import Keyring
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.modules import transfer
from huitong.node.home import Home
from huitong.relayer.config import RelayConfig, ZoneConfig, save_config
from huitong.testing.command import run_huitong

pytestmark = pytest.mark.slow
#: How the claim came into the first zone, before there was a second one.
ORIGIN = "transfer/channel-9"
COIN = "ant"


def answer(*arguments: str) -> Any:
    return json.loads(run_huitong(*arguments, "--json"))


@dataclass
class Bank:
    """The account of a bank in one zone, asked and told by commands."""

    zone: NodeProcess

    @property
    def address(self) -> str:
        return self.zone.address("bank")

    def holds(self, denom: str) -> int:
        node = f"--node={self.zone.rpc_url}"
        found = answer("query", "balances", self.address, node)["balances"]
        return sum(int(item["amount"]) for item in found if item["denom"] == denom)

    def sends(self, amount: int, denom: str, receiver: Bank) -> None:
        answer(
            *("tx", "transfer", receiver.address, str(amount), denom),
            *("--channel=channel-0", "--from=bank", f"--home={self.zone.home}"),
            f"--node={self.zone.rpc_url}",
        )


def made(folder: Path, chain_id: str) -> NodeProcess:
    zone = NodeProcess(
        folder,
        chain_id=chain_id,
        members=[MemberSpec(member_id="bank")],
        accounts=[
            AccountSpec(name="bank", member_id="bank", roles=("requester",)),
            AccountSpec(name="relayer", roles=("relayer",)),
        ],
        block_time="50ms",
    )
    zone.init()
    allowed = "transfer.allow_any_client=true"
    run_huitong("genesis", "set", allowed, f"--home={zone.home}")
    return zone


def give_claim(zone: NodeProcess, amount: int) -> None:
    """Let the zone begin with a claim of the bank."""
    file = Home(zone.home).genesis_file
    genesis = json.loads(file.read_text())
    state = genesis["app_state"]
    state["transfer"]["traces"] = [{"path": ORIGIN, "base_denom": COIN}]
    denom = transfer.voucher_denom(f"{ORIGIN}/{COIN}")
    held = {
        "address": zone.address("bank"),
        "denom": denom,
        "amount": str(amount),
    }
    state["claims"] = {"holdings": [held]}
    file.write_bytes(orjson.dumps(genesis))


@pytest.fixture
def banks(tmp_path: Path) -> Iterator[tuple[Bank, Bank]]:
    here = made(tmp_path / "hangzhou", "hangzhou-1")
    there = made(tmp_path / "chongqing", "chongqing-1")
    give_claim(here, 12)
    with here, there:
        yield Bank(here), Bank(there)


def relay_home(folder: Path, *zones: NodeProcess) -> str:
    home = folder / "relay"
    keyring = Keyring(home / "keyring")
    for zone in zones:
        keyring.add(zone.chain_id, zone.private_key("relayer"), None)
    known = (
        ZoneConfig(chain_id=z.chain_id, rpc=z.rpc_url, key=z.chain_id) for z in zones
    )
    save_config(home, RelayConfig(zones=tuple(known)))
    return f"--home={home}"


def test_claim_is_sent_to_another_zone_and_back(
    banks: tuple[Bank, Bank], tmp_path: Path
) -> None:
    here, there = banks
    home = relay_home(tmp_path, here.zone, there.zone)
    link = answer("relay", "link", "hangzhou-1", "chongqing-1", "--transfer", home)
    assert (link["channel_on_a"], link["channel_on_b"]) == ("channel-0", "channel-0")
    at_home = transfer.voucher_denom(f"{ORIGIN}/{COIN}")
    abroad = transfer.voucher_denom(f"transfer/channel-0/{ORIGIN}/{COIN}")

    here.sends(5, at_home, there)
    assert (here.holds(at_home), there.holds(abroad)) == (7, 0)
    (relayed,) = answer("relay", "once", home)["links"]
    assert (relayed["pending_a_to_b"], relayed["problem"]) == (0, "")
    assert (here.holds(at_home), there.holds(abroad)) == (7, 5)

    there.sends(2, abroad, here)
    answer("relay", "once", home)
    assert (here.holds(at_home), there.holds(abroad)) == (9, 3)
