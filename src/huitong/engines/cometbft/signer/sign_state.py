"""The last signed step, in CometBFT's own file, so that either may go on from the other.

``priv_validator_state.json``: whoever signs with the key reads it first and writes it,
durably, before a signature leaves.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from huitong.core.limits import INT64_MAX
from huitong.engines.cometbft.signer.errors import SignStateUnwritableError
from huitong.engines.errors import SignStateError
from huitong.keys.new_file import replace_file

#: Largest round, a signed integer of 32 bits.
_ROUND_MAX = 2**31 - 1


class Step(IntEnum):
    """What is signed in a round, in order; CometBFT's numbers."""

    NONE = 0
    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where in the life of the zone something is signed; ordered."""

    height: int
    """Height of the block, 0 for none."""
    round: int
    """Attempt at this height, from 0."""
    step: Step
    """Which message of the round."""

    def __str__(self) -> str:
        return f"{self.height}/{self.round}/{self.step.name.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStep:
    """What was signed last."""

    place: Place
    """Where."""
    sign_bytes: bytes
    """What; empty if nothing was, or if it is not known."""
    signature: bytes
    """64 bytes; empty like the above."""


NOTHING_SIGNED = SignedStep(
    place=Place(height=0, round=0, step=Step.NONE), sign_bytes=b"", signature=b""
)


def load_signed_step(path: Path) -> SignedStep:
    """Read the file.

    Raises:
        SignStateError: absent or malformed. A missing record is not taken for an empty
            one: that is how keys sign twice.
    """
    try:
        document = json.loads(path.read_bytes())
        return _decoded(document)
    except OSError as error:
        raise SignStateError(path=path, reason=str(error.strerror)) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SignStateError(path=path, reason=f"cannot be read ({error})") from None


def save_signed_step(path: Path, signed: SignedStep) -> None:
    """Replace the file, durably; a crash leaves the old record or the new one.

    Raises:
        SignStateUnwritableError: it cannot be written; the old record stays.
    """
    try:
        replace_file(path, encode_signed_step(signed))
    except OSError as error:
        raise SignStateUnwritableError(path=path, reason=str(error.strerror)) from error


def encode_signed_step(signed: SignedStep) -> bytes:
    """Return the file as CometBFT writes it."""
    document: dict[str, Any] = {
        "height": str(signed.place.height),
        "round": signed.place.round,
        "step": int(signed.place.step),
    }
    if signed.signature:
        document["signature"] = base64.b64encode(signed.signature).decode()
    if signed.sign_bytes:
        document["signbytes"] = signed.sign_bytes.hex().upper()
    return json.dumps(document, indent=2).encode()


def _decoded(document: Any) -> SignedStep:
    height, round_, step = document["height"], document["round"], document["step"]
    if not (isinstance(height, str) and height.isascii() and height.isdigit()):
        raise ValueError("height needs to be digits in a text")
    if int(height[:20]) > INT64_MAX:
        raise ValueError("height is too large")
    if type(round_) is not int or not 0 <= round_ <= _ROUND_MAX:
        raise ValueError("round is out of range")
    if type(step) is not int:
        raise ValueError("step is no number")
    signature = base64.b64decode(document.get("signature") or "", validate=True)
    sign_bytes = bytes.fromhex(document.get("signbytes") or "")
    if bool(signature) != bool(sign_bytes):
        raise ValueError("signature and signbytes belong together")
    return SignedStep(
        place=Place(height=int(height), round=round_, step=Step(step)),
        sign_bytes=sign_bytes,
        signature=signature,
    )
