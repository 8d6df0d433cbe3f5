"""Which key of which zone a label of a bundle's proven values stands for.

Keys are built here from the subject, with the functions of the modules that own them; a
bundle's own word for a key is only compared with that.
"""

from __future__ import annotations

from typing import Final

from huitong.evidence.model import PROVIDER, REQUESTER, Subject
from huitong.modules.exchange import keys as exchange_keys
from huitong.modules.grants.keys import STORE as GRANTS_STORE
from huitong.modules.grants.keys import consent_key, grant_key
from huitong.modules.links import keys as link_keys
from huitong.modules.members.keys import STORE as MEMBERS_STORE
from huitong.modules.members.keys import account_key, member_key
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import archive_key, record_key

# Labels of states.
RECORD: Final = "record"
EXCHANGE: Final = "exchange"
MEMBER: Final = "member"
CHANNEL: Final = "channel"
CONNECTION: Final = "connection"
CLIENT: Final = "client"
CONSENSUS: Final = "consensus"
GRANT: Final = "grant"
CONSENT: Final = "consent"
MAKER: Final = "maker"
REQUEST_COMMITMENT: Final = "request-commitment"
REQUEST_RECEIPT: Final = "request-receipt"
REQUEST_ACKNOWLEDGEMENT: Final = "request-acknowledgement"
RECEIPT_RECEIPT: Final = "receipt-receipt"
RECEIPT_ACKNOWLEDGEMENT: Final = "receipt-acknowledgement"
#: Before the label of a transaction: the account that signed it.
ACCOUNT_PREFIX: Final = "account-"

# Labels of transactions.
PUBLISH: Final = "publish"
DECIDE: Final = "decide"
DELIVER: Final = "deliver"
REQUEST: Final = "request"
CONFIRM: Final = "confirm"

#: Transactions that a bundle must have, by side.
TRANSACTIONS: Final = {PROVIDER: (PUBLISH, DELIVER), REQUESTER: (REQUEST, CONFIRM)}
#: Transactions that it has if the exchange had them.
OPTIONAL_TRANSACTIONS: Final = {PROVIDER: (DECIDE,), REQUESTER: ()}
_LINK: Final = (CHANNEL, CONNECTION, CLIENT)
#: States that a bundle must have, by side, without accounts. The commitment of the
#: request packet is kept while the zone keeps that version, so it may be absent.
STATES: Final = {
    PROVIDER: (
        *_LINK,
        RECORD,
        EXCHANGE,
        MEMBER,
        REQUEST_RECEIPT,
        REQUEST_ACKNOWLEDGEMENT,
        RECEIPT_RECEIPT,
        RECEIPT_ACKNOWLEDGEMENT,
    ),
    REQUESTER: (*_LINK, EXCHANGE, MEMBER, CONSENSUS),
}

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
    return link_keys.STORE, link_keys.consensus_state(subject.b.client_id, height_text)


def fixed_places(subject: Subject, side: str) -> dict[str, Place]:
    """Return the places of one side that follow from the subject alone, by label."""
    zone = subject.zone(side)
    own = {
        CHANNEL: link_keys.channel(_PORT, zone.channel_id),
        CONNECTION: link_keys.connection(zone.connection_id),
        CLIENT: link_keys.client_state(zone.client_id),
    }
    first, second = subject.sequence, subject.receipt_sequence
    channel = zone.channel_id
    if side == PROVIDER:
        exchange_side = exchange_keys.PROVIDER
        member_id = subject.issuer
        own |= {
            REQUEST_RECEIPT: link_keys.receipt(_PORT, channel, first),
            REQUEST_ACKNOWLEDGEMENT: link_keys.acknowledgement(_PORT, channel, first),
            RECEIPT_RECEIPT: link_keys.receipt(_PORT, channel, second),
            RECEIPT_ACKNOWLEDGEMENT: link_keys.acknowledgement(_PORT, channel, second),
        }
    else:
        exchange_side = exchange_keys.REQUESTER
        member_id = subject.requester
        own |= {REQUEST_COMMITMENT: link_keys.commitment(_PORT, channel, first)}
    places = {label: (link_keys.STORE, key) for label, key in own.items()}
    places[EXCHANGE] = (
        exchange_keys.STORE,
        exchange_keys.exchange_key(exchange_side, channel, first),
    )
    places[MEMBER] = member_place(member_id)
    return places
