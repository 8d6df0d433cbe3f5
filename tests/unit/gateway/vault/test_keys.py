"""Key-encryption keys: from a private file, the environment, or a token."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultKeyError,
    VaultTokenError,
)
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.keys import (
    KeyEncryptionKey,
    SecretKey,
    load_key,
    load_key_of_command,
    make_key_file,
)
from huitong.gateway.vault.settings import (
    KEY_VARIABLE,
    EnvironmentKeySettings,
    FileKeySettings,
    TokenKeySettings,
)
from huitong.gateway.vault.wrapping import (
    WRAPPED_SIZE_BYTES,
    WrongKeyError,
    data_key_context,
    subject_key_context,
)
from huitong.testing.soft_token import SoftToken
from tests.vault_kit import INVOICE, KEY, open_room, pieces, read

WRAPPED = bytes(range(100, 132))


@pytest.fixture
def token_settings(soft_token: SoftToken, tmp_path: Path) -> TokenKeySettings:
    """Make a key of its own in the token."""
    pin = tmp_path / "pin"
    pin.write_text(soft_token.pin + "\n")
    pin.chmod(0o600)
    label = tmp_path.name[-40:]
    soft_token.make_key(label)
    return TokenKeySettings(
        source="pkcs11",
        module=soft_token.module,
        token=soft_token.label,
        label=label,
        pin_file=pin,
    )


def wrapped_and_back(key: KeyEncryptionKey) -> None:
    context = subject_key_context("id", "issuer")
    wrapped = key.wrap(WRAPPED, context)
    assert len(wrapped) == WRAPPED_SIZE_BYTES
    assert WRAPPED not in wrapped
    assert key.wrap(WRAPPED, context) != wrapped
    assert key.unwrap(wrapped, context) == WRAPPED
    for other in (
        subject_key_context("id2", "issuer"),
        subject_key_context("id", "issuer2"),
        subject_key_context("idi", "ssuer"),
        data_key_context(b"id", "issuer", ""),
    ):
        with pytest.raises(WrongKeyError):
            key.unwrap(wrapped, other)
    for index in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[index] ^= 1
        with pytest.raises(WrongKeyError):
            key.unwrap(bytes(changed), context)
    for size in (0, 12, len(wrapped) - 1):
        with pytest.raises(WrongKeyError):
            key.unwrap(wrapped[:size], context)


def test_secret_key_wraps_for_one_place_only() -> None:
    wrapped_and_back(KEY)


def test_token_wraps_inside_for_one_place_only(
    token_settings: TokenKeySettings,
) -> None:
    key = load_key(token_settings, {})
    wrapped_and_back(key)
    assert key.id.startswith("token-")
    again = load_key(token_settings, {})
    context = subject_key_context("id", "issuer")
    assert again.unwrap(key.wrap(WRAPPED, context), context) == WRAPPED


async def test_vault_keeps_payloads_under_a_key_in_a_token(
    token_settings: TokenKeySettings, tmp_path: Path
) -> None:
    key = load_key(token_settings, {})
    async with open_room(tmp_path, key=key) as room:
        await room.vault.check()
        stored = await room.vault.put(pieces(INVOICE))
        assert b"113.00" in await read(room.vault, stored.digest)
        moved = room.again(KEY, [key])
        assert (await moved.rotate()).rewrapped == 1
        assert b"113.00" in await read(room.again(KEY), stored.digest)


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        ({"token": "absent"}, VaultTokenError, "NoSuchToken"),
        ({"label": "absent"}, VaultKeyError, "no key 'absent'"),
        ({"module": Path("/absent.so")}, VaultTokenError, "absent"),
    ],
)
def test_token_that_cannot_be_used_is_told(
    token_settings: TokenKeySettings,
    change: dict[str, object],
    error: type[Exception],
    reason: str,
) -> None:
    key = load_key(token_settings.model_copy(update=change), {})
    for _ in range(2):
        with pytest.raises(error, match=reason):
            key.wrap(WRAPPED, b"context")
        with pytest.raises(error, match=reason):
            key.unwrap(bytes(WRAPPED_SIZE_BYTES), b"context")


def test_wrong_pin_is_told(token_settings: TokenKeySettings) -> None:
    wrong = token_settings.model_copy(update={"pin_file": None})
    key = load_key(wrong, {"HUITONG_VAULT_PIN": "000000"})
    with pytest.raises(VaultTokenError, match="PinIncorrect") as told:
        key.wrap(WRAPPED, b"context")
    assert "000000" not in str(told.value)
    with pytest.raises(VaultKeyError, match="HUITONG_VAULT_PIN"):
        load_key(wrong, {})


def test_key_of_another_size_in_a_token_is_refused(
    token_settings: TokenKeySettings, soft_token: SoftToken
) -> None:
    soft_token.make_key("short", bits=128)
    key = load_key(token_settings.model_copy(update={"label": "short"}), {})
    with pytest.raises(VaultKeyError, match="AES-256"):
        key.wrap(WRAPPED, b"context")


def test_key_comes_from_a_private_file_or_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "vault.key"
    key = make_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(FileKeySettings(path=path), {}).id == key.id
    environment = {KEY_VARIABLE: path.read_text()}
    from_environment = EnvironmentKeySettings(source="environment")
    assert load_key(from_environment, environment).id == key.id
    assert load_key_of_command(None, environment).id == key.id
    assert load_key_of_command(path, {}).id == key.id
    with pytest.raises(VaultKeyError, match="File exists"):
        make_key_file(path)
    path.chmod(0o640)
    with pytest.raises(VaultKeyError, match="read by others"):
        load_key(FileKeySettings(path=path), {})


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33, "ü" * 64])
def test_malformed_keys_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(VaultKeyError):
        load_key_of_command(None, {KEY_VARIABLE: text})
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(VaultKeyError):
        load_key(FileKeySettings(path=path), {})


def test_missing_keys_are_told(tmp_path: Path) -> None:
    with pytest.raises(VaultKeyError, match=KEY_VARIABLE):
        load_key_of_command(None, {})
    with pytest.raises(VaultKeyError, match="No such file"):
        load_key(FileKeySettings(path=tmp_path / "absent"), {})
    with pytest.raises(VaultKeyError):
        SecretKey(b"short")


def test_id_of_a_key_does_not_give_it_away() -> None:
    assert SecretKey(bytes(32)).id != KEY.id
    assert KEY.id not in bytes(range(32)).hex()


async def test_changed_wrapped_key_is_told() -> None:
    ring = KeyRing(KEY)
    wrapped = await ring.wrap(WRAPPED, "id", "issuer")
    with pytest.raises(VaultCorruptError, match="key id"):
        await ring.unwrap(wrapped[:-1] + b"x", KEY.id, "id", "issuer")
