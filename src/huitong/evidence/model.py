"""What a bundle says: what it is about, and proofs from one zone or two.

As everywhere in this software the provider's zone is called a and the requester's b.
A bundle holds, for each zone: light blocks (header, votes, validators), values of the
state with Merkle proofs, transactions with their places in their blocks, and the history
that leads from the newest header back to the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from huitong.core.hashing import MerkleProof
from huitong.evidence.kinds import PROVIDER, REQUESTER, Kind
from huitong.light.tendermint.signed_header import LightBlock

#: Name of the format, its checks and its report; changed together with any of them.
FORMAT: Final = "huitong-evidence-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePointer:
    """Where the matter lies in one zone; only the first is not empty without a link."""

    chain_id: str
    """The zone."""
    client_id: str
    """The zone's light client of the other zone."""
    connection_id: str
    """The connection above that client."""
    channel_id: str
    """The channel above that connection, on port ``exchange``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a bundle is about, and who made it.

    Numbers that its kind has no use for are 0, texts are empty.
    """

    kind: Kind
    """What is shown; see ``kinds``."""
    a: ZonePointer
    """The provider's zone, or the only one."""
    b: ZonePointer | None
    """The requester's zone; None if the kind is about one zone."""
    sequence: int
    """Sequence of the request packet."""
    receipt_sequence: int
    """Sequence of the receipt packet on the same channel."""
    issuer: str
    """Member id in a: the record's issuer, or whom the matter is about."""
    record_id: str
    """The record's id under its issuer; of a fact its id, hexadecimal."""
    version: int
    """The record's version."""
    number: int
    """Id of the grant or consent."""
    requester: str
    """Member id of the reader in b."""
    maker_side: str
    """``provider`` or ``requester``: the zone in which the maker has its account."""
    maker: str
    """Address of the account that signed the manifest."""

    def zone(self, side: str) -> ZonePointer:
        """Return the pointer of one side.

        Raises:
            KeyError: the kind has no such side.
        """
        pointer = self.a if side == PROVIDER else self.b
        if pointer is None:
            raise KeyError(side)
        return pointer

    @property
    def other(self) -> ZonePointer:
        """Return the requester's zone, for kinds that have one.

        Raises:
            KeyError: the kind has none.
        """
        return self.zone(REQUESTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateProof:
    """A value of a zone's state with its proof."""

    store: str
    """Name of the module's tree."""
    key: bytes
    """Key in that tree."""
    value: bytes
    """What lies there; empty if the proof shows that nothing does."""
    height: int
    """Block whose state it is; the root stands in the header of ``height + 1``."""
    proof: bytes
    """An encoded ``ibc.core.commitment.v1.MerkleProof`` of two layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TxResultFields:
    """What all nodes agree on about a transaction's result."""

    code: int
    """0 for success."""
    data: bytes
    """Encoded ``TxMsgData``."""
    gas_wanted: int
    """Work allowed by the sender."""
    gas_used: int
    """Work done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionProof:
    """A transaction, its block and what it did."""

    height: int
    """Its block; the results stand in the header of ``height + 1``."""
    raw: bytes
    """The signed bytes."""
    place: MerkleProof
    """Leads from the transaction's hash to the header's ``data_hash``."""
    result: TxResultFields
    """What it did."""
    result_place: MerkleProof
    """Leads from the result to the next header's ``last_results_hash``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEvidence:
    """Leads from one header back to older ones by the zone's accumulator."""

    accumulator: StateProof
    """The accumulator in the state that the header of ``height + 1`` commits to."""
    paths: tuple[bytes, ...]
    """Encoded ``huitong.history.v1.HistoryProof``, by ascending height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEvidence:
    """Everything from one zone."""

    headers: Mapping[int, LightBlock]
    """Light blocks by height."""
    states: Mapping[str, StateProof]
    """Proven values by label; ``places`` says which label is which key."""
    transactions: Mapping[str, TransactionProof]
    """Transactions by label."""
    history: HistoryEvidence
    """From the newest of ``headers`` back to all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addendum:
    """What was added later: newer headers that lead back to the bundle's, or a time-stamp."""

    headers: Mapping[str, LightBlock]
    """By side; one or both zones. None beside a time-stamp."""
    histories: Mapping[str, HistoryEvidence]
    """By side, for the same zones."""
    stamp: bytes = b""
    """An authority's answer (RFC 3161); empty beside headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A bundle without its manifest."""

    subject: Subject
    """What it is about, and who says so."""
    disclosure: bytes
    """The given fields and the leaves of the others, as it was delivered; may be empty."""
    zones: Mapping[str, ZoneEvidence]
    """By side."""
