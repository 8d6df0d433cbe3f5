"""Numbers and files that no message can hold end a command with one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from huitong.cli.governance import governance
from huitong.cli.proposing import (
    FILE_SIZE_BYTES_MAX,
    ProposalFileError,
    messages_of_file,
)

TOO_LARGE = str(2**63)


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", TOO_LARGE],
        ["vote", TOO_LARGE, "yes", "--from", "tax"],
        ["withdraw", TOO_LARGE, "--reason", "x", "--from", "tax"],
        ["propose", "schedule-upgrade", "v2", TOO_LARGE, "--from", "tax"],
        ["vote", "1", "yes", "--from", "tax", "--gas", TOO_LARGE],
    ],
)
def test_number_beyond_a_field_is_wrong_usage(arguments: list[str]) -> None:
    done = CliRunner().invoke(governance, arguments)
    assert done.exit_code == 2
    assert f"{TOO_LARGE} is more than" in done.stderr


def test_file_of_messages_is_read_up_to_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "messages.json"
    with file.open("wb") as made:
        made.truncate(1 << 36)
    arguments = ["propose", "file", str(file), "--from", "tax"]
    done = CliRunner().invoke(governance, arguments)
    assert done.exit_code == 1
    assert "more than 2097152 bytes [cli/6]" in done.stderr


def test_file_of_messages_at_the_limit_is_read() -> None:
    data = b"[" + b" " * (FILE_SIZE_BYTES_MAX - 2) + b"]"
    with pytest.raises(ProposalFileError, match="expected a list"):
        messages_of_file(data, "f")
