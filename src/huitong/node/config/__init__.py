"""``config/node.toml``: how one node runs. Nothing in it is consensus; genesis has that."""

from huitong.node.config.document import encode_config
from huitong.node.config.durations import format_duration, parse_duration
from huitong.node.config.loading import (
    MONIKER_CHARACTERS_MAX,
    load_config,
    with_options,
)
from huitong.node.config.settings import (
    ENGINES,
    GRPC_ADDRESS_DEFAULT,
    P2P_ADDRESS_DEFAULT,
    RPC_ADDRESS_DEFAULT,
    CometBftConfig,
    NodeConfig,
    SnapshotConfig,
)

__all__ = [
    "ENGINES",
    "GRPC_ADDRESS_DEFAULT",
    "MONIKER_CHARACTERS_MAX",
    "P2P_ADDRESS_DEFAULT",
    "RPC_ADDRESS_DEFAULT",
    "CometBftConfig",
    "NodeConfig",
    "SnapshotConfig",
    "encode_config",
    "format_duration",
    "load_config",
    "parse_duration",
    "with_options",
]
