"""What the proven values of a bundle say, as messages of the modules that wrote them.

Reading is strict (canonical protobuf) and says nothing yet about truth: that the values
lie in the state is a matter of ``proofs``, that they fit together one of ``checks``.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from google.protobuf.message import Message

from huitong.core.codec import decode, unpack_any
from huitong.core.commitment import Disclosure, decode_disclosure
from huitong.core.errors import HuitongError
from huitong.core.tx import Transaction, decode_transaction
from huitong.evidence import kinds
from huitong.evidence.entries import (
    DISCLOSURE_ENTRY,
    state_entry,
    transaction_entry,
)
from huitong.evidence.errors import EntryFormError, EntryMissingError
from huitong.evidence.kinds import PROVIDER, SIDES, Kind
from huitong.evidence.model import Evidence, StateProof
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange
from huitong.proto.huitong.facts.v1.facts_pb2 import Fact
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant
from huitong.proto.huitong.members.v1.members_pb2 import Account, Member
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Channel
from huitong.proto.ibc.core.connection.v1.connection_pb2 import ConnectionEnd
from huitong.proto.ibc.lightclients.tendermint.v1.tendermint_pb2 import ClientState

MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStatement:
    """What one zone says."""

    channel: Channel
    """Its end of the channel; like every message here empty if the kind has none."""
    connection: ConnectionEnd
    """Its end of the connection."""
    client: ClientState
    """Its light client of the other zone."""
    exchange: Exchange
    """The exchange as it keeps it."""
    member: Member
    """Its party: the issuer, or the reader."""
    transactions: Mapping[str, Transaction]
    """The parties' transactions by label."""
    accounts: Mapping[str, Account]
    """Who signed them, by the label of the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a bundle says."""

    a: ZoneStatement
    """The provider's zone, or the only one."""
    b: ZoneStatement
    """The requester's zone; of empty messages if the kind has one zone."""
    record: RecordHeader
    """The record, as zone a has it; empty if the kind has none."""
    grant: Grant | None
    """The grant that the decision used, or that the bundle is about."""
    consent: Consent | None
    """The consent that the request named, or that the bundle is about."""
    fact: Fact
    """The fact that the bundle is about; empty if the kind has none."""
    maker: Account
    """Who made the bundle."""
    disclosure: Disclosure
    """The fields that were given; none if the kind has no payload."""

    def zone(self, side: str) -> ZoneStatement:
        """Return what one side says."""
        return self.a if side == PROVIDER else self.b


EMPTY_ZONE: Final = ZoneStatement(
    channel=Channel(),
    connection=ConnectionEnd(),
    client=ClientState(),
    exchange=Exchange(),
    member=Member(),
    transactions=MappingProxyType({}),
    accounts=MappingProxyType({}),
)
"""What a zone says that the kind does not have."""


def read_statement(evidence: Evidence) -> Statement:
    """Decode the proven values.

    Raises:
        EntryMissingError: a value without which the bundle proves nothing is not there.
        EntryFormError: a value is not the message that its label promises.
    """
    kind = evidence.subject.kind
    a, b = (
        _read_zone(evidence, side) if side in kind.parts else EMPTY_ZONE
        for side in SIDES
    )
    grant = consent = None
    if needs_grant(kind, a.exchange):
        grant = _read(evidence, PROVIDER, kinds.GRANT, Grant)
    if needs_consent(kind, a.exchange):
        consent = _read(evidence, PROVIDER, kinds.CONSENT, Consent)
    return Statement(
        a=a,
        b=b,
        record=_read_if(evidence, PROVIDER, kinds.RECORD, RecordHeader),
        grant=grant,
        consent=consent,
        fact=_read_if(evidence, PROVIDER, kinds.FACT, Fact),
        maker=_read(evidence, evidence.subject.maker_side, kinds.MAKER, Account),
        disclosure=_read_disclosure(evidence),
    )


def needs_grant(kind: Kind, exchange: Exchange) -> bool:
    """Return whether a bundle must hold a grant: it is about one, or rests on one."""
    if kinds.GRANT in kind.parts[PROVIDER].states:
        return True
    return kinds.RECORD in kind.parts[PROVIDER].states and bool(
        exchange.decision.grant_id
    )


def needs_consent(kind: Kind, exchange: Exchange) -> bool:
    """Return whether a bundle must hold a consent: it is about one, or rests on one."""
    if kinds.CONSENT in kind.parts[PROVIDER].states:
        return True
    return kinds.RECORD in kind.parts[PROVIDER].states and bool(
        exchange.request.consent_id
    )


def name_of(enumeration: typing.Any, number: int) -> str:
    """Return the name of a value of a generated enumeration, or its number."""
    found = enumeration.DESCRIPTOR.values_by_number.get(number)
    return str(number) if found is None else str(found.name)


def get_state(evidence: Evidence, side: str, label: str) -> StateProof:
    """Return the proven value with a label.

    Raises:
        EntryMissingError: there is none.
    """
    state = evidence.zones[side].states.get(label)
    if state is None:
        raise EntryMissingError(entry=state_entry(side, label))
    return state


def _read_disclosure(evidence: Evidence) -> Disclosure:
    if not evidence.subject.kind.payload:
        return Disclosure(given=(), withheld=())
    try:
        return decode_disclosure(evidence.disclosure)
    except HuitongError as error:
        raise EntryFormError(entry=DISCLOSURE_ENTRY, reason=str(error)) from error


def _read_client(evidence: Evidence, side: str) -> ClientState:
    if not evidence.subject.kind.is_linked:
        return ClientState()
    packed = _read(evidence, side, kinds.CLIENT, Any)
    try:
        return unpack_any(packed, ClientState)
    except HuitongError as error:
        entry = state_entry(side, kinds.CLIENT)
        raise EntryFormError(entry=entry, reason=str(error)) from error


def _read_zone(evidence: Evidence, side: str) -> ZoneStatement:
    transactions = _read_transactions(evidence, side)
    return ZoneStatement(
        channel=_read_if(evidence, side, kinds.CHANNEL, Channel),
        connection=_read_if(evidence, side, kinds.CONNECTION, ConnectionEnd),
        client=_read_client(evidence, side),
        exchange=_read_if(evidence, side, kinds.EXCHANGE, Exchange),
        member=_read_if(evidence, side, kinds.MEMBER, Member),
        transactions=transactions,
        accounts=MappingProxyType(
            {
                label: _read(evidence, side, kinds.ACCOUNT_PREFIX + label, Account)
                for label in transactions
            }
        ),
    )


def _read_transactions(evidence: Evidence, side: str) -> Mapping[str, Transaction]:
    present = evidence.zones[side].transactions
    part = evidence.subject.kind.parts[side]
    found: dict[str, Transaction] = {}
    for label in part.transactions + part.optional:
        entry = transaction_entry(side, label)
        if label in present:
            try:
                found[label] = decode_transaction(present[label].raw)
            except HuitongError as error:
                raise EntryFormError(entry=entry, reason=str(error)) from error
        elif label in part.transactions:
            raise EntryMissingError(entry=entry)
    return MappingProxyType(found)


def _read_if(
    evidence: Evidence, side: str, label: str, cls: type[MessageT]
) -> MessageT:
    """Return a value if the kind needs it, else an empty message."""
    if label not in evidence.subject.kind.parts[side].states:
        return cls()
    return _read(evidence, side, label, cls)


def _read(evidence: Evidence, side: str, label: str, cls: type[MessageT]) -> MessageT:
    value = get_state(evidence, side, label).value
    try:
        return decode(cls, value)
    except HuitongError as error:
        raise EntryFormError(
            entry=state_entry(side, label), reason=str(error)
        ) from error
