"""The standard acknowledgement has one form, whatever a parser would make of others."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.limits import ACKNOWLEDGEMENT_SIZE_BYTES_MAX
from huitong.modules.links.acknowledgements import (
    check_acknowledgement,
    error_acknowledgement,
    error_acknowledgement_of,
    find_error,
    find_result,
    result_acknowledgement,
)
from huitong.modules.links.errors import InvalidAcknowledgementError
from huitong.testing.mock_application import MockRefusalError
from tests.unit.links.refusals import refused_with


def test_result_is_base64_in_one_object() -> None:
    assert result_acknowledgement(b"\x01") == b'{"result":"AQ=="}'


def test_error_tells_the_code_and_nothing_else() -> None:
    told = error_acknowledgement(MockRefusalError(what="a secret"))
    assert told == (
        b'{"error":"ABCI code: 7: error handling packet: see events for details"}'
    )


@pytest.mark.parametrize(
    "acknowledgement",
    [
        b'{"result":"AQ=="}',
        b'{"result":""}',
        b'{"error":"no"}',
        b'{"error":"\\u003cno\\u003e \\u0026 \\"so\\" \\\\ on"}',
        '{"error":"不行"}'.encode(),
        b"\x01",
        b"AQ==",
        b"{}",
        b"[]",
        b"null",
        b'"result"',
        b'{"code":3}',
        b'{"result":"AQ==","code":3}',
        b'{"error":{"code":3},"more":[1.5,{}]}',
        b'{"result":"AQ=="',
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b"\xff{",
    ],
)
def test_acknowledgement_is_taken(acknowledgement: bytes) -> None:
    check_acknowledgement(acknowledgement)


@pytest.mark.parametrize(
    "acknowledgement",
    [
        b"",
        b"x" * (ACKNOWLEDGEMENT_SIZE_BYTES_MAX + 1),
        b'{"result":"AQ"}',
        b'{"result":"AQ=\\u003d"}',
        b'{"result": "AQ=="}',
        b' {"result":"AQ=="}',
        b'{"result":"AQ=="}\n',
        b'{"result":"AR=="}',
        b'{"result":"A Q=="}',
        b'{"result":"-_=="}',
        b'{"result":null}',
        b'{"result":5}',
        b'{"result":1.5}',
        b'{"result":["AQ=="]}',
        b'{"result":"AQ==","result":"Ag=="}',
        b'{"result":"AQ==","error":"no"}',
        b'{"error":"no","error":"yes"}',
        b'{"error":"<"}',
        b'{"error":"\\u0041"}',
        b'{"error":"\\ud800"}',
        b'{"error":"a\\/b"}',
        b'{"err\\u006fr":"no"}',
        b'{"error":' + b"9" * 5_000 + b"}",
    ],
)
def test_other_forms_of_a_standard_acknowledgement_are_rejected(
    acknowledgement: bytes,
) -> None:
    with refused_with("channel/16"):
        check_acknowledgement(acknowledgement)


def test_longest_acknowledgement_is_taken() -> None:
    check_acknowledgement(b"x" * ACKNOWLEDGEMENT_SIZE_BYTES_MAX)


@pytest.mark.parametrize(
    "hostile",
    [
        b"[" * ACKNOWLEDGEMENT_SIZE_BYTES_MAX,
        b'{"result":' + b"[" * 200_000,
        b'{"' + b'\\"' * 130_000,
        b'{"error":"' + b"\\" * 200_000,
        b'{"error":"' + b"{" * 200_000 + b'"}',
    ],
)
def test_hostile_bytes_cost_linear_time(hostile: bytes) -> None:
    # Any verdict will do; quadratic work or a deep stack would not come back.
    try:
        check_acknowledgement(hostile)
    except InvalidAcknowledgementError:
        assert hostile.startswith(b"{")


def test_no_error_is_found_where_there_is_none() -> None:
    for acknowledgement in (b"\x01", b"{}", b'{"error":5}', b'{"a":"b","error":"c"}'):
        assert find_error(acknowledgement) is None


@given(st.binary(max_size=64))
def test_result_is_found_again(result: bytes) -> None:
    told = result_acknowledgement(result)
    check_acknowledgement(told)
    assert find_result(told) == result
    assert find_error(told) is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=64))
def test_error_is_found_again(text: str) -> None:
    told = error_acknowledgement_of(text)
    check_acknowledgement(told)
    assert find_error(told) == text
    assert find_result(told) is None


@given(st.binary(max_size=48), st.integers(0, 200), st.integers(0, 255))
def test_one_changed_byte_never_means_the_same(
    result: bytes, position: int, byte: int
) -> None:
    told = bytearray(result_acknowledgement(result))
    told[position % len(told)] = byte
    changed = bytes(told)
    try:
        check_acknowledgement(changed)
    except InvalidAcknowledgementError:
        return
    if changed != result_acknowledgement(result):
        assert find_result(changed) != result


@given(st.binary(max_size=200))
def test_any_bytes_have_a_verdict(data: bytes) -> None:
    for acknowledgement in (data, b'{"result":' + data, b'{"error":"' + data + b'"}'):
        try:
            check_acknowledgement(acknowledgement)
        except InvalidAcknowledgementError:
            continue
        found = find_result(acknowledgement)
        if found is not None:
            assert base64.b64encode(found) in acknowledgement
