"""The relayer's configuration: ``relay.toml`` in its home folder.

::

    [[zones]]
    chain_id = "hangzhou-1"
    rpc = "tcp://127.0.0.1:26657"
    key = "relayer"

    [[links]]
    chain_a = "hangzhou-1"
    chain_b = "chongqing-1"
    client_on_a = "07-tendermint-0"
    …

    [watch]
    listen = "tcp://127.0.0.1:26680"

Keys lie in the keyring beside it. Links are written by ``huitong relay link``; a link
without identifiers is one that has still to be made. What stands at its default is left
out.
"""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from huitong.client.terms import parse_gas_price
from huitong.core.errors import HuitongError
from huitong.core.ids import (
    check_chain_id,
    check_channel_id,
    check_client_id,
    check_connection_id,
    check_port_id,
)
from huitong.node.config.durations import parse_duration
from huitong.relayer.errors import InvalidConfigError, LinkToSelfError
from huitong.relayer.settings import (
    FILE_NAME,
    PORT_DEFAULT,
    TRANSFER_PORT,
    TRANSFER_VERSION,
    VERSION_DEFAULT,
    LinkConfig,
    RelayConfig,
    ZoneConfig,
)

__all__ = [
    "FILE_NAME",
    "PORT_DEFAULT",
    "TRANSFER_PORT",
    "TRANSFER_VERSION",
    "VERSION_DEFAULT",
    "LinkConfig",
    "RelayConfig",
    "ZoneConfig",
    "check_config",
    "check_link",
    "load_config",
    "save_config",
]

SectionT = TypeVar("SectionT", ZoneConfig, LinkConfig)

#: Types of entries as TOML has them: what is allowed, and how a refusal calls it.
_KINDS: Final[Mapping[type, str]] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    tuple: "a list of texts",
}
#: Whole numbers: least and most.
_RANGES: Final = {
    "gas_margin_percent": (100, 1_000),
    "max_gas": (0, 2**63 - 1),
    "max_messages": (1, 1_000),
    "max_tx_bytes": (0, 4_000_000),
}
_CHOICES: Final = {
    "kind": ("", "huitong", "cosmos"),
    "gas": ("", "table", "simulate"),
}
_DURATIONS: Final = ("trusting_period", "max_clock_drift", "refresh_after")
#: What may stand before the ``://`` of a node's RPC.
_RPC_SCHEMES: Final = ("tcp", "http", "https")
#: Characters of an address before the separator.
_PREFIX_CHARACTERS_MAX: Final = 20


def load_config(home: Path) -> RelayConfig:
    """Read ``relay.toml`` of a home folder.

    Raises:
        InvalidConfigError: missing, not TOML, with unknown entries or ones of the wrong
            form; the reason names the entry.
    """
    path = home / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as failure:
        raise InvalidConfigError(
            path=path, reason=failure.strerror or "unreadable"
        ) from None
    except UnicodeDecodeError as failure:
        raise InvalidConfigError(path=path, reason=str(failure)) from None
    return _read_text(path, text)


def check_config(home: Path, config: RelayConfig) -> None:
    """Refuse what ``load_config`` would refuse, before anything is written.

    Raises:
        InvalidConfigError: an entry has the wrong form; the reason names it.
    """
    _read_text(home / FILE_NAME, _format(config))


def _read_text(path: Path, text: str) -> RelayConfig:
    try:
        return _read_document(tomllib.loads(text))
    except tomllib.TOMLDecodeError as failure:
        raise InvalidConfigError(path=path, reason=str(failure)) from None
    except InvalidConfigError as failure:
        raise InvalidConfigError(path=path, reason=failure.fields["reason"]) from None
    except HuitongError as failure:
        raise InvalidConfigError(path=path, reason=str(failure)) from None


def save_config(home: Path, config: RelayConfig) -> None:
    """Write ``relay.toml``, in one step: a crash leaves the old file or the new one."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / FILE_NAME
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(_format(config))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


# --- reading ----------------------------------------------------------------------------


def _wrong(reason: str) -> InvalidConfigError:
    return InvalidConfigError(path=FILE_NAME, reason=reason)


def _read_document(document: Mapping[str, Any]) -> RelayConfig:
    unknown = sorted(set(document) - {"zones", "links", "watch"})
    if unknown:
        raise _wrong(f"unknown entries {unknown}")
    config = RelayConfig(
        zones=_read_sections(document, "zones", ZoneConfig),
        links=_read_sections(document, "links", LinkConfig),
        watch_listen=_read_watch(document.get("watch", {})),
    )
    if not config.zones:
        raise _wrong("names no zones")
    twice = [
        chain_id
        for chain_id, count in Counter(zone.chain_id for zone in config.zones).items()
        if count > 1
    ]
    if twice:
        raise _wrong(f"zone {twice[0]} stands there twice")
    for zone in config.zones:
        _check_zone(zone)
    for link in config.links:
        check_link(link)
        config.zone(link.chain_a)
        config.zone(link.chain_b)
    return config


def _read_watch(section: Any) -> str:
    if not isinstance(section, dict):
        raise _wrong("watch is not a table")
    for name in section:
        if name != "listen":
            raise _wrong(f"watch has no entry {name}")
    listen = section.get("listen", "")
    if not isinstance(listen, str):
        raise _wrong("watch.listen is not a text")
    return listen


def _read_sections(
    document: Mapping[str, Any], name: str, cls: type[SectionT]
) -> tuple[SectionT, ...]:
    sections = document.get(name, [])
    if not isinstance(sections, list):
        raise _wrong(f"{name} is not a list of tables")
    return tuple(
        _read_section(f"{name}[{index}]", section, cls)
        for index, section in enumerate(sections)
    )


def _read_section(where: str, section: Any, cls: type[SectionT]) -> SectionT:
    if not isinstance(section, dict):
        raise _wrong(f"{where} is not a table")
    defaults = {item.name: item.default for item in fields(cls)}
    told: dict[str, Any] = {}
    for name, value in section.items():
        if name not in defaults:
            raise _wrong(f"{where} has no entry {name}")
        kind = str if defaults[name] is MISSING else type(defaults[name])
        told[name] = _read_value(f"{where}.{name}", value, kind)
    missing = [
        name
        for name, default in defaults.items()
        if default is MISSING and name not in told
    ]
    if missing:
        raise _wrong(f"{where} lacks {', '.join(missing)}")
    for name, value in told.items():
        _check_value(where, name, value)
    return cls(**told)


def _read_value(where: str, value: Any, kind: type) -> Any:
    if kind is tuple:
        if isinstance(value, list) and all(type(item) is str for item in value):
            return tuple(value)
    elif type(value) is kind:
        return value
    raise _wrong(f"{where} is not {_KINDS[kind]}")


def _check_value(where: str, name: str, value: Any) -> None:
    if name in _RANGES:
        least, most = _RANGES[name]
        if not least <= value <= most:
            raise _wrong(f"{where}.{name} is {value}, not from {least} to {most}")
    elif name in _CHOICES and value not in _CHOICES[name]:
        choices = ", ".join(choice for choice in _CHOICES[name] if choice)
        raise _wrong(f"{where}.{name} is {value!r}, not one of {choices}")
    elif name in _DURATIONS and value and not parse_duration(value):
        raise _wrong(f"{where}.{name} is {value!r}, not a time such as 30m or 336h")
    elif name == "rpc" and not _is_rpc_url(value):
        raise _wrong(
            f"{where}.rpc is {value!r}, not a URL such as tcp://127.0.0.1:26657 or "
            "https://node.example"
        )
    elif name == "gas_price" and value and parse_gas_price(value) is None:
        raise _wrong(f"{where}.{name} is {value!r}, not a price such as 0.025stake")
    elif name == "account_prefix" and value and not _is_prefix(value):
        raise _wrong(f"{where}.{name} is {value!r}, not lower-case letters and digits")


def _is_rpc_url(text: str) -> bool:
    """Whether a node may answer there; without a scheme it is asked by HTTP."""
    try:
        parts = urlsplit(text if "://" in text else f"tcp://{text}")
        _ = parts.port  # read for its range
    except ValueError:
        return False
    return parts.scheme in _RPC_SCHEMES and bool(parts.hostname)


def _is_prefix(text: str) -> bool:
    return (
        len(text) <= _PREFIX_CHARACTERS_MAX
        and text.isascii()
        and text.isalnum()
        and text == text.lower()
    )


def _check_zone(zone: ZoneConfig) -> None:
    check_chain_id(zone.chain_id)
    names = (zone.key, *zone.more_keys)
    if len(set(names)) < len(names):
        raise _wrong(f"zone {zone.chain_id} names a key twice")


def check_link(link: LinkConfig) -> None:
    """Check what a link says, apart from whether its zones are known.

    Raises:
        LinkToSelfError: it names one zone twice.
        InvalidIdentifierError: a port, client, connection or channel is none.
    """
    if link.chain_a == link.chain_b:
        raise LinkToSelfError(chain_id=link.chain_a)
    for port_id in (link.port_on_a, link.port_on_b):
        check_port_id(port_id)
    for check, found in (
        (check_client_id, (link.client_on_a, link.client_on_b)),
        (check_connection_id, (link.connection_on_a, link.connection_on_b)),
        (check_channel_id, (link.channel_on_a, link.channel_on_b)),
    ):
        for identifier in found:
            if identifier:
                check(identifier)


# --- writing ----------------------------------------------------------------------------


def _format(config: RelayConfig) -> str:
    lines = ["# Configuration of `huitong relay`; docs/reference/relay-toml.md.\n"]
    if config.watch_listen:
        lines.append(f"\n[watch]\nlisten = {_format_value(config.watch_listen)}\n")
    for name, sections in (("zones", config.zones), ("links", config.links)):
        for section in sections:
            lines.append(f"\n[[{name}]]\n")
            lines += _format_section(section)
    return "".join(lines)


def _format_section(section: ZoneConfig | LinkConfig) -> list[str]:
    """Return the entries that say something: no option at its default."""
    shown = ("key", "version", "ordered")
    return [
        f"{item.name} = {_format_value(value)}\n"
        for item in fields(section)
        if (value := getattr(section, item.name)) != item.default
        or item.name in shown
        or item.name.endswith(("_on_a", "_on_b"))
    ]


def _format_value(value: str | bool | int | tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_format_value, value))}]"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
