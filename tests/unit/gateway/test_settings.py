"""``gateway.toml``: what is read, what is refused and in which words, what is written."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from huitong.gateway.service.errors import GatewayHomeMissingError, SettingsError
from huitong.gateway.settings import (
    FILE_NAME,
    GatewaySettings,
    encode_settings,
    load_settings,
    read_settings,
    save_settings,
)

LEAST = """
member = "hz-tax-bureau"

[zone]
chain_id = "hangzhou-1"
node = "tcp://127.0.0.1:26657"
"""


def _load(home: Path, text: str) -> GatewaySettings:
    (home / FILE_NAME).write_text(text, encoding="utf-8")
    return load_settings(home)


def test_least_that_must_be_said_is_member_and_zone(tmp_path: Path) -> None:
    settings = _load(tmp_path, LEAST)
    assert settings.member == "hz-tax-bureau"
    assert settings.zone.chain_id == "hangzhou-1"
    assert settings.service.listen == "tcp://127.0.0.1:8480"
    assert settings.database.url == "sqlite:///gateway.db"


@pytest.mark.parametrize(
    ("text", "entry", "reason"),
    [
        ("member = 1", "member", "needs to be a text"),
        ("", "member", "is missing"),
        (LEAST + "colour = 1", "zone.colour", "is not known"),
        ("colour = 1\n" + LEAST, "colour", "is not known"),
        (LEAST + "[service]\nworkers = true", "service.workers", "a whole number"),
        (LEAST + "[service]\nworkers = 1.5", "service.workers", "a whole number"),
        (LEAST + "[service]\nworkers = 0", "service.workers", "greater than or equal"),
        (LEAST + "[service]\nworkers = 65", "service.workers", "less than or equal"),
        (LEAST + '[service]\nworkers = "2"', "service.workers", "a whole number"),
        (
            LEAST + "[service]\nbehind_proxy = 1",
            "service.behind_proxy",
            "true or false",
        ),
        (LEAST + '[service]\nlisten = "8480"', "service.listen", "tcp://HOST:PORT"),
        (
            LEAST + '[service]\nlisten = "tcp://0.0.0.0:8480"',
            "service",
            "an address that others reach needs tls_certificate",
        ),
        (LEAST + '[service]\ntls_key = "key.pem"', "service", "go together"),
        (LEAST + "[zones.chongqing-1]\n", "zones.chongqing-1.node", "is missing"),
        (
            LEAST + '[zones."no chain"]\nnode = "tcp://a:1"',
            "zones.no chain",
            "no chain",
        ),
        (LEAST + "[zones]\na = 1", "zones.a", "needs to be a table"),
        (LEAST + '[log]\nlevel = "loud"', "log.level", "'debug'"),
        (LEAST + '[keys]\naccount = "../bob"', "keys.account", "pattern"),
        (LEAST.replace("tcp://127.0.0.1:26657", "ftp://x"), "zone.node", "not a URL"),
        (LEAST.replace("hz-tax-bureau", "Hz"), "member", "not a name"),
        ("member = ", "the file", "Invalid value"),
        (LEAST + "[zone]\n", "the file", "Cannot declare"),
    ],
)
def test_wrong_entry_is_refused_by_its_name(
    text: str, entry: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as refused:
        _load(tmp_path, text)
    assert refused.value.fields["entry"] == entry
    assert reason in str(refused.value)
    assert FILE_NAME in str(refused.value)


def test_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"member = '\xff'")
    with pytest.raises(SettingsError, match="utf-8"):
        load_settings(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"#" * (1 << 21))
    with pytest.raises(SettingsError, match="too large"):
        load_settings(tmp_path)


def test_folder_without_the_file_is_no_gateway(tmp_path: Path) -> None:
    with pytest.raises(GatewayHomeMissingError):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"zones": {"chongqing-1": {"node": "https://node.example"}}},
        {"service": {"listen": "tcp://[::1]:0", "workers": 2}},
        {"log": {"level": "debug", "format": "json"}, "keys": {"reader": "r.1"}},
    ],
)
def test_what_is_written_is_read_again_and_said_for_its_owner_only(
    more: dict[str, Any], tmp_path: Path
) -> None:
    settings = read_settings({**tomllib.loads(LEAST), **more}, tmp_path)
    save_settings(tmp_path, settings)
    assert load_settings(tmp_path) == settings
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_written_file_explains_every_entry() -> None:
    lines = encode_settings(
        read_settings(tomllib.loads(LEAST), Path(FILE_NAME))
    ).splitlines()
    entries = [at for at, line in enumerate(lines) if re.match(r"(# )?[a-z_]+ =", line)]
    assert len(entries) > 10
    for at in entries:
        assert lines[at - 1].startswith("# "), lines[at]
        assert " =" not in lines[at - 1], lines[at]
