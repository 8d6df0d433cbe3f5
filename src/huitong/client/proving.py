"""Reading the state with proofs: many keys in one call, or one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from huitong.client.answers import ProvenValue, check_query
from huitong.client.errors import UnreadableAnswerError
from huitong.core.abci import QueryResult
from huitong.core.codec import encode
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.huitong.node.v1 import node_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2

PROOFS_PATH: Final = "/huitong.node.v1.Query/Proofs"
#: Keys in one question, the most that a node of Huitong answers at once.
PROOF_KEYS_MAX: Final = 100

#: ``ZoneClient.abci_query``: path, data, height, prove.
Ask: TypeAlias = Callable[[str, bytes, int, bool], Awaitable[QueryResult]]


async def prove_in_batch(
    ask: Ask, store: str, keys: Sequence[bytes], height: int
) -> list[ProvenValue]:
    """Return values with proofs through the batch query of Huitong's nodes.

    Raises:
        QueryError: no such version or store, or a node without this query.
    """
    found: list[ProvenValue] = []
    for start in range(0, len(keys), PROOF_KEYS_MAX):
        asked = keys[start : start + PROOF_KEYS_MAX]
        request = node_pb2.QueryProofsRequest(store=store, keys=asked, height=height)
        result = await ask(PROOFS_PATH, encode(request), height, False)
        check_query(PROOFS_PATH, result)
        answer = node_pb2.QueryProofsResponse.FromString(result.value)
        if len(answer.proofs) != len(asked):
            raise UnreadableAnswerError(
                url="the node", method=PROOFS_PATH, reason="answers are missing"
            )
        found += [
            ProvenValue(
                key=key,
                value=item.value if item.exists else None,
                proof=item.proof,
                height=height,
            )
            for key, item in zip(asked, answer.proofs, strict=True)
        ]
    return found


async def prove_one_by_one(
    ask: Ask, store: str, keys: Sequence[bytes], height: int
) -> list[ProvenValue]:
    """Return values with proofs through the query that every Cosmos node answers.

    Raises:
        QueryError: no such version or store.
    """
    path = f"store/{store}/key"
    found: list[ProvenValue] = []
    for key in keys:
        result = await ask(path, key, height, True)
        check_query(path, result)
        proof = commitment_pb2.MerkleProof(
            proofs=[
                proofs_pb2.CommitmentProof.FromString(op.data)
                for op in result.proof_ops
            ]
        )
        found.append(
            ProvenValue(
                key=key, value=result.value or None, proof=encode(proof), height=height
            )
        )
    return found
