"""One private key in one JSON file, readable by its owner only.

A file appears whole or not at all and is never overwritten. It holds the public part in
clear, as its kind of key wants it, and the private key of 32 bytes sealed under a
passphrase, or in clear if the caller said so.
"""

from __future__ import annotations

import binascii
import re
from pathlib import Path
from typing import Any, Final

import orjson

from huitong.keys.errors import (
    DamagedKeyError,
    EmptyPassphraseError,
    InvalidKeyNameError,
    KeyExistsError,
    KeyNotFoundError,
    PassphraseNeededError,
    WrongPassphraseError,
)
from huitong.keys.new_file import check_private, write_new_file
from huitong.keys.sealed import (
    NONCE_SIZE_BYTES,
    SALT_SIZE_BYTES,
    SCRYPT_LANES_MAX,
    SCRYPT_LANES_UNTOLD,
    SealedKey,
    find_opened,
    seal,
)

PRIVATE_KEY_SIZE_BYTES: Final = 32
_KIND_SEALED: Final = "scrypt-aes256gcm"
_KIND_PLAIN: Final = "plain"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SUFFIX: Final = ".json"
_TAG_SIZE_BYTES: Final = 16


def path_of(folder: Path, name: str) -> Path:
    """Return where the key ``name`` lies or would lie.

    Raises:
        InvalidKeyNameError: the name cannot be one.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidKeyNameError(name=name)
    return folder / (name + _SUFFIX)


def names_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the keys in a folder, sorted; none if there is no folder."""
    return tuple(sorted(path.stem for path in folder.glob("*" + _SUFFIX)))


def read_key_file(folder: Path, name: str, form: str) -> dict[str, Any]:
    """Return what the file of a key says.

    Raises:
        InvalidKeyNameError: the name cannot be one.
        KeyNotFoundError: there is no such key.
        LoosePermissionsError: others than its owner may read or write the file.
        DamagedKeyError: its file is not a key's of the form ``form``.
    """
    path = path_of(folder, name)
    try:
        check_private(path)
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise KeyNotFoundError(name=name, folder=folder) from None
    except orjson.JSONDecodeError:
        raise DamagedKeyError(path=path, reason="no JSON") from None
    if not isinstance(content, dict) or content.get("format") != form:
        raise DamagedKeyError(path=path, reason=f"expected format {form}")
    if content.get("name") != name:
        raise DamagedKeyError(path=path, reason="it has another name")
    return content


def write_key_file(folder: Path, name: str, content: dict[str, Any]) -> None:
    """Write the file of a new key; its folder is made if need be.

    Raises:
        InvalidKeyNameError: the name cannot be one.
        KeyExistsError: the name is taken.
    """
    path = path_of(folder, name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"
    try:
        write_new_file(path, data)
    except FileExistsError:
        raise KeyExistsError(name=name) from None


def check_may_add(folder: Path, name: str, passphrase: str | None) -> None:
    """Raise if a key cannot be added under this name and passphrase.

    Raises:
        InvalidKeyNameError: the name cannot be one.
        KeyExistsError: the name is taken.
        EmptyPassphraseError: a passphrase of no characters.
    """
    if path_of(folder, name).exists():
        raise KeyExistsError(name=name)
    if passphrase == "":
        raise EmptyPassphraseError()


def encode_secret(
    private_key: bytes, passphrase: str | None, context: bytes
) -> dict[str, str | int]:
    """Return a private key as a file holds it: sealed, or in clear without passphrase.

    Args:
        private_key: 32 bytes.
        passphrase: what seals it.
        context: what the file says of the key; a sealed one opens with nothing else.
    """
    if passphrase is None:
        return {"kind": _KIND_PLAIN, "private_key": private_key.hex()}
    sealed = seal(private_key, passphrase, context)
    return {
        "kind": _KIND_SEALED,
        "lanes": sealed.lanes,
        "salt": sealed.salt.hex(),
        "nonce": sealed.nonce.hex(),
        "ciphertext": sealed.ciphertext.hex(),
    }


def is_sealed(content: dict[str, Any], path: Path) -> bool:
    """Tell whether the private key in a file is under a passphrase.

    Raises:
        DamagedKeyError: the file does not say.
    """
    secret = content.get("secret")
    kind = secret.get("kind") if isinstance(secret, dict) else None
    if kind not in (_KIND_SEALED, _KIND_PLAIN):
        raise DamagedKeyError(path=path, reason=f"secret of unknown kind {kind}")
    return bool(kind == _KIND_SEALED)


def open_secret(
    content: dict[str, Any], passphrase: str | None, context: bytes, path: Path
) -> bytes:
    """Return the private key in a file, 32 bytes.

    Raises:
        PassphraseNeededError: it is sealed and no passphrase was given.
        WrongPassphraseError: the passphrase does not open it.
        DamagedKeyError: the file does not hold a key.

    Cost: about 0.3 s and 32 MiB for a sealed key.
    """
    if not is_sealed(content, path):
        return bytes_of(
            content["secret"], "private_key", path, size=PRIVATE_KEY_SIZE_BYTES
        )
    secret, name = content["secret"], content["name"]
    sealed = SealedKey(
        salt=bytes_of(secret, "salt", path, size=SALT_SIZE_BYTES),
        nonce=bytes_of(secret, "nonce", path, size=NONCE_SIZE_BYTES),
        ciphertext=bytes_of(
            secret, "ciphertext", path, size=PRIVATE_KEY_SIZE_BYTES + _TAG_SIZE_BYTES
        ),
        lanes=_lanes_of(secret, path),
    )
    if passphrase is None:
        raise PassphraseNeededError(name=name)
    private_key = find_opened(sealed, passphrase, context)
    if private_key is None:
        raise WrongPassphraseError(name=name)
    return private_key


def _lanes_of(secret: dict[str, Any], path: Path) -> int:
    lanes = secret.get("lanes", SCRYPT_LANES_UNTOLD)
    if type(lanes) is not int or not 1 <= lanes <= SCRYPT_LANES_MAX:
        raise DamagedKeyError(
            path=path, reason=f"lanes is not a number from 1 to {SCRYPT_LANES_MAX}"
        )
    return lanes


def bytes_of(content: dict[str, Any], field: str, path: Path, *, size: int) -> bytes:
    """Return the bytes that a file holds in hex under ``field``.

    Raises:
        DamagedKeyError: it holds no such field, or one of another size.
    """
    value = content.get(field)
    try:
        data = binascii.unhexlify(value) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    if len(data) != size:
        raise DamagedKeyError(path=path, reason=f"{field} is not {size} bytes in hex")
    return data
