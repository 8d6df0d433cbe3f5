"""Every answer has the form that real peers gave (recorded from simd and CometBFT)."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.light.tendermint.rpc_json import light_block_from_json
from huitong.node.rpc import blocks
from tests.api.rpc_kit import RpcZone, base64_of, differences
from tests.vectors import load_vector

SIMD = "simd-v8.8.0/"


def _recorded(name: str) -> Any:
    return load_vector(SIMD + name)


@pytest.mark.parametrize("method", ["status", "consensus_params", "health"])
async def test_answer_has_the_recorded_form(rpc: RpcZone, method: str) -> None:
    ours = await rpc.answer(method)
    assert differences(ours, _recorded(f"{method}.json")) == []


async def test_abci_info_has_the_recorded_form(rpc: RpcZone) -> None:
    ours = await rpc.answer("abci_info")
    # simd states no version, and CometBFT leaves out what is empty.
    assert differences(ours, _recorded("abci_info.json")) == [
        ".result.response.version is new"
    ]


async def test_light_blocks_have_the_recorded_form_and_read_back(rpc: RpcZone) -> None:
    rpc.publish("INV-1")
    recorded = _recorded("light_blocks.json")[-1]
    for height in (1, 2, 3):
        ours = {
            "height": height,
            "commit": await rpc.call("commit", height=str(height)),
            "validators": await rpc.call("validators", height=str(height)),
            "next_validators": await rpc.call("validators", height=str(height + 1)),
        }
        assert differences(ours, recorded) == []
        block = light_block_from_json(ours)
        assert block.signed_header.header.height == height


async def test_block_has_the_recorded_form(rpc: RpcZone) -> None:
    made = rpc.publish("INV-1")
    recorded = load_vector("cometbft-v0.38.25/light_blocks_4_validators.json")[0]
    ours = await rpc.call("block", height=str(made.height))
    # The recorded chain has app version 1; ours 0, which is left out.
    assert differences(ours, recorded["block"]) == [
        ".block.header.version.app is missing"
    ]
    assert ours["block"]["data"]["txs"] == [base64_of(made.txs[0].raw)]


async def test_first_block_names_no_block_before(rpc: RpcZone) -> None:
    first = await rpc.call("block", height="1")
    nobody = {"hash": "", "parts": {"total": 0, "hash": ""}}
    assert first["block"]["header"]["last_block_id"] == nobody
    assert first["block"]["last_commit"]["signatures"] == []
    assert first["block"]["last_commit"]["block_id"] == nobody


async def test_tx_search_has_the_recorded_form(rpc: RpcZone) -> None:
    rpc.publish("INV-1")
    ours = await rpc.call("tx_search", query="record_published.record_id = 'INV-1'")
    assert differences(ours, _recorded("tx_search_send_packet.json")) == []
    assert ours["total_count"] == "1"


async def test_tx_has_the_form_of_a_search_result(rpc: RpcZone) -> None:
    made = rpc.publish("INV-1")
    ours = await rpc.call("tx", hash=base64_of(made.txs[0].hash))
    assert differences(ours, _recorded("tx_search_send_packet.json")["txs"][0]) == []


async def test_proven_value_has_the_recorded_form(rpc: RpcZone) -> None:
    recorded = _recorded("abci_query_proofs.json")["rows"]
    present = next(row["answer"] for row in recorded if row["answer"]["value"])
    absent = next(row["answer"] for row in recorded if not row["answer"]["value"])
    key = b"nextClientSequence".hex()
    ours = await rpc.call(
        "abci_query", path="store/ibc/key", data=key, height="2", prove=True
    )
    assert differences(ours["response"], present) == []
    ours = await rpc.call(
        "abci_query", path="/store/ibc/key", data="6e6f", height="2", prove=True
    )
    assert differences(ours["response"], absent) == []


async def test_errors_are_the_recorded_ones(rpc: RpcZone) -> None:
    recorded = _recorded("errors.json")
    future = await rpc.refusal("block", height="99999999")
    assert future == {
        **recorded["future_height"]["error"],
        "data": "height 99999999 must be less than or equal to the current "
        "blockchain height 2",
    }
    assert await rpc.refusal("no_such_method") == recorded["bad_method"]["error"]
    ours = await rpc.call("abci_query", path="/no.Such/Path", data="")
    assert ours == recorded["bad_path"]["result"]


async def test_websocket_events_have_the_recorded_form(rpc: RpcZone) -> None:
    recorded = _recorded("websocket.json")
    async with rpc.websocket() as socket:
        blocks = recorded[2]["result"]["query"]
        assert await socket.ask("id-0", "subscribe", query=blocks) == recorded[0]
        txs = "message.action = '/huitong.records.v1.MsgPublishRecord'"
        assert await socket.ask("id-1", "subscribe", query=txs) == recorded[1]
        rpc.publish("INV-1", "INV-2")
        block, *told = [await socket.receive() for _ in range(4)]
    assert block["id"] == "id-0"
    assert [item["id"] for item in told] == ["id-1", "id-1", "id-0"]
    first, second = told[0], told[1]
    new = differences(block["result"]["data"], recorded[2]["result"]["data"])
    # No hook told anything in this block, and CometBFT leaves out what is empty.
    # simd repeats the parameters in every block, and being one program with CometBFT it
    # says [] of no validators where any application behind a socket says null.
    assert new == [
        ".value.result_finalize_block.consensus_param_updates is missing",
        ".value.result_finalize_block.events is missing",
        ".value.result_finalize_block.validator_updates: NoneType, recorded list",
    ]
    assert differences(first["result"]["data"], recorded[4]["result"]["data"]) == []
    assert second["result"]["data"]["value"]["TxResult"]["index"] == 1
    assert first["result"]["query"] == txs
    events = first["result"]["events"]
    assert events["tm.event"] == ["Tx"]
    assert events["tx.height"] == ["3"]
    assert events["record_published.record_id"] == ["INV-1"]
    assert all(isinstance(value, list) for value in events.values())


async def test_results_of_large_blocks_are_the_same(
    rpc: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rpc.publish("INV-1", "INV-2")
    few = await rpc.call("block_results", height=str(made.height))
    monkeypatch.setattr(blocks, "TXS_READ_AT_ONCE_MAX", 1)
    assert await rpc.call("block_results", height=str(made.height)) == few


async def test_block_results_tell_what_a_block_did(rpc: RpcZone) -> None:
    made = rpc.publish("INV-1")
    results = await rpc.call("block_results", height=str(made.height))
    assert list(results) == [
        "height",
        "txs_results",
        "finalize_block_events",
        "validator_updates",
        "consensus_param_updates",
        "app_hash",
    ]
    recorded = _recorded("tx_search_send_packet.json")["txs"][0]["tx_result"]
    assert differences(results["txs_results"][0], recorded) == []
    empty = await rpc.call("block_results", height=str(made.height + 1))
    assert empty["txs_results"] is None
    assert empty["app_hash"] == base64_of(rpc.zone.chain.state.app_hash)


async def test_consensus_params_are_those_of_the_height(rpc: RpcZone) -> None:
    found = await rpc.call("consensus_params", height="1")
    limits = found["consensus_params"]["block"]
    params = rpc.zone.genesis.params
    assert limits["max_bytes"] == str(params.block_size_bytes_max)
    assert limits["max_gas"] == str(params.block_gas_max)
    refused = await rpc.refusal("consensus_params", height="1000")
    assert refused["code"] == -32603
