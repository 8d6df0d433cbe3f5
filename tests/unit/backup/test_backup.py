"""Backups of a home that rests, and homes made from them."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.node import node
from huitong.engines.cometbft.signer.errors import SignRegressionError
from huitong.engines.cometbft.signer.sign_state import (
    NOTHING_SIGNED,
    Place,
    SignedStep,
    Step,
    load_signed_step,
    save_signed_step,
)
from huitong.engines.cometbft.signer.signer import ValidatorSigner
from huitong.engines.embedded.engine import Clocks, EmbeddedEngine
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.engines.validator_key import replace_validator_key
from huitong.keys import Keyring
from huitong.node.backup import Manifest, restore_backup, take_backup
from huitong.node.backup.errors import (
    BackupDamagedError,
    BackupExistsError,
    BackupRunsError,
    ClearKeysError,
    NoValidatorKeyError,
    SignedBeyondError,
)
from huitong.node.backup.manifest import MANIFEST, decode_manifest, encode_manifest
from huitong.node.backup.taking import _alone
from huitong.node.config import NodeConfig
from huitong.node.errors import HomeExistsError
from huitong.node.home import Home, make_home
from huitong.node.parts import open_zone
from huitong.proto.tendermint.types import types_pb2
from huitong.storage.inspection import inspect_database

PASSPHRASE = "of the validator"
CHAIN_ID = "hangzhou-1"
CONFIG = NodeConfig(moniker="node", is_durable=False)
COMETBFT = replace(CONFIG, engine="cometbft")


def make_blocks(home: Home, count: int, passphrase: str | None = None) -> None:
    with open_zone(home, CONFIG, passphrase) as zone:
        engine = EmbeddedEngine(
            chain=zone.chain,
            app=zone.app,
            key=zone.key,
            guard=SignGuard(home.sign_state_file),
            pace=CONFIG.pace,
            limits=CONFIG.mempool,
            clocks=Clocks(),
        )
        for _ in range(count):
            engine.step()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made, CONFIG, CHAIN_ID)
    make_blocks(made, 2)
    return made


@pytest.fixture
def sealed(home: Home) -> Home:
    replace_validator_key(home.load_key(), home.key_file, PASSPHRASE)
    return home


def with_cometbft(home: Home, height: int = 7) -> Home:
    """Give a home what CometBFT would have left in it."""
    data = home.cometbft.data
    (data / "blockstore.db").mkdir(parents=True)
    (data / "blockstore.db" / "000001.ldb").write_bytes(b"blocks" * 1_000)
    for name in ("unused_key.json", "unused_state.json", "priv_validator_state.lock"):
        (data / name).write_text("{}")
    place = Place(height=height, round=0, step=Step.PREVOTE)
    signed = SignedStep(place=place, sign_bytes=b"bytes", signature=b"signature")
    save_signed_step(home.cometbft.sign_state_file, signed)
    return home


def names_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_home_from_a_backup_goes_on_with_the_same_state(
    sealed: Home, tmp_path: Path, name: str
) -> None:
    before = inspect_database(sealed.data)
    taken = take_backup(sealed, CONFIG, tmp_path / name, with_keys=True)
    assert taken.manifest.height == before.version
    assert taken.manifest.app_hash == before.app_hash.hex().upper()
    assert (taken.manifest.chain_id, taken.held_s) == (CHAIN_ID, 0.0)
    copy = Home(tmp_path / "copy")
    restored = restore_backup(taken.path, copy, as_validator=True)
    assert restored.manifest == taken.manifest
    assert restored.validator == sealed.load_identity().address.hex().upper()
    assert inspect_database(copy.data) == before
    copy.check()
    make_blocks(copy, 1, PASSPHRASE)
    assert inspect_database(copy.data).version == before.version + 1


def test_backup_holds_nothing_but_what_a_node_needs(home: Home, tmp_path: Path) -> None:
    (home.path / "cometbft.log").write_text("says much")
    take_backup(home, CONFIG, tmp_path / "backup")
    assert names_below(tmp_path / "backup") == {
        MANIFEST,
        "config/genesis.json",
        "config/node.toml",
        "data/data.mdb",
        "data/validator_state.json",
    }
    for path in (tmp_path / "backup").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir()


def test_backup_of_a_cometbft_node_holds_its_data_without_stand_ins(
    home: Home, tmp_path: Path
) -> None:
    with_cometbft(home)
    taken = take_backup(home, COMETBFT, tmp_path / "backup")
    inside = {
        name for name in names_below(tmp_path / "backup") if name.startswith("cometbft")
    }
    assert inside == {
        "cometbft/data/blockstore.db/000001.ldb",
        "cometbft/data/priv_validator_state.json",
    }
    assert taken.manifest.signed_height == 7


def test_without_its_key_a_home_has_a_new_one_that_signed_nothing(
    sealed: Home, tmp_path: Path
) -> None:
    with_cometbft(sealed)
    take_backup(sealed, COMETBFT, tmp_path / "backup", with_keys=True)
    copy = Home(tmp_path / "copy")
    restored = restore_backup(tmp_path / "backup", copy)
    assert not restored.is_validator
    old, new = sealed.load_identity(), copy.load_identity()
    assert new.public_key != old.public_key
    assert restored.validator == new.address.hex().upper()
    assert load_signed_step(copy.cometbft.sign_state_file) == NOTHING_SIGNED


def test_keys_go_along_sealed_and_come_back(sealed: Home, tmp_path: Path) -> None:
    keyring = Keyring(sealed.path / "keyring")
    record, _ = keyring.create("operator", passphrase="of the operator")
    taken = take_backup(sealed, CONFIG, tmp_path / "backup", with_keys=True)
    assert taken.manifest.has_keys
    copy = Home(tmp_path / "copy")
    restore_backup(tmp_path / "backup", copy, as_validator=True)
    assert copy.load_key(PASSPHRASE) == sealed.load_key(PASSPHRASE)
    assert Keyring(copy.path / "keyring").unlock("operator", "of the operator")
    assert record.address == Keyring(copy.path / "keyring").get("operator").address


def test_key_in_clear_is_not_copied(home: Home, tmp_path: Path) -> None:
    Keyring(home.path / "keyring").create("bob")
    with pytest.raises(ClearKeysError, match="validator, keyring/bob"):
        take_backup(home, CONFIG, tmp_path / "backup", with_keys=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_backup_without_keys_makes_no_validator(home: Home, tmp_path: Path) -> None:
    take_backup(home, CONFIG, tmp_path / "backup")
    with pytest.raises(NoValidatorKeyError):
        restore_backup(tmp_path / "backup", Home(tmp_path / "copy"), as_validator=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "home"]


# --- signing twice ----------------------------------------------------------------------


def test_restored_validator_keeps_its_record_of_what_it_signed(
    sealed: Home, tmp_path: Path
) -> None:
    with_cometbft(sealed, height=7)
    take_backup(sealed, COMETBFT, tmp_path / "backup", with_keys=True)
    copy = Home(tmp_path / "copy")
    restored = restore_backup(tmp_path / "backup", copy, as_validator=True)
    assert restored.signed_height == 7
    assert load_signed_step(copy.cometbft.sign_state_file) == load_signed_step(
        sealed.cometbft.sign_state_file
    )


def test_restored_validator_signs_nothing_that_the_old_one_may_have_signed(
    sealed: Home, tmp_path: Path
) -> None:
    with_cometbft(sealed, height=7)
    take_backup(sealed, COMETBFT, tmp_path / "backup", with_keys=True)
    copy = Home(tmp_path / "copy")
    restored = restore_backup(
        tmp_path / "backup", copy, as_validator=True, signed_up_to=90
    )
    assert restored.signed_height == 90
    signer = ValidatorSigner(
        key=copy.load_key(PASSPHRASE),
        chain_id=CHAIN_ID,
        state_file=copy.cometbft.sign_state_file,
    )
    kind = types_pb2.SIGNED_MSG_TYPE_PRECOMMIT
    for height in (8, 90):
        vote = types_pb2.Vote(type=kind, height=height, round=3)
        with pytest.raises(SignRegressionError):
            signer.sign_vote(vote, CHAIN_ID)
    signer.sign_vote(types_pb2.Vote(type=kind, height=91), CHAIN_ID)


def test_lower_height_does_not_lower_the_record(sealed: Home, tmp_path: Path) -> None:
    with_cometbft(sealed, height=7)
    take_backup(sealed, COMETBFT, tmp_path / "backup", with_keys=True)
    copy = Home(tmp_path / "copy")
    restored = restore_backup(
        tmp_path / "backup", copy, as_validator=True, signed_up_to=3
    )
    assert restored.signed_height == 7
    assert load_signed_step(copy.cometbft.sign_state_file).place.height == 7


def test_embedded_zone_does_not_go_on_below_what_is_signed(
    sealed: Home, tmp_path: Path
) -> None:
    taken = take_backup(sealed, CONFIG, tmp_path / "backup", with_keys=True)
    copy = Home(tmp_path / "copy")
    with pytest.raises(SignedBeyondError):
        restore_backup(
            taken.path,
            copy,
            as_validator=True,
            signed_up_to=taken.manifest.height + 1,
        )
    assert not copy.path.exists()
    restore_backup(
        taken.path, copy, as_validator=True, signed_up_to=taken.manifest.height
    )


# --- what is refused --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
def test_nothing_is_overwritten(home: Home, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(BackupExistsError):
        take_backup(home, CONFIG, tmp_path / name)
    assert (tmp_path / name).read_text() == "precious"
    take_backup(home, CONFIG, tmp_path / "other")
    with pytest.raises(HomeExistsError):
        restore_backup(tmp_path / "other", home)


def test_one_backup_of_a_home_at_a_time(home: Home, tmp_path: Path) -> None:
    with _alone(home), pytest.raises(BackupRunsError):
        take_backup(home, CONFIG, tmp_path / "backup")
    take_backup(home, CONFIG, tmp_path / "backup")


def test_what_a_killed_backup_left_is_cleared_away(home: Home, tmp_path: Path) -> None:
    left = tmp_path / ".backup.partial"
    (left / "data").mkdir(parents=True)
    (left / "data" / "data.mdb").write_bytes(b"half")
    (left / "stale").write_bytes(b"of another time")
    taken = take_backup(home, CONFIG, tmp_path / "backup")
    assert "stale" not in {entry.path for entry in taken.manifest.files}
    assert not left.exists()


@pytest.mark.parametrize("name", ["backup", "backup.tar"])
@pytest.mark.parametrize("call", [0, 2, 5])
def test_full_disk_leaves_nothing_that_looks_like_a_backup(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int
) -> None:
    fsync, calls = os.fsync, iter(range(100))

    def full(handle: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            take_backup(home, CONFIG, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    take_backup(home, CONFIG, tmp_path / "good")
    calls = iter(range(100))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            restore_backup(tmp_path / "good", Home(tmp_path / "copy"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "home"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit_manifest(folder: Path, change: Callable[[Manifest], Manifest]) -> None:
    path = folder / MANIFEST
    path.write_bytes(encode_manifest(change(decode_manifest(path.read_bytes(), path))))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "database": lambda folder: flip(folder / "data" / "data.mdb"),
    "genesis": lambda folder: flip(folder / "config" / "genesis.json"),
    "cut off": lambda folder: os.truncate(folder / "data" / "data.mdb", 4_096),
    "missing": lambda folder: (folder / "config" / "node.toml").unlink(),
    "too many": lambda folder: (folder / "config" / "more").write_text("x"),
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "manifest": lambda folder: flip(folder / MANIFEST),
    "manifest of nothing": lambda folder: (folder / MANIFEST).write_text("{}\n"),
    "manifest is a list": lambda folder: (folder / MANIFEST).write_text("[]\n"),
    "manifest lists less": lambda folder: edit_manifest(
        folder, lambda manifest: replace(manifest, files=manifest.files[1:])
    ),
    "link": lambda folder: os.symlink("/etc/passwd", folder / "config" / "link"),
    "link in place": lambda folder: (
        shutil.move(folder / "config" / "node.toml", folder.parent / "elsewhere"),
        os.symlink(folder.parent / "elsewhere", folder / "config" / "node.toml"),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_backup_makes_no_home(home: Home, tmp_path: Path, damage: str) -> None:
    take_backup(home, CONFIG, tmp_path / "backup")
    DAMAGES[damage](tmp_path / "backup")
    with pytest.raises(BackupDamagedError):
        restore_backup(tmp_path / "backup", Home(tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / ".copy.restoring").exists()


@pytest.mark.parametrize(
    "name", ["../outside", "/absolute", "config/../../outside", "x" * 300]
)
def test_tar_that_reaches_outside_is_refused(
    home: Home, tmp_path: Path, name: str
) -> None:
    take_backup(home, CONFIG, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar", "a") as tar:
        item = tarfile.TarInfo(name)
        item.size = 1
        tar.addfile(item, io.BytesIO(b"x"))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(BackupDamagedError):
        restore_backup(tmp_path / "backup.tar", Home(tmp_path / "copy"))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_tar_that_holds_a_link_is_refused(home: Home, tmp_path: Path) -> None:
    take_backup(home, CONFIG, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar", "a") as tar:
        item = tarfile.TarInfo("link")
        item.type, item.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(item)
    with pytest.raises(BackupDamagedError):
        restore_backup(tmp_path / "backup.tar", Home(tmp_path / "copy"))


@pytest.mark.parametrize("keep", [0, 100, 5_000, -20_000])
def test_tar_that_was_cut_off_is_refused(home: Home, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "backup.tar"
    take_backup(home, CONFIG, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BackupDamagedError):
        restore_backup(path, Home(tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


# --- the commands ------------------------------------------------------------------------


def run(*arguments: object) -> Result:
    return CliRunner().invoke(node, [str(item) for item in arguments])


def test_commands_tell_what_they_did(sealed: Home, tmp_path: Path) -> None:
    target, copy = tmp_path / "backup", tmp_path / "copy"
    done = run("backup", "--home", sealed.path, "--to", target, "--with-keys", "--json")
    told = json.loads(done.stdout)
    assert (told["ok"], told["has_keys"], told["held_ms"]) == (True, True, 0)
    done = run("restore", target, "--home", copy, "--as-validator", "--json")
    assert "never start the old one again" in done.stderr
    restored = json.loads(done.stdout)
    assert restored["app_hash"] == told["app_hash"]
    assert restored["is_validator"]
    plain = run("restore", target, "--home", tmp_path / "plain")
    assert "cannot make blocks" in plain.stderr
    assert CHAIN_ID in plain.stdout
    again = run("backup", "--home", sealed.path, "--to", target, "--json")
    assert json.loads(again.stdout)["error"]["codespace"] == "backup"
    text = run("backup", "--home", sealed.path, "--to", tmp_path / "more.tar")
    assert "without keys" in text.stdout


def test_full_node_of_cometbft_is_told_to_be_one(home: Home, tmp_path: Path) -> None:
    with_cometbft(home)
    text = home.config_file.read_text().replace('"embedded"', '"cometbft"')
    home.config_file.write_text(text)
    run("backup", "--home", home.path, "--to", tmp_path / "backup")
    done = run("restore", tmp_path / "backup", "--home", tmp_path / "copy")
    assert "follows the zone without signing" in done.stderr
