"""How the relayer Hermes is told of two chains: its ``config.toml``, with what serves it best.

``batch_delay`` lies far below the block time: Hermes closes a batch when an event of
another height comes or when nothing comes for so long, and with its default of 500 ms
short blocks gain nothing. Push, not pull: it is told of blocks at once. Fees are zero, as
everywhere where we measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong.core.address import ADDRESS_PREFIX

#: Most messages that Hermes puts into a transaction; its own default.
MESSAGES_PER_TX: Final = 30
#: Gas that it asks for at most; some 30 packets with proofs take a tenth of it.
GAS_MAX: Final = 50_000_000
#: What it names as fee, with amount zero: any name passes.
OUR_FEE_DENOM: Final = "nofee"


@dataclass(frozen=True, slots=True, kw_only=True)
class HermesChain:
    """One chain as Hermes needs to know it."""

    chain_id: str
    """Its name."""
    rpc_url: str
    """Where it serves JSON-RPC and WebSocket."""
    grpc_url: str
    """Where it serves gRPC."""
    prefix: str = ADDRESS_PREFIX
    """What its addresses begin with."""
    fee_denom: str = OUR_FEE_DENOM
    """In what it names its fee of zero."""


def encode_config(
    chains: Sequence[HermesChain],
    *,
    key_name: str,
    keys_folder: Path,
    clear_interval: int = 100,
    messages_per_tx: int = MESSAGES_PER_TX,
) -> str:
    """Return the file.

    Args:
        chains: what it relays between.
        key_name: name of the key that signs on each.
        keys_folder: where the keys lie.
        clear_interval: blocks after which it looks for packets that it missed.
        messages_per_tx: most messages in one transaction, up to 100.
    """
    parts = [_GLOBAL.format(clear_interval=clear_interval)]
    for chain in chains:
        http = chain.rpc_url.replace("tcp://", "http://", 1)
        socket = http.replace("http://", "ws://", 1)
        parts.append(
            _CHAIN.format(
                chain=chain,
                http=http,
                socket=socket,
                key_name=key_name,
                keys_folder=keys_folder,
                gas_max=GAS_MAX,
                messages_per_tx=messages_per_tx,
            )
        )
    return "\n".join(parts)


_GLOBAL: Final = """\
[global]
log_level = 'info'

[mode.clients]
enabled = true
refresh = true
misbehaviour = true

[mode.connections]
enabled = false

[mode.channels]
enabled = false

[mode.packets]
enabled = true
clear_interval = {clear_interval}
clear_on_start = true
tx_confirmation = false

[rest]
enabled = false
host = '127.0.0.1'
port = 3000

[telemetry]
enabled = false
host = '127.0.0.1'
port = 3001
"""

_CHAIN: Final = """\
[[chains]]
id = '{chain.chain_id}'
type = 'CosmosSdk'
rpc_addr = '{http}'
grpc_addr = '{chain.grpc_url}'
event_source = {{ mode = 'push', url = '{socket}/websocket', batch_delay = '20ms' }}
rpc_timeout = '10s'
account_prefix = '{chain.prefix}'
key_name = '{key_name}'
key_store_type = 'Test'
key_store_folder = '{keys_folder}'
store_prefix = 'ibc'
default_gas = 5000000
max_gas = {gas_max}
gas_price = {{ price = 0.0, denom = '{chain.fee_denom}' }}
gas_multiplier = 1.2
max_msg_num = {messages_per_tx}
max_tx_size = 1048576
clock_drift = '5s'
max_block_time = '30s'
trust_threshold = {{ numerator = '2', denominator = '3' }}
address_type = {{ derivation = 'cosmos' }}
"""
