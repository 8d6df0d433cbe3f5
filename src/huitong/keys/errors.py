"""Everything that may go wrong with keys; no secret is ever a field of these errors."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError


class InvalidMnemonicError(
    RejectedError,
    codespace="keys",
    code=2,
    text="the words are not a mnemonic: {reason}",
    next_step="Check spelling and order; the last word is a checksum of the others.",
):
    """Words that are not in the list, a wrong number of them, or a wrong checksum."""


class InvalidKeyNameError(
    RejectedError,
    codespace="keys",
    code=3,
    text="{name} cannot be the name of a key",
    next_step="Use 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit.",
):
    """A name that could not be a file's name everywhere."""


class KeyExistsError(
    RejectedError,
    codespace="keys",
    code=4,
    text="there is already a key named {name}",
    next_step="Choose another name; keys are never overwritten.",
):
    """The name is taken."""


class KeyNotFoundError(
    RejectedError,
    codespace="keys",
    code=5,
    text="there is no key named {name} in {folder}",
    next_step="`huitong keys list` shows the names, `huitong keys reader list` those "
    "of reader keys.",
):
    """No key has this name."""


class WrongPassphraseError(
    RejectedError,
    codespace="keys",
    code=6,
    text="the passphrase does not open the key {name}",
    next_step="Try again. A passphrase cannot be recovered; a signing key can be added "
    "once more from its mnemonic, under another name.",
):
    """The stored key does not decrypt."""


class PassphraseNeededError(
    RejectedError,
    codespace="keys",
    code=7,
    text="the key {name} is protected and needs its passphrase",
    next_step="Give --passphrase-file FILE or set HUITONG_PASSPHRASE_FILE; for a reader "
    "key in a command that signs too, --reader-passphrase-file FILE.",
):
    """A protected key without a passphrase."""


class EmptyPassphraseError(
    RejectedError,
    codespace="keys",
    code=8,
    text="an empty passphrase protects nothing",
    next_step="Choose a passphrase, or say --no-passphrase to store the key unprotected.",
):
    """A key that shall be protected by nothing."""


class DamagedKeyError(
    BrokenError,
    codespace="keys",
    code=9,
    text="the file {path} does not hold a key: {reason}",
    next_step="Restore the file from a backup, or add the key again from its mnemonic.",
):
    """A key's file that was cut off, edited, or written by something else."""


class LoosePermissionsError(
    RejectedError,
    codespace="keys",
    code=10,
    text="{path} holds a private key and others may use it: its mode is {mode}",
    next_step="chmod 600 FILE; if it lay there in clear for long, take a new key.",
):
    """A key's file that the group or everybody may read or write."""


class PassphraseFileError(
    RejectedError,
    codespace="keys",
    code=11,
    text="passphrase file {path}: {reason}",
    next_step="Write the passphrase into its first line, in UTF-8.",
):
    """The file that was named for the passphrase cannot be used."""


class PassphraseMismatchError(
    RejectedError,
    codespace="keys",
    code=12,
    text="{key}: {reason}",
    next_step="`huitong node key show` tells how the key is stored.",
):
    """A key that shall be sealed is sealed already, or one to be opened is not."""


class PassphraseTooShortError(
    RejectedError,
    codespace="keys",
    code=13,
    text="a passphrase of {count} characters seals nothing; it needs {minimum}",
    next_step="Choose a longer one, or --no-passphrase where the command has it. Keys "
    "that are sealed already open as before.",
):
    """Whoever has the file of the key can try all short ones."""
