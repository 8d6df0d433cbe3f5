"""What proven reads take and give."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.commitment import Disclosure
from huitong.core.errors import RejectedError
from huitong.core.hashing import MerkleProof
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import CommitmentProof, ProofSpec
from huitong.proto.huitong.anchors.v1.anchors_pb2 import Anchor
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.commitment.v1.commitment_pb2 import MerkleProof as IbcProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads, as the connection has proven it."""

    chain_id: str
    """The reader's zone."""
    member_id: str
    """Member there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOrder:
    """A record that is to be read."""

    issuer: str
    record_id: str
    version: int = 0
    """0 means the newest."""
    fields: tuple[str, ...] = ()
    """Ascending; empty for the header alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenRoot:
    """A header that the own zone vouches for."""

    client_id: str
    """The own zone's light client that does."""
    specs: tuple[ProofSpec, ...]
    """How its zone proves, the lowest tree first."""
    height: int
    time_ns: int
    root: bytes
    """App hash in the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProof:
    """What shows that a record stands in the provider's state."""

    root: ProvenRoot
    """The header that it leads to."""
    key: bytes
    """Under which the record stands."""
    value: bytes
    """What stands there: the encoded header of the record."""
    layers: tuple[CommitmentProof, CommitmentProof]
    """ICS-23 proofs in the tree of the records, then in that of the stores."""

    def merkle_proof(self) -> IbcProof:
        """Return the proof as ICS-23 verifiers of IBC take it."""
        return IbcProof(proofs=self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """What came of one order: a record that may be relied on, or a refusal."""

    order: ReadOrder
    grade: str = ""
    """Trust grade of the answer; empty if it was refused."""
    header: RecordHeader | None = None
    values: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Values of the fields that were asked for, by name."""
    height: int = 0
    """Header of the provider's zone that proves it."""
    time_ns: int = 0
    """Time of that header, nanoseconds since the epoch, UTC."""
    proof: ReadProof | None = field(default=None, repr=False)
    """What shows it; None below ``proven``."""
    refusal: RejectedError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRead:
    """A line of the access log, with what proves that it is there."""

    id: int
    line: pb.AccessLine
    leaf: bytes
    """The encoded line."""
    sequence: int
    """Number of the anchor; 0 if it is not cut yet."""
    proof: MerkleProof | None
    """Its place under the root; None before it is cut."""
    root: bytes
    """Root of its batch; empty before it is cut."""
    height: int
    """Block that holds the anchor; 0 before it is anchored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredLine:
    """What a data subject can check by itself: line, place, and the anchor on chain."""

    leaf: bytes
    proof: MerkleProof
    anchor: Anchor


class PayloadSource(Protocol):
    """Where the payloads of open records come from."""

    async def load(self, digests: Collection[bytes]) -> Mapping[bytes, Disclosure]:
        """Return all fields of payloads by digest; what is not here is left out."""

    async def living(
        self, session: AsyncSession, digests: Collection[bytes]
    ) -> set[bytes]:
        """Return which payloads are not erased, as the caller's transaction sees it."""


class ReadTransport(Protocol):
    """The way to the provider's gateway."""

    async def ask(self, request: pb.ReadRequest) -> pb.ReadAnswer:
        """Return the answer; nothing in it is verified.

        Raises:
            PeerSilentError, PeerRefusedError: there is none.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenHeads:
    """Heads of records with their proofs, all at one height."""

    height: int
    """Header that the proofs lead to."""
    time_ns: int
    """Its time."""
    store_proof: bytes
    """Encoded ICS-23 proof of the records' root."""
    found: Sequence[tuple[bytes, bytes] | None]
    """Encoded header and ICS-23 proof for each key, None where nothing stands."""
