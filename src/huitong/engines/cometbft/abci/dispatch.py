"""From the bytes of a request to the bytes of its answer.

What happens when answering fails depends on who asked. A failing call that carries out
blocks stops the node: it is told to ``on_failure`` and CometBFT gets an exception, at which
it stops too. What a stranger can send (a query, a transaction to check, the wish for a
snapshot) is only refused, whatever it sets off, or anybody could stop every node that has
the same bug.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import structlog
from google.protobuf.message import DecodeError

from huitong.core.abci import CheckResult, QueryResult
from huitong.core.errors import HuitongError, PanicError
from huitong.engines.cometbft.abci import translation
from huitong.engines.cometbft.abci.errors import FrameError
from huitong.engines.cometbft.abci.framing import encode_frame
from huitong.engines.cometbft.service import ZoneService
from huitong.proto.tendermint.abci import types_pb2 as pb

_log: Final = structlog.get_logger("abci")
_FLUSH_REQUEST: Final = b"\x12\x00"
_FLUSH_ANSWER: Final = encode_frame(
    pb.Response(flush=pb.ResponseFlush()).SerializeToString()
)
OnFailure = Callable[[BaseException], None]
"""Takes what made a consensus call fail; called once, the node has to stop."""


class Dispatcher:
    """Answers requests of one application; from any thread."""

    def __init__(self, service: ZoneService, on_failure: OnFailure) -> None:
        """Know whom to ask.

        Args:
            service: answers.
            on_failure: told of the first failure after which the node must not go on.
        """
        self._service = service
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._answers: dict[str, Callable[[Any], pb.Response]] = {
            "echo": self._echo,
            "flush": self._flush,
            "info": self._info,
            "init_chain": self._init_chain,
            "query": self._query,
            "check_tx": self._check_tx,
            "commit": self._commit,
            "list_snapshots": self._list_snapshots,
            "offer_snapshot": self._offer_snapshot,
            "load_snapshot_chunk": self._load_snapshot_chunk,
            "apply_snapshot_chunk": self._apply_snapshot_chunk,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "extend_vote": self._extend_vote,
            "verify_vote_extension": self._verify_vote_extension,
            "finalize_block": self._finalize_block,
        }

    def answer(self, request: bytes) -> tuple[bytes, bool]:
        """Return the framed answer, and whether it has to be sent at once.

        Raises:
            FrameError: the bytes are no request.
        """
        if request == _FLUSH_REQUEST:
            return _FLUSH_ANSWER, True
        try:
            message = pb.Request.FromString(request)
        except DecodeError:
            raise FrameError(reason="not an ABCI request") from None
        kind = message.WhichOneof("value")
        if kind is None:
            raise FrameError(reason="a request of no known kind")
        if self._failure is not None:
            return _exception(self._failure), True
        try:
            response = self._answers[kind](getattr(message, kind))
            return encode_frame(response.SerializeToString()), kind == "flush"
        except BaseException as failure:  # noqa: BLE001 - the boundary to CometBFT
            self._fail(kind, failure)
            return _exception(failure), True

    def _fail(self, kind: str, failure: BaseException) -> None:
        _log.error("abci_call_failed", method=kind, reason=_text(failure))
        with self._lock:
            is_first = self._failure is None
            if is_first:
                self._failure = failure
        if is_first:
            self._on_failure(failure)

    # --- one for each method ----------------------------------------------------------

    def _echo(self, request: pb.RequestEcho) -> pb.Response:
        return pb.Response(echo=pb.ResponseEcho(message=request.message))

    def _flush(self, request: pb.RequestFlush) -> pb.Response:
        return pb.Response(flush=pb.ResponseFlush())

    def _info(self, request: pb.RequestInfo) -> pb.Response:
        service = self._service
        return pb.Response(
            info=translation.info_response(service.info(), service.app_version)
        )

    def _init_chain(self, request: pb.RequestInitChain) -> pb.Response:
        told = translation.genesis_from_request(request)
        app_hash = self._service.init_chain(told)
        return pb.Response(init_chain=pb.ResponseInitChain(app_hash=app_hash))

    def _query(self, request: pb.RequestQuery) -> pb.Response:
        try:
            result = self._service.query(
                request.path, request.data, request.height, request.prove
            )
        except Exception as bug:  # noqa: BLE001 - a stranger asked
            result = _refused_query(_refusal("query", bug), request.height)
        return pb.Response(query=translation.query_response(result))

    def _check_tx(self, request: pb.RequestCheckTx) -> pb.Response:
        try:
            result = self._service.check_tx(request.tx)
        except Exception as bug:  # noqa: BLE001 - a stranger sent it
            result = _refused_tx(_refusal("check_tx", bug))
        return pb.Response(check_tx=translation.check_response(result))

    def _prepare_proposal(self, request: pb.RequestPrepareProposal) -> pb.Response:
        chosen = self._service.prepare_proposal(request.txs, request.max_tx_bytes)
        return pb.Response(prepare_proposal=pb.ResponsePrepareProposal(txs=chosen))

    def _process_proposal(self, request: pb.RequestProcessProposal) -> pb.Response:
        status = pb.ResponseProcessProposal.REJECT
        if self._service.process_proposal(request.txs):
            status = pb.ResponseProcessProposal.ACCEPT
        else:
            _log.warning(
                "proposal_refused",
                height=request.height,
                proposer=request.proposer_address.hex(),
                txs=len(request.txs),
            )
        return pb.Response(process_proposal=pb.ResponseProcessProposal(status=status))

    def _extend_vote(self, request: pb.RequestExtendVote) -> pb.Response:
        return pb.Response(extend_vote=pb.ResponseExtendVote())

    def _verify_vote_extension(
        self, request: pb.RequestVerifyVoteExtension
    ) -> pb.Response:
        """Accept only votes without an extension: genesis leaves extensions off."""
        status = pb.ResponseVerifyVoteExtension.ACCEPT
        if request.vote_extension:
            status = pb.ResponseVerifyVoteExtension.REJECT
        return pb.Response(
            verify_vote_extension=pb.ResponseVerifyVoteExtension(status=status)
        )

    def _finalize_block(self, request: pb.RequestFinalizeBlock) -> pb.Response:
        finalized = self._service.finalize_block(translation.block_request(request))
        return pb.Response(finalize_block=translation.finalized_response(finalized))

    def _commit(self, request: pb.RequestCommit) -> pb.Response:
        retain_height = self._service.commit()
        return pb.Response(commit=pb.ResponseCommit(retain_height=retain_height))

    def _list_snapshots(self, request: pb.RequestListSnapshots) -> pb.Response:
        try:
            infos = self._service.list_snapshots()
        except Exception as bug:  # noqa: BLE001 - other nodes ask
            _log.error("abci_call_refused", method="list_snapshots", exc_info=bug)
            infos = ()
        return pb.Response(list_snapshots=translation.snapshots_response(infos))

    def _offer_snapshot(self, request: pb.RequestOfferSnapshot) -> pb.Response:
        answer = self._service.offer_snapshot(
            translation.snapshot_info(request.snapshot), request.app_hash
        )
        return pb.Response(offer_snapshot=pb.ResponseOfferSnapshot(result=answer.name))

    def _load_snapshot_chunk(self, request: pb.RequestLoadSnapshotChunk) -> pb.Response:
        try:
            chunk = self._service.load_snapshot_chunk(
                request.height, request.format, request.chunk
            )
        except Exception as bug:  # noqa: BLE001 - other nodes ask
            _log.error("abci_call_refused", method="load_snapshot_chunk", exc_info=bug)
            chunk = b""
        return pb.Response(
            load_snapshot_chunk=pb.ResponseLoadSnapshotChunk(chunk=chunk)
        )

    def _apply_snapshot_chunk(
        self, request: pb.RequestApplySnapshotChunk
    ) -> pb.Response:
        answer = self._service.apply_snapshot_chunk(
            request.index, request.chunk, request.sender
        )
        return pb.Response(apply_snapshot_chunk=translation.apply_response(answer))


def _exception(failure: BaseException) -> bytes:
    message = pb.Response(exception=pb.ResponseException(error=_text(failure)))
    return encode_frame(message.SerializeToString())


def _text(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"


def _refusal(kind: str, bug: Exception) -> HuitongError:
    """Return what a stranger is told; the bug itself goes to the log."""
    if isinstance(bug, HuitongError):
        return bug
    _log.error("abci_call_refused", method=kind, exc_info=bug)
    return PanicError(reason=type(bug).__name__)


def _refused_query(refused: HuitongError, height: int) -> QueryResult:
    return QueryResult(
        code=refused.code,
        codespace=refused.codespace,
        log=str(refused),
        key=b"",
        value=b"",
        height=height,
        proof_ops=(),
    )


def _refused_tx(refused: HuitongError) -> CheckResult:
    return CheckResult(
        code=refused.code,
        codespace=refused.codespace,
        log=str(refused),
        gas_wanted=0,
        sender="",
    )
