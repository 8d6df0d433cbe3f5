"""``/v1/facts``: what other zones hold, proven to this one so that its rules may use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from fastapi import Path, Query, Request, Response
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from huitong.core.height import Height
from huitong.core.limits import STORE_KEY_SIZE_BYTES_MAX
from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.asking import ask
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.jobs import ProblemView
from huitong.gateway.api.router import (
    Listing,
    Wait,
    accept,
    make_router,
    order_key,
    request_id,
    when_ended,
    while_going_on,
)
from huitong.gateway.api.values import (
    Body,
    Flag,
    Hex32,
    MemberId,
    Page,
    RecordId,
    Seconds,
    TimeNs,
    View,
)
from huitong.gateway.facts.model import FactEntry, FactPlace, FactState
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.errors import AbsentError
from huitong.gateway.http.idempotency import IdempotencyKey
from huitong.gateway.service.services import Services
from huitong.modules.facts import fact_id_of
from huitong.modules.facts.state import status_name
from huitong.modules.records import STORE as RECORDS_STORE
from huitong.modules.records import record_key
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb

router = make_router("facts")

_QUERY: Final = "/huitong.facts.v1.Query"
_EXAMPLE: Final[dict[str, Any]] = {
    "source": "connection-0",
    "issuer": "hz-market-bureau",
    "record": "licence-1",
}

Source = Annotated[
    str,
    StringConstraints(pattern=r"^(connection|[a-z0-9-]{1,48})-(0|[1-9][0-9]{0,18})$"),
    Field(examples=["connection-0"]),
]
"""Connection or light client of this zone."""
FactId = Annotated[Hex32, Path(description="Id of the fact.")]
State = Literal["waiting", "known", "stuck", "cancelled"]


class NewFact(Body):
    """What is to be proven: a record of another zone, or any key of its state."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    source: Source = Field(
        description="Connection of this zone, or light client, that vouches; rules name "
        "the same one. See `/v1/links`."
    )
    issuer: MemberId | None = Field(default=None, description="Issuer of the record.")
    record: RecordId | None = Field(default=None, description="The record.")
    store: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,63}$")]
        | None
    ) = Field(default=None, description="Store of the other zone, instead of a record.")
    key: (
        Annotated[
            str,
            StringConstraints(
                pattern=rf"^([0-9a-f]{{2}}){{1,{STORE_KEY_SIZE_BYTES_MAX}}}$"
            ),
        ]
        | None
    ) = Field(default=None, description="Key in the store, hexadecimal.")
    watch: Flag = Field(
        default=True,
        description="Whether it is refreshed before it ends, and when its source changes.",
    )

    @model_validator(mode="after")
    def _check_what(self) -> Self:
        named = (self.issuer is not None, self.record is not None)
        keyed = (self.store is not None, self.key is not None)
        if (named, keyed) not in (
            ((True, True), (False, False)),
            ((False, False), (True, True)),
        ):
            raise ValueError("say either issuer and record, or store and key")
        return self


class Watch(Body):
    """Whether a fact is looked after."""

    watch: Flag = Field(
        description="Whether it is refreshed before it ends, and when its source changes."
    )


class FactAbout(View):
    """What a fact says of a record."""

    issuer: str = Field(description="Member that published it, on its zone.")
    record: str = Field(description="Its id.")
    version: int | None = Field(
        description="Its newest version; null if there is none."
    )
    record_type: str = Field(description="Its type.")
    subject: str | None = Field(description="Pseudonym of the data subject.")
    payload_digest: str | None = Field(description="What it commits to.")
    valid_from: Seconds | None = Field(description="From when; null: publication.")
    valid_until: Seconds | None = Field(description="Until when; null: without end.")


class ProvenFact(View):
    """What is proven to this zone."""

    zone: str = Field(description="Chain id of the other zone.")
    client: str = Field(description="Light client of this zone that vouches.")
    status: Literal["active", "suspended", "revoked", "absent"] = Field(
        description="`absent`: it is proven that nothing stands there."
    )
    is_usable: bool = Field(description="Whether a rule may use it in this block.")
    refusal: ProblemView | None = Field(description="What a rule would be told if not.")
    about: FactAbout | None = Field(description="The record, if it is about one.")
    value_digest: str | None = Field(description="SHA-256 of the value.")
    value: str | None = Field(description="The value if it is small, hexadecimal.")
    source_height: str = Field(
        description="Header of the other zone that proves it.", examples=["1-1204"]
    )
    source_time: TimeNs = Field(description="Time of that header.")
    imported_height: int = Field(description="Block of this zone that took the proof.")
    imported: TimeNs = Field(description="Time of that block.")
    owner: str = Field(description="Member that imported it first.")
    expires: Seconds = Field(description="From when no rule may use it.")
    refreshed: int = Field(description="Proofs that were taken after the first.")


class Fact(View):
    """A fact, as this zone has it and as this gateway looks after it."""

    id: Hex32 = Field(description="Id of the fact, the same on the whole zone.")
    source: str = Field(description="Connection or light client that vouches.")
    store: str = Field(description="Store of the other zone.")
    key: str = Field(description="Key in the store, hexadecimal.")
    state: State = Field(
        description="`waiting`: a proof is on its way; `stuck` waits for a person."
    )
    proven: ProvenFact | None = Field(
        description="What is proven; null before the first proof is taken."
    )
    is_watched: bool = Field(description="Whether this gateway looks after it.")
    looked: TimeNs | None = Field(description="When its source was last looked at.")
    job: int | None = Field(description="The job that brings it, or did last.")
    problem: ProblemView | None = Field(description="Why it does not go on.")
    request_id: str = Field(description="Id of the call that ordered it last.")


@router.post(
    "/facts",
    operation_id="importFact",
    status_code=202,
    responses=when_ended(Fact),
    summary="Import a fact",
)
async def import_fact(
    services: ServicesOf,
    request: Request,
    response: Response,
    body: NewFact,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Fact:
    """Have it proven to this zone; one that is known as of an older state is refreshed."""
    entry = await services.facts.imports.order(
        _place_of(body),
        order_key(request),
        is_watched=body.watch,
        request_id=request_id(),
    )
    return await _answered(services, response, entry.id, wait)


@router.get("/facts", operation_id="listFacts", summary="List facts")
async def list_facts(
    services: ServicesOf,
    caller: CurrentCaller,
    source: Annotated[
        Source | None, Query(description="Only those that this one vouches for.")
    ] = None,
    issuer: Annotated[
        MemberId | None, Query(description="Only those about records of this member.")
    ] = None,
    record: Annotated[
        RecordId | None, Query(description="Only those about this record of `issuer`.")
    ] = None,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Fact]:
    """Those that are proven to this zone, whoever brought them."""
    filters = {"source": source, "issuer": issuer, "record": record}
    listing = Listing(services.cursors, "listFacts", caller, filters)
    (start,) = listing.after(after) or ("",)
    place = bytes.fromhex(str(start))
    answer: pb.QueryFactsResponse | pb.QueryRecordFactsResponse
    if issuer is None:
        answer = await ask(
            services.zone,
            f"{_QUERY}/Facts",
            pb.QueryFactsRequest(source=source or "", start_after=place, limit=limit),
            pb.QueryFactsResponse,
        )
    else:
        answer = await ask(
            services.zone,
            f"{_QUERY}/RecordFacts",
            pb.QueryRecordFactsRequest(
                issuer=issuer, record_id=record or "", start_after=place, limit=limit
            ),
            pb.QueryRecordFactsResponse,
        )
    found = [each for each in answer.facts if source in (None, each.fact.source)]
    entries = await services.facts.imports.find([each.fact.fact_id for each in found])
    return Page(
        items=[_fact(each, entries.get(each.fact.fact_id)) for each in found],
        next=listing.next(answer.next.hex()),
    )


@router.get(
    "/facts/{fact}",
    operation_id="getFact",
    responses=while_going_on(Fact),
    summary="Look at a fact",
)
async def show_fact(
    services: ServicesOf, response: Response, fact: FactId, wait: Wait = 0
) -> Fact:
    """Answer 202 while a proof is on its way, else 200."""
    return await _answered(services, response, bytes.fromhex(fact), wait)


@router.post(
    "/facts/{fact}/refresh",
    operation_id="refreshFact",
    status_code=202,
    responses=when_ended(Fact),
    summary="Bring a newer proof",
)
async def refresh_fact(
    services: ServicesOf,
    request: Request,
    response: Response,
    fact: FactId,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Fact:
    """Wait for a header that proves a newer state, and bring it; a revocation acts at once."""
    place = await _known_place(services, bytes.fromhex(fact))
    entry = await services.facts.imports.order(
        place, order_key(request), request_id=request_id(), waits=True
    )
    return await _answered(services, response, entry.id, wait)


@router.post(
    "/facts/{fact}/watch", operation_id="watchFact", summary="Look after a fact, or not"
)
async def watch_fact(
    services: ServicesOf, response: Response, fact: FactId, body: Watch
) -> Fact:
    """What the zone has stays; it ends with its term if nobody refreshes it."""
    place = await _known_place(services, bytes.fromhex(fact))
    entry = await services.facts.imports.watch(place, is_watched=body.watch)
    known = await services.facts.sources.find(entry.id)
    return _fact(known, entry)


def _place_of(body: NewFact) -> FactPlace:
    if body.issuer is not None and body.record is not None:
        key = record_key(body.issuer, body.record)
        return FactPlace(source=body.source, store=RECORDS_STORE, key=key)
    return FactPlace(
        source=body.source, store=body.store or "", key=bytes.fromhex(body.key or "")
    )


async def _known_place(services: Services, fact_id: bytes) -> FactPlace:
    """Return what a fact is about that the zone or this gateway knows.

    Raises:
        AbsentError: neither does.
    """
    known = await services.facts.sources.find(fact_id)
    if known is not None:
        fact = known.fact
        return FactPlace(source=fact.source, store=fact.store, key=fact.key)
    entries = await services.facts.imports.find([fact_id])
    if fact_id not in entries:
        raise AbsentError(kind="fact")
    return entries[fact_id].place


async def _answered(
    services: Services, response: Response, fact_id: bytes, wait_s: int
) -> Fact:
    entry = await services.facts.imports.wait(fact_id, wait_s)
    known = await services.facts.sources.find(fact_id)
    if entry is None and known is None:
        raise AbsentError(kind="fact")
    is_ended = entry is None or entry.state in (FactState.KNOWN, FactState.CANCELLED)
    accept(response, f"/v1/facts/{fact_id.hex()}", is_ended=is_ended)
    return _fact(known, entry)


def _fact(known: pb.FactView | None, entry: FactEntry | None) -> Fact:
    problem = entry.problem if entry else None
    place = entry.place if entry else _place(known)
    return Fact.model_validate(
        {
            "id": fact_id_of(place.source, place.store, place.key).hex(),
            "source": place.source,
            "store": place.store,
            "key": place.key.hex(),
            "state": str(entry.state) if entry else "known",
            "proven": known and _proven(known),
            "is_watched": entry.is_watched if entry else False,
            "looked": (entry.looked_ns or None) if entry else None,
            "job": (entry.step_id or None) if entry else None,
            "problem": problem
            and {
                "codespace": problem.codespace,
                "code": problem.code,
                "detail": problem.text,
            },
            "request_id": entry.request_id if entry else "",
        }
    )


def _place(known: pb.FactView | None) -> FactPlace:
    assert known is not None
    fact = known.fact
    return FactPlace(source=fact.source, store=fact.store, key=fact.key)


def _proven(known: pb.FactView) -> Mapping[str, Any]:
    fact = known.fact
    refusal = None
    if not known.usable:
        refusal = {
            "codespace": known.codespace,
            "code": known.code,
            "detail": known.reason,
        }
    return {
        "zone": fact.chain_id,
        "client": fact.client_id,
        "status": status_name(fact.status),
        "is_usable": known.usable,
        "refusal": refusal,
        "about": _about(fact.record) if fact.HasField("record") else None,
        "value_digest": fact.value_digest.hex() or None,
        "value": fact.value.hex() or None,
        "source_height": str(Height.from_proto(fact.source_height)),
        "source_time": fact.source_time,
        "imported_height": fact.imported_height,
        "imported": fact.imported_time,
        "owner": fact.owner,
        "expires": fact.valid_until,
        "refreshed": fact.refreshed,
    }


def _about(record: pb.FactRecord) -> Mapping[str, Any]:
    return {
        "issuer": record.issuer,
        "record": record.record_id,
        "version": record.version or None,
        "record_type": record.record_type,
        "subject": record.subject.hex() or None,
        "payload_digest": record.payload_digest.hex() or None,
        "valid_from": record.valid_from or None,
        "valid_until": record.valid_until or None,
    }
