"""Make the homes of four validators that find one another by the names of containers.

Run it once, on the machine of the containers, as the user whose id they get::

    python ops/container/prepare.py --dir zone --chain-id hangzhou-1
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from huitong.localnet.consortium import LocalZone
from huitong.localnet.founding import peer_of
from huitong.node.config import CometBftConfig, load_config
from huitong.node.home import Home, save_config

VALIDATORS = 4
RPC = "tcp://0.0.0.0:26657"
GRPC = "0.0.0.0:9090"
P2P_PORT = 26656
WATCH = "tcp://0.0.0.0:26660"


def prepare(folder: Path, chain_id: str) -> None:
    """Make the homes ``node0`` to ``node3`` in ``folder``."""
    zone = LocalZone(folder, chain_id, validators=VALIDATORS)
    zone.init()
    homes = {node.name: Home(node.home) for node in zone.nodes}
    peers = {
        name: peer_of(home, f"tcp://{name}:{P2P_PORT}") for name, home in homes.items()
    }
    for name, home in homes.items():
        config = replace(
            load_config(home.config_file),
            rpc_address=RPC,
            grpc_address=GRPC,
            watch_address=WATCH,
            log_format="json",
            cometbft=CometBftConfig(
                p2p_address=f"tcp://0.0.0.0:{P2P_PORT}",
                persistent_peers=tuple(
                    peer for other, peer in peers.items() if other != name
                ),
            ),
        )
        save_config(home, config)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--chain-id", required=True)
    given = parser.parse_args()
    prepare(given.dir, given.chain_id)
