"""``huitong query`` and ``huitong tx`` about claims, on a running zone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec
from huitong.modules import transfer
from huitong.node.home import Home
from huitong.testing.command import CommandError, run_huitong

pytestmark = pytest.mark.slow
COINS = ("ant", "bee")


def denom(coin: str) -> str:
    return transfer.voucher_denom(f"transfer/channel-0/{coin}")


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[NodeProcess]:
    made = NodeProcess(
        tmp_path / "home",
        chain_id="hangzhou-1",
        accounts=[AccountSpec(name="bank", roles=("operator",))],
    )
    made.init()
    run_huitong(
        "genesis", "set", "transfer.allow_any_client=true", f"--home={made.home}"
    )
    file = Home(made.home).genesis_file
    genesis = json.loads(file.read_text())
    address = genesis["app_state"]["members"]["accounts"][0]["address"]
    genesis["app_state"]["transfer"]["traces"] = [
        {"path": "transfer/channel-0", "base_denom": coin} for coin in COINS
    ]
    genesis["app_state"]["claims"] = {
        "holdings": [
            {"address": address, "denom": denom(coin), "amount": "12"} for coin in COINS
        ]
    }
    file.write_bytes(orjson.dumps(genesis))
    with made:
        yield made


def test_claims_are_shown_and_sent(zone: NodeProcess) -> None:
    node = f"--node={zone.rpc_url}"

    def answer(*arguments: str) -> Any:
        return json.loads(run_huitong("query", *arguments, node, "--json"))

    keys = json.loads(
        run_huitong("keys", "show", "bank", f"--home={zone.home}", "--json")
    )
    address = keys["address"]
    held = sorted(denom(coin) for coin in COINS)
    found = answer("balances", address)
    assert found["balances"] == [{"denom": name, "amount": "12"} for name in held]
    first = answer("supply", "--limit=1")
    rest = answer("supply", f"--after-key={first['next']}")
    assert [item["denom"] for item in first["supply"] + rest["supply"]] == held
    assert answer("transfer", "params")["allow_any_client"] is True
    traces = answer("transfer", "denoms")["denoms"]
    assert [item["base_denom"] for item in traces] == list(COINS)
    one = answer("transfer", "denom", denom("bee"))
    assert one == {"path": "transfer/channel-0", "base_denom": "bee"}
    way = "transfer/channel-0/bee"
    assert answer("transfer", "denom-hash", way) == {"denom": denom("bee")}
    escrow = transfer.escrow_address("transfer", "channel-0")
    assert answer("transfer", "escrow", "channel-0") == {"escrow_address": escrow}
    assert answer("transfer", "total-escrow", denom("bee"))["amount"] == "0"
    assert "12" in run_huitong("query", "balances", address, node)

    sent = ("cosmos1rich", "5", denom("bee"), "--channel=channel-0", "--from=bank")
    with pytest.raises(CommandError, match=r"channel not found.*\[channel/3\]"):
        run_huitong("tx", "transfer", *sent, f"--home={zone.home}", node)
