"""The same blocks give the same hashes, whatever Python's hash seed is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from huitong.core.address import address_of_public_key
from huitong.core.codec import pack_any
from huitong.core.hashing import sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import build_transaction
from huitong.engines.embedded.engine import BLOCKS_AT_START, Clocks, EmbeddedEngine
from huitong.engines.embedded.mempool import MempoolLimits
from huitong.engines.embedded.schedule import Due, Pace
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.node.config import NodeConfig
from huitong.node.genesis_edit import add_account, add_member, change_genesis
from huitong.node.home import Home, make_home
from huitong.node.parts import open_zone
from huitong.proto.huitong.records.v1 import records_pb2

KEY = sha256(b"a publisher")
ADDRESS = address_of_public_key(public_key_of_private_key(KEY))
CONFIG = NodeConfig(moniker="a")


def _publication(number: int) -> bytes:
    message = records_pb2.MsgPublishRecord(
        signer=ADDRESS,
        record_id=f"INV-{number}",
        record_type="invoice",
        payload_digest=sha256(b"%d" % number),
        fields=["amount", "buyer", "date", "seller"],
        level=2,
        share_class=records_pb2.SHARE_CLASS_OPEN,
        title="电子发票",
    )
    return build_transaction(
        [pack_any(message)],
        private_key=KEY,
        chain_id="hangzhou-1",
        account_number=0,
        sequence=number,
        gas_limit=200_000,
    )


def _make_chain(home: Home) -> str:
    """Make some blocks with transactions; return the last app hash."""
    make_home(home, CONFIG, "hangzhou-1")
    member = add_member("tax", name="Tax", legal_id="", roles=[], encryption_key="")
    change_genesis(home, member)
    change_genesis(home, add_account(ADDRESS, roles=["publisher"], member_id="tax"))
    with open_zone(home, CONFIG) as zone:
        engine = EmbeddedEngine(
            chain=zone.chain,
            app=zone.app,
            key=zone.key,
            guard=SignGuard(home.sign_state_file),
            pace=Pace(),
            limits=MempoolLimits(),
            clocks=Clocks(),
        )
        for _ in range(BLOCKS_AT_START):
            engine.step()
        for number in range(20):
            assert engine.mempool.add(_publication(number))[1].code == 0
            if number % 7 == 6:
                engine.make_block(Due.WORK)
                engine.make_block(Due.PROOF)
        engine.make_block(Due.WORK)
        return engine.state.app_hash.hex().upper()


@pytest.mark.slow
def test_hash_seed_does_not_matter(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    expected = _make_chain(home)
    command = [sys.executable, "-m", "huitong", "node", "replay", "--json"]
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [*command, "--home", str(home.path)],
            capture_output=True,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "LC_ALL": "C",
                "TZ": "Asia/Tokyo",
            },
            text=True,
            check=True,
        )
        report = json.loads(done.stdout)
        assert (report["app_hash"], report["txs"]) == (expected, 20), f"seed {seed}"
