"""Reader keys at rest: named, sealed, never overwritten, noticed when damaged."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from huitong.gateway.reader_keys import ReaderKeys
from huitong.keys.errors import (
    DamagedKeyError,
    EmptyPassphraseError,
    InvalidKeyNameError,
    KeyExistsError,
    KeyNotFoundError,
    PassphraseNeededError,
    WrongPassphraseError,
)
from huitong.payload.sealing import encryption_public_key


@pytest.fixture
def keys(tmp_path: Path) -> ReaderKeys:
    return ReaderKeys(tmp_path / "reader-keys")


def _change(keys: ReaderKeys, name: str, /, **changes: object) -> None:
    path = keys.path / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_key_is_kept_sealed_and_for_its_owner_only(keys: ReaderKeys) -> None:
    made = keys.create("bank", "s3cret")
    private_key = keys.unlock("bank", "s3cret")
    assert encryption_public_key(private_key) == made.public_key
    assert keys.get("bank") == made
    file = keys.path / "bank.json"
    assert private_key.hex() not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o700


def test_key_without_passphrase_opens_without(keys: ReaderKeys) -> None:
    made = keys.create("bank", None)
    assert not made.is_protected
    assert encryption_public_key(keys.unlock("bank")) == made.public_key


def test_keys_are_listed_by_name(keys: ReaderKeys) -> None:
    assert keys.list() == ()
    second, first = keys.create("b", None), keys.create("a", None)
    assert keys.list() == (first, second)


def test_keys_are_never_overwritten(keys: ReaderKeys) -> None:
    made = keys.create("bank", None)
    with pytest.raises(KeyExistsError):
        keys.create("bank", None)
    assert keys.get("bank") == made


def test_what_cannot_be_is_refused(keys: ReaderKeys) -> None:
    with pytest.raises(InvalidKeyNameError):
        keys.create("../bank", None)
    with pytest.raises(EmptyPassphraseError):
        keys.create("bank", "")
    with pytest.raises(KeyNotFoundError):
        keys.unlock("bank")
    keys.create("bank", "s3cret")
    with pytest.raises(PassphraseNeededError):
        keys.unlock("bank")
    with pytest.raises(WrongPassphraseError):
        keys.unlock("bank", "other")


def test_damaged_file_is_noticed(keys: ReaderKeys) -> None:
    keys.create("plain", None)
    other = keys.create("other", None)
    _change(keys, "plain", public_key=other.public_key.hex())
    with pytest.raises(DamagedKeyError, match="differ"):
        keys.unlock("plain")
    _change(keys, "plain", public_key="00")
    with pytest.raises(DamagedKeyError, match="32 bytes"):
        keys.get("plain")
    _change(keys, "other", format="huitong-key-1")
    with pytest.raises(DamagedKeyError, match="expected format"):
        keys.get("other")
    _change(keys, "other", format="huitong-reader-key-1", name="plain")
    with pytest.raises(DamagedKeyError, match="another name"):
        keys.get("other")


def test_sealed_key_of_one_name_does_not_pass_for_another(keys: ReaderKeys) -> None:
    keys.create("bank", "s3cret")
    (keys.path / "bank.json").rename(keys.path / "eve.json")
    _change(keys, "eve", name="eve")
    with pytest.raises(WrongPassphraseError):
        keys.unlock("eve", "s3cret")
