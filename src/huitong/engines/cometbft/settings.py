"""CometBFT's ``config.toml``, written anew at every start from what the node was told.

Only what differs from CometBFT's defaults, and what those defaults must not change under
us, is written; v0.38 takes the rest from itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from huitong.core.limits import TX_SIZE_BYTES_MAX, UNBONDING_TIME_NS_MAX
from huitong.engines.cometbft.binary import COMETBFT_VERSION

#: Hashes of transactions that are remembered after they left the mempool.
_CACHE_TXS: Final = 50_000
#: Bytes of one request: a batch of ten of the largest usual transactions.
_BODY_SIZE_BYTES_MAX: Final = 16_777_216
#: Bytes a second to one peer and from it: a gigabit network, not the internet of 2016.
_PEER_BYTES_PER_S: Final = 104_857_600
#: A proposer that is down costs its round so long; one that is busy needs some of it.
_PROPOSE: Final = "1500ms"
#: Waiting for the votes of those that are late.
_VOTES: Final = "500ms"
_MORE_EACH_ROUND: Final = "500ms"
#: How long a gossip routine sleeps when it has nothing to tell: a fifth of the default,
#: because each block waits for it several times.
_GOSSIP_SLEEP: Final = "20ms"
_FLUSH: Final = "10ms"
#: Shortest that CometBFT looks for snapshots.
_DISCOVERY: Final = "5s"
#: A header is trusted for two thirds of the time in which its signers answer for it.
_TRUST_HOURS: Final = UNBONDING_TIME_NS_MAX * 2 // 3 // 3_600_000_000_000
_LOG_LEVELS: Final = {
    "debug": "info",
    "info": "main:info,statesync:info,blocksync:info,*:error",
    "warning": "*:error",
    "error": "*:error",
}

_Value = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSync:
    """Where a new node gets a snapshot, and the header it begins to trust with."""

    rpc_addresses: tuple[str, ...]
    """RPC of two or more nodes, ``tcp://`` or ``http://``."""
    trust_height: int
    """Height of the trusted header, at least 1."""
    trust_hash: str
    """Its hash, 64 hexadecimal characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CometBftSettings:
    """What this node's CometBFT is told."""

    moniker: str
    """The node's name for people."""
    abci_address: str
    """Where the application listens, ``unix://…`` or ``tcp://…``."""
    rpc_address: str
    """Where RPC is to listen, ``tcp://HOST:PORT``."""
    p2p_address: str
    """Where it is to listen for other nodes, ``tcp://HOST:PORT``."""
    external_address: str = ""
    """What it tells others to dial, ``HOST:PORT``; empty: found out by itself."""
    persistent_peers: tuple[str, ...] = ()
    """Nodes that it stays connected with, ``ID@HOST:PORT``."""
    block_time_ns: int
    """Pause after a block, nanoseconds."""
    mempool_txs_max: int
    """Transactions that may wait."""
    mempool_size_bytes_max: int
    """Sum of their sizes."""
    log_level: str = "info"
    """One of the node's levels."""
    state_sync: StateSync | None = None
    """Begin from a snapshot; None: replay all blocks."""
    metrics_address: str = ""
    """Where CometBFT's own metrics are served, ``HOST:PORT``; empty: nowhere."""
    signer_address: str = ""
    """Where it waits for a signer in another process; empty: the key file of the home."""


def encode_settings(settings: CometBftSettings) -> str:
    """Return the file."""
    tables: dict[str, Mapping[str, _Value]] = {
        "rpc": _rpc(settings),
        "p2p": _p2p(settings),
        "mempool": _mempool(settings),
        "statesync": _state_sync(settings.state_sync),
        "consensus": _consensus(settings),
        "storage": {"discard_abci_responses": False},
        "tx_index": {"indexer": "kv"},
        "instrumentation": {
            "prometheus": bool(settings.metrics_address),
            "prometheus_listen_addr": settings.metrics_address,
        },
    }
    parts = ["# Written by huitong at every start; change node.toml instead.\n"]
    parts += _lines(_base(settings))
    for name, values in tables.items():
        parts += [f"\n[{name}]\n", *_lines(values)]
    return "".join(parts)


def _base(settings: CometBftSettings) -> Mapping[str, _Value]:
    return {
        "version": COMETBFT_VERSION,
        "proxy_app": settings.abci_address,
        "abci": "socket",
        "moniker": settings.moniker,
        "db_backend": "goleveldb",
        "db_dir": "data",
        "log_level": _LOG_LEVELS[settings.log_level],
        "log_format": "plain",
        "genesis_file": "../config/genesis.json",
        **_validator(settings),
        "node_key_file": "config/node_key.json",
    }


def _validator(settings: CometBftSettings) -> Mapping[str, _Value]:
    # CometBFT makes both files if the first is absent, and overwrites the second, even
    # if a signer signs: so it is told of others, which nobody uses.
    key, state = "../config/validator_key.json", "data/priv_validator_state.json"
    if settings.signer_address:
        key, state = "data/unused_key.json", "data/unused_state.json"
    return {
        "priv_validator_key_file": key,
        "priv_validator_state_file": state,
        "priv_validator_laddr": settings.signer_address,
    }


def _rpc(settings: CometBftSettings) -> Mapping[str, _Value]:
    return {
        "laddr": settings.rpc_address,
        # Pages of any origin may ask, as on the embedded engine: nothing here is secret.
        "cors_allowed_origins": ("*",),
        "max_open_connections": 900,
        "max_subscription_clients": 100,
        "max_subscriptions_per_client": 5,
        # Of messages that wait for one subscriber. The default of 200 is less than what
        # a block of many transactions sends at once.
        "experimental_subscription_buffer_size": 5_000,
        "experimental_websocket_write_buffer_size": 5_000,
        "max_request_batch_size": 10,
        "max_body_bytes": _BODY_SIZE_BYTES_MAX,
    }


def _p2p(settings: CometBftSettings) -> Mapping[str, _Value]:
    return {
        "laddr": settings.p2p_address,
        "external_address": settings.external_address,
        "persistent_peers": ",".join(settings.persistent_peers),
        "persistent_peers_max_dial_period": "10s",
        # A consortium's nodes have private addresses, and on trial share one.
        "addr_book_strict": False,
        "allow_duplicate_ip": True,
        "flush_throttle_timeout": _FLUSH,
        "send_rate": _PEER_BYTES_PER_S,
        "recv_rate": _PEER_BYTES_PER_S,
        "pex": True,
    }


def _mempool(settings: CometBftSettings) -> Mapping[str, _Value]:
    return {
        "type": "flood",
        "recheck": True,
        "recheck_timeout": "10s",
        "broadcast": True,
        "size": settings.mempool_txs_max,
        "max_txs_bytes": settings.mempool_size_bytes_max,
        "cache_size": _CACHE_TXS,
        "max_tx_bytes": TX_SIZE_BYTES_MAX,
    }


def _state_sync(wanted: StateSync | None) -> Mapping[str, _Value]:
    if wanted is None:
        return {"enable": False}
    return {
        "enable": True,
        "rpc_servers": ",".join(
            address.replace("tcp://", "http://", 1) for address in wanted.rpc_addresses
        ),
        "trust_height": wanted.trust_height,
        "trust_hash": wanted.trust_hash.upper(),
        "trust_period": f"{_TRUST_HOURS}h",
        "discovery_time": _DISCOVERY,
        "chunk_request_timeout": "10s",
    }


def _consensus(settings: CometBftSettings) -> Mapping[str, _Value]:
    return {
        "timeout_propose": _PROPOSE,
        "timeout_propose_delta": _MORE_EACH_ROUND,
        "timeout_prevote": _VOTES,
        "timeout_prevote_delta": _MORE_EACH_ROUND,
        "timeout_precommit": _VOTES,
        "timeout_precommit_delta": _MORE_EACH_ROUND,
        "timeout_commit": f"{settings.block_time_ns // 1_000_000}ms",
        "create_empty_blocks": True,
        "peer_gossip_sleep_duration": _GOSSIP_SLEEP,
    }


def _lines(values: Mapping[str, _Value]) -> list[str]:
    # JSON's texts, integers and truth values are TOML's as well.
    return [
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in values.items()
    ]
