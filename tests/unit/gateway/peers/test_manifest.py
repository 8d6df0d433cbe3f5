"""Manifests of batches and their statements: read back as they were written, or refused."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.hashing import sha256
from huitong.core.limits import INT64_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.peers.errors import StatementError
from huitong.gateway.peers.limits import (
    BATCH_ITEM_SIZE_BYTES_MAX,
    BATCH_ITEMS_MAX,
    MANIFEST_SIZE_BYTES_MAX,
    REQUEST_ID_CHARACTERS_MAX,
)
from huitong.gateway.peers.manifest import ManifestItem, encode_manifest, read_manifest
from huitong.gateway.peers.statement import (
    SKEW_S_MAX,
    BatchStatement,
    DeliveryStatement,
    read_statement,
    sign_statement,
)

KEY = bytes(range(1, 33))

_items = st.builds(
    ManifestItem,
    sequence=st.integers(0, INT64_MAX),
    push_number=st.integers(0, INT64_MAX),
    sealed_digest=st.binary(min_size=32, max_size=32).map(bytes.hex),
    size=st.integers(1, 1_000),
    stated_height=st.integers(0, INT64_MAX),
    request_id=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64),
    traceparent=st.just(""),
)
_lists = st.lists(
    _items,
    min_size=1,
    max_size=BATCH_ITEMS_MAX,
    unique_by=lambda item: (item.sequence, item.push_number),
)


def _statement(manifest: bytes, items: list[ManifestItem]) -> BatchStatement:
    return BatchStatement(
        provider="hz-tax",
        chain_id_of_a="hangzhou-1",
        channel_on_a="channel-0",
        requester="cq-bank",
        chain_id_of_b="chongqing-1",
        channel_on_b="channel-1",
        certificate="",
        time_ns=time.time_ns(),
        count=len(items),
        size=sum(item.size for item in items),
        manifest_digest=sha256(manifest).hex(),
        manifest_size=len(manifest),
    )


@given(_lists)
def test_manifest_is_read_as_it_was_written(items: list[ManifestItem]) -> None:
    manifest = encode_manifest(items)
    assert read_manifest(manifest, _statement(manifest, items)) == items


@given(st.binary(max_size=500), _lists)
def test_whatever_is_no_manifest_is_refused(
    garbage: bytes, items: list[ManifestItem]
) -> None:
    with pytest.raises(StatementError):
        read_manifest(garbage, _statement(garbage, items))


@given(_lists, st.data())
def test_no_changed_byte_is_read_under_the_same_statement(
    items: list[ManifestItem], data: st.DataObject
) -> None:
    manifest = bytearray(encode_manifest(items))
    statement = _statement(bytes(manifest), items)
    manifest[data.draw(st.integers(0, len(manifest) - 1))] ^= data.draw(
        st.integers(1, 255)
    )
    with pytest.raises(StatementError):
        read_manifest(bytes(manifest), statement)


def test_largest_manifest_fits_into_its_limit() -> None:
    items = [
        ManifestItem(
            sequence=INT64_MAX - number,
            push_number=INT64_MAX,
            sealed_digest="ff" * 32,
            size=BATCH_ITEM_SIZE_BYTES_MAX // 2,
            stated_height=INT64_MAX,
            request_id='"' * REQUEST_ID_CHARACTERS_MAX,
            traceparent="0" * 55,
        )
        for number in range(BATCH_ITEMS_MAX)
    ]
    manifest = encode_manifest(items)
    assert len(manifest) <= MANIFEST_SIZE_BYTES_MAX
    assert read_manifest(manifest, _statement(manifest, items)) == items


def test_statement_holds_for_its_form_time_and_key_alone() -> None:
    statement = _statement(b"m", [])
    statement = replace(statement, count=1, size=1)
    now_ns = statement.time_ns
    headers = sign_statement(statement, KEY)
    assert read_statement(BatchStatement, headers, now_ns).statement == statement
    with pytest.raises(StatementError, match="signature"):
        read_statement(DeliveryStatement, headers, now_ns)
    late_ns = now_ns + (SKEW_S_MAX + 1) * NS_PER_SECOND
    with pytest.raises(StatementError, match="time"):
        read_statement(BatchStatement, headers, late_ns)
    other = sign_statement(replace(statement, count=2), KEY)
    for name in headers:
        if headers[name] != other[name]:
            mixed = headers | {name: other[name]}
            with pytest.raises(StatementError, match="signature"):
                read_statement(BatchStatement, mixed, now_ns)
