"""Checks of the running node among its peers: answers, lag, clocks, the same state."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from huitong.node.asking import RpcAsker
from huitong.node.config import NodeConfig
from huitong.node.doctor.findings import Finding, fine, problem, warning
from huitong.node.doctor.subject import (
    CALL_TIMEOUT_S,
    SHAPE_ERRORS,
    NodeStatus,
    Subject,
    read_status,
)
from huitong.node.errors import NodeNotServingError
from huitong.node.watch.health import BLOCK_AGE_NS_MIN, block_age_max_ns

#: Peers that are asked; more would not tell more.
PEERS_ASKED_MAX: Final = 8
#: Blocks that a node may be behind its peers.
LAG_BLOCKS_MAX: Final = 10
#: Seconds that two clocks may differ; answers carry whole seconds.
CLOCK_OFFSET_S_MAX: Final = 3.0
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another node that answered."""

    name: str
    """Its name and address."""
    status: NodeStatus
    """What it says of itself."""
    clock_offset_s: float | None
    """How far its clock is ahead of this machine's; None if it does not say."""
    app_hash: str | None
    """App hash in its header of the compared height, hexadecimal; None if unknown."""


def check_node(subject: Subject) -> Iterator[Finding]:
    """Look whether the node runs, answers, and makes blocks."""
    status = subject.status
    if status is None:
        yield _silent(subject)
        return
    yield fine(
        "node", f"{status.chain_id} at height {status.height} on {subject.rpc_address}"
    )
    if status.height == 0:
        yield warning(
            "lag",
            "no block yet",
            "Wait. If it stays so: more than a third of the voting power of genesis is "
            "not there, or this node has no peers.",
        )
        return
    age_ns = max(0, subject.seen_at_ns - status.time_ns)
    seen = f"the newest block is {age_ns / _NS_PER_S:.1f} s old"
    config = subject.config if subject.home is not None else None
    late_ns = (
        block_age_max_ns(config) if isinstance(config, NodeConfig) else BLOCK_AGE_NS_MIN
    )
    if status.is_catching_up:
        yield warning(
            "lag",
            f"{seen}; the node replays blocks that others have",
            "Wait. If the height does not grow, look at the log and at the peers.",
        )
    elif age_ns > late_ns:
        yield problem(
            "lag",
            seen,
            "Look whether the height grows. If it does not: more than a third of the "
            "voting power is away, or this node has no peers. If it does: set this "
            "machine's clock.",
        )
    else:
        yield fine("lag", seen)


def _silent(subject: Subject) -> Finding:
    if subject.home is None:
        return problem(
            "node",
            f"nothing answers at {subject.rpc_address}",
            "Check the address, and run `huitong doctor --home HOME` on its machine.",
        )
    if subject.pid:
        return problem(
            "node",
            f"process {subject.pid} runs and RPC at {subject.rpc_address} is silent",
            "It may still be starting. Look at its log; if nothing moves there, stop it "
            "with SIGTERM and start it again.",
        )
    return warning(
        "node",
        "it does not run",
        f"Start it: huitong node start --home {subject.home.path}",
    )


def check_peers(subject: Subject) -> Iterator[Finding]:
    """Compare the node with the peers whose RPC can be reached."""
    status = subject.status
    if status is None:
        return
    entries = _peer_entries(subject)
    is_alone = _is_alone(subject)
    if not entries:
        if not is_alone:
            yield problem(
                "peers",
                "connected with no other node",
                "Check [cometbft] persistent_peers, and that the ports of the others "
                "can be reached from here.",
            )
        return
    yield fine("peers", f"connected with {len(entries)}")
    height = status.height - 1  # the newest header may not have reached all of them
    peers = [
        peer
        for entry in entries[:PEERS_ASKED_MAX]
        if (peer := _ask_peer(entry, height)) is not None
    ]
    if not peers:
        yield fine("peers-rpc", "RPC of the peers cannot be reached from here")
        return
    yield from _compare(subject, status, peers, height)


def _is_alone(subject: Subject) -> bool:
    config = subject.config if subject.home is not None else None
    if isinstance(config, NodeConfig):
        return config.engine == "embedded" or not config.cometbft.persistent_peers
    return True  # nobody says that there should be others


def _peer_entries(subject: Subject) -> list[Mapping[str, Any]]:
    try:
        return list(subject.asker.call("net_info")["peers"])
    except (NodeNotServingError, *SHAPE_ERRORS):
        return []


def _ask_peer(entry: Mapping[str, Any], height: int) -> Peer | None:
    try:
        info = entry["node_info"]
        port = urlsplit(info["other"]["rpc_address"]).port
        host = str(entry["remote_ip"])
        shown = f"[{host}]" if ":" in host else host
        address = f"tcp://{shown}:{port}"
        name = f"{info['moniker']} ({shown}:{port})"
        asker = RpcAsker(address, timeout_s=CALL_TIMEOUT_S)
    except SHAPE_ERRORS:
        return None
    try:
        status, commit = asker.calls(
            [("status", {}), ("commit", {"height": str(height)})]
        )
        return Peer(
            name=name,
            status=read_status(status),
            clock_offset_s=_clock_offset_s(address),
            app_hash=_app_hash(commit),
        )
    except (NodeNotServingError, *SHAPE_ERRORS):
        return None
    finally:
        asker.close()


def _clock_offset_s(address: str) -> float | None:
    """Return how far the clock behind an RPC server is ahead of ours.

    CometBFT's answers carry the time in whole seconds, so half a second is added.
    """
    url = address.replace("tcp://", "http://", 1)
    try:
        before_s = time.time()
        answer = httpx.get(f"{url}/health", timeout=CALL_TIMEOUT_S, trust_env=False)
        after_s = time.time()
        told = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (httpx.HTTPError, httpx.InvalidURL, OSError, *SHAPE_ERRORS):
        return None
    return told + 0.5 - (before_s + after_s) / 2


def _app_hash(commit: Any) -> str | None:
    try:
        return str(commit["signed_header"]["header"]["app_hash"])
    except SHAPE_ERRORS:
        return None


def _compare(
    subject: Subject, status: NodeStatus, peers: list[Peer], height: int
) -> Iterator[Finding]:
    highest = max(peer.status.height for peer in peers)
    behind = highest - status.height
    if behind > LAG_BLOCKS_MAX:
        yield warning(
            "lag-peers",
            f"{behind} blocks behind the peers",
            "Look at the load of this machine, its disk and its connection.",
        )
    else:
        yield fine("lag-peers", f"as far as the {len(peers)} peers that answer")
    offsets = [
        (abs(peer.clock_offset_s), peer)
        for peer in peers
        if peer.clock_offset_s is not None
    ]
    far = [peer.name for offset, peer in offsets if offset > CLOCK_OFFSET_S_MAX]
    if far and 2 * len(far) > len(offsets):
        yield problem(
            "clock-peers",
            f"this clock differs by more than {CLOCK_OFFSET_S_MAX:.0f} s from most peers",
            "Set this machine's clock and keep it set (chrony, systemd-timesyncd).",
        )
    elif far:
        yield warning(
            "clock-peers",
            f"the clocks of {', '.join(far)} are more than {CLOCK_OFFSET_S_MAX:.0f} s off",
            "Tell the operators of these nodes.",
        )
    elif offsets:
        yield fine("clock-peers", "the clocks of the peers agree with this one")
    yield from _compare_state(subject, peers, height)


def _compare_state(
    subject: Subject, peers: list[Peer], height: int
) -> Iterator[Finding]:
    try:
        own = _app_hash(subject.asker.call("commit", height=str(height)))
    except NodeNotServingError:
        return
    if own is None:
        return
    others = [peer.name for peer in peers if peer.app_hash not in (own, None)]
    if others:
        yield problem(
            "app-hash",
            f"another app hash at height {height} than {', '.join(others)}",
            "Stop this node and do not restart it. Keep its data and log, compare the "
            "versions of the software, and begin it anew from a snapshot.",
        )
    else:
        yield fine("app-hash", f"the same app hash as the peers at height {height}")
