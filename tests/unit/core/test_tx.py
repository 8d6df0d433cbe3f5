"""Transactions of sound and of unsound form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.core.address import address_of_public_key
from huitong.core.codec import encode, pack_any
from huitong.core.errors import (
    HuitongError,
    InvalidRequestError,
    MemoTooLongError,
    NoSignaturesError,
    TxDecodeError,
    TxTooLargeError,
    UnauthorizedError,
)
from huitong.core.hashing import sha256
from huitong.core.limits import (
    TX_FEE_COINS_MAX,
    TX_MEMO_CHARACTERS_MAX,
    TX_MESSAGES_MAX,
    TX_SIZE_BYTES_MAX,
)
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.tx import (
    FeeCoin,
    build_transaction,
    decode_transaction,
    verify_signature,
)
from huitong.proto.cosmos.tx.signing.v1beta1 import signing_pb2
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.google.protobuf.any_pb2 import Any as AnyMessage
from huitong.proto.ibc.core.client.v1 import client_pb2

PRIVATE_KEY = sha256(b"a signer")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MESSAGE = pack_any(client_pb2.Height(revision_number=1, revision_height=2))


def built(messages: tuple[AnyMessage, ...] = (MESSAGE,), **changes: Any) -> bytes:
    """Return a signed transaction of chain ``test-1``, account 7."""
    options: dict[str, Any] = {
        "private_key": PRIVATE_KEY,
        "chain_id": "test-1",
        "account_number": 7,
        "sequence": 3,
        "gas_limit": 200_000,
    }
    return build_transaction(messages, **options | changes)


class Parts:
    """A transaction taken apart, so that a test can bend one part."""

    def __init__(self, raw: bytes) -> None:
        self.envelope = tx_pb2.TxRaw.FromString(raw)
        self.body = tx_pb2.TxBody.FromString(self.envelope.body_bytes)
        self.auth_info = tx_pb2.AuthInfo.FromString(self.envelope.auth_info_bytes)

    @property
    def signer(self) -> tx_pb2.SignerInfo:
        return self.auth_info.signer_infos[0]

    def joined(self) -> bytes:
        self.envelope.body_bytes = encode(self.body)
        self.envelope.auth_info_bytes = encode(self.auth_info)
        return encode(self.envelope)


def test_built_transaction_decodes_and_verifies() -> None:
    raw = built(memo="你好", timeout_height=9, fee_denom="credit")
    tx = decode_transaction(raw)
    assert tx.raw == raw
    assert tx.hash == sha256(raw)
    assert tx.public_key == public_key_of_private_key(PRIVATE_KEY)
    assert tx.address == address_of_public_key(tx.public_key)
    assert (tx.sequence, tx.gas_limit, tx.memo, tx.timeout_height) == (
        3,
        200_000,
        "你好",
        9,
    )
    assert tx.fee == (FeeCoin(denom="credit", amount=0),)
    assert tx.messages == (MESSAGE,)
    assert tx.sign_mode == signing_pb2.SignMode.SIGN_MODE_DIRECT
    verify_signature(tx, "test-1", 7)


def test_fee_that_another_chain_asks_for_is_named() -> None:
    tx = decode_transaction(built(fee_denom="stake", fee_amount=250))
    assert tx.fee == (FeeCoin(denom="stake", amount=250),)


def test_building_twice_gives_the_same_bytes() -> None:
    assert built() == built()


def test_fee_is_left_empty_unless_a_denomination_is_named() -> None:
    assert decode_transaction(built()).fee == ()


@given(
    sequence=st.integers(0, 2**64 - 1),
    gas_limit=st.integers(0, 2**63 - 1),
    timeout_height=st.integers(0, 2**64 - 1),
    account_number=st.integers(0, 2**64 - 1),
    memo=st.text(max_size=60),
)
@settings(max_examples=50)
def test_every_field_survives(
    sequence: int, gas_limit: int, timeout_height: int, account_number: int, memo: str
) -> None:
    raw = built(
        sequence=sequence,
        gas_limit=gas_limit,
        timeout_height=timeout_height,
        account_number=account_number,
        memo=memo,
    )
    tx = decode_transaction(raw)
    assert tx.sequence == sequence
    assert tx.gas_limit == gas_limit
    assert tx.timeout_height == timeout_height
    assert tx.memo == memo
    verify_signature(tx, "test-1", account_number)


@given(st.data())
@settings(max_examples=200)
def test_no_changed_byte_leaves_a_valid_transaction(data: st.DataObject) -> None:
    raw = bytearray(built())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(HuitongError):
        verify_signature(decode_transaction(bytes(raw)), "test-1", 7)


@given(st.data(), st.integers(0, 255))
@settings(max_examples=200)
def test_no_added_byte_leaves_a_valid_transaction(
    data: st.DataObject, byte: int
) -> None:
    raw = built()
    place = data.draw(st.integers(0, len(raw)))
    longer = raw[:place] + bytes((byte,)) + raw[place:]
    with pytest.raises(HuitongError):
        verify_signature(decode_transaction(longer), "test-1", 7)


@pytest.mark.parametrize(
    ("chain_id", "account_number"),
    [("test-2", 7), ("test-1", 8), ("", 7), ("test-1", 0)],
)
def test_signature_holds_for_one_chain_and_one_account(
    chain_id: str, account_number: int
) -> None:
    tx = decode_transaction(built())
    with pytest.raises(UnauthorizedError) as caught:
        verify_signature(tx, chain_id, account_number)
    assert str(caught.value) == (
        "signature verification failed; please verify account number "
        f"({account_number}) and chain-id ({chain_id}): "
        "(unable to verify single signer signature): unauthorized"
    )


def test_the_higher_s_of_a_signature_is_rejected() -> None:
    parts = Parts(built())
    signature = parts.envelope.signatures[0]
    higher = ORDER - int.from_bytes(signature[32:], "big")
    parts.envelope.signatures[0] = signature[:32] + higher.to_bytes(32, "big")
    with pytest.raises(UnauthorizedError, match="signature verification failed"):
        verify_signature(decode_transaction(parts.joined()), "test-1", 7)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(63),
        bytes(64),
        bytes(65),
        b"\xff" * 64,
        ORDER.to_bytes(32, "big") + (1).to_bytes(32, "big"),
        bytes(32) + (1).to_bytes(32, "big"),
        (1).to_bytes(32, "big") + bytes(32),
    ],
)
def test_signature_of_another_form_is_rejected(signature: bytes) -> None:
    parts = Parts(built())
    parts.envelope.signatures[0] = signature
    with pytest.raises(UnauthorizedError, match="signature verification failed"):
        verify_signature(decode_transaction(parts.joined()), "test-1", 7)


def test_signature_of_another_key_is_rejected() -> None:
    parts = Parts(built())
    other = Parts(built(private_key=sha256(b"another")))
    parts.envelope.signatures[0] = other.envelope.signatures[0]
    with pytest.raises(UnauthorizedError, match="signature verification failed"):
        verify_signature(decode_transaction(parts.joined()), "test-1", 7)


def test_a_key_that_is_no_point_of_the_curve_is_rejected() -> None:
    parts = Parts(built())
    parts.signer.public_key.value = b"\x0a\x21\x02" + b"\xff" * 32
    with pytest.raises(UnauthorizedError, match="signature verification failed"):
        verify_signature(decode_transaction(parts.joined()), "test-1", 7)


def test_an_unsigned_simulation_decodes_but_does_not_verify() -> None:
    parts = Parts(built())
    parts.signer.mode_info.single.mode = signing_pb2.SignMode.SIGN_MODE_UNSPECIFIED
    parts.envelope.signatures[0] = b""
    tx = decode_transaction(parts.joined())
    assert tx.sequence == 3
    with pytest.raises(UnauthorizedError, match="expected SIGN_MODE_DIRECT"):
        verify_signature(tx, "test-1", 7)


def no_messages(parts: Parts) -> None:
    del parts.body.messages[:]


def too_many_messages(parts: Parts) -> None:
    parts.body.messages.extend([MESSAGE] * TX_MESSAGES_MAX)


def extension_option(parts: Parts) -> None:
    parts.body.extension_options.append(MESSAGE)


def non_critical_extension_option(parts: Parts) -> None:
    parts.body.non_critical_extension_options.append(MESSAGE)


def long_memo(parts: Parts) -> None:
    parts.body.memo = "汇" * (TX_MEMO_CHARACTERS_MAX // 3 + 1)


def no_signature(parts: Parts) -> None:
    del parts.envelope.signatures[:]


def no_signer(parts: Parts) -> None:
    del parts.auth_info.signer_infos[:]


def two_signers(parts: Parts) -> None:
    parts.auth_info.signer_infos.append(parts.signer)
    parts.envelope.signatures.append(parts.envelope.signatures[0])


def two_signatures(parts: Parts) -> None:
    parts.envelope.signatures.append(parts.envelope.signatures[0])


def signers_by_multisig(parts: Parts) -> None:
    parts.signer.mode_info.multi.SetInParent()


def no_mode(parts: Parts) -> None:
    parts.signer.ClearField("mode_info")


def no_public_key(parts: Parts) -> None:
    parts.signer.ClearField("public_key")


def key_of_another_kind(parts: Parts) -> None:
    parts.signer.public_key.type_url = "/cosmos.crypto.ed25519.PubKey"


def short_key(parts: Parts) -> None:
    parts.signer.public_key.value = b"\x0a\x20" + bytes(32)


def long_key(parts: Parts) -> None:
    parts.signer.public_key.value += b"\x00"


def fee_payer(parts: Parts) -> None:
    parts.auth_info.fee.payer = "ht1"


def fee_granter(parts: Parts) -> None:
    parts.auth_info.fee.granter = "ht1"


def tip(parts: Parts) -> None:
    parts.auth_info.tip.SetInParent()


def many_coins(parts: Parts) -> None:
    for _ in range(TX_FEE_COINS_MAX + 1):
        parts.auth_info.fee.amount.add(denom="credit", amount="0")


def negative_fee(parts: Parts) -> None:
    parts.auth_info.fee.amount.add(denom="credit", amount="-1")


def fee_without_name(parts: Parts) -> None:
    parts.auth_info.fee.amount.add(denom="", amount="1")


def impossible_gas(parts: Parts) -> None:
    parts.auth_info.fee.gas_limit = 2**63


UNSOUND: list[tuple[Callable[[Parts], None], type[HuitongError], int]] = [
    (no_messages, InvalidRequestError, 18),
    (too_many_messages, InvalidRequestError, 18),
    (extension_option, InvalidRequestError, 18),
    (non_critical_extension_option, InvalidRequestError, 18),
    (long_memo, MemoTooLongError, 12),
    (no_signature, NoSignaturesError, 15),
    (no_signer, NoSignaturesError, 15),
    (two_signers, UnauthorizedError, 4),
    (two_signatures, UnauthorizedError, 4),
    (signers_by_multisig, UnauthorizedError, 4),
    (no_mode, UnauthorizedError, 4),
    (no_public_key, UnauthorizedError, 4),
    (key_of_another_kind, UnauthorizedError, 4),
    (short_key, UnauthorizedError, 4),
    (long_key, UnauthorizedError, 4),
    (fee_payer, InvalidRequestError, 18),
    (fee_granter, InvalidRequestError, 18),
    (tip, InvalidRequestError, 18),
    (many_coins, InvalidRequestError, 18),
    (negative_fee, InvalidRequestError, 18),
    (fee_without_name, InvalidRequestError, 18),
    (impossible_gas, InvalidRequestError, 18),
]


@pytest.mark.parametrize(("bend", "error", "code"), UNSOUND)
def test_unsound_transaction_is_rejected(
    bend: Callable[[Parts], None], error: type[HuitongError], code: int
) -> None:
    parts = Parts(built())
    bend(parts)
    with pytest.raises(error) as caught:
        decode_transaction(parts.joined())
    assert (caught.value.codespace, caught.value.code) == ("sdk", code)


def test_limits_are_inclusive() -> None:
    memo = "x" * TX_MEMO_CHARACTERS_MAX
    assert decode_transaction(built(memo=memo)).memo == memo
    messages = (MESSAGE,) * TX_MESSAGES_MAX
    assert len(decode_transaction(built(messages)).messages) == TX_MESSAGES_MAX
    overhead = len(built((AnyMessage(type_url="/x", value=bytes(2_000_000)),)))
    value = bytes(2_000_000 + TX_SIZE_BYTES_MAX - overhead)
    largest = built((AnyMessage(type_url="/x", value=value),))
    assert len(largest) == TX_SIZE_BYTES_MAX
    decode_transaction(largest)
    with pytest.raises(TxTooLargeError):
        decode_transaction(largest + b"\x00")


@pytest.mark.parametrize("part", ["envelope", "body_bytes", "auth_info_bytes"])
def test_unknown_field_in_any_part_is_rejected(part: str) -> None:
    parts = Parts(built())
    unknown = bytes.fromhex("f87f01")
    if part == "envelope":
        raw = encode(parts.envelope) + unknown
    else:
        setattr(parts.envelope, part, getattr(parts.envelope, part) + unknown)
        raw = encode(parts.envelope)
    with pytest.raises(TxDecodeError, match="unknown fields"):
        decode_transaction(raw)


@pytest.mark.parametrize("raw", [b"\xff", b"hello", bytes(10)])
def test_bytes_that_are_no_transaction_are_rejected(raw: bytes) -> None:
    with pytest.raises(TxDecodeError, match="tx parse error"):
        decode_transaction(raw)


def test_empty_bytes_have_no_message() -> None:
    with pytest.raises(InvalidRequestError, match="at least one message"):
        decode_transaction(b"")


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32), bytes(33), b"\xff" * 32])
def test_a_number_that_is_no_private_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError):
        public_key_of_private_key(key)


def test_public_key_is_the_one_of_the_library() -> None:
    expected = coincurve.PublicKey.from_secret(PRIVATE_KEY).format(compressed=True)
    assert public_key_of_private_key(PRIVATE_KEY) == expected
