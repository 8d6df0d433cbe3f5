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

Keys lie in the keyring beside it. Links are written by ``huitong relay link``; a link
without identifiers is one that has still to be made.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from huitong.core.errors import HuitongError
from huitong.core.ids import (
    check_chain_id,
    check_channel_id,
    check_client_id,
    check_connection_id,
    check_port_id,
)
from huitong.relayer.errors import InvalidConfigError, UnknownLinkError

FILE_NAME: Final = "relay.toml"
#: Port and version of the exchange application, which links carry by default.
PORT_DEFAULT: Final = "exchange"
VERSION_DEFAULT: Final = "huitong-exchange-1"

SectionT = TypeVar("SectionT", "ZoneConfig", "LinkConfig")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneConfig:
    """One zone that the relayer talks to."""

    chain_id: str
    """The zone's chain id; the node must serve this one."""
    rpc: str
    """URL of a node's RPC, for example ``tcp://127.0.0.1:26657``."""
    key: str = "relayer"
    """Name of the signing key in the keyring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """One link between two zones; identifiers are empty until they are known."""

    chain_a: str
    """Chain id of zone a."""
    chain_b: str
    """Chain id of zone b."""
    client_on_a: str = ""
    """Light client of b, on a."""
    client_on_b: str = ""
    """Light client of a, on b."""
    connection_on_a: str = ""
    connection_on_b: str = ""
    port_on_a: str = PORT_DEFAULT
    port_on_b: str = PORT_DEFAULT
    channel_on_a: str = ""
    channel_on_b: str = ""
    version: str = VERSION_DEFAULT
    """Version of the application that the channel carries."""
    ordered: bool = False
    """Whether the channel is an ordered one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """Everything in ``relay.toml``."""

    zones: tuple[ZoneConfig, ...]
    """Zones by which links are named."""
    links: tuple[LinkConfig, ...] = ()
    """Links to keep going."""

    def zone(self, chain_id: str) -> ZoneConfig:
        """Return the zone with this chain id.

        Raises:
            InvalidConfigError: there is none.
        """
        for zone in self.zones:
            if zone.chain_id == chain_id:
                return zone
        raise InvalidConfigError(path=FILE_NAME, reason=f"no zone {chain_id}")

    def get_link(self, chain_a: str, chain_b: str) -> LinkConfig:
        """Return the first link between two zones, in either direction.

        Raises:
            UnknownLinkError: there is none.
        """
        for link in self.links:
            if {link.chain_a, link.chain_b} == {chain_a, chain_b}:
                return link
        raise UnknownLinkError(chain_a=chain_a, chain_b=chain_b, path=FILE_NAME)

    def with_link(self, link: LinkConfig) -> RelayConfig:
        """Return the configuration with ``link`` in place of the one it completes."""
        kept = tuple(known for known in self.links if not _is_same(known, link))
        return replace(self, links=(*kept, link))


def _is_same(known: LinkConfig, link: LinkConfig) -> bool:
    """Whether ``link`` is what became of ``known``."""
    here = {(known.chain_a, known.port_on_a), (known.chain_b, known.port_on_b)}
    there = {(link.chain_a, link.port_on_a), (link.chain_b, link.port_on_b)}
    return here == there and known.channel_on_a in ("", link.channel_on_a)


def load_config(home: Path) -> RelayConfig:
    """Read ``relay.toml`` of a home folder.

    Raises:
        InvalidConfigError: missing, not TOML, or with entries of the wrong form.
    """
    path = home / FILE_NAME
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise InvalidConfigError(
            path=path, reason=failure.strerror or "unreadable"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise InvalidConfigError(path=path, reason=str(failure)) from None
    unknown = sorted(set(document) - {"zones", "links"})
    if unknown:
        raise InvalidConfigError(path=path, reason=f"unknown entries {unknown}")
    config = RelayConfig(
        zones=_read_sections(path, document, "zones", ZoneConfig),
        links=_read_sections(path, document, "links", LinkConfig),
    )
    _check(path, config)
    return config


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


def _read_sections(
    path: Path, document: Mapping[str, Any], name: str, cls: type[SectionT]
) -> tuple[SectionT, ...]:
    sections = document.get(name, [])
    if not isinstance(sections, list):
        raise InvalidConfigError(path=path, reason=f"{name} is not a list of tables")
    return tuple(
        _read_section(path, f"{name}[{index}]", section, cls)
        for index, section in enumerate(sections)
    )


def _read_section(
    path: Path, where: str, section: Any, cls: type[SectionT]
) -> SectionT:
    if not isinstance(section, dict):
        raise InvalidConfigError(path=path, reason=f"{where} is not a table")
    known = {item.name: item for item in fields(cls)}
    for name, value in section.items():
        if name not in known:
            raise InvalidConfigError(path=path, reason=f"{where} has no entry {name}")
        wanted = bool if name == "ordered" else str
        if not isinstance(value, wanted):
            raise InvalidConfigError(
                path=path, reason=f"{where}.{name} is not a {wanted.__name__}"
            )
    try:
        return cls(**section)
    except TypeError:
        missing = [
            name
            for name in ("chain_id", "rpc", "chain_a", "chain_b")
            if name in known and name not in section
        ]
        raise InvalidConfigError(
            path=path, reason=f"{where} lacks {', '.join(missing)}"
        ) from None


def _check(path: Path, config: RelayConfig) -> None:
    try:
        for zone in config.zones:
            check_chain_id(zone.chain_id)
        for link in config.links:
            _check_link(link)
            config.zone(link.chain_a)
            config.zone(link.chain_b)
    except InvalidConfigError as failure:
        raise InvalidConfigError(path=path, reason=failure.fields["reason"]) from None
    except HuitongError as failure:
        raise InvalidConfigError(path=path, reason=str(failure)) from None


def _check_link(link: LinkConfig) -> None:
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


def _format(config: RelayConfig) -> str:
    lines = ["# Configuration of `huitong relay`.\n"]
    for name, sections in (("zones", config.zones), ("links", config.links)):
        for section in sections:
            lines.append(f"\n[[{name}]]\n")
            for key, value in asdict(section).items():
                lines.append(f"{key} = {_format_value(value)}\n")
    return "".join(lines)


def _format_value(value: str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
