"""A private key under a passphrase: scrypt makes the key, AES-256-GCM seals it.

The name and the public key are authenticated with it, so that a file cannot be passed
off as another key's.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SALT_SIZE_BYTES: Final = 16
NONCE_SIZE_BYTES: Final = 12
_KEY_SIZE_BYTES: Final = 32
#: Cost of scrypt (RFC 7914): 32 MiB, and about 0.3 s for each guess. OWASP names it as
#: equal to 128 MiB in one lane, which would be too much for small containers.
SCRYPT_COST: Final = 2**15
SCRYPT_BLOCK_SIZE: Final = 8
SCRYPT_LANES: Final = 3
#: Of keys that were sealed before lanes were told with them.
SCRYPT_LANES_UNTOLD: Final = 1
#: Most that is accepted from a file, so that a forged one cannot keep us busy.
SCRYPT_LANES_MAX: Final = 16


#: Fewest characters of a passphrase that seals a key from now on. At 0.3 s a guess, eight
#: at random last; the least that NIST SP 800-63B (section 5.1.1) has people choose.
PASSPHRASE_CHARACTERS_MIN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A private key that only its passphrase opens."""

    salt: bytes
    """16 random bytes, chosen anew for each sealing."""
    nonce: bytes
    """12 random bytes, chosen anew for each sealing."""
    ciphertext: bytes
    """The private key in AES-256-GCM, 32 bytes and a tag of 16."""
    lanes: int = SCRYPT_LANES
    """Scrypt's parallelization, 1 to 16; time grows with it."""


def seal(private_key: bytes, passphrase: str, context: bytes) -> SealedKey:
    """Return ``private_key`` sealed under ``passphrase`` and bound to ``context``."""
    salt, nonce = os.urandom(SALT_SIZE_BYTES), os.urandom(NONCE_SIZE_BYTES)
    cipher = AESGCM(_derived_key(passphrase, salt, SCRYPT_LANES))
    ciphertext = cipher.encrypt(nonce, private_key, context)
    return SealedKey(salt=salt, nonce=nonce, ciphertext=ciphertext)


def find_opened(sealed: SealedKey, passphrase: str, context: bytes) -> bytes | None:
    """Return the private key, None if passphrase, context or ciphertext are wrong."""
    cipher = AESGCM(_derived_key(passphrase, sealed.salt, sealed.lanes))
    try:
        return cipher.decrypt(sealed.nonce, sealed.ciphertext, context)
    except InvalidTag:
        return None


def _derived_key(passphrase: str, salt: bytes, lanes: int) -> bytes:
    kdf = Scrypt(
        salt=salt,
        length=_KEY_SIZE_BYTES,
        n=SCRYPT_COST,
        r=SCRYPT_BLOCK_SIZE,
        p=lanes,
    )
    # Keyboards differ in how they compose the same character.
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())
