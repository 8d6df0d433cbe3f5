"""Checks of the fields of our own messages: names, texts, digests, lists.

All of them raise ``InvalidRequestError`` (sdk 18): a value that can never be right. What
depends on the state is checked by the modules with their own errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from huitong.core.errors import InvalidRequestError
from huitong.core.limits import (
    FIELD_NAME_BYTES_MAX,
    FIELDS_MAX,
    NAME_CHARACTERS_MAX,
    RECORD_ID_CHARACTERS_MAX,
    REQUEST_ID_CHARACTERS_MAX,
)

DIGEST_SIZE_BYTES: Final = 32
X25519_KEY_SIZE_BYTES: Final = 32

# A name begins and ends with a letter or digit; no slash, so that names can be joined.
_NAME: Final = re.compile(
    rf"[a-z0-9](?:[a-z0-9._-]{{0,{NAME_CHARACTERS_MAX - 2}}}[a-z0-9])?", re.ASCII
)
_RECORD_ID: Final = re.compile(
    rf"[A-Za-z0-9][A-Za-z0-9._:+-]{{0,{RECORD_ID_CHARACTERS_MAX - 1}}}", re.ASCII
)
_REQUEST_ID: Final = re.compile(
    rf"[A-Za-z0-9._-]{{0,{REQUEST_ID_CHARACTERS_MAX}}}", re.ASCII
)
# Control characters are named by number: Unicode's own classes change with its version.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_name(value: str, field: str) -> None:
    """Check a short name for machines, such as a member id or a purpose.

    Raises:
        InvalidRequestError: empty, too long, or other characters than ``a-z0-9._-``.
    """
    if _NAME.fullmatch(value) is None:
        raise InvalidRequestError(
            reason=f"{field} {value[:80]!r} is not a name: 1 to {NAME_CHARACTERS_MAX} of "
            "a-z 0-9 . _ - with a letter or digit at both ends"
        )


def check_record_id(value: str, field: str = "record_id") -> None:
    """Check the id that an issuer gives a record.

    Raises:
        InvalidRequestError: empty, too long, or other characters.
    """
    if _RECORD_ID.fullmatch(value) is None:
        raise InvalidRequestError(
            reason=f"{field} {value[:80]!r} is not a record id: 1 to "
            f"{RECORD_ID_CHARACTERS_MAX} of A-Z a-z 0-9 . _ : + - with a letter or "
            "digit first"
        )


def check_request_id(value: str, field: str = "request_id") -> None:
    """Check what somebody traces an exchange by across organisations; may be empty.

    Raises:
        InvalidRequestError: too long, or other characters.
    """
    if _REQUEST_ID.fullmatch(value) is None:
        raise InvalidRequestError(
            reason=f"{field} {value[:80]!r} is not a request id: at most "
            f"{REQUEST_ID_CHARACTERS_MAX} of A-Z a-z 0-9 . _ -"
        )


def check_text(
    value: str, field: str, size_bytes_max: int, *, required: bool = False
) -> None:
    """Check a text for people: one line of UTF-8 without control characters.

    Raises:
        InvalidRequestError: too long, control characters, or empty though required.
    """
    if not value:
        if required:
            raise InvalidRequestError(reason=f"{field} is empty")
        return
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell
        raise InvalidRequestError(reason=f"{field} is not Unicode text") from None
    if size > size_bytes_max:
        raise InvalidRequestError(
            reason=f"{field} has {size} bytes, at most {size_bytes_max}"
        )
    if _CONTROL.search(value) is not None:
        raise InvalidRequestError(reason=f"{field} contains a control character")


def check_size(
    value: bytes, field: str, size_bytes: int, *, required: bool = True
) -> None:
    """Check bytes of a fixed size, such as a digest or a key.

    Raises:
        InvalidRequestError: another size; empty is right if not required.
    """
    if len(value) != size_bytes and (value or required):
        raise InvalidRequestError(
            reason=f"{field} has {len(value)} bytes, expected {size_bytes}"
        )


def check_sorted(values: Sequence[str], field: str) -> None:
    """Check that a list ascends and names nothing twice.

    Raises:
        InvalidRequestError: it does not.
    """
    for before, after in pairwise(values):
        if before >= after:
            raise InvalidRequestError(
                reason=f"{field} is not sorted or names {after[:80]!r} twice"
            )


def check_field_names(
    values: Sequence[str], field: str = "fields", *, required: bool = False
) -> None:
    """Check a list of the names of a payload's fields: bounded, sorted, unique.

    Raises:
        InvalidRequestError: it is not such a list.
    """
    if len(values) > FIELDS_MAX:
        raise InvalidRequestError(
            reason=f"{field} has {len(values)} names, at most {FIELDS_MAX}"
        )
    if not values:
        if required:
            raise InvalidRequestError(reason=f"{field} is empty")
        return
    names = list(values)
    joined = "".join(names)
    if (
        not joined.isascii()
        or _CONTROL.search(joined) is not None
        or max(map(len, names)) > FIELD_NAME_BYTES_MAX
        or "" in names
    ):  # perhaps wrong: one after the other, to say what is wrong
        for name in names:
            check_text(name, field, FIELD_NAME_BYTES_MAX, required=True)
    check_sorted(names, field)


def check_period(valid_from: int, valid_until: int) -> None:
    """Check a period of validity in seconds since the epoch; 0 leaves an end open.

    Raises:
        InvalidRequestError: negative, or it ends before it begins.
    """
    if valid_from < 0 or valid_until < 0:
        raise InvalidRequestError(
            reason=f"validity from {valid_from} until {valid_until} is negative"
        )
    if valid_until and valid_until <= valid_from:
        raise InvalidRequestError(
            reason=f"validity ends at {valid_until}, not after it begins at {valid_from}"
        )


def is_within_period(valid_from: int, valid_until: int, now_s: int) -> bool:
    """Return whether ``now_s`` lies in the period; its end is the first second outside."""
    return valid_from <= now_s and (not valid_until or now_s < valid_until)


def is_covered(asked: Iterable[str], allowed: Sequence[str]) -> bool:
    """Return whether every name in ``asked`` is in ``allowed``; empty allows all."""
    if not allowed:
        return True
    known = frozenset(allowed)
    return all(name in known for name in asked)
