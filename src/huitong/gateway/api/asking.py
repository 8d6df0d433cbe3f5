"""Questions to zones on behalf of a caller."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message

from huitong.client.errors import QueryError
from huitong.client.zone import ZoneClient
from huitong.core.errors import NotFoundError
from huitong.gateway.http.errors import AbsentError
from huitong.modules.grants.errors import ConsentNotFoundError, GrantNotFoundError
from huitong.modules.members.errors import MemberNotFoundError
from huitong.modules.records.errors import RecordNotFoundError, VersionNotFoundError

MessageT = TypeVar("MessageT", bound=Message)


async def ask(
    zone: ZoneClient,
    path: str,
    request: Message,
    response: type[MessageT],
    *,
    kind: str = "thing",
) -> MessageT:
    """Return a zone's answer.

    Args:
        zone: whom to ask.
        path: of the query.
        request: the question.
        response: class of the answer.
        kind: what is asked for, in words, if it can be absent.

    Raises:
        AbsentError: the zone has no such thing.
        QueryError: it refuses for another reason.
        UnreachableError: it does not answer.
    """
    try:
        return await zone.query(path, request, response)
    except QueryError as refusal:
        if (refusal.codespace, refusal.code) in _ABSENT:
            raise AbsentError(kind=kind) from None
        raise


def enum_text(kind: EnumDescriptor, number: int) -> str:
    """Return ``active`` for ``RECORD_STATUS_ACTIVE`` of ``RecordStatus``."""
    names = [value.name for value in kind.values]
    prefix = _common_prefix(names)
    known = kind.values_by_number.get(number)
    return str(number) if known is None else _text(known.name, prefix)


def enum_number(kind: EnumDescriptor, text: str) -> Any:
    """Return the number that ``enum_text`` tells as ``text``.

    Raises:
        KeyError: there is none.
    """
    prefix = _common_prefix([value.name for value in kind.values])
    numbers = {_text(value.name, prefix): value.number for value in kind.values}
    return numbers[text]


def _text(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", "-")


def _common_prefix(names: list[str]) -> str:
    """Return ``RECORD_STATUS_``: every enum has the value ``…UNSPECIFIED``."""
    zero = next(name for name in names if name.endswith("UNSPECIFIED"))
    return zero.removesuffix("UNSPECIFIED")


#: What the zone's modules say of something that is not there.
_ABSENT = frozenset(
    (kind.codespace, kind.code)
    for kind in (
        NotFoundError,
        MemberNotFoundError,
        RecordNotFoundError,
        VersionNotFoundError,
        GrantNotFoundError,
        ConsentNotFoundError,
    )
)
