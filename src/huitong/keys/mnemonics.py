"""From words to a private key (BIP-39, BIP-32, BIP-44), as Cosmos wallets do it.

The path is m/44'/118'/0'/0/0, the first account of the Cosmos coin type, so that the
same words give the same key in Keplr, CosmJS and Hermes.
"""

from __future__ import annotations

from typing import Final

from bip32 import BIP32
from mnemonic import Mnemonic

from huitong.keys.errors import InvalidMnemonicError

DERIVATION_PATH: Final = "m/44'/118'/0'/0/0"
#: Bits of a new mnemonic's entropy: 24 words.
ENTROPY_BITS: Final = 256
WORD_COUNTS: Final = (12, 15, 18, 21, 24)

_LANGUAGE: Final = "english"


def create_mnemonic() -> str:
    """Return 24 new words from the operating system's randomness."""
    return Mnemonic(_LANGUAGE).generate(ENTROPY_BITS)


def check_mnemonic(text: str) -> str:
    """Return the words in lower case with single spaces between them.

    Raises:
        InvalidMnemonicError: unknown words, a wrong number of them, a wrong checksum.
    """
    words = text.lower().split()
    if len(words) not in WORD_COUNTS:
        counts = ", ".join(map(str, WORD_COUNTS))
        raise InvalidMnemonicError(
            reason=f"{len(words)} words, expected one of {counts}"
        )
    rules = Mnemonic(_LANGUAGE)
    for place, word in enumerate(words, start=1):
        if word not in rules.wordlist:
            # The word itself stays out: it is most of a secret.
            raise InvalidMnemonicError(reason=f"word {place} is not in the list")
    joined = " ".join(words)
    if not rules.check(joined):
        raise InvalidMnemonicError(reason="the checksum does not match")
    return joined


def private_key_of_mnemonic(text: str) -> bytes:
    """Return the 32 bytes of the private key that the words stand for.

    Raises:
        InvalidMnemonicError: the words are no mnemonic.

    Cost: about 2 ms, 2,048 rounds of HMAC-SHA-512.
    """
    seed = Mnemonic.to_seed(check_mnemonic(text))
    key: bytes = BIP32.from_seed(seed).get_privkey_from_path(DERIVATION_PATH)
    return key
