"""``/v1/subjects``: what a data subject may know, above all who read its records."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, cast

from fastapi import Path
from pydantic import Field

from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.router import Listing, make_router
from huitong.gateway.api.values import Hex32, Page, TimeNs, View
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.reads.model import LoggedRead

router = make_router("subjects")

_Way: TypeAlias = Literal["read", "exchange", "subscription", "emergency", "hand-over"]
Pseudonym = Annotated[Hex32, Path(description="Pseudonym of the subject.")]


class InclusionProof(View):
    """That a line is under an anchored root (the tree of RFC 6962, as CometBFT has it)."""

    total: int = Field(ge=1, description="Lines under the root.")
    index: int = Field(ge=0, description="Place of the line, from 0.")
    leaf_hash: str = Field(
        description="SHA-256 of a zero byte and the line, hexadecimal."
    )
    aunts: list[str] = Field(
        description="Hashes beside the way up, the lowest first, hexadecimal."
    )


class ReadAnchor(View):
    """The batch that holds a line."""

    sequence: int = Field(ge=1, description="Number of the anchor in its stream.")
    stream: str = Field(description="Name of the log on chain.")
    root: str = Field(description="What stands on chain, hexadecimal.")
    height: int | None = Field(
        description="Block that holds the anchor; null while it is on its way."
    )
    proof: InclusionProof = Field(description="That the line is under the root.")


class SubjectRead(View):
    """One record that was given to one reader."""

    way: _Way = Field(
        description="How: by a proven read, a granted exchange, a version under a "
        "standing permission, an emergency, or a hand-over to another zone."
    )
    id: int = Field(ge=1, description="Number of the line at this gateway.")
    time: TimeNs = Field(description="When it was given.")
    reader_zone: str = Field(description="Chain id of the reader's zone.")
    reader: str = Field(description="Member there.")
    purpose: str = Field(description="What for, as the reader said.")
    issuer: str = Field(description="Member that published the record.")
    record: str = Field(description="The record.")
    version: int = Field(ge=1, description="Which version.")
    fields: list[str] = Field(description="What was given; empty for the header alone.")
    request_id: str = Field(description="Id of the reader's request.")
    proven_at: int = Field(
        description="Block of this zone that proved the answer, or that states the "
        "delivery; 0 where there is none."
    )
    line: str = Field(description="The encoded line, which is the leaf, hexadecimal.")
    anchor: ReadAnchor | None = Field(
        description="Its batch; null before the next one is cut."
    )


@router.get(
    "/subjects/{pseudonym}/reads",
    operation_id="listSubjectReads",
    summary="List who read what of a data subject",
)
async def list_subject_reads(
    services: ServicesOf,
    caller: CurrentCaller,
    pseudonym: Pseudonym,
    limit: PageLimit = PAGE_DEFAULT,
    after: PageAfter = None,
) -> Page[SubjectRead]:
    """List all that was given of a subject's records, each with the proof that it is logged."""
    listing = Listing(
        services.cursors, "listSubjectReads", caller, {"pseudonym": pseudonym}
    )
    last = listing.after(after)
    found = await services.reads.log.of_subject(
        bytes.fromhex(pseudonym), after=int(last[0]) if last else 0, limit=limit
    )
    stream = services.settings.reads.stream
    goes_on = found[-1].id if len(found) == limit else 0
    return Page(
        items=[_shown(each, stream) for each in found], next=listing.next(goes_on)
    )


def _shown(read: LoggedRead, stream: str) -> SubjectRead:
    line = read.line
    return SubjectRead(
        way=cast(_Way, line.way or "read"),
        id=read.id,
        time=line.time,
        reader_zone=line.reader_zone,
        reader=line.reader,
        purpose=line.purpose,
        issuer=line.issuer,
        record=line.record_id,
        version=line.version,
        fields=list(line.fields),
        request_id=line.request_id,
        proven_at=line.height,
        line=read.leaf.hex(),
        anchor=_anchor_of(read, stream),
    )


def _anchor_of(read: LoggedRead, stream: str) -> ReadAnchor | None:
    if read.proof is None:
        return None
    return ReadAnchor(
        sequence=read.sequence,
        stream=stream,
        root=read.root.hex(),
        height=read.height or None,
        proof=InclusionProof(
            total=read.proof.total,
            index=read.proof.index,
            leaf_hash=read.proof.leaf_hash.hex(),
            aunts=[aunt.hex() for aunt in read.proof.aunts],
        ),
    )
