"""Heights of chains, which count anew with every revision of a chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from huitong.core.errors import RejectedError
from huitong.core.limits import UINT64_MAX
from huitong.proto.ibc.core.client.v1 import client_pb2

_FORM: Final = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)


class InvalidHeightError(
    RejectedError,
    codespace="core",
    code=2,
    text="{height} is not a height of the form REVISION-HEIGHT",
):
    """A text or a pair of numbers that is no height."""


@dataclass(frozen=True, slots=True, order=True)
class Height:
    """A height of a chain, ordered first by revision (ICS-02, ICS-07)."""

    ZERO: ClassVar[Height]
    """0-0, which in packets means "no timeout by height"."""

    revision_number: int
    """The number behind the last dash of the chain id, 0 to 2**64 - 1."""
    revision_height: int
    """The block height within the revision, 0 to 2**64 - 1; blocks begin at 1."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the height that ``str`` prints as ``text``, for example ``1-42``.

        Raises:
            InvalidHeightError: another form, or a number above 64 bits.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise InvalidHeightError(height=text)
        number, height = int(match[1]), int(match[2])
        if number > UINT64_MAX or height > UINT64_MAX:
            raise InvalidHeightError(height=text)
        return cls(number, height)

    @classmethod
    def from_proto(cls, message: client_pb2.Height) -> Self:
        """Return the height that a protobuf message holds."""
        return cls(message.revision_number, message.revision_height)

    def to_proto(self) -> client_pb2.Height:
        """Return the protobuf message of this height."""
        return client_pb2.Height(
            revision_number=self.revision_number,
            revision_height=self.revision_height,
        )

    def is_zero(self) -> bool:
        """Return whether both numbers are 0."""
        return not (self.revision_number or self.revision_height)

    def plus(self, blocks: int) -> Self:
        """Return the height ``blocks`` later, or earlier if negative, same revision.

        Raises:
            InvalidHeightError: the result is below 0 or above 64 bits.
        """
        height = self.revision_height + blocks
        if not 0 <= height <= UINT64_MAX:
            raise InvalidHeightError(height=f"{self.revision_number}-{height}")
        return type(self)(self.revision_number, height)

    def __str__(self) -> str:
        return f"{self.revision_number}-{self.revision_height}"


Height.ZERO = Height(0, 0)
