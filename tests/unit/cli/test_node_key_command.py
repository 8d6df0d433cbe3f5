"""``huitong node key`` and where passphrases come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.node import node
from huitong.cli.signer import signer as signer_group
from huitong.engines.cometbft.signer.sign_state import (
    NOTHING_SIGNED,
    load_signed_step,
)
from huitong.engines.errors import ValidatorKeyError
from huitong.keys.errors import PassphraseNeededError, WrongPassphraseError
from huitong.node.home import Home, owned

PASSPHRASE = "opens the validator"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def no_passphrase_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUITONG_PASSPHRASE", "HUITONG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


def run(home: Path, *arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(node, [*arguments, "--home", str(home)], env=env)


def made(home: Path, *options: str, env: dict[str, str] | None = None) -> Home:
    done = run(home, "init", "--chain-id", "hangzhou-1", *options, env=env)
    assert done.exit_code == 0, done.output
    return Home(home)


def error_of(done: Result) -> tuple[str, int]:
    assert done.exit_code == 1, done.output
    error = json.loads(done.stdout)["error"]
    return error["codespace"], error["code"]


def test_init_seals_the_validator_key_under_a_given_passphrase(
    tmp_path: Path, secret: Path
) -> None:
    place = made(tmp_path / "z", "--passphrase-file", str(secret))
    assert place.load_identity().is_sealed
    place.load_key(PASSPHRASE)
    with pytest.raises(PassphraseNeededError):
        place.load_key()
    with pytest.raises(WrongPassphraseError):
        place.load_key("another")


def test_environment_gives_the_passphrase(tmp_path: Path, secret: Path) -> None:
    named = made(tmp_path / "a", env={"HUITONG_PASSPHRASE_FILE": str(secret)})
    named.load_key(PASSPHRASE)
    held = made(tmp_path / "b", env={"HUITONG_PASSPHRASE": "from the environment"})
    held.load_key("from the environment")


def test_option_goes_before_file_before_variable(tmp_path: Path, secret: Path) -> None:
    other = tmp_path / "other"
    other.write_text("of the other file\n")
    both = {"HUITONG_PASSPHRASE_FILE": str(other), "HUITONG_PASSPHRASE": "variable"}
    made(tmp_path / "a", env=both).load_key("of the other file")
    option = ["--passphrase-file", str(secret)]
    made(tmp_path / "b", *option, env=both).load_key(PASSPHRASE)


def test_key_is_sealed_shown_and_opened_again(tmp_path: Path, secret: Path) -> None:
    place = made(tmp_path / "z")
    before = place.load_key()
    options = ["--passphrase-file", str(secret), "--json"]
    sealed = json.loads(run(place.path, "key", "encrypt", *options).stdout)
    assert sealed == {
        "ok": True,
        "address": before.address.hex().upper(),
        "public_key": before.public_key.hex(),
        "sealed": True,
        "elsewhere": False,
    }
    assert json.loads(run(place.path, "key", "show", "--json").stdout) == sealed
    assert "sealed" in run(place.path, "key", "show").stdout
    assert place.load_key(PASSPHRASE) == before
    opened = run(place.path, "key", "decrypt", *options)
    assert json.loads(opened.stdout) == sealed | {"sealed": False}
    assert place.load_key() == before


def test_no_command_prints_the_secret(tmp_path: Path, secret: Path) -> None:
    place = made(tmp_path / "z")
    seed = place.load_key().seed
    options = ["--passphrase-file", str(secret)]
    for command in ("show", "encrypt", "show", "decrypt"):
        given = [] if command == "show" else options
        done = run(place.path, "key", command, *given)
        assert done.exit_code == 0
        assert seed.hex() not in done.output
        assert PASSPHRASE not in done.output


def test_wrong_passphrase_leaves_the_key_sealed(tmp_path: Path, secret: Path) -> None:
    place = made(tmp_path / "z", "--passphrase-file", str(secret))
    data = place.key_file.read_bytes()
    wrong = run(
        place.path, "key", "decrypt", "--json", env={"HUITONG_PASSPHRASE": "no"}
    )
    assert error_of(wrong) == ("keys", 6)
    assert place.key_file.read_bytes() == data


def test_sealing_twice_and_opening_twice_are_refused(
    tmp_path: Path, secret: Path
) -> None:
    place = made(tmp_path / "z")
    options = ["--passphrase-file", str(secret), "--json"]
    assert error_of(run(place.path, "key", "decrypt", *options)) == ("keys", 12)
    assert run(place.path, "key", "encrypt", *options).exit_code == 0
    assert error_of(run(place.path, "key", "encrypt", *options)) == ("keys", 12)


def test_start_of_a_sealed_validator_needs_its_passphrase(
    tmp_path: Path, secret: Path
) -> None:
    place = made(tmp_path / "z", "--passphrase-file", str(secret))
    done = run(place.path, "start", "--rpc", "tcp://127.0.0.1:0")
    assert done.exit_code == 1
    assert "[keys/7]" in done.stderr
    wrong = run(
        place.path,
        *("start", "--rpc", "tcp://127.0.0.1:0"),
        env={"HUITONG_PASSPHRASE": "no"},
    )
    assert wrong.exit_code == 1
    assert "[keys/6]" in wrong.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "empty"), ("\n", "empty"), ("x" * 5_000, "too long"), (None, "No such file")],
)
def test_passphrase_file_that_cannot_be_used_is_told(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "passphrase"
    if content is not None:
        path.write_text(content)
    env = {"HUITONG_PASSPHRASE_FILE": str(path)}
    options = ["init", "--chain-id", "hangzhou-1", "--json"]
    done = run(tmp_path / "z", *options, env=env)
    assert error_of(done) == ("keys", 11)
    assert reason in json.loads(done.stdout)["error"]["message"]
    assert not (tmp_path / "z").exists()


def test_empty_passphrase_makes_no_home(tmp_path: Path) -> None:
    options = ["init", "--chain-id", "hangzhou-1", "--json"]
    done = run(tmp_path / "z", *options, env={"HUITONG_PASSPHRASE": ""})
    assert error_of(done) == ("keys", 8)
    assert not (tmp_path / "z").exists()


def test_passphrase_file_that_everybody_may_read_is_warned_of(
    tmp_path: Path, secret: Path
) -> None:
    options = ["init", "--chain-id", "hangzhou-1", "--passphrase-file", str(secret)]
    assert "Warning" not in run(tmp_path / "a", *options).stderr
    secret.chmod(0o644)
    assert "everybody may read" in run(tmp_path / "b", *options).stderr


def test_moved_key_leaves_its_public_part_alone(tmp_path: Path, secret: Path) -> None:
    place = made(tmp_path / "z", "--passphrase-file", str(secret))
    before = place.load_key(PASSPHRASE)
    moved = run(place.path, "key", "move", "--to", str(tmp_path / "signer"), "--json")
    told = json.loads(moved.stdout)
    assert (told["elsewhere"], told["sealed"]) == (True, False)
    assert "elsewhere" in run(place.path, "key", "show").stdout
    assert place.load_identity().public_key == before.public_key
    signer = Home(tmp_path / "signer")
    assert signer.load_key(PASSPHRASE) == before
    assert load_signed_step(signer.cometbft.sign_state_file) == NOTHING_SIGNED
    assert not place.cometbft.sign_state_file.exists()
    with pytest.raises(ValidatorKeyError, match="only its public part"):
        place.load_key(PASSPHRASE)
    again = run(place.path, "key", "move", "--to", str(tmp_path / "other"), "--json")
    assert error_of(again) == ("keys", 12)


def test_key_is_moved_over_no_other(tmp_path: Path, secret: Path) -> None:
    options = ["--passphrase-file", str(secret)]
    place, other = made(tmp_path / "a", *options), made(tmp_path / "b", *options)
    before = other.key_file.read_bytes()
    done = run(place.path, "key", "move", "--to", str(other.path), "--json")
    assert error_of(done) == ("engine", 3)
    assert other.key_file.read_bytes() == before
    assert place.load_identity().is_sealed


def test_key_of_a_running_node_is_not_moved(tmp_path: Path, secret: Path) -> None:
    place = made(tmp_path / "z", "--passphrase-file", str(secret))
    with owned(place):
        done = run(place.path, "key", "move", "--to", str(tmp_path / "s"), "--json")
    assert error_of(done) == ("node", 7)
    assert place.load_identity().is_sealed


def test_key_in_clear_is_not_moved(tmp_path: Path) -> None:
    place = made(tmp_path / "z")
    done = run(place.path, "key", "move", "--to", str(tmp_path / "s"), "--json")
    assert error_of(done) == ("keys", 12)


def test_signer_without_a_record_needs_to_be_told_of_its_first_use(
    tmp_path: Path, secret: Path
) -> None:
    place = made(tmp_path / "z", "--passphrase-file", str(secret))
    options = ["start", "--home", str(place.path), "--chain-id", "hangzhou-1"]
    env = {"HUITONG_PASSPHRASE_FILE": str(secret)}
    options += ["--connect", f"unix://{tmp_path / 'signer.sock'}"]
    done = CliRunner().invoke(signer_group, options, env=env)
    assert "[engine/12]" in done.stderr
    assert done.exit_code == 1
    place.cometbft.ensure_sign_state()
    done = CliRunner().invoke(signer_group, [*options, "--first-use"], env=env)
    assert "the key has signed" in done.stderr
    wrong = CliRunner().invoke(
        signer_group, [*options[:-1], "tcp://127.0.0.1:1"], env=env
    )
    assert "[engine/53]" in wrong.stderr
