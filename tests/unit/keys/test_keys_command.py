"""``huitong keys`` as a person and as a program use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.errors import FileAccessError, cli_errors
from huitong.cli.keys import MNEMONIC_CHARACTERS_MAX, keyring_of, keys
from huitong.keys import private_key_of_mnemonic

WORDS = "abandon " * 11 + "about"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(home: Path, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(keys, [*arguments, "--home", str(home)], input=stdin)


def test_add_prints_a_new_mnemonic_once(home: Path) -> None:
    added = run(home, "add", "bob", "--no-passphrase", "--json")
    assert added.exit_code == 0
    shown = json.loads(added.stdout)
    assert list(shown) == ["name", "address", "public_key", "mnemonic"]
    assert keyring_of(home).unlock("bob") == private_key_of_mnemonic(shown["mnemonic"])
    again = json.loads(run(home, "show", "bob", "--json").stdout)
    assert again == {name: shown[name] for name in ("name", "address", "public_key")}


def test_add_takes_words_from_a_file_and_keeps_them_to_itself(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "words").write_text(WORDS + "\n")
    options = ["--no-passphrase", "--mnemonic-file"]
    added = run(home, "add", "bob", *options, str(tmp_path / "words"), "--json")
    assert list(json.loads(added.stdout)) == ["name", "address", "public_key"]
    assert run(home, "add", "eve", *options, "-", stdin=WORDS).exit_code == 0
    assert keyring_of(home).unlock("bob") == keyring_of(home).unlock("eve")


def test_file_of_words_is_read_up_to_a_limit(home: Path, tmp_path: Path) -> None:
    endless = tmp_path / "words"
    with endless.open("wb") as made:
        made.truncate(1 << 36)
    arguments = ["add", "bob", "--no-passphrase", "--mnemonic-file"]
    refused = run(home, *arguments, str(endless))
    assert refused.exit_code == 1
    assert "more than 4096 characters [keys/2]" in refused.stderr
    assert not keyring_of(home).list()
    padded = WORDS.ljust(MNEMONIC_CHARACTERS_MAX)
    assert run(home, *arguments, "-", stdin=padded).exit_code == 0


def test_add_seals_under_the_first_line_of_a_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("s3cret words\r\nsecond line")
    added = run(home, "add", "bob", "--passphrase-file", str(tmp_path / "pass"))
    assert added.exit_code == 0
    assert "mnemonic:" in added.stdout
    assert "not shown again" in added.stderr
    keyring_of(home).unlock("bob", "s3cret words")


def test_add_does_not_guess_about_the_passphrase(home: Path, tmp_path: Path) -> None:
    assert "--no-passphrase" in run(home, "add", "bob").stderr
    (tmp_path / "pass").write_text("x")
    both = ["--no-passphrase", "--passphrase-file", str(tmp_path / "pass")]
    result = run(home, "add", "bob", *both)
    assert result.exit_code == 2
    assert "not both" in result.stderr
    assert not home.exists()


@pytest.mark.parametrize(
    ("passphrase", "code"), [("1234567", 1), ("一二三四五六七八", 0)]
)
def test_passphrase_of_a_new_key_has_eight_characters(
    home: Path, tmp_path: Path, passphrase: str, code: int
) -> None:
    (tmp_path / "pass").write_text(passphrase, encoding="utf-8")
    added = run(home, "add", "bob", "--passphrase-file", str(tmp_path / "pass"))
    assert added.exit_code == code, added.stderr
    if code:
        assert "a passphrase of 7 characters seals nothing; it needs 8" in added.stderr
        assert not home.exists()


def test_key_that_a_short_passphrase_seals_already_opens(home: Path) -> None:
    keyring_of(home).add("bob", bytes(range(1, 33)), "x")
    assert keyring_of(home).unlock("bob", "x") == bytes(range(1, 33))


def test_list_shows_names_and_addresses(home: Path, tmp_path: Path) -> None:
    assert run(home, "list").stdout == ""
    (tmp_path / "pass").write_text("s3cret words")
    run(home, "add", "bob", "--no-passphrase")
    run(home, "add", "eve", "--passphrase-file", str(tmp_path / "pass"))
    lines = run(home, "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["bob", "eve"]
    assert lines[0].endswith("(unprotected)")
    assert not lines[1].endswith("(unprotected)")
    shown = json.loads(run(home, "list", "--json").stdout)
    assert [item["name"] for item in shown] == ["bob", "eve"]


def test_show_prints_the_address_alone(home: Path) -> None:
    run(home, "add", "bob", "--no-passphrase")
    address = keyring_of(home).get("bob").address
    assert run(home, "show", "bob", "--address-only").stdout == f"{address}\n"
    assert address in run(home, "show", "bob").stdout


def test_failure_is_one_line_with_its_code_and_the_next_step(home: Path) -> None:
    result = run(home, "show", "bob")
    assert result.exit_code == 1
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first.startswith("Error: there is no key named bob")
    assert first.endswith("[keys/5]")
    assert "keys list" in second


def test_failure_is_an_object_for_programs(home: Path) -> None:
    result = run(home, "show", "bob", "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert (answer["error"]["codespace"], answer["error"]["code"]) == ("keys", 5)
    assert "bob" in answer["error"]["message"]
    assert "keys list" in answer["error"]["next_step"]


def test_a_refused_file_is_a_failure_without_a_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    @cli_errors
    def command() -> None:
        (tmp_path / "absent").read_bytes()

    with pytest.raises(SystemExit) as caught:
        command()
    assert caught.value.code == 1
    code = f"[{FileAccessError.codespace}/{FileAccessError.code}]"
    assert (
        capsys.readouterr().err.rstrip().endswith(f"No such file or directory {code}")
    )


def test_a_closed_pipe_is_left_to_click() -> None:
    @cli_errors
    def command() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        command()
