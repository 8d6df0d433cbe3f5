"""The signed statements that come with sealed bytes: who brings what to whom, and when.

Canonical JSON, signed with secp256k1 by an account of the member that brings it. It
travels in three headers in base64url: the statement, the signature, the public key. One
form is about a single payload, the other about a batch, whose manifest it binds.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Generic, TypeVar

from huitong.core.canonical_json import (
    JsonError,
    JsonFormError,
    decode_canonical_json,
    encode_json,
)
from huitong.core.errors import HuitongError
from huitong.core.fields import DIGEST_SIZE_BYTES, check_name
from huitong.core.ids import check_chain_id, check_channel_id
from huitong.core.limits import INT64_MAX
from huitong.core.secp256k1 import (
    PUBLIC_KEY_SIZE_BYTES,
    is_signed,
    public_key_of_private_key,
    sign,
)
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.peers.errors import StatementError
from huitong.gateway.peers.limits import (
    BATCH_ITEMS_MAX,
    BATCH_SIZE_BYTES_MAX,
    MANIFEST_SIZE_BYTES_MAX,
)
from huitong.payload.sealing import SEALED_SIZE_BYTES_MAX

STATEMENT_HEADER: Final = "huitong-statement"
SIGNATURE_HEADER: Final = "huitong-signature"
KEY_HEADER: Final = "huitong-key"
#: Characters of an encoded statement; a usual one has 700.
STATEMENT_CHARACTERS_MAX: Final = 4_096
#: Seconds that the clocks of two gateways may differ, the way included.
SKEW_S_MAX: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What every statement says."""

    provider: str
    """The member that brings something."""
    chain_id_of_a: str
    """Its zone."""
    channel_on_a: str
    """Channel of the request, on its zone."""
    requester: str
    """The member that asked."""
    chain_id_of_b: str
    """The zone of that member."""
    channel_on_b: str
    """The same channel, on that zone."""
    size: int
    """Bytes of sealed payload that are brought."""
    certificate: str
    """SHA-256 of the public key of the sender's certificate, hexadecimal; empty without
    TLS."""
    time_ns: int
    """The sender's clock, nanoseconds since the epoch, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatement(Statement):
    """What a member says about one sealed payload that it brings."""

    sequence: int
    """Of the request."""
    push_number: int
    """Of a version that was pushed under that request; 0 for none."""
    sealed_digest: str
    """SHA-256 of the bytes, hexadecimal."""
    stated_height: int
    """Block of zone a that holds the digest; a hint, since it is proven anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatement(Statement):
    """What a member says about a batch of sealed payloads that it brings."""

    count: int
    """How many there are."""
    manifest_digest: str
    """SHA-256 of the manifest, hexadecimal: it names each payload with its digest."""
    manifest_size: int
    """Bytes of the manifest."""


StatementT = TypeVar("StatementT", bound=Statement)

#: The form of each statement, and what stands before it where it is signed: a signature
#: under one of them holds for nothing else.
_FORMATS: Final[Mapping[type[Statement], str]] = {
    DeliveryStatement: "huitong-delivery-1",
    BatchStatement: "huitong-delivery-batch-1",
}
_LABELS: Final[Mapping[type[Statement], bytes]] = {
    DeliveryStatement: b"huitong/delivery-statement/1\x00",
    BatchStatement: b"huitong/delivery-batch-statement/1\x00",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStatement(Generic[StatementT]):
    """A statement with a signature that holds for this key; whose it is, is not known."""

    statement: StatementT
    public_key: bytes
    """Compressed secp256k1, 33 bytes."""


def sign_statement(statement: Statement, private_key: bytes) -> dict[str, str]:
    """Return the headers that carry a signed statement."""
    kind = type(statement)
    encoded = encode_json({"format": _FORMATS[kind], **asdict(statement)})
    return {
        STATEMENT_HEADER: _text(encoded),
        SIGNATURE_HEADER: _text(sign(private_key, _LABELS[kind] + encoded)),
        KEY_HEADER: _text(public_key_of_private_key(private_key)),
    }


def read_statement(
    kind: type[StatementT], headers: Mapping[str, str], now_ns: int
) -> SignedStatement[StatementT]:
    """Return the statement in a request's headers, with its signature verified.

    Args:
        kind: which form is expected; another one is refused.
        headers: of the request.
        now_ns: the own clock.

    Raises:
        StatementError: a header is missing or malformed, the signature does not hold, or
            the statement is of another form or time.
    """
    encoded = _bytes(headers, STATEMENT_HEADER)
    public_key = _bytes(headers, KEY_HEADER)
    signature = _bytes(headers, SIGNATURE_HEADER)
    if len(public_key) != PUBLIC_KEY_SIZE_BYTES:
        raise StatementError(reason="the key has another size than 33 bytes")
    if not is_signed(public_key, _LABELS[kind] + encoded, signature):
        raise StatementError(reason="the signature does not hold")
    statement = _decode(kind, encoded)
    if abs(statement.time_ns - now_ns) > SKEW_S_MAX * NS_PER_SECOND:
        raise StatementError(reason="it is of another time than now")
    return SignedStatement(statement=statement, public_key=public_key)


def _decode(kind: type[StatementT], encoded: bytes) -> StatementT:
    format_ = _FORMATS[kind]
    try:
        told = decode_canonical_json(encoded)
        if not isinstance(told, dict) or told.pop("format", None) != format_:
            raise StatementError(reason=f"it is not of the form {format_}")
        statement = kind(**told)
    except (JsonError, JsonFormError, TypeError) as error:
        raise StatementError(reason="it is not what it should be") from error
    _check(statement)
    return statement


def _check(statement: Statement) -> None:
    check_members(statement)
    try:
        check_name(statement.provider, "provider")
        check_name(statement.requester, "requester")
        check_chain_id(statement.chain_id_of_a)
        check_chain_id(statement.chain_id_of_b)
        check_channel_id(statement.channel_on_a)
        check_channel_id(statement.channel_on_b)
    except HuitongError as error:
        raise StatementError(reason=str(error)) from error
    if statement.certificate:
        check_digest(statement.certificate, "certificate")
    if isinstance(statement, DeliveryStatement):
        check_digest(statement.sealed_digest, "sealed_digest")
        _check_range("size", statement.size, SEALED_SIZE_BYTES_MAX)
    elif isinstance(statement, BatchStatement):
        check_digest(statement.manifest_digest, "manifest_digest")
        _check_range("count", statement.count, BATCH_ITEMS_MAX)
        _check_range("size", statement.size, BATCH_SIZE_BYTES_MAX)
        _check_range("manifest_size", statement.manifest_size, MANIFEST_SIZE_BYTES_MAX)


def check_members(told: Any) -> None:
    """Check the types of the members of a dataclass of text and numbers.

    Raises:
        StatementError: one is of another type, or a number is out of range.
    """
    for member in fields(told):
        value = getattr(told, member.name)
        if type(value).__name__ != member.type:
            raise StatementError(reason=f"{member.name} is of another type")
        if isinstance(value, int) and not 0 <= value <= INT64_MAX:
            raise StatementError(reason=f"{member.name} is out of range")


def _check_range(name: str, value: int, maximum: int) -> None:
    if not 0 < value <= maximum:
        raise StatementError(reason=f"{name} {value} is out of range")


def check_digest(text: str, name: str) -> None:
    """Check a digest in hexadecimal, lower case.

    Raises:
        StatementError: it is none.
    """
    try:
        is_digest = bytes.fromhex(text).hex() == text
    except ValueError:
        is_digest = False
    if not is_digest or len(text) != 2 * DIGEST_SIZE_BYTES:
        raise StatementError(reason=f"{name} is no SHA-256 in hexadecimal")


def _bytes(headers: Mapping[str, str], name: str) -> bytes:
    text = headers.get(name, "")
    if not text or len(text) > STATEMENT_CHARACTERS_MAX:
        raise StatementError(reason=f"header {name} is missing or too long")
    try:
        return urlsafe_b64decode(text.encode("ascii"))
    except (Base64Error, ValueError) as error:
        raise StatementError(reason=f"header {name} is not base64url") from error


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode("ascii")
