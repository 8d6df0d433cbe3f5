"""What CometBFT and its own example application said to each other, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from huitong.core.abci import AppInfo, CheckResult, FinalizedBlock, QueryResult
from huitong.core.gogoproto import with_required
from huitong.engines.cometbft.abci.dispatch import Dispatcher
from huitong.engines.cometbft.abci.framing import FrameReader, encode_frame
from huitong.proto.tendermint.abci import types_pb2 as pb
from tests.vectors import load_vector

FRAMES = load_vector("cometbft-v0.38.25/abci_traffic.json")
APP_HASH = bytes(8)


class _Example:
    """Answers as CometBFT's example application did when the frames were recorded."""

    app_version = 1

    def info(self) -> AppInfo:
        return AppInfo(
            name='{"size":0}',
            version="2.0.0",
            last_block_height=0,
            last_block_app_hash=APP_HASH,
        )

    def check_tx(self, raw: bytes) -> CheckResult:
        return CheckResult(code=0, codespace="", log="", gas_wanted=1, sender="")

    def query(self, path: str, data: bytes, height: int, prove: bool) -> QueryResult:
        return QueryResult(
            code=0,
            codespace="",
            log="exists",
            key=data,
            value=b"1",
            height=12,
            proof_ops=(),
        )

    def prepare_proposal(self, txs: Any, size_bytes_max: int) -> list[bytes]:
        assert size_bytes_max > 1_000_000
        return list(txs)

    def process_proposal(self, txs: Any) -> bool:
        return True

    def finalize_block(self, request: Any) -> FinalizedBlock:
        assert len(request.header_hash) == 32
        assert len(request.proposer_address) == 20
        return FinalizedBlock(
            tx_results=(), events=(), validator_updates=(), app_hash=APP_HASH
        )

    def commit(self) -> int:
        return 0

    def init_chain(self, told: Any) -> bytes:
        return APP_HASH


def _conversation() -> Iterator[tuple[int, bytes, bytes]]:
    """Yield connection, request and the answer to it; answers keep the order."""
    waiting: dict[int, list[bytes]] = {}
    for frame in FRAMES:
        data = bytes.fromhex(frame["hex"])
        if frame["dir"] == "request":
            waiting.setdefault(frame["conn"], []).append(data)
        else:
            yield frame["conn"], waiting[frame["conn"]].pop(0), data


@pytest.mark.parametrize("direction", ["request", "response"])
def test_every_recorded_message_is_encoded_again_to_the_same_bytes(
    direction: str,
) -> None:
    cls: type[Message] = pb.Request if direction == "request" else pb.Response
    recorded = [
        bytes.fromhex(frame["hex"]) for frame in FRAMES if frame["dir"] == direction
    ]
    assert recorded
    for data in recorded:
        message = cls()
        message.ParseFromString(data)
        again = with_required(message).SerializeToString(deterministic=True)
        assert again == data


def test_every_recorded_request_gets_the_recorded_answer() -> None:
    failures: list[BaseException] = []
    dispatcher = Dispatcher(_Example(), failures.append)  # type: ignore[arg-type]
    kinds = set()
    for _, request, answer in _conversation():
        kind = pb.Request.FromString(request).WhichOneof("value")
        if kind == "init_chain":
            continue  # its genesis has no app_state, which ours needs
        framed, is_urgent = dispatcher.answer(request)
        assert framed == encode_frame(answer), kind
        assert is_urgent == (kind == "flush")
        kinds.add(kind)
    assert failures == []
    assert kinds >= {"info", "flush", "finalize_block", "commit", "check_tx", "query"}


def test_genesis_without_app_state_is_refused() -> None:
    failures: list[BaseException] = []
    dispatcher = Dispatcher(_Example(), failures.append)  # type: ignore[arg-type]
    for _, request, _ in _conversation():
        if pb.Request.FromString(request).WhichOneof("value") == "init_chain":
            (answer,) = FrameReader().feed(dispatcher.answer(request)[0])
            assert "JsonError" in pb.Response.FromString(answer).exception.error
    assert len(failures) == 1
