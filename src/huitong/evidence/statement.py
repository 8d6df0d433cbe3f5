"""What the proven values of a bundle say, as messages of the modules that wrote them.

Reading is strict (canonical protobuf) and says nothing yet about truth: that the values
lie in the state is a matter of ``proofs``, that they fit together one of ``checks``.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from google.protobuf.message import Message

from huitong.core.codec import decode, unpack_any
from huitong.core.commitment import Disclosure, decode_disclosure
from huitong.core.errors import HuitongError
from huitong.core.tx import Transaction, decode_transaction
from huitong.evidence import places
from huitong.evidence.entries import (
    DISCLOSURE_ENTRY,
    state_entry,
    transaction_entry,
)
from huitong.evidence.errors import EntryFormError, EntryMissingError
from huitong.evidence.model import PROVIDER, SIDES, Evidence, StateProof
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange
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
    """Its end of the channel."""
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
    """The provider's zone."""
    b: ZoneStatement
    """The requester's zone."""
    record: RecordHeader
    """The record, as zone a has it."""
    grant: Grant | None
    """The grant that the decision used."""
    consent: Consent | None
    """The consent that the request named."""
    maker: Account
    """Who made the bundle."""
    disclosure: Disclosure
    """The fields that were given."""

    def zone(self, side: str) -> ZoneStatement:
        """Return what one side says."""
        return self.a if side == PROVIDER else self.b


def read_statement(evidence: Evidence) -> Statement:
    """Decode the proven values.

    Raises:
        EntryMissingError: a value without which the bundle proves nothing is not there.
        EntryFormError: a value is not the message that its label promises.
    """
    a, b = (_read_zone(evidence, side) for side in SIDES)
    decision, request = a.exchange.decision, a.exchange.request
    grant = consent = None
    if decision.grant_id:
        grant = _read(evidence, PROVIDER, places.GRANT, Grant)
    if request.consent_id:
        consent = _read(evidence, PROVIDER, places.CONSENT, Consent)
    try:
        disclosure = decode_disclosure(evidence.disclosure)
    except HuitongError as error:
        raise EntryFormError(entry=DISCLOSURE_ENTRY, reason=str(error)) from error
    return Statement(
        a=a,
        b=b,
        record=_read(evidence, PROVIDER, places.RECORD, RecordHeader),
        grant=grant,
        consent=consent,
        maker=_read(evidence, evidence.subject.maker_side, places.MAKER, Account),
        disclosure=disclosure,
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


def _read_zone(evidence: Evidence, side: str) -> ZoneStatement:
    packed = _read(evidence, side, places.CLIENT, Any)
    try:
        client = unpack_any(packed, ClientState)
    except HuitongError as error:
        entry = state_entry(side, places.CLIENT)
        raise EntryFormError(entry=entry, reason=str(error)) from error
    transactions = _read_transactions(evidence, side)
    return ZoneStatement(
        channel=_read(evidence, side, places.CHANNEL, Channel),
        connection=_read(evidence, side, places.CONNECTION, ConnectionEnd),
        client=client,
        exchange=_read(evidence, side, places.EXCHANGE, Exchange),
        member=_read(evidence, side, places.MEMBER, Member),
        transactions=transactions,
        accounts=MappingProxyType(
            {
                label: _read(evidence, side, places.ACCOUNT_PREFIX + label, Account)
                for label in transactions
            }
        ),
    )


def _read_transactions(evidence: Evidence, side: str) -> Mapping[str, Transaction]:
    present = evidence.zones[side].transactions
    known = places.TRANSACTIONS[side] + places.OPTIONAL_TRANSACTIONS[side]
    found: dict[str, Transaction] = {}
    for label in known:
        entry = transaction_entry(side, label)
        if label in present:
            try:
                found[label] = decode_transaction(present[label].raw)
            except HuitongError as error:
                raise EntryFormError(entry=entry, reason=str(error)) from error
        elif label in places.TRANSACTIONS[side]:
            raise EntryMissingError(entry=entry)
    return MappingProxyType(found)


def _read(evidence: Evidence, side: str, label: str, cls: type[MessageT]) -> MessageT:
    value = get_state(evidence, side, label).value
    try:
        return decode(cls, value)
    except HuitongError as error:
        raise EntryFormError(
            entry=state_entry(side, label), reason=str(error)
        ) from error
