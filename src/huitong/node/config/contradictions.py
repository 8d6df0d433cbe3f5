"""Settings that are right one by one and cannot be meant together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from huitong.node.config.settings import CometBftConfig, NodeConfig
from huitong.node.errors import ConfigError

_PEER: Final = re.compile(r"[0-9a-f]{40}@[^@\s,]+:[0-9]{1,5}", re.ASCII)
_PLACE: Final = re.compile(r"[^@\s,/]+:[0-9]{1,5}", re.ASCII)
_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
#: CometBFT compares what two nodes say before it believes a snapshot.
_STATE_SYNC_SOURCES_MIN: Final = 2


def check_settings(config: NodeConfig, path: Path) -> None:
    """Check that the settings can be meant together.

    Raises:
        ConfigError: they cannot; the reason says what to do.
    """
    for field, reason in _found(config):
        raise ConfigError(path=path, field=field, reason=reason)


def _found(config: NodeConfig) -> Iterator[tuple[str, str]]:
    if config.engine == "embedded":
        yield from _without_cometbft(config.cometbft)
    yield from _places(config.cometbft)
    yield from _state_sync(config.cometbft)


def _without_cometbft(wanted: CometBftConfig) -> Iterator[tuple[str, str]]:
    meaningless = {
        "persistent_peers": wanted.persistent_peers,
        "state_sync_rpc": wanted.state_sync_rpc,
    }
    for name, value in meaningless.items():
        if value:
            yield (
                f"cometbft.{name}",
                'the embedded engine has no peers; set [engine] kind = "cometbft", '
                "or leave it empty",
            )


def _places(wanted: CometBftConfig) -> Iterator[tuple[str, str]]:
    for peer in wanted.persistent_peers:
        if not _PEER.fullmatch(peer):
            yield (
                "cometbft.persistent_peers",
                f"{peer!r} is not of the form ID@HOST:PORT; `huitong node id` on that "
                "node shows its id",
            )
    for name, place in (
        ("external", wanted.external_address),
        ("metrics", wanted.metrics_address),
    ):
        if place and not _PLACE.fullmatch(place):
            yield f"cometbft.{name}", f"{place!r} is not of the form HOST:PORT"
    address = wanted.abci_address
    if address and not address.startswith(("unix:///", "tcp://")):
        yield (
            "cometbft.abci",
            f"{address!r} is not of the form unix:///PATH or tcp://HOST:PORT",
        )
    if not wanted.is_run and address.endswith(":0"):
        yield (
            "cometbft.abci",
            "port 0 picks one that a CometBFT started elsewhere does not know; "
            "name the port",
        )


def _state_sync(wanted: CometBftConfig) -> Iterator[tuple[str, str]]:
    if not wanted.state_sync_rpc:
        return
    if len(wanted.state_sync_rpc) < _STATE_SYNC_SOURCES_MIN:
        yield (
            "cometbft.state_sync_rpc",
            "needs the RPC addresses of two nodes, best of two organisations",
        )
    if not wanted.trust_height or not _HASH.fullmatch(wanted.trust_hash):
        yield (
            "cometbft.trust_hash",
            "to begin from a snapshot, trust_height and trust_hash need to name a header "
            "that you trust: 64 hexadecimal characters, read from a node of yours or "
            "asked of another organisation",
        )
