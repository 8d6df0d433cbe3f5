"""What a data subject signs, byte by byte, and how its key is bound to its pseudonym.

A statement is canonical JSON: what a person signs can be read. It names the zone, so that
it means nothing elsewhere, and the time of signing, so that two alike are told apart::

    {"consent_id":0,"fields":["amount"],"purpose":"audit","reader_channel":"channel-0", …
     "type":"huitong-consent-1","zone":"hangzhou-1"}

The pseudonym of a subject that signs for itself is::

    SHA-256("huitong-pseudonym-1" ‖ length and bytes of salt ‖ kind ‖ public key)

What it withstands and what it does not: docs/explanation/policy.md.
"""

from __future__ import annotations

from typing import Final

from huitong.core import secp256k1
from huitong.core.canonical_json import encode_json
from huitong.core.codec import delimited
from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import check_size
from huitong.core.gas import GAS_SIGNATURE
from huitong.core.hashing import sha256
from huitong.core.limits import (
    SALT_BYTES_MAX,
    SALT_BYTES_MIN,
    STATEMENT_AGE_S_MAX,
    STATEMENT_AHEAD_S_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.light.tendermint import signatures as ed25519
from huitong.modules.grants.errors import (
    PseudonymError,
    StatementTimeError,
    StatementUsedError,
    SubjectSignatureError,
)
from huitong.modules.grants.state import find_statement
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb

CONSENT_TYPE: Final = "huitong-consent-1"
WITHDRAWAL_TYPE: Final = "huitong-consent-withdrawal-1"
_PSEUDONYM: Final = b"huitong-pseudonym-1"
_SIGNATURE_SIZE_BYTES: Final = 64
_KEY_SIZES: Final = {
    pb.SUBJECT_KEY_KIND_SECP256K1: secp256k1.PUBLIC_KEY_SIZE_BYTES,
    pb.SUBJECT_KEY_KIND_ED25519: 32,
}
#: A signature that verifies, by ZIP-215, under keys of small order only: the identity as
#: the nonce's point and zero as the scalar. Such a key signs everything, so it is none.
_SIGNED_BY_NOBODY: Final = b"\x01" + bytes(63)


def pseudonym_of(salt: bytes, kind: int, public_key: bytes) -> bytes:
    """Return the pseudonym of a key under a salt, 32 bytes."""
    return sha256(_PSEUDONYM + delimited(salt) + bytes((kind,)) + public_key)


def consent_statement(chain_id: str, msg: pb.MsgSubmitConsent) -> bytes:
    """Return the bytes that a subject signs to consent; signer and signature are not in.

    Args:
        chain_id: of the zone whose records it is about.
        msg: what is consented to.
    """
    return encode_json(
        {
            "type": CONSENT_TYPE,
            "zone": chain_id,
            "issuer": msg.recorder,
            "subject": msg.subject.hex(),
            "reader_channel": msg.reader.channel_id,
            "reader": msg.reader.member_id,
            "purpose": msg.purpose,
            "fields": list(msg.fields),
            "valid_from": msg.valid_from,
            "valid_until": msg.valid_until,
            "consent_id": msg.consent_id,
            "previous_version": msg.previous_version,
            "signed_time": msg.signed_time,
        }
    )


def withdrawal_statement(
    chain_id: str, consent_id: int, reason: str, signed_time: int
) -> bytes:
    """Return the bytes that a subject signs to withdraw a consent."""
    return encode_json(
        {
            "type": WITHDRAWAL_TYPE,
            "zone": chain_id,
            "consent_id": consent_id,
            "reason": reason,
            "signed_time": signed_time,
        }
    )


def check_signature_form(signature: pb.SubjectSignature) -> None:
    """Check sizes and kind.

    Raises:
        InvalidRequestError: one is wrong.
    """
    size = _KEY_SIZES.get(signature.kind)
    if size is None:
        raise InvalidRequestError(reason=f"signature.kind {signature.kind} is unknown")
    check_size(signature.public_key, "signature.public_key", size)
    check_size(signature.signature, "signature.signature", _SIGNATURE_SIZE_BYTES)
    if not SALT_BYTES_MIN <= len(signature.salt) <= SALT_BYTES_MAX:
        raise InvalidRequestError(
            reason=f"signature.salt has {len(signature.salt)} bytes, expected "
            f"{SALT_BYTES_MIN} to {SALT_BYTES_MAX}"
        )


def check_signed(
    ctx: Context, subject: bytes, statement: bytes, signature: pb.SubjectSignature
) -> None:
    """Check that the subject of a pseudonym has signed a statement.

    Raises:
        PseudonymError: the pseudonym was not made from this key and salt.
        SubjectSignatureError: the key has not signed this statement.

    Cost: two signatures.
    """
    ctx.gas.consume(2 * GAS_SIGNATURE, "signature of a subject")
    key = signature.public_key
    if pseudonym_of(signature.salt, signature.kind, key) != subject:
        raise PseudonymError(subject=subject)
    if signature.kind == pb.SUBJECT_KEY_KIND_SECP256K1:
        is_signed = secp256k1.is_signed(key, statement, signature.signature)
    else:
        is_signed = ed25519.is_signed(
            key, statement, signature.signature
        ) and not ed25519.is_signed(key, b"", _SIGNED_BY_NOBODY)
    if not is_signed:
        raise SubjectSignatureError(digest=sha256(statement))


def check_statement_time(ctx: Context, signed_time: int) -> None:
    """Check that a statement was signed lately.

    Raises:
        StatementTimeError: it was not.
    """
    now_s = ctx.block.time_ns // NS_PER_SECOND
    age_s = now_s - signed_time
    if not -STATEMENT_AHEAD_S_MAX <= age_s <= STATEMENT_AGE_S_MAX:
        raise StatementTimeError(
            signed_time=signed_time, now=now_s, age_max=STATEMENT_AGE_S_MAX
        )


def check_unused(ctx: Context, statement: bytes) -> None:
    """Check that a statement was not used before.

    Raises:
        StatementUsedError: it was.
    """
    consent_id = find_statement(ctx, sha256(statement))
    if consent_id:
        raise StatementUsedError(consent_id=consent_id)
