"""A scripted consensus: drives an application over ABCI as CometBFT does, without it.

::

    consensus = ScriptedConsensus(genesis, key)
    with consensus.connected(server.address):       # handshake: InitChain or replay
        assert consensus.check_tx(raw).code == 0
        done = consensus.make_block([raw])           # propose, judge, finalize, commit

What it has decided outlives the application: connect again after a crash, and the
handshake gives the application the blocks behind its height once more and compares every
hash, as CometBFT's does (``consensus/replay.go``).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, final

from huitong.core.abci import BlockRequest, FinalizedBlock, Misbehaviour
from huitong.core.time import NS_PER_SECOND
from huitong.engines.cometbft.abci.framing import FrameReader, encode_frame
from huitong.engines.embedded.blocks import (
    Block,
    make_block,
    sign_commit,
    state_after,
)
from huitong.engines.embedded.chain_state import ChainState, genesis_state
from huitong.engines.genesis import GenesisDocument
from huitong.engines.validator_key import ValidatorKey
from huitong.proto.tendermint.abci import types_pb2 as pb
from huitong.testing.abci_messages import (
    finalize_request,
    finalized_from_response,
    init_chain_request,
)

#: How long an answer may take, seconds.
_ANSWER_TIMEOUT_S = 60.0


class AbciExceptionError(Exception):
    """The application answered with an exception: CometBFT stops at that."""


class HandshakeError(Exception):
    """The application does not stand on the chain: CometBFT refuses to start."""


@final
class AbciClient:
    """One connection, as CometBFT opens it."""

    def __init__(self, address: str, timeout_s: float = _ANSWER_TIMEOUT_S) -> None:
        """Connect to ``unix:///PATH`` or ``tcp://HOST:PORT``."""
        self.socket = _connect(address, timeout_s)
        self._reader = FrameReader()
        self._arrived: list[bytes] = []

    def send(self, *requests: pb.Request) -> None:
        """Send requests at once, without waiting for answers."""
        frames = [encode_frame(item.SerializeToString()) for item in requests]
        self.socket.sendall(b"".join(frames))

    def receive(self) -> pb.Response:
        """Return the next answer.

        Raises:
            ConnectionError: the application closed the connection.
        """
        while not self._arrived:
            data = self.socket.recv(65_536)
            if not data:
                raise ConnectionError("the application closed the connection")
            self._arrived = self._reader.feed(data)
            if not self._arrived:
                self._reader.check()
        return pb.Response.FromString(self._arrived.pop(0))

    def call(self, **request: Any) -> Any:
        """Send one request and Flush; return what stands in the answer.

        Args:
            request: its name in the oneof, and its message.

        Raises:
            AbciExceptionError: the application answered with an exception.
            ConnectionError: the application closed the connection.
        """
        self.send(pb.Request(**request), pb.Request(flush=pb.RequestFlush()))
        answer, flushed = self.receive(), self.receive()
        if flushed.WhichOneof("value") != "flush":
            raise AssertionError("Flush is answered after what came before it")
        kind = answer.WhichOneof("value")
        if kind == "exception":
            raise AbciExceptionError(answer.exception.error)
        if kind not in request:
            raise AssertionError(f"asked for {list(request)}, answered {kind}")
        return getattr(answer, kind)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


def _connect(address: str, timeout_s: float) -> socket.socket:
    scheme, _, place = address.partition("://")
    if scheme == "tcp":
        host, _, port = place.rpartition(":")
        return socket.create_connection((host, int(port)), timeout_s)
    connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connecting.settimeout(timeout_s)
    try:
        connecting.connect(place)
    except OSError:
        connecting.close()
        raise
    return connecting


@dataclass(slots=True)
class Decided:
    """A block that consensus has decided, and what the application made of it."""

    block: Block
    """The block."""
    request: BlockRequest
    """What FinalizeBlock is asked."""
    finalized: FinalizedBlock | None = None
    """What it answered; None until it did."""


@final
class ScriptedConsensus:
    """One validator that decides what it is told to; keeps its blocks in memory."""

    def __init__(
        self, genesis: GenesisDocument, key: ValidatorKey, *, block_time_ns: int = 0
    ) -> None:
        """Begin before the first block.

        Args:
            genesis: the zone's genesis document.
            key: signs blocks; the one validator in genesis.
            block_time_ns: distance of header times; by default one second.
        """
        self.genesis = genesis
        self._key = key
        self._block_time_ns = block_time_ns or NS_PER_SECOND
        self._state: ChainState | None = None
        self._states: list[ChainState] = []
        self.decided: list[Decided] = []
        """All blocks, the oldest first; the newest may not be carried out yet."""
        self.replayed = 0
        """How many blocks the application took in the last handshake."""

    @contextmanager
    def connected(self, address: str) -> Iterator[ScriptedConsensus]:
        """Connect as CometBFT does, shake hands, and close at the end.

        Raises:
            HandshakeError: the application does not stand on this chain.
            AbciExceptionError, ConnectionError: it fails.
        """
        with ExitStack() as stack:
            clients = [AbciClient(address) for _ in range(4)]
            for client in clients:
                stack.callback(client.close)
            self.query, self.snapshot, self.mempool, self.consensus = clients
            self.replayed = self.handshake()
            yield self

    # --- handshake --------------------------------------------------------------------

    @property
    def height(self) -> int:
        """Height of the newest decided block; initial height - 1 before the first."""
        return self.genesis.initial_height - 1 + len(self.decided)

    def handshake(self) -> int:
        """Bring the application to the newest decided block; return how many it took.

        Raises:
            HandshakeError: it is ahead, or a hash differs from the one decided.
        """
        info = self.query.call(info=pb.RequestInfo(version="0.38.25"))
        height = int(info.last_block_height)
        if height == 0:
            answer = self.consensus.call(init_chain=init_chain_request(self.genesis))
            if self._state is None:
                self._state = genesis_state(self.genesis, answer.app_hash)
                self._states = [self._state]
            self._compare(0, answer.app_hash, self._states[0].app_hash)
        done = max(height - self.genesis.initial_height + 1, 0)
        if done > len(self.decided):
            raise HandshakeError(f"the application is ahead, at {height}")
        if done:
            known = self.decided[done - 1].finalized
            if known is None:
                raise HandshakeError(f"{height} is committed and was never finalized")
            self._compare(height, info.last_block_app_hash, known.app_hash)
        for item in self.decided[done:]:
            self._carry_out(item)
        return len(self.decided) - done

    def _compare(self, height: int, actual: bytes, expected: bytes) -> None:
        if actual != expected:
            raise HandshakeError(
                f"app hash at {height}: {actual.hex()}, decided {expected.hex()}"
            )

    # --- blocks -----------------------------------------------------------------------

    def check_tx(self, raw: bytes, *, is_recheck: bool = False) -> pb.ResponseCheckTx:
        """Ask whether a transaction may wait."""
        kind = pb.RECHECK if is_recheck else pb.NEW
        request = pb.RequestCheckTx(tx=raw, type=kind)
        answer: pb.ResponseCheckTx = self.mempool.call(check_tx=request)
        return answer

    def prepare(self, txs: Sequence[bytes], size_bytes_max: int = 0) -> list[bytes]:
        """Ask which of the waiting transactions a proposal should hold."""
        room = size_bytes_max or self.genesis.params.block_size_bytes_max
        request = pb.RequestPrepareProposal(
            max_tx_bytes=room, txs=txs, height=self.height + 1
        )
        return list(self.consensus.call(prepare_proposal=request).txs)

    def judge(self, txs: Sequence[bytes]) -> bool:
        """Ask whether a proposal with these transactions is accepted."""
        request = pb.RequestProcessProposal(txs=txs, height=self.height + 1)
        status = self.consensus.call(process_proposal=request).status
        return bool(status == pb.ResponseProcessProposal.ACCEPT)

    def decide(
        self, txs: Sequence[bytes], misbehaviours: tuple[Misbehaviour, ...] = ()
    ) -> Decided:
        """Decide the next block; the application does not know of it yet.

        Args:
            txs: its transactions, whatever the application thinks of them.
            misbehaviours: evidence that it carries; the header does not name it.
        """
        state = self._end()
        block = make_block(
            state, txs, self.genesis.params.app_version, self._key.address
        )
        header = block.header
        request = BlockRequest(
            height=header.height,
            time_ns=header.time_ns,
            header_hash=block.block_id.hash,
            proposer_address=header.proposer_address,
            next_validators_hash=header.next_validators_hash,
            txs=block.txs,
            misbehaviours=misbehaviours,
        )
        self.decided.append(Decided(block, request))
        return self.decided[-1]

    def finalize(self) -> FinalizedBlock:
        """Have the newest decided block carried out; again if it was before.

        Raises:
            HandshakeError: it gives other hashes than the first time.
        """
        return self._finalize(self.decided[-1])

    def play(self, request: BlockRequest) -> FinalizedBlock:
        """Have a block carried out and committed that another consensus decided."""
        answer = self.consensus.call(finalize_block=finalize_request(request))
        self.commit()
        return finalized_from_response(answer)

    def commit(self) -> int:
        """Have the newest block made durable; returns the height to retain from."""
        return int(self.consensus.call(commit=pb.RequestCommit()).retain_height)

    def make_block(self, txs: Sequence[bytes] = ()) -> FinalizedBlock:
        """Propose, judge, decide, finalize and commit a block of these transactions."""
        chosen = self.prepare(txs)
        if not self.judge(chosen):
            raise AssertionError("the application refuses what it has proposed")
        self.decide(chosen)
        return self.carry_out()

    def carry_out(self) -> FinalizedBlock:
        """Finalize and commit the newest decided block."""
        return self._carry_out(self.decided[-1])

    def _carry_out(self, item: Decided) -> FinalizedBlock:
        finalized = self._finalize(item)
        self.commit()
        return finalized

    def _finalize(self, item: Decided) -> FinalizedBlock:
        answer = self.consensus.call(finalize_block=finalize_request(item.request))
        finalized = finalized_from_response(answer)
        if item.finalized is None:
            item.finalized = finalized
        elif item.finalized != finalized:
            raise HandshakeError(f"{item.request.height} gives another result again")
        return finalized

    def _end(self) -> ChainState:
        """Return the state after the newest decided block, which is carried out."""
        while len(self._states) <= len(self.decided):
            before, item = self._states[-1], self.decided[len(self._states) - 1]
            if item.finalized is None:
                raise AssertionError("the newest block is not carried out")
            now_ns = before.time_ns + self._block_time_ns
            commit = sign_commit(
                item.block,
                before.validators,
                self._key.address,
                now_ns,
                self._key.sign,
            )
            self._states.append(state_after(before, item.block, commit, item.finalized))
        return self._states[-1]
