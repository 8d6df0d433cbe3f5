"""Ed25519 as ZIP-215 defines it, where libraries differ."""

from __future__ import annotations

from huitong.light.tendermint.signatures import address_of_public_key, is_signed
from huitong.testing.validators import make_validators

#: The identity point, and an encoding of it that is not canonical.
IDENTITY = bytes([1]) + bytes(31)
IDENTITY_OTHERWISE = (2**255 - 18).to_bytes(32, "little")
ORDER = 2**252 + 27742317777372353535851937790883648493


def test_own_signature_verifies_and_others_do_not() -> None:
    one, other = make_validators([1, 1])
    signature = one.sign(b"message")
    assert is_signed(one.public_key, b"message", signature)
    assert not is_signed(other.public_key, b"message", signature)
    assert not is_signed(one.public_key, b"massage", signature)
    assert not is_signed(one.public_key, b"message", signature[:-1])
    assert not is_signed(one.public_key[:-1], b"message", signature)


def test_small_order_and_non_canonical_points_are_accepted_as_in_zip_215() -> None:
    for point in (IDENTITY, IDENTITY_OTHERWISE):
        assert is_signed(point, b"anything", point + bytes(32))


def test_scalar_not_below_the_order_is_rejected() -> None:
    (one,) = make_validators([1])
    signature = one.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not is_signed(
        one.public_key, b"message", signature[:32] + scalar.to_bytes(32, "little")
    )


def test_address_is_the_head_of_the_keys_hash() -> None:
    address = address_of_public_key(bytes(32))
    assert address.hex() == "66687aadf862bd776c8fc18b8e9f8e20089714856"[:40]
