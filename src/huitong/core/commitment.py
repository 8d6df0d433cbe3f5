"""Commitment to the fields of a payload, so that each can be shown without the others.

A payload is a set of named fields. Every field is hashed with a salt of its own, and the
hashes are the items of a Merkle tree in the order of the names:

    leaf = SHA-256("huitong/field/1" ‖ uvarint(len(name)) ‖ name ‖ salt ‖ SHA-256(value))
    root = RFC 6962 root over the leaves

The root stands in the record header on chain. Whoever is given a field with its name,
value and salt, and the leaves of the others, computes the same root. A leaf that is
withheld says nothing about its value, because the salt is 32 random bytes; salts are
made by the gateway, never here. A value goes into its leaf by its hash, so that one too
large for memory is hashed piece by piece and committed to by ``commit_hashes``.

A leaf that is withheld does not show that its name is the right one: names of withheld
fields are compared with the record header by whoever has it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from huitong.core.canonical_json import (
    JsonError,
    decode_canonical_json,
    decode_json,
    encode_json,
)
from huitong.core.codec import encode_uvarint
from huitong.core.errors import InvalidRequestError, RejectedError
from huitong.core.fields import check_field_names
from huitong.core.hashing import HASH_SIZE_BYTES, merkle_root, sha256

SALT_SIZE_BYTES: Final = 32
#: The name of the only field of a payload that is not a JSON object.
DOCUMENT_FIELD: Final = "document"
_DOMAIN: Final = b"huitong/field/1"
_GIVEN_KEYS: Final = frozenset({"name", "salt", "value"})
_WITHHELD_KEYS: Final = frozenset({"leaf", "name"})


class CommitmentInputError(
    RejectedError, codespace="fields", code=2, text="cannot commit: {reason}"
):
    """Names, values and salts that do not make a commitment."""


class DisclosureFormError(
    RejectedError, codespace="fields", code=3, text="not a disclosure: {reason}"
):
    """Bytes that are not the one encoding of a disclosure."""


class DisclosureMismatchError(
    RejectedError,
    codespace="fields",
    code=4,
    text="the fields give the digest {actual}, expected {expected}",
):
    """A disclosure whose fields are not those that the digest commits to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCommitment:
    """What commits to all fields of a payload."""

    root: bytes
    """32 bytes; the ``payload_digest`` of the record header."""
    names: tuple[str, ...]
    """Names of the fields, ascending; the ``fields`` of the record header."""
    leaves: tuple[bytes, ...]
    """One for each name, 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenField:
    """A field that is shown."""

    name: str
    """Name of the field."""
    value: bytes
    """Its value; canonical JSON text if the payload is JSON."""
    salt: bytes
    """32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldField:
    """A field that is not shown."""

    name: str
    """Name of the field, as the discloser says."""
    leaf: bytes
    """32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """Some fields of a payload with what it takes to check them against its digest."""

    given: tuple[GivenField, ...]
    """Fields that are shown, by ascending name."""
    withheld: tuple[WithheldField, ...]
    """All other fields, by ascending name."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all fields, ascending."""
        given = [field.name for field in self.given]
        return tuple(sorted(given + [field.name for field in self.withheld]))

    def values(self) -> dict[str, bytes]:
        """Return the values that are shown, by name."""
        return {field.name: field.value for field in self.given}


def split_payload(payload: bytes) -> dict[str, bytes]:
    """Return the fields of a payload: the members of a JSON object, else one document.

    The value of a member is its canonical JSON text, so that layout does not matter. A
    payload that is not acceptable JSON, or not an object with members, is one field.

    Raises:
        CommitmentInputError: too many members, or names that cannot be fields.
    """
    try:
        parsed = decode_json(payload)
    except JsonError:
        parsed = None
    if not isinstance(parsed, dict) or not parsed:
        return {DOCUMENT_FIELD: payload}
    names = sorted(parsed)
    _check_names(names)
    return {name: encode_json(parsed[name]) for name in names}


def commit_fields(
    fields: Mapping[str, bytes], salts: Mapping[str, bytes]
) -> FieldCommitment:
    """Commit to ``fields``, each with the salt of the same name.

    Raises:
        CommitmentInputError: no field, names that cannot be fields, a salt that is
            missing, of another size, or for no field.
    """
    return commit_hashes({name: sha256(value) for name, value in fields.items()}, salts)


def commit_hashes(
    value_hashes: Mapping[str, bytes], salts: Mapping[str, bytes]
) -> FieldCommitment:
    """Commit to fields by the SHA-256 of their values; see ``commit_fields``.

    Raises:
        CommitmentInputError: as there, or a hash that has not 32 bytes.
    """
    names = sorted(value_hashes)
    _check_names(names)
    if names != sorted(salts):
        raise CommitmentInputError(reason="the salts are not those of the fields")
    for name in names:
        if len(salts[name]) != SALT_SIZE_BYTES:
            raise CommitmentInputError(
                reason=f"the salt of {name!r} has {len(salts[name])} bytes"
            )
        if len(value_hashes[name]) != HASH_SIZE_BYTES:
            raise CommitmentInputError(
                reason=f"the hash of {name!r} has {len(value_hashes[name])} bytes"
            )
    leaves = tuple(_leaf(name, value_hashes[name], salts[name]) for name in names)
    return FieldCommitment(root=merkle_root(leaves), names=tuple(names), leaves=leaves)


def disclose(
    commitment: FieldCommitment,
    fields: Mapping[str, bytes],
    salts: Mapping[str, bytes],
    names: Collection[str],
) -> Disclosure:
    """Show the fields ``names`` and withhold the others.

    Raises:
        CommitmentInputError: a name that the commitment does not have, or a value or
            salt to show that is missing.
    """
    unknown = sorted(set(names) - set(commitment.names))
    if unknown:
        raise CommitmentInputError(reason=f"no field {unknown[0]!r}")
    given, withheld = [], []
    for name, leaf in zip(commitment.names, commitment.leaves, strict=True):
        if name not in names:
            withheld.append(WithheldField(name=name, leaf=leaf))
        elif name in fields and name in salts:
            given.append(GivenField(name=name, value=fields[name], salt=salts[name]))
        else:
            raise CommitmentInputError(reason=f"value or salt of {name!r} is missing")
    return Disclosure(given=tuple(given), withheld=tuple(withheld))


def withhold_others(disclosure: Disclosure, names: Collection[str]) -> Disclosure:
    """Return a disclosure that shows only the fields ``names``.

    Raises:
        CommitmentInputError: a name that ``disclosure`` does not show.
    """
    unknown = sorted(set(names) - set(disclosure.values()))
    if unknown:
        raise CommitmentInputError(reason=f"no value of {unknown[0]!r}")
    withheld = {field.name: field for field in disclosure.withheld}
    for field in disclosure.given:
        if field.name not in names:
            leaf = _leaf(field.name, sha256(field.value), field.salt)
            withheld[field.name] = WithheldField(name=field.name, leaf=leaf)
    return Disclosure(
        given=tuple(field for field in disclosure.given if field.name in names),
        withheld=tuple(withheld[name] for name in sorted(withheld)),
    )


def disclosure_root(disclosure: Disclosure) -> bytes:
    """Return the digest that the fields of ``disclosure`` give.

    Raises:
        DisclosureFormError: no field, a name twice or out of order, or a leaf or salt of
            another size.
    """
    leaves: dict[str, bytes] = {}
    for given in disclosure.given:
        _check_hash(given.salt, "salt", given.name)
        leaves[given.name] = _leaf(given.name, sha256(given.value), given.salt)
    for withheld in disclosure.withheld:
        _check_hash(withheld.leaf, "leaf", withheld.name)
        leaves[withheld.name] = withheld.leaf
    _check_ascending([field.name for field in disclosure.given])
    _check_ascending([field.name for field in disclosure.withheld])
    if not leaves or len(leaves) != len(disclosure.given) + len(disclosure.withheld):
        raise DisclosureFormError(reason="no field, or one both given and withheld")
    return merkle_root(leaves[name] for name in sorted(leaves))


def verify_disclosure(disclosure: Disclosure, root: bytes) -> None:
    """Check that the fields shown are those that ``root`` commits to.

    Raises:
        DisclosureFormError: see ``disclosure_root``.
        DisclosureMismatchError: the fields give another digest.
    """
    actual = disclosure_root(disclosure)
    if actual != root:
        raise DisclosureMismatchError(actual=actual, expected=root)


def encode_disclosure(disclosure: Disclosure) -> bytes:
    """Return the canonical JSON of a disclosure; bytes are in base64."""
    return encode_json(
        {
            "given": [
                {
                    "name": field.name,
                    "salt": _base64(field.salt),
                    "value": _base64(field.value),
                }
                for field in disclosure.given
            ],
            "withheld": [
                {"leaf": _base64(field.leaf), "name": field.name}
                for field in disclosure.withheld
            ],
        }
    )


def decode_disclosure(data: bytes) -> Disclosure:
    """Return the disclosure that ``data`` is the canonical JSON of.

    Raises:
        JsonError: not JSON.
        JsonFormError: JSON of another layout.
        DisclosureFormError: JSON of another content.
    """
    parsed = decode_canonical_json(data)
    if not isinstance(parsed, dict) or set(parsed) != {"given", "withheld"}:
        raise DisclosureFormError(reason="expected an object of given and withheld")
    given = tuple(
        GivenField(
            name=item["name"],
            value=_from_base64(item["value"], "value"),
            salt=_from_base64(item["salt"], "salt"),
        )
        for item in _objects(parsed["given"], _GIVEN_KEYS)
    )
    withheld = tuple(
        WithheldField(name=item["name"], leaf=_from_base64(item["leaf"], "leaf"))
        for item in _objects(parsed["withheld"], _WITHHELD_KEYS)
    )
    disclosure = Disclosure(given=given, withheld=withheld)
    disclosure_root(disclosure)
    return disclosure


def _leaf(name: str, value_hash: bytes, salt: bytes) -> bytes:
    named = name.encode()
    return sha256(
        b"".join((_DOMAIN, encode_uvarint(len(named)), named, salt, value_hash))
    )


def _check_names(names: Sequence[str]) -> None:
    try:
        check_field_names(names, required=True)
    except InvalidRequestError as wrong:
        raise CommitmentInputError(reason=str(wrong)) from wrong


def _check_hash(value: bytes, what: str, name: str) -> None:
    if len(value) != HASH_SIZE_BYTES:
        raise DisclosureFormError(
            reason=f"the {what} of {name[:80]!r} has {len(value)} bytes"
        )


def _check_ascending(names: Sequence[str]) -> None:
    for before, after in pairwise(names):
        if before >= after:
            raise DisclosureFormError(reason=f"{after[:80]!r} stands out of order")


def _objects(items: object, keys: frozenset[str]) -> list[dict[str, Any]]:
    if not isinstance(items, list):
        raise DisclosureFormError(reason="expected a list of fields")
    for item in items:
        if not isinstance(item, dict) or item.keys() != keys:
            raise DisclosureFormError(reason=f"expected a field of {sorted(keys)}")
        if not all(isinstance(value, str) for value in item.values()):
            raise DisclosureFormError(reason="expected texts in a field")
    return items


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DisclosureFormError(reason=f"{what} is not base64") from None
    if _base64(data) != text:  # bits behind the end that nothing decodes
        raise DisclosureFormError(reason=f"{what} is not canonical base64")
    return data
