"""The ABCI application killed at each point of a block goes on where the chain stands.

CometBFT finds by Info how far the application is, and gives it the rest again. Driven by
the scripted consensus, and by CometBFT itself where it is installed.
"""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from huitong.core.abci import FinalizedBlock
from huitong.core.codec import encode
from huitong.core.store.backend import MemoryBackend
from huitong.engines.genesis import encode_genesis, genesis_request
from huitong.node.parts import open_application
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.tendermint.abci import types_pb2 as pb
from huitong.testing.consensus import AbciExceptionError, ScriptedConsensus
from huitong.testing.embedded import EmbeddedZone
from tests.conformance.replayed import replay_node
from tests.crash.abci_application import EXIT_CODE, POINTS, running
from tests.crash.cometbft_child import CometBftChild, make_cometbft, wait_until
from tests.unit.engines.messages import ACCOUNTS, publish

#: The block in which the process ends; at 1 genesis is not durable yet.
HEIGHTS = (1, 4)


def _zone(folder: Path) -> EmbeddedZone:
    """Accounts, keys and genesis; its own engine makes no block."""
    zone = EmbeddedZone(accounts=ACCOUNTS, folder=folder)
    zone.genesis = replace(zone.genesis, time_ns=time.time_ns())
    (folder / "genesis.json").write_bytes(encode_genesis(zone.genesis))
    return zone


def _records(zone: EmbeddedZone, height: int) -> list[bytes]:
    return [
        zone.sign("tax", publish(zone, f"R-{height}-{number}")) for number in range(3)
    ]


def _find_records(consensus: ScriptedConsensus) -> list[str]:
    request = pb.RequestQuery(
        path="/huitong.records.v1.Query/Records",
        data=encode(records_pb2.QueryRecordsRequest(issuer="hz-tax")),
    )
    answer = consensus.query.call(query=request)
    assert answer.code == 0, answer.log
    found = records_pb2.QueryRecordsResponse.FromString(answer.value).records
    return [record.record_id for record in found]


def _undisturbed(consensus: ScriptedConsensus) -> list[FinalizedBlock]:
    """What the decided blocks do on an application that nobody kills."""
    app = open_application(consensus.genesis, MemoryBackend(), 2)
    app.init_chain(genesis_request(consensus.genesis))
    done = []
    for item in consensus.decided:
        done.append(app.finalize_block(item.request))
        app.commit()
    return done


@pytest.mark.slow
@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("point", POINTS)
def test_killed_application_is_brought_back_to_the_chain(
    tmp_path: Path, point: str, height: int
) -> None:
    zone = _zone(tmp_path)
    consensus = ScriptedConsensus(zone.genesis, zone.key)
    address = f"unix://{tmp_path}/abci.sock"
    with running(tmp_path, point, height) as process:
        with consensus.connected(address):
            for number in range(1, height):
                consensus.make_block(_records(zone, number))
            consensus.decide(_records(zone, height))
            with pytest.raises((ConnectionError, AbciExceptionError)):
                consensus.carry_out()
        assert process.wait(30) == EXIT_CODE
    is_durable = point in POINTS[5:]
    with running(tmp_path) as process, consensus.connected(address):
        info = consensus.query.call(info=pb.RequestInfo())
        assert info.last_block_height == height
        assert consensus.replayed == (0 if is_durable else 1)
        consensus.make_block(_records(zone, height + 1))
        assert len(_find_records(consensus)) == 3 * (height + 1)
    undisturbed = _undisturbed(consensus)
    assert [item.finalized for item in consensus.decided] == undisturbed
    codes = {result.code for done in undisturbed for result in done.tx_results}
    assert codes == {0}


@pytest.mark.slow
def test_application_killed_in_each_replay_still_comes_back(tmp_path: Path) -> None:
    zone = _zone(tmp_path)
    consensus = ScriptedConsensus(zone.genesis, zone.key)
    address = f"unix://{tmp_path}/abci.sock"
    with running(tmp_path) as process, consensus.connected(address):
        consensus.make_block(_records(zone, 1))
        consensus.decide(_records(zone, 2))
    for point in POINTS[:5]:
        with (
            running(tmp_path, point, 2) as process,
            pytest.raises((ConnectionError, AbciExceptionError)),
            consensus.connected(address),
        ):
            pytest.fail("the handshake carries out block 2")
        assert process.wait(30) == EXIT_CODE
    with running(tmp_path), consensus.connected(address):
        assert len(_find_records(consensus)) == 6
    assert [item.finalized for item in consensus.decided] == _undisturbed(consensus)


# --- with CometBFT itself -----------------------------------------------------------------


def _send(child: CometBftChild, raw: bytes) -> bool:
    try:
        tx = base64.b64encode(raw).decode()
        return bool(child.call("broadcast_tx_sync", tx=tx)["code"] == 0)
    except httpx.HTTPError:
        return False


@pytest.mark.heavy
@pytest.mark.parametrize("point", POINTS)
def test_cometbft_goes_on_with_an_application_that_was_killed(
    tmp_path: Path, point: str
) -> None:
    zone = _zone(tmp_path)
    child = make_cometbft(tmp_path, zone.genesis, zone.key)
    height, sent = 8, 0
    with running(tmp_path, point, height) as process, child.running() as cometbft:
        wait_until(child.height, "CometBFT answers")
        while process.poll() is None:
            sent += _send(child, zone.sign("tax", publish(zone, f"R-{sent}")))
        assert process.wait() == EXIT_CODE
        wait_until(lambda: not cometbft.is_running, "CometBFT ends without us")
    with running(tmp_path) as process, child.running():
        wait_until(lambda: child.height() >= height + 3, "blocks go on")
        replayed = replay_node(child.call)
        assert process.poll() is None
    assert replayed.height >= height + 2
    assert 0 < replayed.txs <= sent
    assert set(replayed.codes) == {("", 0)}
