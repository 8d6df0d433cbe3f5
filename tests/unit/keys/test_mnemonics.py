"""Words and the keys that they stand for."""

from __future__ import annotations

import bech32
import pytest

from huitong.core.address import address_of_public_key, decode_address
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.keys.errors import InvalidMnemonicError
from huitong.keys.mnemonics import (
    check_mnemonic,
    create_mnemonic,
    private_key_of_mnemonic,
)

#: The example of BIP-39 and the address that Cosmos wallets show for it.
WORDS = "abandon " * 11 + "about"
COSMOS_ADDRESS = "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4"


def test_words_give_the_account_that_cosmos_wallets_show() -> None:
    public_key = public_key_of_private_key(private_key_of_mnemonic(WORDS))
    words = bech32.bech32_decode(COSMOS_ADDRESS)[1]
    expected = bytes(bech32.convertbits(words, 5, 8, False))
    assert decode_address(address_of_public_key(public_key)) == expected


def test_new_mnemonics_have_24_words_and_differ() -> None:
    first, second = create_mnemonic(), create_mnemonic()
    assert len(first.split()) == 24
    assert first != second
    assert check_mnemonic(first) == first


def test_spaces_lines_and_capitals_do_not_matter() -> None:
    written = "  " + WORDS.upper().replace(" ", "\n ") + "\n"
    assert check_mnemonic(written) == WORDS


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "0 words"),
        ("abandon " * 11, "11 words"),
        ("abandon " * 12, "checksum"),
        ("abandon " * 25, "25 words"),
        ("abandon " * 10 + "about about", "checksum"),
        ("abandon " * 11 + "zzzz", "word 12 is not in the list"),
        ("放弃 " * 12, "word 1 is not in the list"),
    ],
)
def test_other_words_are_no_mnemonic(words: str, reason: str) -> None:
    with pytest.raises(InvalidMnemonicError, match=reason):
        private_key_of_mnemonic(words)


def test_the_error_does_not_show_the_words() -> None:
    with pytest.raises(InvalidMnemonicError) as caught:
        check_mnemonic("secret " * 11 + "sekret")
    assert "sekret" not in caught.value.diagnostics()
    assert "secret" not in caught.value.diagnostics()
