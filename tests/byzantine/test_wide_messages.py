"""Short bytes that stand for very many messages cost a stranger more than they cost us."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from huitong.core import codec
from huitong.core.codec import DecodeError, decode, delimited
from huitong.core.errors import HuitongError, TxDecodeError
from huitong.core.limits import MESSAGES_IN_CYCLES_MAX, TX_SIZE_BYTES_MAX
from huitong.core.tx import decode_transaction
from huitong.proto.cosmos.tx.v1beta1 import service_pb2, tx_pb2

EMPTY_SIGNER = b"\x0a\x00"
EMPTY_MODE = b"\x12\x00"


def auth_info_of_signers(count: int) -> bytes:
    return EMPTY_SIGNER * count


def auth_info_of_modes(count: int) -> bytes:
    """One signer with one multi-signature of ``count`` modes that say nothing."""
    multi = EMPTY_MODE * count
    return b"\x0a" + delimited(b"\x12" + delimited(b"\x12" + delimited(multi)))


Build = Callable[[int], bytes]
WIDE: dict[str, Build] = {"signers": auth_info_of_signers, "modes": auth_info_of_modes}


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Messages that the check of depth looked at."""
    seen: list[int] = []
    real = codec._present

    def counted(message: Message, field: FieldDescriptor) -> Iterator[Message]:
        for item in real(message, field):
            seen.append(1)
            yield item

    monkeypatch.setattr(codec, "_present", counted)
    return seen


@pytest.mark.parametrize("build", WIDE.values(), ids=WIDE)
def test_very_many_messages_are_refused_without_looking_at_them(
    build: Build, visits: list[int]
) -> None:
    data = build(TX_SIZE_BYTES_MAX // 4)
    with pytest.raises(DecodeError, match="messages"):
        decode(tx_pb2.AuthInfo, data)
    assert len(visits) <= MESSAGES_IN_CYCLES_MAX + 10
    with pytest.raises(DecodeError, match="messages"):
        decode(
            service_pb2.SimulateRequest, b"\x0a" + delimited(b"\x12" + delimited(data))
        )
    assert len(visits) <= 2 * (MESSAGES_IN_CYCLES_MAX + 10)


@pytest.mark.parametrize("build", WIDE.values(), ids=WIDE)
def test_transaction_of_very_many_signers_is_refused(build: Build) -> None:
    raw = b"\x0a\x02\x0a\x00\x12" + delimited(build(TX_SIZE_BYTES_MAX // 4))
    with pytest.raises(TxDecodeError):
        decode_transaction(raw + b"\x1a\x01x")


def test_as_many_as_allowed_are_judged_by_what_they_say() -> None:
    data = auth_info_of_signers(MESSAGES_IN_CYCLES_MAX)
    assert len(decode(tx_pb2.AuthInfo, data).signer_infos) == MESSAGES_IN_CYCLES_MAX
    with pytest.raises(HuitongError, match="number of signers"):
        decode_transaction(b"\x0a\x02\x0a\x00\x12" + delimited(data) + b"\x1a\x01x")
