"""CosmJS, unchanged, is wallet and client of a zone: two lines of it, the same script."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from huitong.bench.simd import DENOM
from huitong.core.address import ADDRESS_PREFIX, encode_address
from huitong.keys import create_mnemonic, private_key_of_mnemonic
from tests.interop.kit.chain import Chain, voucher_denom
from tests.interop.kit.our_relayer import OurRelayer
from tests.interop.kit.pair import (
    OUR_CHAIN_ID,
    PORT,
    SIMD_CHAIN_ID,
    Link,
    Pair,
    running_pair,
)
from tests.interop.kit.peers import COSMJS_FOLDER
from tests.interop.kit.stranger import StrangersZone, huitong
from tests.interop.kit.transfers import send_transfers, settled

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.lane("CosmJS", peers=("cosmjs", "simd")),
    pytest.mark.timeout(400),
]

DIALECTS: Final = ("0.39", "0.32")
PROTO_FOLDER: Final = Path(__file__).parents[2] / "proto"
UNKNOWN_ADDRESS: Final = encode_address(bytes([1]) * 20)
SCRIPT_TIMEOUT_S: Final = 120
#: Vouchers that the wallet gets, and how many of them each line sends back.
VOUCHERS: Final = 10
AMOUNT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What CosmJS is told."""

    pair: Pair
    mnemonic: str
    address: str
    link: Link

    def drive(self, dialect: str) -> dict[str, Any]:
        """Run the script with one line of CosmJS; return what it was told."""
        voucher = voucher_denom(PORT, self.link.channel_on_ours, DENOM)
        given = {
            "dialect": dialect,
            "rpc": self.pair.zone.http_url,
            "mnemonic": self.mnemonic,
            "prefix": ADDRESS_PREFIX,
            "recordId": f"invoice-{dialect.replace('.', '-')}",
            "protoFolder": str(PROTO_FOLDER),
            "unknownAddress": UNKNOWN_ADDRESS,
            "channel": self.link.channel_on_ours,
            "denom": voucher,
            "amount": str(AMOUNT),
            "receiver": self.pair.open_simd().address,
        }
        done = subprocess.run(
            ["node", "drive.mjs", json.dumps(given)],
            cwd=COSMJS_FOLDER,
            capture_output=True,
            text=True,
            timeout=SCRIPT_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def _add_publisher(zone: StrangersZone, mnemonic: str) -> str:
    """Let the key of these words publish for a member; return its address."""
    home = ("--home", str(zone.home))
    huitong("genesis", "add-member", "hz-tax", "--name", "杭州市税务局", *home)
    address = zone.add_key("wallet", mnemonic)
    zone.add_account(address, "publisher", member_id="hz-tax")
    return address


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What each line of CosmJS was told, by dialect."""
    folder = tmp_path_factory.mktemp("cosmjs")
    mnemonic = create_mnemonic()
    addresses: list[str] = []

    def prepare(zone: StrangersZone) -> None:
        addresses.append(_add_publisher(zone, mnemonic))

    with running_pair(folder, prepare) as pair:
        relayer = OurRelayer(folder / "relayer")
        relayer.init(pair)
        link = relayer.link()
        wallet = Wallet(pair=pair, mnemonic=mnemonic, address=addresses[0], link=link)
        with relayer:
            _run(_fund(wallet))
            found = {dialect: wallet.drive(dialect) for dialect in DIALECTS}
            _run(_returned(wallet))
        yield found


def _run(awaited: Any) -> None:
    import asyncio

    asyncio.run(awaited)


async def _fund(wallet: Wallet) -> None:
    """Send vouchers to the wallet, one packet."""
    key = private_key_of_mnemonic(wallet.mnemonic)
    zone = wallet.pair.zone
    target = Chain.open(OUR_CHAIN_ID, zone.rpc_url, key, ADDRESS_PREFIX)
    async with target, wallet.pair.open_simd() as simd:
        channel = wallet.link.channel_on_simd
        await send_transfers(simd, target, channel, DENOM, VOUCHERS)
        await settled(simd, channel, "vouchers for the wallet")


async def _returned(wallet: Wallet) -> None:
    """Return once what the wallet sent has arrived on simd."""
    async with wallet.pair.open_ours() as ours:
        await settled(ours, wallet.link.channel_on_ours, "transfers of the wallet")


@pytest.fixture(params=DIALECTS)
def answers(told: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    """What one line of CosmJS was told."""
    found: dict[str, Any] = told[request.param]
    assert found["version"].startswith(request.param)
    return found


def test_chain_account_and_block_are_read(answers: dict[str, Any]) -> None:
    assert answers["comet"] == "Comet38Client"
    assert answers["chainId"] == OUR_CHAIN_ID
    assert answers["block"]["header"]["height"] == answers["height"] > 1
    assert answers["validators"] == 1
    assert answers["account"]["address"].startswith(f"{ADDRESS_PREFIX}1")
    (balance,) = answers["balances"]
    assert balance["denom"].startswith("ibc/")


def test_publication_is_simulated_sent_and_found(answers: dict[str, Any]) -> None:
    published = answers["published"]
    assert answers["simulatedGas"] > 0
    assert published["responses"] == 1
    assert answers["autoFee"]["code"] == 0
    assert answers["autoFee"]["gasUsed"] <= answers["autoFee"]["gasWanted"]
    assert answers["found"]["hash"] == published["hash"]
    assert "record_published" in answers["found"]["events"]
    assert answers["found"] in answers["searched"]
    assert answers["searchedByText"] == [answers["found"]]
    assert answers["absent"] is None


def test_transfer_is_sent_and_found(answers: dict[str, Any]) -> None:
    transfer = answers["transfer"]
    assert transfer["found"]["code"] == 0
    assert "send_packet" in transfer["found"]["events"]
    assert transfer["searched"] == [transfer["found"]]
    before, after = answers["balance"]["amount"], transfer["balanceAfter"]["amount"]
    assert int(before) - int(after) == AMOUNT


def test_link_is_read_by_the_extension_for_ibc(answers: dict[str, Any]) -> None:
    link = answers["link"]
    assert link["counterparty"] == SIMD_CHAIN_ID
    assert link["ofChannel"] in link["clients"]
    assert len(link["channels"]) == len(link["connections"]) == 1
    assert link["consensus"] > 0
    assert link["denoms"] == 1
    assert link["params"]["params"] == {"sendEnabled": True, "receiveEnabled": True}
    assert "channel not found" in link["absent"]["message"]


def test_unknown_account_is_null_and_has_no_sequence(answers: dict[str, Any]) -> None:
    assert answers["unknownAccount"] is None
    assert "does not exist on chain" in answers["unknownSequence"]["message"]


def test_wrong_sequence_is_the_error_of_cosmjs_with_code_32(
    answers: dict[str, Any],
) -> None:
    error = answers["wrongSequence"]
    assert error["kind"] == "BroadcastTxError"
    assert error["isBroadcastTxError"]
    assert (error["codespace"], error["code"]) == ("sdk", 32)


def test_refused_message_is_found_with_its_code(answers: dict[str, Any]) -> None:
    assert answers["refusedMessage"]["code"] != 0
