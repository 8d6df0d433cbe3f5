"""What a zone was made with, compared with what somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huitong.localnet.consortium import LocalZone
from huitong.localnet.errors import ZoneMadeError
from huitong.modules.governance.state import DEFAULT_PARAMS
from huitong.node.config import format_duration, load_config, parse_duration
from huitong.node.home import Home


def check_same(zone: LocalZone, asked: Mapping[str, Any]) -> None:
    """Check that nothing is asked of a zone but what it has.

    Args:
        zone: made already.
        asked: by name of the option, ``validators``, ``engine``, ``chain_id``,
            ``block_time`` as text, ``voting_period`` in seconds; None for no matter.

    Raises:
        ZoneMadeError: it has something else.
        HomeMissingError, ConfigError, GenesisFileError: a home of it is damaged.
    """
    for name, value in asked.items():
        if value is None:
            continue
        has = _read(zone, name)
        if (_as_block_time(value) if name == "block_time" else value) != has:
            option = f"--{name.replace('_', '-')}"
            raise ZoneMadeError(path=zone.folder, option=option, has=has, asked=value)


def _read(zone: LocalZone, name: str) -> Any:
    if name == "validators":
        return sum(node.is_validator for node in zone.nodes)
    if name == "block_time":
        files = [Home(node.home).config_file for node in zone.nodes]
        times = {load_config(file).pace.block_time_ns: None for file in files}
        return " and ".join(map(format_duration, times))
    if name == "voting_period":
        state = Home(zone.nodes[0].home).load_genesis().app_state
        params = state.get("governance", {}).get("params", {})
        return int(params.get("voting_period_s", DEFAULT_PARAMS.voting_period_s))
    return getattr(zone, name)


def _as_block_time(text: str) -> str:
    duration_ns = parse_duration(text)
    return text if duration_ns is None else format_duration(duration_ns)
