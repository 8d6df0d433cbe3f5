"""Commitment to fields, and disclosures of some of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.canonical_json import JsonError, JsonFormError
from huitong.core.commitment import (
    CommitmentInputError,
    Disclosure,
    DisclosureFormError,
    DisclosureMismatchError,
    WithheldField,
    commit_fields,
    decode_disclosure,
    disclose,
    disclosure_root,
    encode_disclosure,
    split_payload,
    verify_disclosure,
)
from huitong.core.errors import RejectedError
from huitong.core.limits import FIELDS_MAX

FIELDS = {"amount": b"11300", "buyer": '"成都零部件"'.encode(), "number": b'"2026"'}
SALTS = {name: hashlib.sha256(name.encode()).digest() for name in FIELDS}


def leaf_by_hand(name: str, value: bytes, salt: bytes) -> bytes:
    named = name.encode()
    return hashlib.sha256(
        b"huitong/field/1"
        + bytes([len(named)])
        + named
        + salt
        + hashlib.sha256(value).digest()
    ).digest()


def test_root_is_that_of_the_formula_in_the_module_text() -> None:
    leaves = [leaf_by_hand(name, FIELDS[name], SALTS[name]) for name in sorted(FIELDS)]
    first, second, third = (hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves)
    left = hashlib.sha256(b"\1" + first + second).digest()
    made = commit_fields(FIELDS, SALTS)
    assert made.root == hashlib.sha256(b"\1" + left + third).digest()
    assert made.names == ("amount", "buyer", "number")
    assert list(made.leaves) == leaves


@pytest.mark.parametrize("count", range(len(FIELDS) + 1))
def test_disclosing_any_number_of_fields_gives_the_same_root(count: int) -> None:
    made = commit_fields(FIELDS, SALTS)
    shown = made.names[:count]
    disclosure = disclose(made, FIELDS, SALTS, shown)
    verify_disclosure(disclosure, made.root)
    assert disclosure.values() == {name: FIELDS[name] for name in shown}
    assert disclosure.names() == made.names
    again = decode_disclosure(encode_disclosure(disclosure))
    assert again == disclosure
    for name in made.names[count:]:
        assert FIELDS[name].hex() not in encode_disclosure(disclosure).hex()


def test_another_value_salt_name_or_leaf_is_refused() -> None:
    made = commit_fields(FIELDS, SALTS)
    good = disclose(made, FIELDS, SALTS, ["buyer"])
    field, leaf = good.given[0], good.withheld[0]
    for given_field in (
        replace(field, value=b'"other"'),
        replace(field, salt=bytes(32)),
        replace(field, name="buyes"),
    ):
        with pytest.raises(DisclosureMismatchError):
            verify_disclosure(replace(good, given=(given_field,)), made.root)
    withheld = (replace(leaf, leaf=bytes(32)), good.withheld[1])
    with pytest.raises(DisclosureMismatchError):
        verify_disclosure(replace(good, withheld=withheld), made.root)
    with pytest.raises(DisclosureMismatchError):
        verify_disclosure(replace(good, withheld=good.withheld[:1]), made.root)
    with pytest.raises(DisclosureMismatchError):
        verify_disclosure(good, bytes(32))


@pytest.mark.parametrize(
    ("fields", "salts"),
    [
        ({}, {}),
        (FIELDS, {}),
        (FIELDS, {**SALTS, "more": bytes(32)}),
        ({"a": b""}, {"a": bytes(31)}),
        ({"": b""}, {"": bytes(32)}),
        ({"a\n": b""}, {"a\n": bytes(32)}),
        ({"a" * 129: b""}, {"a" * 129: bytes(32)}),
    ],
)
def test_what_is_no_set_of_salted_fields_is_refused(
    fields: dict[str, bytes], salts: dict[str, bytes]
) -> None:
    with pytest.raises(CommitmentInputError):
        commit_fields(fields, salts)


def test_disclosing_an_unknown_field_or_one_without_value_is_refused() -> None:
    made = commit_fields(FIELDS, SALTS)
    with pytest.raises(CommitmentInputError, match="no field"):
        disclose(made, FIELDS, SALTS, ["seller"])
    with pytest.raises(CommitmentInputError, match="missing"):
        disclose(made, {}, SALTS, ["buyer"])


def test_malformed_disclosures_are_refused() -> None:
    made = commit_fields(FIELDS, SALTS)
    good = disclose(made, FIELDS, SALTS, ["amount", "buyer"])
    short = replace(good.given[0], salt=bytes(31))
    for bad in (
        Disclosure(given=(), withheld=()),
        replace(good, given=(short, good.given[1])),
        replace(good, given=good.given[::-1]),
        replace(good, withheld=(WithheldField(name="number", leaf=b""),)),
        replace(good, withheld=(WithheldField(name="buyer", leaf=bytes(32)),)),
    ):
        with pytest.raises(DisclosureFormError):
            disclosure_root(bad)


def test_only_the_one_encoding_of_a_disclosure_is_read() -> None:
    made = commit_fields(FIELDS, SALTS)
    text = encode_disclosure(disclose(made, FIELDS, SALTS, ["amount"])).decode()
    for bad, error in (
        (text + " ", JsonFormError),
        (text[:-1], JsonError),
        ("[]", DisclosureFormError),
        ('{"given":{},"withheld":[]}', DisclosureFormError),
        ('{"given":[{}],"withheld":[]}', DisclosureFormError),
        ('{"given":[],"withheld":[{"leaf":1,"name":"a"}]}', DisclosureFormError),
        ('{"given":[],"withheld":[{"leaf":"?","name":"a"}]}', DisclosureFormError),
        ('{"given":[],"withheld":[]}', DisclosureFormError),
        (text.replace('="', 'B"', 1), DisclosureFormError),
    ):
        with pytest.raises(error):
            decode_disclosure(bad.encode())


def test_base64_with_loose_bits_is_refused() -> None:
    text = '{"given":[],"withheld":[{"leaf":"' + "A" * 42 + 'B=","name":"a"}]}'
    with pytest.raises(DisclosureFormError, match="canonical"):
        decode_disclosure(text.encode())


def test_json_object_is_split_into_its_members_whatever_its_layout() -> None:
    payload = '{ "b": [1, 2.50], "a": {"y": "税", "x": null} }'.encode()
    fields = split_payload(payload)
    assert fields == {"a": '{"x":null,"y":"税"}'.encode(), "b": b"[1,2.50]"}
    assert split_payload(payload.replace(b" ", b"")) == fields


@pytest.mark.parametrize(
    "payload", [b"", b"%PDF-1.7", b"[1]", b"{}", b'{"a":1,"a":2}', b"<x/>", b"\xff"]
)
def test_other_payloads_are_one_document(payload: bytes) -> None:
    assert split_payload(payload) == {"document": payload}


def test_json_with_too_many_members_is_refused() -> None:
    members = {f"f{index:04}": index for index in range(FIELDS_MAX)}
    assert len(split_payload(json.dumps(members).encode())) == FIELDS_MAX
    members["g"] = 0
    with pytest.raises(CommitmentInputError):
        split_payload(json.dumps(members).encode())


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(
    st.dictionaries(names, st.binary(max_size=50), min_size=1, max_size=9), st.data()
)
def test_any_disclosure_of_any_fields_verifies_and_survives_encoding(
    fields: dict[str, bytes], data: st.DataObject
) -> None:
    salts = {name: hashlib.sha256(name.encode()).digest() for name in fields}
    made = commit_fields(fields, salts)
    shown = data.draw(st.sets(st.sampled_from(sorted(fields))))
    encoded = encode_disclosure(disclose(made, fields, salts, shown))
    verify_disclosure(decode_disclosure(encoded), made.root)


@given(st.data())
def test_any_changed_byte_of_a_disclosure_is_noticed(data: st.DataObject) -> None:
    made = commit_fields(FIELDS, SALTS)
    encoded = bytearray(encode_disclosure(disclose(made, FIELDS, SALTS, ["buyer"])))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        found = decode_disclosure(bytes(encoded))
        verify_disclosure(found, made.root)
    except RejectedError:
        return
    # Names of withheld fields are the discloser's word: only they may have changed.
    assert found.values() == {"buyer": FIELDS["buyer"]}
    assert found.names() != made.names
