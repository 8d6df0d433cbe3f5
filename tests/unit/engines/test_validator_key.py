"""Validator keys in CometBFT's file form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huitong.engines.errors import ValidatorKeyError
from huitong.engines.validator_key import (
    load_validator_key,
    new_validator_key,
    save_validator_key,
    validator_key_from_seed,
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
    with pytest.raises(ValidatorKeyError):
        load_validator_key(path)


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidatorKeyError):
        load_validator_key(tmp_path / "key.json")
