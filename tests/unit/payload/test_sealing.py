"""Sealed payloads open for one reader in one exchange, unchanged, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.hashing import sha256
from huitong.payload.chunks import CHUNK_SIZE_BYTES
from huitong.payload.errors import (
    SealedDigestError,
    SealedFormError,
    SealingKeyError,
    SealOpenError,
)
from huitong.payload.sealing import (
    SUITE_AES_256_GCM,
    SUITE_CHACHA20_POLY1305,
    SUITE_STREAM,
    SealingContext,
    StreamOpener,
    StreamSealer,
    check_sealed_digest,
    encryption_public_key,
    make_encryption_key,
    open_sealed,
    seal,
)

CONTEXT = SealingContext(
    chain_id_of_a="hangzhou-1",
    channel_on_a="channel-0",
    sequence=7,
    requester="cq-bank",
    payload_digest=bytes(range(32)),
)
PRIVATE, PUBLIC = make_encryption_key()


@pytest.mark.parametrize("suite", [SUITE_AES_256_GCM, SUITE_CHACHA20_POLY1305])
def test_reader_opens_what_was_sealed_to_it(suite: int) -> None:
    sealed = seal(b"invoice", PUBLIC, CONTEXT, suite=suite)
    assert b"invoice" not in sealed
    assert open_sealed(sealed, PRIVATE, CONTEXT) == b"invoice"


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id_of_a": "hangzhou-2"},
        {"channel_on_a": "channel-1"},
        {"sequence": 8},
        {"requester": "cq-bank-2"},
        {"payload_digest": bytes(32)},
        {"chain_id_of_a": "hangzhou-1c", "channel_on_a": "hannel-0"},
    ],
    ids=str,
)
def test_sealed_payload_does_not_open_in_another_exchange(
    change: dict[str, Any],
) -> None:
    sealed = seal(b"invoice", PUBLIC, CONTEXT)
    with pytest.raises(SealOpenError):
        open_sealed(sealed, PRIVATE, replace(CONTEXT, **change))


def test_another_key_does_not_open() -> None:
    sealed = seal(b"invoice", PUBLIC, CONTEXT)
    with pytest.raises(SealOpenError, match="hangzhou-1/channel-0/7"):
        open_sealed(sealed, make_encryption_key()[0], CONTEXT)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_changed_byte_does_not_open(index: int, flip: int) -> None:
    sealed = bytearray(seal(b"invoice", PUBLIC, CONTEXT))
    sealed[index % len(sealed)] ^= flip
    with pytest.raises((SealOpenError, SealedFormError)):
        open_sealed(bytes(sealed), PRIVATE, CONTEXT)


@given(st.binary(max_size=120))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises((SealOpenError, SealedFormError)):
        open_sealed(data, PRIVATE, CONTEXT)


def test_keys_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(SealingKeyError):
        seal(b"x", b"short", CONTEXT)
    with pytest.raises(SealingKeyError):
        seal(b"x", bytes(32), CONTEXT)
    with pytest.raises(SealingKeyError):
        open_sealed(seal(b"x", PUBLIC, CONTEXT), b"short", CONTEXT)
    assert encryption_public_key(PRIVATE) == PUBLIC


def test_sealed_bytes_are_compared_with_what_the_issuer_stated() -> None:
    sealed = seal(b"x", PUBLIC, CONTEXT)
    check_sealed_digest(sealed, sha256(sealed))
    with pytest.raises(SealedDigestError):
        check_sealed_digest(sealed + b"\0", sha256(sealed))


LONG = bytes(CHUNK_SIZE_BYTES) + b"invoice"


def seal_stream(data: bytes, reader_key: bytes = PUBLIC) -> bytes:
    sealer = StreamSealer(reader_key, CONTEXT)
    return sealer.head + sealer.update(data) + sealer.finish()


def open_stream(
    sealed: bytes,
    private_key: bytes = PRIVATE,
    context: SealingContext = CONTEXT,
    step: int = 100_000,
) -> bytes:
    opener = StreamOpener(private_key, context)
    opened = [
        opener.update(sealed[at : at + step]) for at in range(0, len(sealed), step)
    ]
    return b"".join(opened) + opener.finish()


STREAM = seal_stream(LONG)


@pytest.mark.parametrize("step", [1_000, 81, 262_144, 10**6])
def test_reader_opens_a_stream_that_was_sealed_to_it(step: int) -> None:
    assert STREAM[0] == SUITE_STREAM
    assert b"invoice" not in STREAM
    assert open_stream(STREAM, step=step) == LONG
    assert seal_stream(LONG) != STREAM


@given(st.one_of(st.integers(0, 200), st.integers(0, len(STREAM) - 1)))
def test_changed_byte_of_a_stream_does_not_open(index: int) -> None:
    changed = bytearray(STREAM)
    changed[index] ^= 1
    with pytest.raises((SealOpenError, SealedFormError)):
        open_stream(bytes(changed))


@given(st.one_of(st.integers(0, 200), st.integers(0, len(STREAM) - 1)))
def test_stream_that_was_cut_does_not_open(size: int) -> None:
    with pytest.raises((SealOpenError, SealedFormError)):
        open_stream(STREAM[:size])


def test_stream_opens_for_its_reader_in_its_exchange_only() -> None:
    with pytest.raises(SealOpenError, match="hangzhou-1/channel-0/7"):
        open_stream(STREAM, make_encryption_key()[0])
    with pytest.raises(SealOpenError):
        open_stream(STREAM, context=replace(CONTEXT, sequence=8))
    with pytest.raises(SealingKeyError):
        open_stream(STREAM, b"short")
    with pytest.raises(SealingKeyError):
        seal_stream(b"x", bytes(32))


def test_stream_and_message_are_not_taken_for_each_other() -> None:
    """The key of a stream is no payload, and a message no head of a stream."""
    message = seal(bytes(32), PUBLIC, CONTEXT)
    with pytest.raises(SealedFormError, match="unknown suite 1"):
        open_stream(message)
    with pytest.raises(SealOpenError):
        open_stream(bytes((SUITE_STREAM,)) + message[1:])
    with pytest.raises(SealedFormError, match="unknown suite 3"):
        open_sealed(seal_stream(b"x"), PRIVATE, CONTEXT)
    as_message = bytes((SUITE_AES_256_GCM,)) + seal_stream(b"x")[1:81]
    with pytest.raises(SealOpenError):
        open_sealed(as_message, PRIVATE, CONTEXT)
