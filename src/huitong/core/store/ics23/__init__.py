"""ICS-23: verifying that a tree holds, or does not hold, a key.

A verifier is given a spec, which says how one kind of tree hashes, a root that it
trusts, and a proof that it does not trust. Everything that is not exactly what an honest
tree of that kind produces is refused, and nothing but the classes of ``errors`` is ever
raised, whatever the proof contains.

Rules beyond the arithmetic (advisory "Dragonberry" and its successors): operations equal
the spec's; prefixes keep to their lengths and cannot be taken for leaves; depth is
limited; IAVL and Tendermint prefixes are parsed; keys and values are not empty; batch
and compressed proofs are refused.
"""

from __future__ import annotations

from huitong.core.store.ics23.errors import InvalidProofError, InvalidProofSpecError
from huitong.core.store.ics23.specs import (
    IAVL_SPEC,
    SMT_SPEC,
    TENDERMINT_SPEC,
    check_proof_spec,
)
from huitong.core.store.ics23.verify import (
    existence_root,
    proof_root,
    verify_membership,
    verify_non_membership,
)

__all__ = [
    "IAVL_SPEC",
    "SMT_SPEC",
    "TENDERMINT_SPEC",
    "InvalidProofError",
    "InvalidProofSpecError",
    "check_proof_spec",
    "existence_root",
    "proof_root",
    "verify_membership",
    "verify_non_membership",
]
