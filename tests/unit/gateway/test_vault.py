"""Payloads at rest: encrypted, whole, and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from huitong.gateway.folder_vault import KEY_VARIABLE, Vault, load_key, make_key_file
from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultEntryNotFoundError,
    VaultKeyError,
    VaultStoreError,
)
from huitong.payload.document import make_payload

KEY = bytes(range(32))
SECRET = b'{"seller":"West Lake Silk","total":"113.00"}'


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault", KEY)


def _only_file(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "vault").iterdir()
    return file


def test_stored_payload_comes_back_and_nothing_is_in_clear(
    vault: Vault, tmp_path: Path
) -> None:
    payload = make_payload(SECRET)
    digest = vault.put(payload)
    assert vault.put(payload) == digest
    assert vault.has(digest)
    assert vault.digests() == [digest]
    assert dict(vault.get(digest).fields) == dict(payload.fields)
    stored = _only_file(tmp_path).read_bytes()
    for part in (b"Silk", b"113", b"total", *payload.salts.values()):
        assert part not in stored
    assert _only_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "vault").stat().st_mode & 0o777 == 0o700


def test_any_changed_byte_of_an_entry_is_found(vault: Vault, tmp_path: Path) -> None:
    digest = vault.put(make_payload(b"x"))
    file = _only_file(tmp_path)
    good = file.read_bytes()
    for index in range(len(good)):
        changed = bytearray(good)
        changed[index] ^= 1
        file.write_bytes(changed)
        with pytest.raises(VaultCorruptError):
            vault.get(digest)
    for cut in (0, 7, 60, len(good) - 1):
        file.write_bytes(good[:cut])
        with pytest.raises(VaultCorruptError):
            vault.get(digest)


def test_entry_under_another_digest_is_refused(vault: Vault, tmp_path: Path) -> None:
    vault.put(make_payload(b"x"))
    other = bytes(32)
    _only_file(tmp_path).rename(tmp_path / "vault" / f"{other.hex()}.payload")
    with pytest.raises(VaultCorruptError, match="changed on disk"):
        vault.get(other)


def test_another_key_does_not_open_the_vault(vault: Vault, tmp_path: Path) -> None:
    digest = vault.put(make_payload(b"x"))
    with pytest.raises(VaultCorruptError, match="another key"):
        Vault(tmp_path / "vault", bytes(32)).get(digest)


def test_change_of_key_keeps_payloads_and_shuts_out_the_old_key(
    vault: Vault, tmp_path: Path
) -> None:
    digests = [vault.put(make_payload(text)) for text in (b"x", b"y")]
    vault.change_key(bytes(32))
    vault.change_key(bytes(32))
    for digest in digests:
        assert vault.get(digest).fields
        with pytest.raises(VaultCorruptError):
            Vault(tmp_path / "vault", KEY).get(digest)
    with pytest.raises(VaultKeyError):
        vault.change_key(b"short")


def test_erased_payload_is_gone(vault: Vault) -> None:
    digest = vault.put(make_payload(b"x"))
    vault.delete(digest)
    with pytest.raises(VaultEntryNotFoundError):
        vault.get(digest)
    with pytest.raises(VaultEntryNotFoundError):
        vault.delete(digest)


def test_full_disk_leaves_no_half_entry(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(VaultStoreError, match="No space left"):
            vault.put(make_payload(b"x"))
    assert list((tmp_path / "vault").iterdir()) == []


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VaultStoreError):
        Vault(tmp_path / "file" / "vault", KEY)


def test_key_comes_from_a_private_file_or_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "vault.key"
    key = make_key_file(path)
    assert load_key(path, {}) == key
    assert load_key(None, {KEY_VARIABLE: key.hex()}) == key
    with pytest.raises(VaultKeyError, match="File exists"):
        make_key_file(path)
    path.chmod(0o644)
    with pytest.raises(VaultKeyError, match="read by others"):
        load_key(path, {})


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33])
def test_malformed_keys_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(VaultKeyError):
        load_key(None, {KEY_VARIABLE: text})
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(VaultKeyError):
        load_key(path, {})


def test_missing_keys_are_told(tmp_path: Path) -> None:
    with pytest.raises(VaultKeyError, match=KEY_VARIABLE):
        load_key(None, {})
    with pytest.raises(VaultKeyError, match="No such file"):
        load_key(tmp_path / "absent", {})
    with pytest.raises(VaultKeyError):
        Vault(tmp_path, b"short")
