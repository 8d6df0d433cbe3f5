"""Methods about the node and the application's state."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

from huitong import __version__
from huitong.core.abci import QueryResult
from huitong.core.app import NAME
from huitong.core.time import format_rfc3339
from huitong.engines.embedded.chain_state import EMPTY_HASH
from huitong.engines.validator_key import public_key_json
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.node.rpc.calls import Method
from huitong.node.rpc.params import Kind, Param
from huitong.node.rpc.served import Served
from huitong.storage.block_pruning import find_lowest
from huitong.storage.blocks import find_block

#: The version of CometBFT whose interface this is; clients choose their decoders by it.
COMETBFT_VERSION: Final = "0.38.25"
_P2P_PROTOCOL: Final = "8"
_BLOCK_PROTOCOL: Final = "11"
_CHANNELS: Final = "40202122233038606100"


def state_methods(served: Served) -> dict[str, Method]:
    """Return the methods about the node and the state."""
    methods = StateMethods(served)
    return {
        "health": Method(answer=methods.health),
        "status": Method(answer=methods.status),
        "net_info": Method(answer=methods.net_info),
        "abci_info": Method(answer=methods.abci_info),
        "abci_query": Method(
            answer=methods.abci_query,
            params=(
                Param("path", Kind.TEXT),
                Param("data", Kind.HEX_BYTES),
                Param("height", Kind.INTEGER),
                Param("prove", Kind.BOOLEAN),
            ),
            is_async=True,
        ),
    }


class StateMethods:
    """Answers about the node and the state; each method has the name it is called by."""

    def __init__(self, served: Served) -> None:
        self._served = served
        engine = served.engine
        address = address_of_public_key(engine.public_key)
        self._node_info = {
            "protocol_version": {
                "p2p": _P2P_PROTOCOL,
                "block": _BLOCK_PROTOCOL,
                "app": str(engine.genesis.params.app_version),
            },
            "id": address.hex(),
            "listen_addr": served.rpc_address,
            "network": engine.genesis.chain_id,
            "version": COMETBFT_VERSION,
            "channels": _CHANNELS,
            "moniker": served.moniker,
            "other": {"tx_index": "on", "rpc_address": served.rpc_address},
        }
        self._validator = {
            "address": address.hex().upper(),
            "pub_key": public_key_json(engine.public_key),
        }
        self._earliest: dict[str, str] = {}
        self._newest = (-1, "")

    def health(self) -> dict[str, Any]:
        """Nothing: it answers."""
        return {}

    def status(self) -> dict[str, Any]:
        """Who this node is and how far it has come."""
        state = self._served.engine.state
        own = state.validators.find(
            address_of_public_key(self._served.engine.public_key)
        )
        # As in CometBFT, the app hash is the one in the newest header: that of the
        # state before it.
        if self._newest[0] != state.height:
            with self._served.reading() as reader:
                newest = find_block(reader, state.height)
            app_hash = EMPTY_HASH if newest is None else newest.header.app_hash
            self._newest = (state.height, app_hash.hex().upper())
        return {
            "node_info": self._node_info,
            "sync_info": {
                "latest_block_hash": state.block_id.hash.hex().upper(),
                "latest_app_hash": self._newest[1],
                "latest_block_height": str(state.height),
                "latest_block_time": format_rfc3339(state.time_ns),
                **self._earliest_block(),
                "catching_up": False,
            },
            "validator_info": {
                **self._validator,
                "voting_power": str(0 if own is None else own.voting_power),
            },
        }

    def _earliest_block(self) -> dict[str, str]:
        lowest = str(self._served.lowest)
        if self._earliest.get("earliest_block_height") != lowest:
            with self._served.reading() as reader:
                first = find_block(reader, find_lowest(reader) or 0)
            if first is None:
                return {}
            self._earliest = {
                "earliest_block_hash": first.block_id.hash.hex().upper(),
                "earliest_app_hash": first.header.app_hash.hex().upper(),
                "earliest_block_height": str(first.header.height),
                "earliest_block_time": format_rfc3339(first.header.time_ns),
            }
        return self._earliest

    def net_info(self) -> dict[str, Any]:
        """No peers: one process makes the blocks."""
        return {
            "listening": True,
            "listeners": [f"Listener(@{self._served.rpc_address})"],
            "n_peers": "0",
            "peers": [],
        }

    def abci_info(self) -> dict[str, Any]:
        """What the application says of itself."""
        state = self._served.engine.state
        answer = {
            "data": NAME,
            "version": __version__,
            "last_block_height": str(state.height),
            "last_block_app_hash": base64.b64encode(state.app_hash).decode(),
        }
        app_version = self._served.engine.genesis.params.app_version
        if app_version:
            answer["app_version"] = str(app_version)
        return {"response": answer}

    async def abci_query(
        self, path: str = "", data: bytes = b"", height: int = 0, prove: bool = False
    ) -> dict[str, Any]:
        """The application's answer to a query.

        A plain look-up is answered at once; whatever may take longer does not hold up
        the other calls.
        """
        served = self._served
        loop = asyncio.get_running_loop()
        kept = served.queries.find_proven(path, data, height) if prove else None
        if kept is not None:
            result = kept
        elif prove or not path.strip("/").startswith("store/"):
            asks_rpc = served.queries.asks_rpc(path)
            result = await loop.run_in_executor(
                served.asking if asks_rpc else served.executor,
                served.queries.answer,
                path,
                data,
                height,
                prove,
            )
        else:
            result = served.app.query(path, data, height, prove)
        return {"response": query_json(result)}


def query_json(result: QueryResult) -> dict[str, Any]:
    """Return the answer to a query as CometBFT prints it."""
    ops = [
        {"type": op.type, "key": _base64(op.key), "data": _base64(op.data)}
        for op in result.proof_ops
    ]
    return {
        "code": result.code,
        "log": result.log,
        "info": "",
        "index": "0",
        "key": _base64(result.key) if result.key else None,
        "value": _base64(result.value) if result.value else None,
        "proofOps": {"ops": ops} if ops else None,
        "height": str(result.height),
        "codespace": result.codespace,
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
