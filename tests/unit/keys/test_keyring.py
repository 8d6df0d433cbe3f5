"""The folder of keys."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from huitong.core.address import address_of_public_key
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.keys import Keyring, private_key_of_mnemonic
from huitong.keys.errors import (
    DamagedKeyError,
    EmptyPassphraseError,
    InvalidKeyNameError,
    InvalidMnemonicError,
    KeyExistsError,
    KeyNotFoundError,
    LoosePermissionsError,
    PassphraseNeededError,
    WrongPassphraseError,
)

WORDS = "abandon " * 11 + "about"


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "home" / "keyring")


def test_created_key_is_the_one_of_its_words(keyring: Keyring) -> None:
    record, words = keyring.create("bob")
    private_key = keyring.unlock("bob")
    assert private_key == private_key_of_mnemonic(words)
    assert record.public_key == public_key_of_private_key(private_key)
    assert record.address == address_of_public_key(record.public_key)
    assert not record.is_protected
    assert keyring.get("bob") == record


def test_given_words_are_used(keyring: Keyring) -> None:
    _, words = keyring.create("bob", WORDS)
    assert words == WORDS
    assert keyring.unlock("bob") == private_key_of_mnemonic(WORDS)


def test_sealed_key_opens_with_its_passphrase_only(keyring: Keyring) -> None:
    record, _ = keyring.create("bob", WORDS, "p汇ss")
    assert record.is_protected
    assert keyring.get("bob") == record
    assert keyring.unlock("bob", "p汇ss") == private_key_of_mnemonic(WORDS)
    with pytest.raises(WrongPassphraseError) as caught:
        keyring.unlock("bob", "pass")
    assert caught.value.next_step
    with pytest.raises(PassphraseNeededError):
        keyring.unlock("bob")


def test_passphrase_may_be_typed_in_composed_or_decomposed_form(
    keyring: Keyring,
) -> None:
    keyring.create("bob", WORDS, "caf\u00e9")
    assert keyring.unlock("bob", "cafe\u0301") == private_key_of_mnemonic(WORDS)


def test_the_file_of_a_sealed_key_does_not_hold_it(keyring: Keyring) -> None:
    keyring.create("bob", WORDS, "secret")
    data = (keyring.path / "bob.json").read_text()
    assert private_key_of_mnemonic(WORDS).hex() not in data
    assert "abandon" not in data


def test_sealing_twice_gives_other_bytes(keyring: Keyring) -> None:
    keyring.create("a", WORDS, "secret")
    keyring.create("b", WORDS, "secret")
    first, second = (stored(keyring, name)["secret"] for name in "ab")
    assert all(
        first[field] != second[field] for field in ("salt", "nonce", "ciphertext")
    )


def test_only_the_owner_may_read(keyring: Keyring) -> None:
    keyring.create("bob", WORDS)
    assert stat.S_IMODE((keyring.path / "bob.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(keyring.path.stat().st_mode) == 0o700
    assert [path.name for path in keyring.path.iterdir()] == ["bob.json"]


def test_a_taken_name_is_refused_and_the_key_kept(keyring: Keyring) -> None:
    keyring.create("bob", WORDS)
    before = (keyring.path / "bob.json").read_bytes()
    with pytest.raises(KeyExistsError):
        keyring.create("bob")
    assert (keyring.path / "bob.json").read_bytes() == before


def test_a_name_taken_meanwhile_is_refused(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.create("bob", WORDS)
    before = (keyring.path / "bob.json").read_bytes()
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(KeyExistsError):
        keyring.create("bob")
    assert (keyring.path / "bob.json").read_bytes() == before
    assert [path.name for path in keyring.path.iterdir()] == ["bob.json"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", ".a", "-a", "a b", "键", "a\n", "a" * 65]
)
def test_names_that_are_no_file_names_are_refused(keyring: Keyring, name: str) -> None:
    for attempt in (keyring.create, keyring.get, keyring.unlock):
        with pytest.raises(InvalidKeyNameError):
            attempt(name)
    assert not keyring.path.exists()


def test_the_longest_name_is_accepted(keyring: Keyring) -> None:
    assert keyring.create("a" * 64, WORDS)[0].name == "a" * 64


def test_bad_words_leave_nothing_behind(keyring: Keyring) -> None:
    with pytest.raises(InvalidMnemonicError):
        keyring.create("bob", "abandon")
    assert not keyring.path.exists()


def test_an_empty_passphrase_is_refused(keyring: Keyring) -> None:
    with pytest.raises(EmptyPassphraseError):
        keyring.create("bob", WORDS, "")
    assert keyring.list() == ()


def test_an_absent_key_is_not_found(keyring: Keyring) -> None:
    for attempt in (keyring.get, keyring.unlock):
        with pytest.raises(KeyNotFoundError, match="bob"):
            attempt("bob")


def test_keys_are_listed_by_name(keyring: Keyring) -> None:
    assert keyring.list() == ()
    made = [keyring.create(name)[0] for name in ("c", "a", "b")]
    assert list(keyring.list()) == sorted(made, key=lambda record: record.name)


def stored(keyring: Keyring, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((keyring.path / f"{name}.json").read_text())
    return content


def other_format(content: dict[str, Any]) -> None:
    content["format"] = "huitong-key-2"


def other_name(content: dict[str, Any]) -> None:
    content["name"] = "alice"


def other_address(content: dict[str, Any]) -> None:
    content["address"] = "ht1"


def short_public_key(content: dict[str, Any]) -> None:
    content["public_key"] = content["public_key"][:-2]


def public_key_of_another_type(content: dict[str, Any]) -> None:
    content["public_key"] = 7


def secret_of_another_kind(content: dict[str, Any]) -> None:
    content["secret"]["kind"] = "rot13"


def no_secret(content: dict[str, Any]) -> None:
    content["secret"] = None


@pytest.mark.parametrize(
    "bend",
    [
        other_format,
        other_name,
        other_address,
        short_public_key,
        public_key_of_another_type,
        secret_of_another_kind,
        no_secret,
    ],
)
def test_a_damaged_file_is_no_key(
    keyring: Keyring, bend: Callable[[dict[str, Any]], None]
) -> None:
    keyring.create("bob", WORDS)
    content = stored(keyring, "bob")
    bend(content)
    (keyring.path / "bob.json").write_text(json.dumps(content))
    for attempt in (keyring.get, keyring.unlock):
        with pytest.raises(DamagedKeyError):
            attempt("bob")
    with pytest.raises(DamagedKeyError):
        keyring.list()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_file_without_a_key_object_is_no_key(keyring: Keyring, data: bytes) -> None:
    keyring.create("bob", WORDS)
    (keyring.path / "bob.json").write_bytes(data)
    with pytest.raises(DamagedKeyError):
        keyring.get("bob")


@pytest.mark.parametrize(
    "value", ["", "zz", "00" * 31, "00" * 32, "ff" * 32, "01" * 32]
)
def test_a_damaged_private_key_does_not_unlock(keyring: Keyring, value: str) -> None:
    keyring.create("bob", WORDS)
    content = stored(keyring, "bob")
    content["secret"]["private_key"] = value
    (keyring.path / "bob.json").write_text(json.dumps(content))
    with pytest.raises(DamagedKeyError):
        keyring.unlock("bob")


@pytest.mark.parametrize("field", ["salt", "nonce", "ciphertext"])
def test_a_damaged_seal_does_not_unlock(keyring: Keyring, field: str) -> None:
    keyring.create("bob", WORDS, "secret")
    content = stored(keyring, "bob")
    path = keyring.path / "bob.json"
    original = content["secret"][field]
    content["secret"][field] = original[2:]
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedKeyError, match=field):
        keyring.unlock("bob", "secret")
    content["secret"][field] = f"{int(original[:2], 16) ^ 1:02x}" + original[2:]
    path.write_text(json.dumps(content))
    with pytest.raises(WrongPassphraseError):
        keyring.unlock("bob", "secret")


def test_a_sealed_key_cannot_be_passed_off_under_another_name(keyring: Keyring) -> None:
    keyring.create("bob", WORDS, "secret")
    content = stored(keyring, "bob") | {"name": "alice"}
    other = keyring.path / "alice.json"
    other.write_text(json.dumps(content))
    other.chmod(0o600)
    with pytest.raises(WrongPassphraseError):
        keyring.unlock("alice", "secret")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o777])
def test_a_key_that_others_may_use_is_refused(keyring: Keyring, mode: int) -> None:
    keyring.create("bob", WORDS, None)
    (keyring.path / "bob.json").chmod(mode)
    with pytest.raises(LoosePermissionsError, match=f"{mode:04o}"):
        keyring.unlock("bob")


def test_a_key_sealed_before_lanes_were_told_opens(keyring: Keyring) -> None:
    # Sealed by the version of huitong before; passphrase "secret", key of WORDS.
    salt, nonce = bytes(range(16)), bytes(range(12))
    record, _ = keyring.create("bob", WORDS, "secret")
    content = stored(keyring, "bob")
    kdf = Scrypt(salt=salt, length=32, n=2**15, r=8, p=1)
    context = b"huitong-key-1\0bob\0" + record.public_key
    cipher = AESGCM(kdf.derive(b"secret"))
    private_key = keyring.unlock("bob", "secret")
    content["secret"] = {
        "kind": "scrypt-aes256gcm",
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "ciphertext": cipher.encrypt(nonce, private_key, context).hex(),
    }
    (keyring.path / "bob.json").write_text(json.dumps(content))
    assert keyring.unlock("bob", "secret") == private_key


@pytest.mark.parametrize("lanes", [0, 17, -1, "3", 1.0, True, None])
def test_a_forged_cost_is_refused_before_it_costs(
    keyring: Keyring, lanes: object
) -> None:
    keyring.create("bob", WORDS, "secret")
    content = stored(keyring, "bob")
    content["secret"]["lanes"] = lanes
    (keyring.path / "bob.json").write_text(json.dumps(content))
    with pytest.raises(DamagedKeyError, match="lanes"):
        keyring.unlock("bob", "secret")
