"""What a relayer shows a client: a newer header, or proof of misbehaviour (ICS-07)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.core.codec import decode, encode, type_url_of
from huitong.core.height import Height
from huitong.core.limits import (
    LIGHT_HEADER_SIZE_BYTES_MAX,
    MISBEHAVIOUR_SIZE_BYTES_MAX,
)
from huitong.light.errors import InvalidClientHeaderError, InvalidClientTypeError
from huitong.light.tendermint.header import header_height
from huitong.light.tendermint.signed_header import (
    SignedHeader,
    signed_header_from_proto,
    signed_header_to_proto,
)
from huitong.light.tendermint.validator_set import (
    ValidatorSet,
    validator_set_from_proto,
    validator_set_to_proto,
)
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2

HEADER_TYPE_URL: Final = type_url_of(tendermint_pb2.Header)
MISBEHAVIOUR_TYPE_URL: Final = type_url_of(tendermint_pb2.Misbehaviour)

_REQUIRED: Final = (
    "signed_header",
    "validator_set",
    "trusted_height",
    "trusted_validators",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header of the other chain with all that is needed to verify it."""

    signed_header: SignedHeader
    """The header and the votes for it."""
    validators: ValidatorSet
    """The set that signs its height."""
    trusted_height: Height
    """Height of the client's consensus state to start from."""
    trusted_validators: ValidatorSet
    """The set that signs the height after the trusted one."""

    @property
    def height(self) -> Height:
        """The header's height, in the revision of its chain id."""
        return header_height(self.signed_header.header)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """Two headers that no honest two thirds sign both."""

    client_id: str = ""
    """Without effect; kept because old relayers send it."""
    header_1: Header
    """The higher one, or either where they are of one height."""
    header_2: Header
    """The other."""


ClientMessage = Header | Misbehaviour


def client_message_from_any(any_message: Any) -> ClientMessage:
    """Return the frozen form; nothing in it is verified yet.

    Raises:
        InvalidClientTypeError: neither a header nor misbehaviour.
        InvalidClientHeaderError: a part is absent.
        InvalidHeaderError, InvalidValidatorSetError: a part is malformed.
        DecodeError, InvalidTimeError: not the encoding of its type.
    """
    data = any_message.value
    if any_message.type_url == HEADER_TYPE_URL:
        header = decode(
            tendermint_pb2.Header, data, size_bytes_max=LIGHT_HEADER_SIZE_BYTES_MAX
        )
        return header_from_proto(header)
    if any_message.type_url == MISBEHAVIOUR_TYPE_URL:
        message = decode(
            tendermint_pb2.Misbehaviour,
            data,
            size_bytes_max=MISBEHAVIOUR_SIZE_BYTES_MAX,
        )
        return _misbehaviour_from_proto(message)
    raise InvalidClientTypeError(actual=any_message.type_url)


def client_message_to_any(message: ClientMessage) -> Any:
    """Return the message as relayers send it, byte for byte as in Go."""
    if isinstance(message, Header):
        return Any(type_url=HEADER_TYPE_URL, value=encode(header_to_proto(message)))
    proto = tendermint_pb2.Misbehaviour(
        client_id=message.client_id,
        header_1=header_to_proto(message.header_1),
        header_2=header_to_proto(message.header_2),
    )
    return Any(type_url=MISBEHAVIOUR_TYPE_URL, value=encode(proto))


def header_from_proto(message: tendermint_pb2.Header) -> Header:
    """Return the frozen form; raises as ``client_message_from_any``."""
    for field in _REQUIRED:
        if not message.HasField(field):
            raise InvalidClientHeaderError(reason=f"{field} absent")
    return Header(
        signed_header=signed_header_from_proto(message.signed_header),
        validators=validator_set_from_proto(message.validator_set),
        trusted_height=Height.from_proto(message.trusted_height),
        trusted_validators=validator_set_from_proto(message.trusted_validators),
    )


def header_to_proto(header: Header) -> tendermint_pb2.Header:
    """Return the message whose encoding equals Go's, byte for byte."""
    return tendermint_pb2.Header(
        signed_header=signed_header_to_proto(header.signed_header),
        validator_set=validator_set_to_proto(header.validators),
        trusted_height=header.trusted_height.to_proto(),
        trusted_validators=validator_set_to_proto(header.trusted_validators),
    )


def _misbehaviour_from_proto(message: tendermint_pb2.Misbehaviour) -> Misbehaviour:
    if not message.HasField("header_1") or not message.HasField("header_2"):
        raise InvalidClientHeaderError(reason="misbehaviour needs two headers")
    return Misbehaviour(
        client_id=message.client_id,
        header_1=header_from_proto(message.header_1),
        header_2=header_from_proto(message.header_2),
    )
