"""Addresses of accounts."""

from __future__ import annotations

import bech32
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.address import (
    address_of_public_key,
    check_address,
    decode_address,
    encode_address,
    with_prefix,
)
from huitong.core.errors import InvalidAddressError


@given(st.binary(min_size=20, max_size=20))
def test_address_survives_its_text(data: bytes) -> None:
    text = encode_address(data)
    assert text.startswith("ht1")
    assert decode_address(text) == data
    assert check_address(text) == text


def test_address_is_the_hash160_of_the_public_key() -> None:
    # The generator point of secp256k1; its hash160 is known from Bitcoin's private key 1.
    key = bytes.fromhex(
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    )
    expected = "751e76e8199196d454941c45d1b3a323f1433bd6"
    assert decode_address(address_of_public_key(key)).hex() == expected


def test_address_of_a_relayer_is_the_one_its_chain_uses() -> None:
    from huitong.core.codec import unpack_any
    from huitong.core.tx import decode_transaction
    from tests.unit.core import recorded

    for _, _, raw in recorded.transactions():
        tx = decode_transaction(raw)
        packed = tx.messages[0]
        message = unpack_any(packed, recorded.CLASSES[packed.type_url])
        signer = getattr(message, "signer", "") or getattr(message, "sender", "")
        words = bech32.bech32_decode(signer)[1]
        data = bytes(bech32.convertbits(words, 5, 8, False))
        assert decode_address(tx.address) == data


@given(st.binary(min_size=20, max_size=20))
def test_address_of_another_chain_has_the_same_bytes(data: bytes) -> None:
    text = with_prefix(encode_address(data), "cosmos")
    prefix, words = bech32.bech32_decode(text)
    assert prefix == "cosmos"
    assert bytes(bech32.convertbits(words, 5, 8, False)) == data
    assert with_prefix(encode_address(data), "ht") == encode_address(data)


def wrong_texts() -> list[str]:
    good = encode_address(bytes(range(20)))
    other_prefix = bech32.bech32_encode("hx", bech32.bech32_decode(good)[1])
    padded = bech32.bech32_encode("ht", [31] * 32)
    wrong_end = good[:-1] + ("q" if good[-1] != "q" else "p")
    return [
        "",
        "ht1",
        good[:-1],
        good + "q",
        good.upper(),
        good.replace("ht1", "Ht1"),
        wrong_end,
        other_prefix,
        padded[:-1] + "b",
        " " * 41,
        "ht1" + "é" * 38,
        bech32.bech32_encode("ht", [0] * 31),
        bech32.bech32_encode("h", [0] * 33),
    ]


@pytest.mark.parametrize("text", wrong_texts())
def test_other_texts_are_no_address(text: str) -> None:
    with pytest.raises(InvalidAddressError):
        decode_address(text)


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_address_has_twenty_bytes(size: int) -> None:
    with pytest.raises(InvalidAddressError):
        encode_address(bytes(size))
