"""Transactions: read once, checked for form, signed and verified.

The form is the Cosmos SDK's: ``TxRaw`` with a body, an auth info and one signature over
the ``SignDoc`` (``SIGN_MODE_DIRECT``), so that existing wallets and relayers can sign for
us. One account signs a transaction, with a secp256k1 key that comes along.

Left to others: whether the account exists and may do this, its sequence, the timeout
height, what the messages mean. ``decode_transaction`` admits an unsigned transaction,
because wallets simulate before they sign; ``verify_signature`` does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from google.protobuf.message import Message

from huitong.core.address import Address, address_of_public_key
from huitong.core.codec import DecodeError, decode, encode
from huitong.core.errors import (
    InvalidRequestError,
    MemoTooLongError,
    NoSignaturesError,
    TxDecodeError,
    TxTooLargeError,
    UnauthorizedError,
)
from huitong.core.hashing import sha256
from huitong.core.limits import (
    INT64_MAX,
    TX_FEE_COINS_MAX,
    TX_MEMO_CHARACTERS_MAX,
    TX_MESSAGES_MAX,
    TX_SIGNERS_MAX,
    TX_SIZE_BYTES_MAX,
)
from huitong.core.secp256k1 import (
    PUBLIC_KEY_SIZE_BYTES,
    is_signed,
    public_key_of_private_key,
    sign,
)
from huitong.proto.cosmos.base.v1beta1 import coin_pb2
from huitong.proto.cosmos.crypto.secp256k1 import keys_pb2
from huitong.proto.cosmos.tx.signing.v1beta1 import signing_pb2
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.google.protobuf import any_pb2

MessageT = TypeVar("MessageT", bound=Message)

PUBLIC_KEY_TYPE_URL: Final = "/cosmos.crypto.secp256k1.PubKey"

#: An encoded ``PubKey`` is this head and the 33 bytes of the key.
_PUBLIC_KEY_HEAD: Final = b"\x0a" + bytes((PUBLIC_KEY_SIZE_BYTES,))
_DENOM: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}", re.ASCII)
_AMOUNT: Final = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_MODE_DIRECT: Final = signing_pb2.SignMode.SIGN_MODE_DIRECT


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCoin:
    """What a transaction offers to pay in one denomination."""

    denom: str
    """Name of the unit, 3 to 128 characters."""
    amount: int
    """How many units, 0 to 10**78 - 1; this software accepts no other than 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction of sound form; neither its signature nor its messages are checked."""

    raw: bytes
    """The bytes as they came, a canonical ``TxRaw``."""
    hash: bytes
    """SHA-256 of ``raw``, 32 bytes: the transaction's name everywhere."""
    body_bytes: bytes
    """The canonical ``TxBody``, which the signature covers."""
    auth_info_bytes: bytes
    """The canonical ``AuthInfo``, which the signature covers."""
    signature: bytes
    """r and s of ECDSA, 64 bytes; anything in a simulation."""
    sign_mode: int
    """Number of the ``SignMode``; 0 occurs in simulations."""
    public_key: bytes
    """The signer's compressed secp256k1 key, 33 bytes; not known to lie on the curve."""
    address: Address
    """The account of ``public_key``."""
    sequence: int
    """How many transactions of the account the signer believes to precede, 64 bits."""
    gas_limit: int
    """Work that the signer allows, 0 to 2**63 - 1."""
    fee: tuple[FeeCoin, ...]
    """What the signer offers, at most eight coins."""
    memo: str
    """A note of at most 256 bytes in UTF-8, visible to everybody."""
    timeout_height: int
    """Last block height in which the transaction may stand; 0 means any."""
    messages: tuple[any_pb2.Any, ...]
    """What is to be done, 1 to 1,000 packed messages."""


def decode_transaction(raw: bytes) -> Transaction:
    """Return the transaction that ``raw`` is the canonical encoding of.

    Spec: Cosmos SDK ADR-020 and ADR-027; here the body and the auth info must be
    canonical too.

    Raises:
        TxTooLargeError: above the size limit.
        TxDecodeError: a part is malformed, not canonical, or has unknown fields.
        NoSignaturesError: no signer or no signature.
        UnauthorizedError: several signers, or a key or mode that is not supported.
        MemoTooLongError: the memo passes its limit.
        InvalidRequestError: no or too many messages, extension options, a tip, a payer
            or granter of the fee, an impossible gas limit or fee.

    Cost: about 12 µs, and the length of ``raw``.
    """
    if len(raw) > TX_SIZE_BYTES_MAX:
        raise TxTooLargeError(size=len(raw), maximum=TX_SIZE_BYTES_MAX)
    envelope = _decode_part(tx_pb2.TxRaw, raw)
    body = _decode_part(tx_pb2.TxBody, envelope.body_bytes)
    auth_info = _decode_part(tx_pb2.AuthInfo, envelope.auth_info_bytes)
    _check_body(body)
    signer = _only_signer(envelope, auth_info)
    public_key = _public_key_of(signer)
    return Transaction(
        raw=raw,
        hash=sha256(raw),
        body_bytes=envelope.body_bytes,
        auth_info_bytes=envelope.auth_info_bytes,
        signature=envelope.signatures[0],
        sign_mode=signer.mode_info.single.mode,
        public_key=public_key,
        address=address_of_public_key(public_key),
        sequence=signer.sequence,
        gas_limit=_gas_limit_of(auth_info),
        fee=_fee_of(auth_info),
        memo=body.memo,
        timeout_height=body.timeout_height,
        messages=tuple(body.messages),
    )


def open_transaction(raw: bytes) -> tx_pb2.Tx:
    """Return the parts of a transaction as they are, whatever they say.

    Raises:
        DecodeError: a part is malformed, not canonical, or has unknown fields.
    """
    envelope = decode(tx_pb2.TxRaw, raw)
    return tx_pb2.Tx(
        body=decode(tx_pb2.TxBody, envelope.body_bytes),
        auth_info=decode(tx_pb2.AuthInfo, envelope.auth_info_bytes),
        signatures=envelope.signatures,
    )


def sign_bytes(tx: Transaction, chain_id: str, account_number: int) -> bytes:
    """Return what the signature of ``tx`` covers on this chain for this account."""
    return _sign_document(tx.body_bytes, tx.auth_info_bytes, chain_id, account_number)


def verify_signature(tx: Transaction, chain_id: str, account_number: int) -> None:
    """Verify that the holder of ``tx.public_key`` signed ``tx`` for this chain.

    Of the two signatures that verify for the same document only the one with the lower
    ``s`` is accepted, so that nobody can change a transaction's hash on the way.

    Raises:
        UnauthorizedError: other mode, other document, other key, or the higher ``s``.

    Cost: about 50 µs; the lock of the interpreter is released meanwhile.
    """
    if tx.sign_mode != _MODE_DIRECT:
        raise UnauthorizedError(
            reason=f"sign mode {tx.sign_mode}, expected SIGN_MODE_DIRECT"
        )
    document = sign_bytes(tx, chain_id, account_number)
    if not is_signed(tx.public_key, document, tx.signature):
        raise UnauthorizedError(
            reason=(
                "signature verification failed; please verify account number "
                f"({account_number}) and chain-id ({chain_id}): "
                "(unable to verify single signer signature)"
            )
        )


def build_transaction(
    messages: Iterable[any_pb2.Any],
    *,
    private_key: bytes,
    chain_id: str,
    account_number: int,
    sequence: int,
    gas_limit: int,
    memo: str = "",
    timeout_height: int = 0,
    fee_denom: str = "",
    fee_amount: int = 0,
) -> bytes:
    """Return the signed bytes of a transaction with these messages.

    Args:
        messages: what is to be done, packed by ``core.codec.pack_any``.
        private_key: 32 bytes; its key is kept in memory for the next call.
        chain_id: the chain that shall accept it, and no other.
        account_number: the signer's number on that chain.
        sequence: how many transactions of the account precede.
        gas_limit: work allowed.
        memo: a public note.
        timeout_height: last height at which it may be included, 0 for any.
        fee_denom: if given, a fee in this denomination is named.
        fee_amount: how much of it; zones of this software take no other than 0.

    Cost: about 60 µs, most of it the signature.
    """
    fee = tx_pb2.Fee(gas_limit=gas_limit)
    if fee_denom:
        fee.amount.add(denom=fee_denom, amount=str(fee_amount))
    signer = tx_pb2.SignerInfo(
        public_key=_packed_public_key(public_key_of_private_key(private_key)),
        mode_info=tx_pb2.ModeInfo(single=tx_pb2.ModeInfo.Single(mode=_MODE_DIRECT)),
        sequence=sequence,
    )
    body = tx_pb2.TxBody(messages=messages, memo=memo, timeout_height=timeout_height)
    body_bytes = encode(body)
    auth_info_bytes = encode(tx_pb2.AuthInfo(signer_infos=[signer], fee=fee))
    document = _sign_document(body_bytes, auth_info_bytes, chain_id, account_number)
    return encode(
        tx_pb2.TxRaw(
            body_bytes=body_bytes,
            auth_info_bytes=auth_info_bytes,
            signatures=[sign(private_key, document)],
        )
    )


def _decode_part(cls: type[MessageT], data: bytes) -> MessageT:
    try:
        return decode(cls, data)
    except DecodeError as error:
        raise TxDecodeError(reason=str(error)) from None


def _check_body(body: tx_pb2.TxBody) -> None:
    if not body.messages:
        raise InvalidRequestError(reason="must contain at least one message")
    if len(body.messages) > TX_MESSAGES_MAX:
        raise InvalidRequestError(
            reason=f"{len(body.messages)} messages, at most {TX_MESSAGES_MAX}"
        )
    if body.extension_options or body.non_critical_extension_options:
        raise InvalidRequestError(reason="extension options are not supported")
    memo_size_bytes = len(body.memo.encode())
    if memo_size_bytes > TX_MEMO_CHARACTERS_MAX:
        raise MemoTooLongError(size=memo_size_bytes, maximum=TX_MEMO_CHARACTERS_MAX)


def _only_signer(
    envelope: tx_pb2.TxRaw, auth_info: tx_pb2.AuthInfo
) -> tx_pb2.SignerInfo:
    signers, signatures = auth_info.signer_infos, envelope.signatures
    if not signers or not signatures:
        raise NoSignaturesError()
    if len(signers) > TX_SIGNERS_MAX or len(signatures) != len(signers):
        raise UnauthorizedError(
            reason=(
                f"invalid number of signers; expected {TX_SIGNERS_MAX}, "
                f"got {len(signers)} with {len(signatures)} signatures"
            )
        )
    signer = signers[0]
    if not signer.mode_info.HasField("single"):
        raise UnauthorizedError(reason="expected the sign mode of a single key")
    return signer


def _public_key_of(signer: tx_pb2.SignerInfo) -> bytes:
    packed = signer.public_key
    value = packed.value
    if packed.type_url != PUBLIC_KEY_TYPE_URL:
        raise UnauthorizedError(
            reason=f"public key of type {packed.type_url or 'none'}, "
            f"expected {PUBLIC_KEY_TYPE_URL}"
        )
    key = value[len(_PUBLIC_KEY_HEAD) :]
    if value[: len(_PUBLIC_KEY_HEAD)] != _PUBLIC_KEY_HEAD or (
        len(key) != PUBLIC_KEY_SIZE_BYTES
    ):
        raise UnauthorizedError(
            reason=f"public key is not one of {PUBLIC_KEY_SIZE_BYTES} bytes"
        )
    return key


def _gas_limit_of(auth_info: tx_pb2.AuthInfo) -> int:
    gas_limit = auth_info.fee.gas_limit
    if gas_limit > INT64_MAX:
        raise InvalidRequestError(reason=f"gas limit {gas_limit} above {INT64_MAX}")
    return gas_limit


def _fee_of(auth_info: tx_pb2.AuthInfo) -> tuple[FeeCoin, ...]:
    fee = auth_info.fee
    if fee.payer or fee.granter:
        raise InvalidRequestError(reason="a payer or granter of fees is not supported")
    if auth_info.HasField("tip"):
        raise InvalidRequestError(reason="tips are not supported")
    if len(fee.amount) > TX_FEE_COINS_MAX:
        raise InvalidRequestError(
            reason=f"{len(fee.amount)} coins in the fee, at most {TX_FEE_COINS_MAX}"
        )
    return tuple(_fee_coin(coin) for coin in fee.amount)


def _fee_coin(coin: coin_pb2.Coin) -> FeeCoin:
    if _DENOM.fullmatch(coin.denom) is None or _AMOUNT.fullmatch(coin.amount) is None:
        raise InvalidRequestError(reason=f"fee of {coin.amount!r} {coin.denom!r}")
    return FeeCoin(denom=coin.denom, amount=int(coin.amount))


def _sign_document(
    body_bytes: bytes, auth_info_bytes: bytes, chain_id: str, account_number: int
) -> bytes:
    return encode(
        tx_pb2.SignDoc(
            body_bytes=body_bytes,
            auth_info_bytes=auth_info_bytes,
            chain_id=chain_id,
            account_number=account_number,
        )
    )


def _packed_public_key(public_key: bytes) -> any_pb2.Any:
    return any_pb2.Any(
        type_url=PUBLIC_KEY_TYPE_URL, value=encode(keys_pb2.PubKey(key=public_key))
    )
