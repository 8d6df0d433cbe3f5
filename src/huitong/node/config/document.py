"""Writes ``config/node.toml`` with its explanations."""

from __future__ import annotations

from huitong.node.config.durations import format_duration
from huitong.node.config.settings import NodeConfig


def encode_config(config: NodeConfig) -> str:
    """Return the file with its explanations."""
    return f"""\
# How this node runs. What all nodes of the zone agree on is in genesis.json.

# Name for people.
moniker = {_quoted(config.moniker)}

[rpc]
# JSON-RPC and WebSocket. Whoever reaches this address can read all state and send
# transactions; port 0 picks a free one, which data/rpc_address then holds.
listen = {_quoted(config.rpc_address)}

[grpc]
# For relayers such as Hermes: HOST:PORT, the same queries as over RPC. Port 0 picks a free
# one, which data/grpc_address then holds; empty: none.
listen = {_quoted(config.grpc_address)}

[blocks]
# Least time between blocks with transactions.
block_time = "{format_duration(config.pace.block_time_ns)}"
# Most time between blocks; at most 30s, which links rely on.
heartbeat = "{format_duration(config.pace.heartbeat_ns)}"

[state]
# Recent versions that can be read and proven; 0 keeps all.
versions_kept = {config.versions_kept}
# Recent blocks that can be read; 0 keeps all (archive). Evidence and relayers need those
# of the last weeks.
blocks_kept = {config.blocks_kept}
# Whether a commit waits for the disk. false only for data that may be lost.
durable = {str(config.is_durable).lower()}

[mempool]
txs_max = {config.mempool.txs_max}
size_bytes_max = {config.mempool.size_bytes_max}

[engine]
# embedded: this process alone, one validator. cometbft: one of several validators.
kind = "{config.engine}"

[cometbft]
# Path of the program; empty: PATH, then Go's folder of binaries.
binary = {_quoted(config.cometbft.binary)}
# Whether this node starts and stops it.
run = {str(config.cometbft.is_run).lower()}
# Where the application listens for it; empty: a socket in the data folder.
abci = {_quoted(config.cometbft.abci_address)}
# Where it listens for other nodes, and what it tells them to dial (HOST:PORT) if that
# cannot be seen from this machine.
p2p = {_quoted(config.cometbft.p2p_address)}
external = {_quoted(config.cometbft.external_address)}
# Nodes that it stays connected with, ID@HOST:PORT; `huitong node id` shows a node's.
persistent_peers = {_quoted_list(config.cometbft.persistent_peers)}
# To begin from a snapshot: RPC addresses of two nodes, and a header that you trust.
state_sync_rpc = {_quoted_list(config.cometbft.state_sync_rpc)}
trust_height = {config.cometbft.trust_height}
trust_hash = {_quoted(config.cometbft.trust_hash)}
# Where CometBFT waits for a signer in another process, unix:///PATH or tcp://HOST:PORT;
# empty: this node signs with config/validator_key.json.
signer = {_quoted(config.cometbft.signer_address)}
# CometBFT's own Prometheus metrics, HOST:PORT; empty: none.
metrics = {_quoted(config.cometbft.metrics_address)}

[snapshots]
# One at each height that this divides; 0 for none.
every_blocks = {config.snapshots.every_blocks}
kept = {config.snapshots.kept}

[watch]
# Prometheus metrics, health and readiness, for example tcp://127.0.0.1:26660; empty: none.
listen = {_quoted(config.watch_address)}

[log]
# debug, info, warning or error
level = "{config.log_level}"
# console, json, or auto: console if a person looks on
format = "{config.log_format}"
"""


def _quoted_list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(_quoted(text) for text in texts)}]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
