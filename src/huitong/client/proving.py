"""Reading the state with proofs: many keys in one call, or one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from huitong.client.answers import ProvenValue, check_query
from huitong.client.errors import UnreadableAnswerError
from huitong.client.rpc import BATCH_CALLS_MAX
from huitong.core.abci import QueryResult
from huitong.core.codec import encode
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.huitong.node.v1 import node_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2

PROOFS_PATH: Final = "/huitong.node.v1.Query/Proofs"
#: Keys in one question, the most that a node of Huitong answers at once.
PROOF_KEYS_MAX: Final = 100

#: Round trips of ten keys that are under way at once, where keys are proven one by one.
ROUND_TRIPS_AT_ONCE: Final = 4

#: ``ZoneClient.abci_query``: path, data, height, prove.
Ask: TypeAlias = Callable[[str, bytes, int, bool], Awaitable[QueryResult]]
#: ``ZoneClient.abci_query_many``: path, several data, height, prove.
AskMany: TypeAlias = Callable[
    [str, Sequence[bytes], int, bool], Awaitable[list[QueryResult]]
]


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
    ask_many: AskMany, store: str, keys: Sequence[bytes], height: int
) -> list[ProvenValue]:
    """Return values with proofs through the query that every Cosmos node answers.

    Ten keys go in a round trip, and a few round trips at a time.

    Raises:
        QueryError: no such version or store.
    """
    path = f"store/{store}/key"
    chunks = [
        keys[start : start + BATCH_CALLS_MAX]
        for start in range(0, len(keys), BATCH_CALLS_MAX)
    ]
    found: list[ProvenValue] = []
    for start in range(0, len(chunks), ROUND_TRIPS_AT_ONCE):
        asked = chunks[start : start + ROUND_TRIPS_AT_ONCE]
        answers = await asyncio.gather(
            *(ask_many(path, chunk, height, True) for chunk in asked)
        )
        for chunk, results in zip(asked, answers, strict=True):
            found += [
                _proven_value(path, key, result, height)
                for key, result in zip(chunk, results, strict=True)
            ]
    return found


def _proven_value(
    path: str, key: bytes, result: QueryResult, height: int
) -> ProvenValue:
    check_query(path, result)
    proof = commitment_pb2.MerkleProof(
        proofs=[
            proofs_pb2.CommitmentProof.FromString(op.data) for op in result.proof_ops
        ]
    )
    return ProvenValue(
        key=key, value=result.value or None, proof=encode(proof), height=height
    )
