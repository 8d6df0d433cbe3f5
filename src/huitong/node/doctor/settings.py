"""Checks of what the operator wrote: node.toml and genesis.json, and both together."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import Final

from huitong.core.errors import HuitongError
from huitong.engines.genesis import GenesisDocument
from huitong.node.config import NodeConfig
from huitong.node.doctor.findings import Finding, fine, problem, warning
from huitong.node.doctor.subject import Subject

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def check_settings(subject: Subject) -> Iterator[Finding]:
    """Read both files, and compare them with one another."""
    if subject.home is None:
        return
    config, genesis = subject.config, subject.genesis
    if isinstance(config, HuitongError):
        yield problem("config", str(config), config.next_step)
    else:
        yield fine("config", f"node.toml can be read; engine {config.engine}")
        yield from _config(config)
    if isinstance(genesis, HuitongError):
        yield problem("genesis", str(genesis), genesis.next_step)
    else:
        yield fine("genesis", f"genesis.json can be read; zone {genesis.chain_id}")
        if isinstance(config, NodeConfig):
            yield from _together(config, genesis)
    yield from _permissions(subject)


def _config(config: NodeConfig) -> Iterator[Finding]:
    if not config.is_durable:
        yield warning(
            "durable",
            "commits do not wait for the disk ([state] durable = false)",
            "Set it to true unless the data may be lost with the next power cut.",
        )
    if not config.watch_address:
        yield warning(
            "watch",
            "metrics, health and readiness are served nowhere",
            'Set [watch] listen, for example to "tcp://127.0.0.1:26660".',
        )
    if _is_open_to_all(config.rpc_address):
        yield warning(
            "rpc-open",
            f"RPC listens to everybody at {config.rpc_address}",
            "Listen at 127.0.0.1 or an address of your network, or keep strangers out "
            "with a firewall: RPC has neither passwords nor TLS.",
        )
    if _is_open_to_all(f"tcp://{config.grpc_address}"):
        yield warning(
            "grpc-open",
            f"gRPC listens to everybody at {config.grpc_address}",
            "Listen at 127.0.0.1 or an address of your network, or keep strangers out "
            "with a firewall: gRPC has neither passwords nor TLS.",
        )


def _together(config: NodeConfig, genesis: GenesisDocument) -> Iterator[Finding]:
    count = len(genesis.validators)
    if config.engine == "embedded" and count > 1:
        yield problem(
            "engine",
            f"the zone began with {count} validators, and the embedded engine is one",
            'Set [engine] kind = "cometbft".',
        )
    peers = config.cometbft.persistent_peers
    if config.engine == "cometbft" and count > 1 and not peers:
        yield warning(
            "peers-configured",
            f"the zone began with {count} validators, and no peer is configured",
            "Set [cometbft] persistent_peers to ID@HOST:PORT of the other nodes.",
        )


def _permissions(subject: Subject) -> Iterator[Finding]:
    assert subject.home is not None
    for file in (subject.home.config_file, subject.home.genesis_file):
        try:
            mode = file.stat().st_mode
        except OSError:
            continue
        if mode & _WRITABLE_BY_OTHERS:
            yield warning(
                "file-mode",
                f"others may write {file}",
                f"Run `chmod go-w {file}`.",
            )


def _is_open_to_all(address: str) -> bool:
    return address.startswith(("tcp://0.0.0.0:", "tcp://[::]:"))
