"""Why a proof or a spec is refused; codes of ``commitment`` as in ibc-go."""

from __future__ import annotations

from huitong.core.errors import RejectedError


class InvalidProofError(
    RejectedError, codespace="commitment", code=2, text="{reason}: invalid proof"
):
    """The proof does not show what it is said to show."""


class InvalidMerkleProofError(
    RejectedError, codespace="commitment", code=4, text="{reason}: invalid merkle proof"
):
    """The layers of a proof do not fit the specs, or there are none."""


class InvalidProofSpecError(
    RejectedError, codespace="ics23", code=2, text="{reason}: invalid proof spec"
):
    """The spec does not describe a tree whose proofs could be trusted."""
