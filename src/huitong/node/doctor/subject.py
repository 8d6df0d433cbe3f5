"""What is examined: a home, a running node, or both; read once for all checks."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from huitong.core.errors import HuitongError, RejectedError
from huitong.core.time import parse_rfc3339
from huitong.engines.genesis import GenesisDocument
from huitong.node.asking import RpcAsker
from huitong.node.config import NodeConfig, load_config
from huitong.node.errors import NodeNotServingError
from huitong.node.home import Home
from huitong.node.watch.zone_facts import Ask

#: How long one call to a node may take.
CALL_TIMEOUT_S: Final = 3.0
#: What reading an answer of another shape raises.
SHAPE_ERRORS: Final = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    RejectedError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """What a node answers to ``status``."""

    chain_id: str
    """The zone."""
    version: str
    """Version of CometBFT whose interface it has."""
    height: int
    """Newest block."""
    time_ns: int
    """Time in its header, nanoseconds since the epoch, UTC."""
    earliest_height: int
    """Oldest block that it can show; 0 if it does not say."""
    earliest_time_ns: int
    """Time in its header; 0 if it does not say."""
    is_catching_up: bool
    """Whether it replays blocks that others have."""
    power: int
    """Voting power of its own key."""


class Subject:
    """The node that is looked over. Everything is read when a check first asks."""

    def __init__(self, home: Home | None, rpc_address: str | None) -> None:
        """Name what is examined; one of the two may be None."""
        self.home = home
        """The node's folder; None if only RPC is asked."""
        self._rpc_address = rpc_address
        self._asker: RpcAsker | None = None
        self.seen_at_ns = 0
        """This machine's time when the node's status was read, nanoseconds."""

    def close(self) -> None:
        """Close the connection to the node."""
        if self._asker is not None:
            self._asker.close()

    # --- the home ---------------------------------------------------------------------

    @cached_property
    def config(self) -> NodeConfig | HuitongError:
        """How the node is to run, or why that cannot be read."""
        assert self.home is not None
        try:
            return load_config(self.home.config_file)
        except HuitongError as failure:
            return failure

    @cached_property
    def genesis(self) -> GenesisDocument | HuitongError:
        """What the zone began with, or why that cannot be read."""
        assert self.home is not None
        try:
            return self.home.load_genesis()
        except HuitongError as failure:
            return failure

    @cached_property
    def pid(self) -> int:
        """Process of the node; 0 if none of this home runs."""
        return 0 if self.home is None else running_pid(self.home.pid_file)

    # --- the running node -------------------------------------------------------------

    @cached_property
    def rpc_address(self) -> str:
        """Where the node should answer; empty if nothing says so."""
        if self._rpc_address is not None:
            return self._rpc_address
        if self.home is None:
            return ""
        try:
            return self.home.rpc_address_file.read_text().strip()
        except OSError:
            config = self.config
            return config.rpc_address if isinstance(config, NodeConfig) else ""

    @cached_property
    def grpc_address(self) -> str:
        """Where it answers gRPC, ``HOST:PORT``, or should; empty for nowhere."""
        assert self.home is not None
        config = self.config
        wanted = config.grpc_address if isinstance(config, NodeConfig) else ""
        if not (wanted and self.pid):
            return wanted
        try:
            return self.home.grpc_address_file.read_text().strip() or wanted
        except OSError:
            return wanted

    @property
    def asker(self) -> RpcAsker:
        """Asks the node."""
        if self._asker is None:
            self._asker = RpcAsker(self.rpc_address, timeout_s=CALL_TIMEOUT_S)
        return self._asker

    @cached_property
    def status(self) -> NodeStatus | None:
        """What the node says of itself; None if it does not answer.

        Who answers at the address of a home whose node is down is somebody else.
        """
        is_down = self.home is not None and self._rpc_address is None and not self.pid
        if is_down or not self.rpc_address:
            return None
        try:
            status = read_status(self.asker.call("status"))
        except (NodeNotServingError, *SHAPE_ERRORS):
            return None
        self.seen_at_ns = time.time_ns()
        return status

    @property
    def ask(self) -> Ask:
        """Queries of the zone's state through the node."""

        def asked(path: str, request: bytes) -> bytes | None:
            answer = self.asker.call("abci_query", path=path, data=request.hex())
            try:
                response = answer["response"]
                if response.get("code"):
                    return None
                return base64.b64decode(response.get("value") or "")
            except SHAPE_ERRORS as error:
                raise NodeNotServingError(
                    address=self.rpc_address, reason="its answer has another shape"
                ) from error

        return asked


def read_status(answer: Mapping[str, Any]) -> NodeStatus:
    """Return the answer to ``status`` as data.

    Raises:
        One of SHAPE_ERRORS: it has another shape.
    """
    about, sync = answer["node_info"], answer["sync_info"]
    earliest = sync.get("earliest_block_time")
    return NodeStatus(
        chain_id=str(about["network"]),
        version=str(about["version"]),
        height=int(sync["latest_block_height"]),
        time_ns=parse_rfc3339(sync["latest_block_time"]),
        earliest_height=int(sync.get("earliest_block_height") or 0),
        earliest_time_ns=parse_rfc3339(earliest) if earliest else 0,
        is_catching_up=bool(sync["catching_up"]),
        power=int(answer["validator_info"]["voting_power"]),
    )


def running_pid(pid_file: Path) -> int:
    """Return the process that a pid file names if it is one of ours; 0 otherwise.

    A node that was killed leaves its file, and its number may be another's by now.
    """
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return pid if b"huitong" in command else 0
