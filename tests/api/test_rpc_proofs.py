"""Proofs over RPC verify against the header of the next height."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from huitong.core.codec import encode
from huitong.core.store.ics23 import IAVL_SPEC, TENDERMINT_SPEC
from huitong.core.store.merkle_path import (
    verify_chained_membership,
    verify_chained_non_membership,
)
from huitong.node.proofs import PROOF_KEYS_MAX, PROOFS_PATH
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.huitong.node.v1 import node_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from tests.api.rpc_kit import RpcZone

SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
PRESENT, ABSENT = b"nextClientSequence", b"clients/none/clientState"


async def _ask(rpc: RpcZone, at: int, **fields: Any) -> Any:
    request = node_pb2.QueryProofsRequest(**fields)
    answer = await rpc.call(
        "abci_query",
        path=PROOFS_PATH,
        data=encode(request).hex(),
        height=str(at),
    )
    return answer["response"]


async def _root_above(rpc: RpcZone, height: int) -> bytes:
    header = (await rpc.call("header", height=str(height + 1)))["header"]
    return bytes.fromhex(header["app_hash"])


@pytest.mark.parametrize("asked", [3, 0])
async def test_batch_of_proofs_verifies(rpc: RpcZone, asked: int) -> None:
    rpc.zone.empty()
    response = await _ask(rpc, asked, store="ibc", keys=[PRESENT, ABSENT])
    assert (response["code"], response["height"]) == (0, "3")
    rpc.zone.empty()
    root = await _root_above(rpc, 3)
    answer = node_pb2.QueryProofsResponse.FromString(
        base64.b64decode(response["value"])
    )
    present, absent = answer.proofs
    assert (present.exists, absent.exists) == (True, False)
    verify_chained_membership(
        SPECS,
        root,
        commitment_pb2.MerkleProof.FromString(present.proof),
        (b"ibc", PRESENT),
        present.value,
    )
    verify_chained_non_membership(
        SPECS,
        root,
        commitment_pb2.MerkleProof.FromString(absent.proof),
        (b"ibc", ABSENT),
    )


async def test_single_proof_verifies(rpc: RpcZone) -> None:
    answer = await rpc.call(
        "abci_query", path="store/ibc/key", data=PRESENT.hex(), height="2", prove=True
    )
    rpc.zone.empty()
    response = answer["response"]
    proof = commitment_pb2.MerkleProof(
        proofs=[
            proofs_pb2.CommitmentProof.FromString(base64.b64decode(op["data"]))
            for op in response["proofOps"]["ops"]
        ]
    )
    value = base64.b64decode(response["value"])
    root = await _root_above(rpc, 2)
    verify_chained_membership(SPECS, root, proof, (b"ibc", PRESENT), value)


@pytest.mark.parametrize(
    ("height", "fields", "code", "text"),
    [
        (0, {"store": "ibc"}, ("sdk", 18), "0 keys, expected 1 to"),
        (
            0,
            {"store": "ibc", "keys": [b"x"] * (PROOF_KEYS_MAX + 1)},
            ("sdk", 18),
            "101 keys",
        ),
        (0, {"store": "ibc", "keys": [b""]}, ("sdk", 18), "query key is empty"),
        (0, {"store": "none", "keys": [b"x"]}, ("store", 4), "no such store: none"),
        (99, {"store": "ibc", "keys": [b"x"]}, ("store", 3), "version 99"),
        (0, {"store": "ibc", "keys": [b"x"], "height": 77}, ("store", 3), "version 77"),
    ],
)
async def test_batch_is_refused(
    rpc: RpcZone, height: int, fields: Any, code: tuple[str, int], text: str
) -> None:
    response = await _ask(rpc, height, **fields)
    assert (response["codespace"], response["code"]) == code
    assert text in response["log"]


async def test_malformed_batch_is_refused(rpc: RpcZone) -> None:
    answer = await rpc.call("abci_query", path=PROOFS_PATH, data="ff")
    assert answer["response"]["codespace"] == "codec"
