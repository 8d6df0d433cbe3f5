"""Validator keys in CometBFT's file form."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from huitong.engines.errors import ValidatorKeyError
from huitong.engines.validator_key import (
    load_validator_identity,
    load_validator_key,
    new_validator_key,
    replace_validator_key,
    save_validator_key,
    validator_key_from_seed,
)
from huitong.keys.errors import (
    EmptyPassphraseError,
    LoosePermissionsError,
    PassphraseNeededError,
    WrongPassphraseError,
)
from huitong.light.tendermint.signatures import is_signed


def test_saved_key_is_loaded_and_signs(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    key = new_validator_key()
    save_validator_key(key, path)
    assert load_validator_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_signed(key.public_key, b"vote", key.sign(b"vote"))


def test_secret_is_not_shown() -> None:
    key = validator_key_from_seed(b"\x07" * 32)
    assert "07" * 8 not in repr(key)
    assert repr(b"\x07" * 8)[2:-1] not in repr(key)


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    save_validator_key(new_validator_key(), path)
    with pytest.raises(ValidatorKeyError):
        save_validator_key(new_validator_key(), path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("address", "00" * 20),
        ("pub_key", {"type": "tendermint/PubKeyEd25519", "value": "AAAA"}),
        ("pub_key", {"type": "other", "value": ""}),
        ("priv_key", {"type": "tendermint/PrivKeyEd25519", "value": "AAAA"}),
        ("priv_key", {"type": "tendermint/PrivKeyEd25519", "value": "!"}),
        ("priv_key", None),
    ],
)
def test_contradictory_file_is_refused(tmp_path: Path, name: str, value: Any) -> None:
    path = tmp_path / "key.json"
    save_validator_key(new_validator_key(), path)
    document = json.loads(path.read_text())
    document[name] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ValidatorKeyError):
        load_validator_key(path)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"[" * 100_000])
def test_malformed_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(ValidatorKeyError):
        load_validator_key(path)
    with pytest.raises(ValidatorKeyError):
        load_validator_identity(path)


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidatorKeyError):
        load_validator_key(tmp_path / "key.json")


def test_sealed_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    key = new_validator_key()
    save_validator_key(key, path, "secret")
    assert load_validator_key(path, "secret") == key
    with pytest.raises(WrongPassphraseError):
        load_validator_key(path, "Secret")
    with pytest.raises(PassphraseNeededError):
        load_validator_key(path)


def test_sealed_file_holds_no_secret_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    key = new_validator_key()
    save_validator_key(key, path, "secret")
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for form in (key.seed.hex(), base64.b64encode(key.seed)[:40].decode()):
        assert form not in text
    assert key.seed.hex() not in repr(key)


def test_public_part_needs_no_passphrase(tmp_path: Path) -> None:
    key = new_validator_key()
    for passphrase in (None, "secret"):
        path = tmp_path / f"{passphrase}.json"
        save_validator_key(key, path, passphrase)
        identity = load_validator_identity(path)
        assert (identity.public_key, identity.address) == (key.public_key, key.address)
        assert identity.is_sealed == (passphrase is not None)


def test_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyPassphraseError):
        save_validator_key(new_validator_key(), tmp_path / "key.json", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "00" * 20},
        {"pub_key": {"type": "tendermint/PubKeyEd25519", "value": "AAAA"}},
        {"name": "another"},
        {"secret": None},
        {"secret": {"kind": "scrypt-aes256gcm", "salt": "00"}},
        {"format": "huitong-validator-key-2"},
    ],
)
def test_garbled_sealed_file_is_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = tmp_path / "key.json"
    save_validator_key(new_validator_key(), path, "secret")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ValidatorKeyError):
        load_validator_key(path, "secret")


def test_sealed_key_is_bound_to_its_public_key(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    save_validator_key(new_validator_key(), path, "secret")
    other = new_validator_key()
    document = json.loads(path.read_text())
    document["address"] = other.address.hex().upper()
    document["pub_key"]["value"] = base64.b64encode(other.public_key).decode()
    path.write_text(json.dumps(document))
    with pytest.raises(WrongPassphraseError):
        load_validator_key(path, "secret")


@pytest.mark.parametrize("keep", [0, 1, 100, 300])
def test_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "key.json"
    save_validator_key(new_validator_key(), path, "secret")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValidatorKeyError, match="not JSON"):
        load_validator_key(path, "secret")


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    save_validator_key(new_validator_key(), path)
    path.chmod(0o640)
    with pytest.raises(LoosePermissionsError, match="0640"):
        load_validator_key(path)


def test_key_is_sealed_and_opened_in_place(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    key = new_validator_key()
    save_validator_key(key, path)
    replace_validator_key(key, path, "secret")
    assert load_validator_key(path, "secret") == key
    replace_validator_key(key, path, None)
    assert load_validator_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["key.json"]
