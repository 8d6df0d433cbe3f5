"""``huitong vault`` and ``huitong keys reader`` as a person and as a program use them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.keys import keys, reader_keys_of
from huitong.cli.vault import vault, with_vault
from huitong.gateway.vault.blocks import one_piece

DOCUMENT = b'{"b":1,"a":"secret"}'
SUBJECT = bytes(range(32))


def run(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def put(folder: Path, key: Path, document: bytes = DOCUMENT) -> str:
    stored = with_vault(
        folder, key, lambda opened: opened.put(one_piece(document), subject=SUBJECT)
    )
    return stored.digest.hex()


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
    digest = put(folder, key)
    listed = run(vault, "list", folder, "--vault-key", key, "--json")
    assert json.loads(listed.stdout) == {
        "payloads": [{"digest": digest, "fields": ["a", "b"]}]
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
    put(folder, key)
    listed = run(vault, "list", folder, "--vault-key", tmp_path / "other.key")
    assert listed.exit_code == 1
    assert "[vault/8]" in listed.stderr


def test_folder_of_another_form_is_refused(tmp_path: Path) -> None:
    folder, key = tmp_path / "vault", tmp_path / "vault.key"
    run(vault, "init", folder, "--vault-key", key)
    for name, reason in ((None, "no vault.db"), ("00" * 32, "first form")):
        other = tmp_path / f"other-{name}"
        other.mkdir()
        if name:
            (other / f"{name}.payload").write_bytes(b"HTVAULT1")
        listed = run(vault, "list", other, "--vault-key", key)
        assert "[vault/10]" in listed.stderr
        assert reason in listed.stderr
        assert list(other.glob("vault.db*")) == []


def test_subject_is_erased_once_it_is_confirmed(tmp_path: Path) -> None:
    folder, key = tmp_path / "vault", tmp_path / "vault.key"
    run(vault, "init", folder, "--vault-key", key)
    digest = put(folder, key)
    order = ("erase", folder, "--subject", SUBJECT.hex(), "--vault-key", key, "--json")
    assert run(vault, *order).exit_code == 1
    assert put(folder, key)
    erased = json.loads(run(vault, *order, "--yes").stdout)
    assert (erased["ok"], erased["payloads"], len(erased["keys"])) == (True, 2, 1)
    listed = json.loads(run(vault, "list", folder, "--vault-key", key, "--json").stdout)
    assert {"digest": digest, "fields": ["a", "b"], "erased": True} in (
        listed["payloads"]
    )


def test_key_is_changed_and_the_former_one_opens_nothing(tmp_path: Path) -> None:
    folder, key, new = tmp_path / "vault", tmp_path / "a.key", tmp_path / "b.key"
    run(vault, "init", folder, "--vault-key", key)
    put(folder, key)
    order = ("rotate", folder, "--vault-key", new, "--previous-key", key, "--json")
    assert "[vault/2]" in run(vault, *order[:-1]).stderr
    assert json.loads(run(vault, *order, "--new").stdout)["rewrapped"] == 1
    assert json.loads(run(vault, *order).stdout)["rewrapped"] == 0
    assert run(vault, "list", folder, "--vault-key", new).exit_code == 0
    assert "[vault/8]" in run(vault, "list", folder, "--vault-key", key).stderr


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
