"""The kinds of bundle: what each is about, and what it must hold.

Two-zone kinds are about one exchange, whatever became of it; one-zone kinds about what a
zone says of a record, a grant, a consent, a member or a fact. A kind is data: which values of the
state, which transactions. What must fit together is in ``checks``, by kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

PROVIDER: Final = "provider"
REQUESTER: Final = "requester"
#: Folders of the zones in a bundle; a bundle about one zone has the first alone.
SIDES: Final = (PROVIDER, REQUESTER)

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
FACT: Final = "fact"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a kind needs of one zone."""

    states: tuple[str, ...]
    """Values that must be there, without accounts."""
    absent: tuple[str, ...] = ()
    """Those of ``states`` that must be proven not to be there."""
    transactions: tuple[str, ...] = ()
    """Transactions that must be there."""
    optional: tuple[str, ...] = ()
    """Transactions that are there if the matter had them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of bundle."""

    name: str
    """How it is named in the bundle."""
    parts: Mapping[str, Part]
    """By side, in the order of ``SIDES``."""
    uses: tuple[str, ...] = ()
    """Members of ``Subject``, of those that not every kind has, that this one has."""
    payload: bool = False
    """Whether the given fields are in it."""

    @property
    def sides(self) -> tuple[str, ...]:
        """Return the sides that it has."""
        return tuple(self.parts)

    @property
    def is_linked(self) -> bool:
        """Return whether it is about two zones and the link between them."""
        return REQUESTER in self.parts


_LINK: Final = (CHANNEL, CONNECTION, CLIENT)
_READER: Final = Part(
    states=(*_LINK, EXCHANGE, MEMBER, CONSENSUS), transactions=(REQUEST,)
)
_DECIDED: Final = (*_LINK, EXCHANGE, REQUEST_RECEIPT, REQUEST_ACKNOWLEDGEMENT)


#: Members of ``Subject`` that only some kinds have; the others leave them 0 or empty.
SOMETIMES: Final = (
    "sequence",
    "receipt_sequence",
    "record_id",
    "version",
    "number",
    "requester",
)
_ASKED: Final = ("sequence", "record_id", "requester")


def _linked(
    name: str,
    provider: Part,
    requester: Part = _READER,
    *uses: str,
    payload: bool = False,
) -> Kind:
    parts = MappingProxyType({PROVIDER: provider, REQUESTER: requester})
    return Kind(name=name, parts=parts, uses=(*_ASKED, *uses), payload=payload)


def _single(name: str, states: tuple[str, ...], *uses: str) -> Kind:
    parts = MappingProxyType({PROVIDER: Part(states=states)})
    return Kind(name=name, parts=parts, uses=uses)


#: A finished exchange: requested, granted, delivered, confirmed.
FINISHED: Final = _linked(
    "exchange",
    Part(
        states=(*_DECIDED, RECORD, MEMBER, RECEIPT_RECEIPT, RECEIPT_ACKNOWLEDGEMENT),
        transactions=(PUBLISH, DELIVER),
        optional=(DECIDE,),
    ),
    Part(states=_READER.states, transactions=(REQUEST, CONFIRM)),
    "receipt_sequence",
    "version",
    payload=True,
)
#: Granted and handed over; the reader has not confirmed.
DELIVERY: Final = _linked(
    "delivery",
    Part(
        states=(*_DECIDED, RECORD, MEMBER),
        transactions=(PUBLISH, DELIVER),
        optional=(DECIDE,),
    ),
    _READER,
    "version",
)
#: The provider's zone, or its officer, said no.
REFUSAL: Final = _linked(
    "refusal", Part(states=_DECIDED, optional=(DECIDE,)), _READER, "version"
)
#: The request did not arrive in time: the provider's zone never received it.
TIMEOUT: Final = _linked(
    "timeout", Part(states=(*_LINK, REQUEST_RECEIPT), absent=(REQUEST_RECEIPT,))
)
#: The provider's zone received the request and refused the packet itself.
FAILURE: Final = _linked(
    "failure", Part(states=(*_LINK, REQUEST_RECEIPT, REQUEST_ACKNOWLEDGEMENT))
)
#: What a zone says of a record: its digest, version, status.
RECORD_STATE: Final = _single("record", (RECORD, MEMBER), "record_id", "version")
#: What a zone says of a grant: its terms, use, withdrawal.
GRANT_STATE: Final = _single("grant", (GRANT, MEMBER), "number")
#: What a zone says of a consent: its terms, withdrawal.
CONSENT_STATE: Final = _single("consent", (CONSENT, MEMBER), "number")
#: What a zone says of a member: its roles, status, freezes.
MEMBER_STATE: Final = _single("member", (MEMBER,))

#: What is proven to a zone of another one: the value, as of when, by which client.
FACT_STATE: Final = _single("fact", (FACT, MEMBER), "record_id")

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            FINISHED,
            DELIVERY,
            REFUSAL,
            TIMEOUT,
            FAILURE,
            RECORD_STATE,
            GRANT_STATE,
            CONSENT_STATE,
            MEMBER_STATE,
            FACT_STATE,
        )
    }
)
