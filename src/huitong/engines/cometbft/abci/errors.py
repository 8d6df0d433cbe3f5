"""Why what comes over an ABCI connection is not answered. Codespace ``engine``."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError


class FrameError(
    RejectedError, codespace="engine", code=20, text="malformed ABCI frame: {reason}"
):
    """What came is no frame of the socket protocol; its connection is closed."""


class AbciAddressError(
    RejectedError,
    codespace="engine",
    code=21,
    text="cannot listen for ABCI at {address}: {reason}",
    next_step="Use unix:///PATH with a short path, or tcp://127.0.0.1:PORT.",
):
    """The address of the ABCI server cannot be used."""


class GenesisDiffersError(
    RejectedError,
    codespace="engine",
    code=22,
    text="CometBFT begins another zone than this home: {field} differs",
    next_step="Let CometBFT read the genesis file of this home: config/genesis.json.",
):
    """InitChain names another genesis than the node has."""


class AnswerOverSizeError(
    BrokenError,
    codespace="engine",
    code=23,
    text="an ABCI answer of {size} bytes, CometBFT reads at most {maximum}",
    next_step="Let the members vote for smaller blocks, or for less gas in a block.",
):
    """CometBFT would refuse the frame, so the block could never be finished."""


class AbciRequestError(
    RejectedError,
    codespace="engine",
    code=24,
    text="{method}: {reason}",
    next_step="Use CometBFT v0.38 as the engine.",
):
    """CometBFT asks for something that has no meaning here."""
