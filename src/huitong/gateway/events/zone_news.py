"""What the own zone's blocks say of this member, told as events of the gateway.

So also what was done without the gateway is told: a consent that its subject withdrew by
its own key, a record that was published by command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.subscription import BlockSeen
from huitong.gateway.database.engine import Database
from huitong.gateway.events import register
from huitong.gateway.events.register import EventType
from huitong.gateway.events.telling import tell
from huitong.gateway.outbox.tables import FollowedZoneRow

Attributes: TypeAlias = Mapping[str, str]
#: Characters of a subject; longer ones are cut, and stand whole in the data.
_SUBJECT_CHARACTERS_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class _Rule:
    """How an event of the zone is told."""

    event: EventType
    subjects: tuple[str, ...]
    """Attributes of which the first that is not empty is the subject."""
    owners: Callable[[Attributes], tuple[str, ...]]
    """Returns the members of the own zone that it concerns."""


@dataclass(frozen=True, slots=True)
class _Seen:
    event: EventType
    subject: str
    data: dict[str, Any]


def _issuer(told: Attributes) -> tuple[str, ...]:
    return (told.get("issuer", ""),)


def _holder(told: Attributes) -> tuple[str, ...]:
    return (told.get("holder", ""), _reader(told))


def _recorder(told: Attributes) -> tuple[str, ...]:
    return (told.get("recorder", ""), _reader(told))


def _reader(told: Attributes) -> str:
    """Return the reader if it is of the own zone: ids are those of a member's zone."""
    is_ours = "reader_channel_id" in told and not told["reader_channel_id"]
    return told.get("reader", "") if is_ours else ""


def _party(told: Attributes) -> tuple[str, ...]:
    """Return the party of the own zone; ``side`` tells which that is."""
    if told.get("side") == "requester":
        return (told.get("receiver") or told.get("requester", ""),)
    return (told.get("issuer", ""),)


_RECORD: Final = ("record_id",)
_SCOPE: Final = ("record_id", "record_type")
_RULES: Final = {
    "record_published": _Rule(register.RECORD_PUBLISHED, _RECORD, _issuer),
    "record_status_changed": _Rule(register.RECORD_STATUS_CHANGED, _RECORD, _issuer),
    "grant_given": _Rule(register.GRANT_GIVEN, ("grant_id",), _holder),
    "grant_withdrawn": _Rule(register.GRANT_WITHDRAWN, ("grant_id",), _holder),
    "consent_recorded": _Rule(register.CONSENT_RECORDED, ("consent_id",), _recorder),
    "consent_withdrawn": _Rule(register.CONSENT_WITHDRAWN, ("consent_id",), _recorder),
    "glass_broken": _Rule(register.GLASS_BROKEN, _RECORD, _issuer),
    "glass_reviewed": _Rule(register.GLASS_REVIEWED, _RECORD, _issuer),
    "review_overdue": _Rule(register.REVIEW_OVERDUE, _RECORD, _issuer),
    "subscription_started": _Rule(register.SUBSCRIPTION_STARTED, _SCOPE, _party),
    "subscription_ended": _Rule(register.SUBSCRIPTION_ENDED, _SCOPE, _party),
    "exchange_pushed": _Rule(register.VERSION_PUSHED, _RECORD, _party),
    "hand_over_offered": _Rule(register.HAND_OVER_OFFERED, _RECORD, _party),
    "hand_over_decided": _Rule(register.HAND_OVER_DECIDED, _RECORD, _party),
    "hand_over_failed": _Rule(register.HAND_OVER_FAILED, _RECORD, _party),
}


@final
class ZoneNews:
    """Hears every block of the own zone (``BlockHandler``)."""

    def __init__(self, database: Database, member_id: str, chain_id: str) -> None:
        """Prepare.

        Args:
            database: keeps the events.
            member_id: the member whose gateway this is.
            chain_id: its zone.
        """
        self._database = database
        self._member_id = member_id
        self._chain_id = chain_id

    async def prepare(self) -> None:
        """Every block is looked at."""

    async def read(self, block: BlockSeen) -> Any:
        """Return what a block tells of this member."""
        return list(news_of(block, self._member_id)) or None

    async def apply(self, session: AsyncSession, block: BlockSeen, found: Any) -> None:
        """Tell it."""
        for seen in found:
            tell(session, seen.event, seen.subject, seen.data)

    async def applied(self, block: BlockSeen, found: Any) -> None:
        """Nothing waits for this."""

    async def reconcile(self) -> None:
        """Say that blocks are missing, unless none was seen before."""
        async with self._database.transaction() as session:
            seen = await session.get(FollowedZoneRow, self._chain_id)
            if seen is not None:
                data = {"height": seen.height}
                tell(session, register.BLOCKS_MISSED, self._chain_id, data)

    async def resumed(self) -> None:
        """Nothing waits for this."""


def news_of(block: BlockSeen, member_id: str) -> Iterator[_Seen]:
    """Yield what a block tells of a member of the zone, in the order of the block."""
    for tx in block.txs:
        if not tx.code:
            for told in tx.events:
                if told["type"] in _RULES:
                    yield from _news(told, member_id, block.height, tx.tx_hash)
    for told in block.events:
        if told["type"] in _RULES:
            yield from _news(told, member_id, block.height, "")


def _news(
    told: Mapping[str, Any], member_id: str, height: int, tx_hash: str
) -> Iterator[_Seen]:
    rule = _RULES[told["type"]]
    values = {pair["key"]: pair.get("value") or "" for pair in told["attributes"]}
    values.pop("msg_index", None)
    if member_id not in rule.owners(values):
        return
    named = (values.get(name, "") for name in rule.subjects)
    subject = next(filter(None, named), told["type"])
    data = {**values, "height": height, "transaction": tx_hash}
    yield _Seen(rule.event, subject[:_SUBJECT_CHARACTERS_MAX], data)
