"""Keys of accounts: words, derivation, and the folder that holds them encrypted."""

from huitong.keys.keyring import KeyRecord, Keyring
from huitong.keys.mnemonics import create_mnemonic, private_key_of_mnemonic

__all__ = ["KeyRecord", "Keyring", "create_mnemonic", "private_key_of_mnemonic"]
