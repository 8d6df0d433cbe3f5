"""Proofs that a header belongs to a zone's history; all that a verifier needs.

How evidence of any age is checked: a recent header is trusted; an ICS-23 proof against
its app hash shows the accumulator; the accumulator shows the hash of any older header.
"""

from __future__ import annotations

from huitong.core.codec import DecodeError, decode, encode
from huitong.modules.history.errors import HistoryProofError
from huitong.modules.history.mountain import Step, is_well_formed, verify
from huitong.modules.history.state import mountains_of
from huitong.proto.huitong.history.v1.history_pb2 import Accumulator, HistoryProof


def verify_history_proof(
    proof: HistoryProof, accumulator: bytes, *, header_hash: bytes | None = None
) -> None:
    """Check that ``proof.header_hash`` is the hash of the header of ``proof.height``.

    Args:
        proof: from the query ``HistoryProof``.
        accumulator: the value under ``ACCUMULATOR_KEY`` of the store ``history``, as an
            ICS-23 proof showed it against a trusted header.
        header_hash: the hash that the header at hand has, 32 bytes; None to take the
            proof's.

    Raises:
        HistoryProofError: anything does not fit.

    Cost: one hash for each level, at most 63.
    """
    try:
        proven = decode(Accumulator, accumulator)
    except DecodeError as wrong:
        raise HistoryProofError(reason=str(wrong)) from wrong
    if encode(proof.accumulator) != accumulator:
        raise HistoryProofError(reason="it is for another accumulator")
    mountains = mountains_of(proven)
    if not is_well_formed(mountains) or not proven.first_height:
        raise HistoryProofError(reason="the accumulator is malformed")
    if header_hash is not None and proof.header_hash != header_hash:
        raise HistoryProofError(reason="it is for another header")
    index = proof.height - proven.first_height
    if not 0 <= index < proven.leaf_count:
        raise HistoryProofError(reason=f"height {proof.height} is outside of it")
    steps = tuple(
        Step(sibling=step.sibling, sibling_is_left=step.sibling_is_left)
        for step in proof.steps
    )
    if not verify(mountains, index, proof.header_hash, steps):
        raise HistoryProofError(
            reason=f"the hashes do not lead from height {proof.height} to a peak"
        )
