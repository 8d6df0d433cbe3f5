"""That a line of a log is under an anchored root: RFC 6962 trees of ``core.hashing``.

The root of a batch is ``merkle_root`` over its lines in their order; ``merkle_proofs``
gives the proofs. A verifier proves the anchor by its key in the zone's state, and the
line by this.
"""

from __future__ import annotations

from huitong.core.hashing import MerkleProof, MerkleProofError, verify_merkle_proof
from huitong.modules.anchors.errors import NotInAnchorError
from huitong.proto.huitong.anchors.v1.anchors_pb2 import Anchor


def verify_inclusion(anchor: Anchor, proof: MerkleProof, line: bytes) -> None:
    """Check that an anchor covers a line, at the place that the proof says.

    Args:
        anchor: as it stands in the state.
        proof: what the keeper of the log gives with the line.
        line: the bytes that were logged.

    Raises:
        NotInAnchorError: it does not cover the line, or the proof is for another number
            of lines.
    """
    if proof.total != anchor.count:
        reason = f"the proof is for {proof.total} lines, the anchor for {anchor.count}"
        raise _not_in(anchor, reason)
    try:
        verify_merkle_proof(proof, root=anchor.root, item=line)
    except MerkleProofError as wrong:
        raise _not_in(anchor, str(wrong)) from wrong


def _not_in(anchor: Anchor, reason: str) -> NotInAnchorError:
    return NotInAnchorError(
        sequence=anchor.sequence, stream=anchor.stream, reason=reason
    )
