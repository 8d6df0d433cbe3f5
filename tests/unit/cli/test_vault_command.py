"""``huitong vault`` and ``huitong keys reader`` as a person and as a program use them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.keys import keys, reader_keys_of
from huitong.cli.vault import vault
from huitong.gateway.folder_vault import Vault, load_key
from huitong.payload.document import make_payload


def run(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_vault_is_made_with_a_key_of_its_own(tmp_path: Path) -> None:
    folder, key = tmp_path / "vault", tmp_path / "keys" / "vault.key"
    made = run(vault, "init", folder, "--vault-key", key, "--json")
    assert json.loads(made.stdout) == {
        "ok": True,
        "vault": str(folder),
        "key": str(key),
    }
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    digest = Vault(folder, load_key(key, {})).put(make_payload(b'{"b":1,"a":"secret"}'))
    listed = run(vault, "list", folder, "--vault-key", key, "--json")
    assert json.loads(listed.stdout) == {
        "payloads": [{"digest": digest.hex(), "fields": ["a", "b"]}]
    }
    assert "secret" not in listed.stdout


def test_neither_key_nor_vault_is_replaced(tmp_path: Path) -> None:
    folder, key = tmp_path / "vault", tmp_path / "vault.key"
    run(vault, "init", folder, "--vault-key", key)
    first = key.read_bytes()
    again = run(vault, "init", tmp_path / "other", "--vault-key", key)
    assert again.exit_code == 1
    assert "[vault/2]" in again.stderr
    assert key.read_bytes() == first
    Vault(folder, load_key(key, {})).put(make_payload(b"x"))
    full = run(vault, "init", folder, "--vault-key", tmp_path / "new.key")
    assert "[vault/6]" in full.stderr
    assert not (tmp_path / "new.key").exists()


def test_key_is_not_left_behind_where_no_vault_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder, key = tmp_path / "file" / "vault", tmp_path / "vault.key"
    refused = run(vault, "init", folder, "--vault-key", key)
    assert "[vault/5]" in refused.stderr
    assert not key.exists()


def test_wrong_key_lists_nothing(tmp_path: Path) -> None:
    folder, key = tmp_path / "vault", tmp_path / "vault.key"
    run(vault, "init", folder, "--vault-key", key)
    run(vault, "init", tmp_path / "other", "--vault-key", tmp_path / "other.key")
    Vault(folder, load_key(key, {})).put(make_payload(b"x"))
    listed = run(vault, "list", folder, "--vault-key", tmp_path / "other.key")
    assert listed.exit_code == 1
    assert "wrapped with another key [vault/4]" in listed.stderr


def test_reader_key_is_made_listed_and_shown(tmp_path: Path) -> None:
    home = ("--home", tmp_path)
    made = run(keys, "reader", "add", "bank", "--no-passphrase", "--json", *home)
    shown = json.loads(made.stdout)
    assert shown["public_key"] == reader_keys_of(tmp_path).get("bank").public_key.hex()
    assert json.loads(run(keys, "reader", "list", "--json", *home).stdout) == [shown]
    assert json.loads(run(keys, "reader", "show", "bank", "--json", *home).stdout) == (
        shown
    )
    only = run(keys, "reader", "show", "bank", "--public-key-only", *home)
    assert only.stdout == shown["public_key"] + "\n"
    assert "(unprotected)" in run(keys, "reader", "list", *home).stdout
    assert "bank" not in run(keys, "list", *home).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "bank"), "--no-passphrase"),
        (("add", "../x", "--no-passphrase"), "[keys/3]"),
        (("show", "nobody"), "[keys/5]"),
    ],
)
def test_reader_key_that_cannot_be_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    refused = run(keys, "reader", *arguments, "--home", tmp_path)
    assert refused.exit_code
    assert told in refused.stderr
