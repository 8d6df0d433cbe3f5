"""Which key of which zone a label of a bundle's proven values stands for.

Keys are built here from the subject, with the functions of the modules that own them; a
bundle's own word for a key is only compared with that.
"""

from __future__ import annotations

from typing import Final

from huitong.evidence.kinds import (
    CHANNEL,
    CLIENT,
    CONNECTION,
    CONSENT,
    EXCHANGE,
    FACT,
    GRANT,
    MEMBER,
    PROVIDER,
    RECEIPT_ACKNOWLEDGEMENT,
    RECEIPT_RECEIPT,
    RECORD,
    REQUEST_ACKNOWLEDGEMENT,
    REQUEST_COMMITMENT,
    REQUEST_RECEIPT,
)
from huitong.evidence.model import Subject
from huitong.modules.exchange import keys as exchange_keys
from huitong.modules.facts.keys import STORE as FACTS_STORE
from huitong.modules.facts.keys import fact_key
from huitong.modules.grants.keys import STORE as GRANTS_STORE
from huitong.modules.grants.keys import consent_key, grant_key
from huitong.modules.links import keys as link_keys
from huitong.modules.members.keys import STORE as MEMBERS_STORE
from huitong.modules.members.keys import account_key, member_key
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import archive_key, record_key

_PORT: Final = exchange_keys.PORT_ID

Place = tuple[str, bytes]
"""Name of the store, and the key in it."""


def member_place(member_id: str) -> Place:
    """Return where a member stands."""
    return MEMBERS_STORE, member_key(member_id)


def account_place(address: str) -> Place:
    """Return where an account stands.

    Raises:
        InvalidAddressError: the text is no address.
    """
    return MEMBERS_STORE, account_key(address)


def grant_place(grant_id: int) -> Place:
    """Return where a grant stands."""
    return GRANTS_STORE, grant_key(grant_id)


def consent_place(consent_id: int) -> Place:
    """Return where a consent stands."""
    return GRANTS_STORE, consent_key(consent_id)


def fact_place(fact_id: bytes) -> Place:
    """Return where a fact stands."""
    return FACTS_STORE, fact_key(fact_id)


def record_places(subject: Subject) -> tuple[Place, Place]:
    """Return where the record's version stands: as the head, or in the archive."""
    return (
        (RECORDS_STORE, record_key(subject.issuer, subject.record_id)),
        (
            RECORDS_STORE,
            archive_key(subject.issuer, subject.record_id, subject.version),
        ),
    )


def consensus_place(subject: Subject, height_text: str) -> Place:
    """Return where b's light client keeps a's header of a height, ``revision-height``."""
    return link_keys.STORE, link_keys.consensus_state(
        subject.other.client_id, height_text
    )


def fixed_places(subject: Subject, side: str) -> dict[str, tuple[Place, ...]]:
    """Return the places of one side that follow from the subject alone, by label.

    A label of several places is at one of them. The commitment of the request packet is
    among them, although a zone keeps it only for a while.
    """
    known = _link_places(subject, side) if subject.kind.is_linked else {}
    member_id = subject.issuer if side == PROVIDER else subject.requester
    known[MEMBER] = (member_place(member_id),)
    if FACT in subject.kind.parts[side].states:
        known[FACT] = (fact_place(bytes.fromhex(subject.record_id)),)
    elif subject.record_id:
        known[RECORD] = record_places(subject)
    if subject.number:
        known[GRANT] = (grant_place(subject.number),)
        known[CONSENT] = (consent_place(subject.number),)
    wanted = subject.kind.parts[side].states
    if side != PROVIDER:
        wanted = (*wanted, REQUEST_COMMITMENT)
    return {label: known[label] for label in wanted if label in known}


def _link_places(subject: Subject, side: str) -> dict[str, tuple[Place, ...]]:
    zone = subject.zone(side)
    channel, first, second = zone.channel_id, subject.sequence, subject.receipt_sequence
    own = {
        CHANNEL: link_keys.channel(_PORT, channel),
        CONNECTION: link_keys.connection(zone.connection_id),
        CLIENT: link_keys.client_state(zone.client_id),
        REQUEST_COMMITMENT: link_keys.commitment(_PORT, channel, first),
        REQUEST_RECEIPT: link_keys.receipt(_PORT, channel, first),
        REQUEST_ACKNOWLEDGEMENT: link_keys.acknowledgement(_PORT, channel, first),
        RECEIPT_RECEIPT: link_keys.receipt(_PORT, channel, second),
        RECEIPT_ACKNOWLEDGEMENT: link_keys.acknowledgement(_PORT, channel, second),
    }
    places: dict[str, tuple[Place, ...]] = {
        label: ((link_keys.STORE, key),) for label, key in own.items()
    }
    exchange_side = (
        exchange_keys.PROVIDER if side == PROVIDER else exchange_keys.REQUESTER
    )
    key = exchange_keys.exchange_key(exchange_side, channel, first)
    return places | {EXCHANGE: ((exchange_keys.STORE, key),)}
