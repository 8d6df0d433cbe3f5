"""``/v1/zones``, ``/v1/links``, ``/v1/members``, ``/v1/catalogue``: the world around."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Final, Literal

from fastapi import Path, Query
from pydantic import Field

from huitong.client.zone import ZoneClient
from huitong.core.errors import HuitongError
from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.asking import ask, enum_text
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.router import Listing, make_router
from huitong.gateway.api.values import (
    ChainId,
    Grade,
    MemberId,
    Page,
    RecordStatus,
    RecordType,
    TimeNs,
    View,
)
from huitong.gateway.exchange.proven_read import get_client_view
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.errors import AbsentError
from huitong.gateway.http.problems import problem_responses
from huitong.gateway.service.services import Services
from huitong.modules.exchange.keys import PORT_ID
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import query_pb2 as channel_query_pb2

router = make_router("zones")

#: Seconds that the node of another zone gets to say how it is.
_LOOK_TIMEOUT_S: Final = 3.0


class ZoneView(View):
    """A zone that this gateway talks to."""

    chain_id: ChainId = Field(description="Its chain id.")
    is_own: bool = Field(description="Whether the member belongs to it.")
    is_reached: bool = Field(description="Whether its node answers.")
    height: int | None = Field(description="Newest block that the node knows.")
    time: TimeNs | None = Field(description="Time of that block.")
    grade: Grade | None = Field(
        description="How well this is proven; null for the own zone."
    )


class LinkView(View):
    """A channel for exchanges, and the light client that it stands on."""

    channel: str = Field(description="Its end on this zone.", examples=["channel-0"])
    counterparty_channel: str = Field(description="Its end on the other zone.")
    connection: str = Field(description="The connection below it.")
    state: Literal["open", "not-open"] = Field(
        description="Whether packets can be sent."
    )
    chain_id: str | None = Field(description="The other zone.")
    client: str | None = Field(description="The light client of the other zone.")
    client_height: int | None = Field(
        description="Newest header of the other zone that this zone has verified."
    )
    client_time: TimeNs | None = Field(description="Time of that header.")
    expires: TimeNs | None = Field(
        description="When the client is of no use any more unless it is updated."
    )
    problem: str | None = Field(
        description="Why the client is of no use, as `codespace/code`."
    )


class MemberView(View):
    """A member of this zone."""

    id: MemberId = Field(description="Its id in the zone.")
    name: str = Field(description="Its name for people.")
    legal_id: str = Field(description="Unified social credit code or the like.")
    roles: list[str] = Field(description="What its accounts may be given; empty: all.")
    encryption_key: str | None = Field(
        description="X25519 public key that payloads for it are sealed to."
    )
    status: Literal["active", "suspended", "removed"] = Field(description="Its status.")
    is_frozen: bool = Field(description="Whether somebody has frozen it.")


class Offer(View):
    """A line of a catalogue."""

    zone: ChainId = Field(description="Zone that offers it.")
    issuer: MemberId = Field(description="Member that published it.")
    record: str = Field(description="Id of the record.")
    record_type: str = Field(description="Its type.")
    version: int = Field(description="Its newest version.")
    title: str = Field(description="What it is, for people.")
    terms: str = Field(description="On what terms it can be had.")
    fields: list[str] = Field(description="Names of its fields.")
    share_class: Literal["open", "conditional", "closed"] = Field(
        description="Who may have it."
    )
    status: RecordStatus = Field(description="Its status.")
    grade: Grade | None = Field(
        description="How well this is proven; null for the own zone. A catalogue is a hint."
    )


@router.get("/zones", operation_id="listZones", summary="List zones")
async def list_zones(services: ServicesOf) -> Page[ZoneView]:
    """The own zone first, then the others by chain id."""
    own = _look(services.settings.zone.chain_id, services.zone, is_own=True)
    others = (
        _look(chain_id, zone, is_own=False)
        for chain_id, zone in sorted(services.zones.items())
    )
    return Page(items=await asyncio.gather(own, *others))


@router.get(
    "/links",
    operation_id="listLinks",
    summary="List channels for exchanges",
    tags=["links"],
)
async def list_links(
    services: ServicesOf,
    caller: CurrentCaller,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[LinkView]:
    """In the order in which the zone keeps them."""
    listing = Listing(services.cursors, "listLinks", caller)
    (start,) = listing.after(after) or ("",)
    answer = await ask(
        services.zone,
        "/ibc.core.channel.v1.Query/Channels",
        channel_query_pb2.QueryChannelsRequest(
            pagination=pagination_pb2.PageRequest(
                key=bytes.fromhex(str(start)), limit=limit
            )
        ),
        channel_query_pb2.QueryChannelsResponse,
    )
    links = [
        await _link(services, channel)
        for channel in answer.channels
        if channel.port_id == PORT_ID
    ]
    return Page(items=links, next=listing.next(answer.pagination.next_key.hex()))


@router.get(
    "/members",
    operation_id="listMembers",
    summary="List members of this zone",
    tags=["members"],
)
async def list_members(
    services: ServicesOf,
    caller: CurrentCaller,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[MemberView]:
    """By ascending id."""
    listing = Listing(services.cursors, "listMembers", caller)
    (start,) = listing.after(after) or ("",)
    answer = await ask(
        services.zone,
        "/huitong.members.v1.Query/Members",
        members_pb2.QueryMembersRequest(start_after=str(start), limit=limit),
        members_pb2.QueryMembersResponse,
    )
    return Page(
        items=[_member_view(member) for member in answer.members],
        next=listing.next(answer.next),
    )


@router.get(
    "/members/{member}",
    operation_id="getMember",
    summary="Look at a member",
    tags=["members"],
)
async def show_member(
    services: ServicesOf,
    member: Annotated[MemberId, Path(description="Its id in this zone.")],
) -> MemberView:
    """A member of this zone."""
    answer = await ask(
        services.zone,
        "/huitong.members.v1.Query/Member",
        members_pb2.QueryMemberRequest(member_id=member),
        members_pb2.QueryMemberResponse,
        kind="member",
    )
    return _member_view(answer.member)


@router.get(
    "/catalogue",
    operation_id="listCatalogue",
    summary="Find records on offer",
    responses=problem_responses(404),
    tags=["catalogue"],
)
async def list_catalogue(
    services: ServicesOf,
    caller: CurrentCaller,
    zone: Annotated[
        ChainId | None, Query(description="Another zone; its node is not believed.")
    ] = None,
    record_type: Annotated[
        RecordType | None, Query(description="Only this type.")
    ] = None,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Offer]:
    """By type, issuer and id."""
    own = services.settings.zone.chain_id
    chain_id = zone or own
    client = services.zone if chain_id == own else services.zones.get(chain_id)
    if client is None:
        raise AbsentError(kind="zone")
    filters = {"zone": chain_id, "record_type": record_type}
    listing = Listing(services.cursors, "listCatalogue", caller, filters)
    (start,) = listing.after(after) or ("",)
    answer = await ask(
        client,
        "/huitong.records.v1.Query/Catalogue",
        records_pb2.QueryCatalogueRequest(
            record_type=record_type or "",
            start_after=bytes.fromhex(str(start)),
            limit=limit,
        ),
        records_pb2.QueryCatalogueResponse,
    )
    grade = None if chain_id == own else "unverified"
    return Page(
        items=[_offer(chain_id, entry, grade) for entry in answer.entries],
        next=listing.next(answer.next.hex()),
    )


async def _look(chain_id: str, zone: ZoneClient, *, is_own: bool) -> ZoneView:
    height, time_ns, is_reached = None, None, False
    try:
        async with asyncio.timeout(_LOOK_TIMEOUT_S):
            height, time_ns = await zone.latest_block()
            is_reached = True
    except (HuitongError, TimeoutError):
        pass  # it is told that the node does not answer
    return ZoneView(
        chain_id=chain_id,
        is_own=is_own,
        is_reached=is_reached,
        height=height,
        time=time_ns,
        grade=None if is_own else "unverified",
    )


async def _link(services: Services, channel: channel_pb2.IdentifiedChannel) -> LinkView:
    view, problem = None, None
    try:
        view = await get_client_view(
            services.zone, PORT_ID, channel.channel_id, now_ns=time.time_ns()
        )
    except HuitongError as error:
        problem = f"{error.codespace}/{error.code}"
    return LinkView(
        channel=channel.channel_id,
        counterparty_channel=channel.counterparty.channel_id,
        connection=channel.connection_hops[0],
        state="open" if channel.state == channel_pb2.STATE_OPEN else "not-open",
        chain_id=view.state.chain_id if view else None,
        client=view.client_id if view else None,
        client_height=view.height if view else None,
        client_time=view.consensus.timestamp_ns if view else None,
        expires=view.consensus.timestamp_ns + view.state.trusting_period_ns
        if view
        else None,
        problem=problem,
    )


def _member_view(member: members_pb2.Member) -> MemberView:
    return MemberView.model_validate(
        {
            "id": member.member_id,
            "name": member.name,
            "legal_id": member.legal_id,
            "roles": list(member.roles),
            "encryption_key": member.encryption_key.hex() or None,
            "status": enum_text(members_pb2.MemberStatus.DESCRIPTOR, member.status),
            "is_frozen": any(
                member.HasField(name)
                for name in ("own_freeze", "regulator_freeze", "emergency_freeze")
            ),
        }
    )


def _offer(
    chain_id: str, entry: records_pb2.CatalogueEntry, grade: str | None
) -> Offer:
    return Offer.model_validate(
        {
            "zone": chain_id,
            "issuer": entry.issuer,
            "record": entry.record_id,
            "record_type": entry.record_type,
            "version": entry.version,
            "title": entry.title,
            "terms": entry.terms,
            "fields": list(entry.fields),
            "share_class": enum_text(
                records_pb2.ShareClass.DESCRIPTOR, entry.share_class
            ),
            "status": enum_text(records_pb2.RecordStatus.DESCRIPTOR, entry.status),
            "grade": grade,
        }
    )
