"""Every block that a node serves by RPC, carried out again by a fresh application.

The application is driven as the embedded engine drives it. Its app hashes and results have
to be those of the headers, its events those that the node tells.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from huitong.core.abci import BlockRequest, FinalizedBlock
from huitong.core.canonical_json import encode_json
from huitong.core.store.backend import MemoryBackend
from huitong.core.time import parse_rfc3339
from huitong.engines.genesis import GenesisDocument, decode_genesis, genesis_request
from huitong.light.tendermint.block_hashes import last_results_hash
from huitong.node.parts import open_application
from huitong.node.rpc.evidence_json import evidence_from_json
from huitong.storage.results import events_json, result_json, updates_json

Call = Callable[..., Any]
"""Asks a node: method and parameters, returns the result of the JSON-RPC answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay of a node's blocks came to."""

    height: int
    """Height of the last block that a header confirms."""
    txs: int
    """Transactions in all blocks."""
    codes: tuple[tuple[str, int], ...]
    """Codespace and code of each of them, in order."""


def get_genesis(call: Call) -> GenesisDocument:
    """Return the genesis document that a node serves."""
    return decode_genesis(encode_json(call("genesis")["genesis"]))


def replay_node(call: Call) -> Replayed:
    """Carry out all blocks of a node again; raises AssertionError where it differs."""
    genesis = get_genesis(call)
    app = open_application(genesis, MemoryBackend(), 2)
    app_hash = app.init_chain(genesis_request(genesis))
    results_hash = last_results_hash(())
    last = int(call("status")["sync_info"]["latest_block_height"])
    codes: list[tuple[str, int]] = []
    for height in range(genesis.initial_height, last + 1):
        block = call("block", height=str(height))
        header = block["block"]["header"]
        where = f"block {height}"
        assert header["app_hash"] == app_hash.hex().upper(), where
        assert header["last_results_hash"] == results_hash.hex().upper(), where
        if height == last:
            break  # its results may not be told yet
        done = app.finalize_block(block_request(block))
        app.commit()
        _check_results(call("block_results", height=str(height)), done, where)
        app_hash = done.app_hash
        results_hash = last_results_hash(
            (item.code, item.data, item.gas_wanted, item.gas_used)
            for item in done.tx_results
        )
        codes += [(item.codespace, item.code) for item in done.tx_results]
    return Replayed(height=last - 1, txs=len(codes), codes=tuple(codes))


def block_request(told: dict[str, Any]) -> BlockRequest:
    """Return what FinalizeBlock was asked, from RPC's ``block``."""
    header = told["block"]["header"]
    return BlockRequest(
        height=int(header["height"]),
        time_ns=parse_rfc3339(header["time"]),
        header_hash=bytes.fromhex(told["block_id"]["hash"]),
        proposer_address=bytes.fromhex(header["proposer_address"]),
        next_validators_hash=bytes.fromhex(header["next_validators_hash"]),
        txs=tuple(base64.b64decode(raw) for raw in told["block"]["data"]["txs"] or ()),
        misbehaviours=tuple(
            misbehaviour
            for item in told["block"]["evidence"]["evidence"] or ()
            for misbehaviour in evidence_from_json(item).misbehaviours()
        ),
    )


def _check_results(told: dict[str, Any], done: FinalizedBlock, where: str) -> None:
    assert (told["txs_results"] or []) == [
        result_json(item) for item in done.tx_results
    ], where
    assert (told["finalize_block_events"] or []) == events_json(done.events), where
    assert (told["validator_updates"] or []) == updates_json(done.validator_updates), (
        where
    )
    assert base64.b64decode(told["app_hash"]) == done.app_hash, where
