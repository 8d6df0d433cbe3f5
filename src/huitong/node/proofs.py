"""Many proofs in one answer: ``/huitong.node.v1.Query/Proofs``.

A relayer needs a proof for each packet; asked one by one, the asking would cost more than
the proving. All keys are read from one version, which later commits leave alone.
"""

from __future__ import annotations

from typing import Final

from huitong.core.abci import CallResult
from huitong.core.app import Application
from huitong.core.codec import decode, encode
from huitong.core.errors import InvalidRequestError
from huitong.core.store.errors import StoreUnknownError
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.huitong.node.v1 import node_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2

PROOFS_PATH: Final = "/huitong.node.v1.Query/Proofs"
#: Keys in one question; a hundred proofs are about 200 KB.
PROOF_KEYS_MAX: Final = 100


def call_proofs(app: Application, data: bytes, height: int) -> CallResult:
    """Return the proofs of many keys.

    Raises:
        RejectedError: the request is refused, or no such version is kept.
    """
    request = decode(node_pb2.QueryProofsRequest, data)
    if not 0 < len(request.keys) <= PROOF_KEYS_MAX:
        raise InvalidRequestError(
            reason=f"{len(request.keys)} keys, expected 1 to {PROOF_KEYS_MAX}"
        )
    if not all(request.keys):
        raise InvalidRequestError(reason="query key is empty")
    if request.store not in app.state.store_names:
        raise StoreUnknownError(name=request.store)
    asked = request.height or height or app.state.version
    with app.state.at(asked) as view:
        answer = node_pb2.QueryProofsResponse(height=view.version)
        for key in request.keys:
            proven = view.prove(request.store, key)
            answer.proofs.add(
                key=key,
                exists=proven.value is not None,
                value=proven.value or b"",
                proof=_merkle_proof([op.data for op in proven.ops]),
            )
    return CallResult(value=encode(answer), height=answer.height)


def _merkle_proof(layers: list[bytes]) -> bytes:
    return encode(
        commitment_pb2.MerkleProof(
            proofs=[proofs_pb2.CommitmentProof.FromString(layer) for layer in layers]
        )
    )
