"""``/v1/grants`` and ``/v1/consents``: what the holder and the data subject permit."""

from __future__ import annotations

from typing import Annotated, Final, Self

from fastapi import Path, Query, Request, Response
from pydantic import Field, model_validator

from huitong.core.limits import UINT32_MAX
from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.asking import ask
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.jobs import Job
from huitong.gateway.api.ordering import (
    GIVE_GRANT,
    RECORD_CONSENT,
    WITHDRAW_CONSENT,
    WITHDRAW_GRANT,
    send_message,
)
from huitong.gateway.api.router import Listing, Wait, make_router, when_ended
from huitong.gateway.api.values import (
    COUNT_MAX,
    Body,
    ChannelId,
    Count,
    FieldNames,
    Flag,
    GivenSeconds,
    Hex32,
    Line,
    MemberId,
    Page,
    Purpose,
    RecordId,
    RecordType,
    Seconds,
    View,
)
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.http.idempotency import IdempotencyKey
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb

router = make_router("grants")

_QUERY: Final = "/huitong.grants.v1.Query"
GrantId = Annotated[int, Path(ge=1, le=COUNT_MAX, description="Number of the grant.")]
ConsentId = Annotated[
    int, Path(ge=1, le=COUNT_MAX, description="Number of the consent.")
]


class _Permission(Body):
    """What grants and consents have in common."""

    reader: MemberId = Field(description="Member that may read, by its id in its zone.")
    channel: ChannelId | None = Field(
        default=None,
        description="Channel of this zone that leads to the reader's; null for a member of "
        "this zone.",
    )
    purpose: Purpose = Field(description="What for.")
    fields: FieldNames = Field(default=(), description="Which fields; empty for all.")
    valid_from: GivenSeconds | None = Field(
        default=None, description="From when; null: now."
    )
    valid_until: GivenSeconds | None = Field(
        default=None, description="Until when; null: until it is withdrawn."
    )

    @model_validator(mode="after")
    def _check_period(self) -> Self:
        if self.valid_until and (self.valid_from or 0) >= self.valid_until:
            raise ValueError("valid_until is not after valid_from")
        return self

    def reader_message(self) -> pb.Reader:
        """Return the reader as the chain names it."""
        return pb.Reader(channel_id=self.channel or "", member_id=self.reader)


class NewGrant(_Permission):
    """A permission of the holder of records."""

    record_type: RecordType | None = Field(
        default=None, description="Every record of this type; or name one `record`."
    )
    record: RecordId | None = Field(default=None, description="This record only.")
    count_max: Annotated[Count, Field(le=UINT32_MAX)] = Field(
        default=0, description="How often; 0 for any number of times."
    )
    consent_required: Flag = Field(
        default=False,
        description="Whether a consent of the record's subject must cover it too.",
    )

    @model_validator(mode="after")
    def _check_scope(self) -> Self:
        if (self.record_type is None) == (self.record is None):
            raise ValueError("give either record_type or record")
        return self


class NewConsent(_Permission):
    """A permission of a data subject, whose signed original the member holds."""

    subject: Hex32 = Field(description="Pseudonym of the subject, as in its records.")
    evidence_digest: Hex32 = Field(description="SHA-256 of the signed original.")


class Withdrawal(Body):
    """The end of a permission."""

    reason: Line = Field(default="", description="Why, for people.")


class GrantView(View):
    """A grant as the zone has it."""

    id: int = Field(description="Number of the grant.")
    holder: MemberId = Field(description="Member whose records may be read.")
    reader: MemberId = Field(description="Member that may read.")
    channel: str | None = Field(description="Channel that leads to the reader's zone.")
    record_type: str | None = Field(description="Type of the records.")
    record: str | None = Field(description="The one record.")
    purpose: str = Field(description="What for.")
    fields: list[str] = Field(description="Which fields; empty for all.")
    valid_from: Seconds | None = Field(description="From when.")
    valid_until: Seconds | None = Field(
        description="Until when; null: until withdrawn."
    )
    count_max: int = Field(description="How often; 0 for any number of times.")
    count_used: int = Field(description="How often it was used.")
    consent_required: bool = Field(description="Whether a consent is needed too.")
    withdrawn: bool = Field(description="Whether it was withdrawn.")
    withdrawn_reason: str = Field(description="Why it was withdrawn.")


class ConsentView(View):
    """A consent as the zone has it."""

    id: int = Field(description="Number of the consent.")
    recorder: MemberId = Field(description="Member that holds the signed original.")
    subject: Hex32 = Field(description="Pseudonym of the subject.")
    reader: MemberId = Field(description="Member that may read.")
    channel: str | None = Field(description="Channel that leads to the reader's zone.")
    purpose: str = Field(description="What for.")
    fields: list[str] = Field(description="Which fields; empty for all.")
    valid_from: Seconds | None = Field(description="From when.")
    valid_until: Seconds | None = Field(
        description="Until when; null: until withdrawn."
    )
    evidence_digest: Hex32 = Field(description="SHA-256 of the signed original.")
    withdrawn: bool = Field(description="Whether it was withdrawn.")
    withdrawn_reason: str = Field(description="Why it was withdrawn.")


@router.get("/grants", operation_id="listGrants", summary="List grants")
async def list_grants(
    services: ServicesOf,
    caller: CurrentCaller,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[GrantView]:
    """The grants that this member has given, oldest first, also withdrawn ones."""
    listing = Listing(services.cursors, "listGrants", caller)
    (start,) = listing.after(after) or (0,)
    answer = await ask(
        services.zone,
        f"{_QUERY}/Grants",
        pb.QueryGrantsRequest(
            holder=services.settings.member, start_after=int(start), limit=limit
        ),
        pb.QueryGrantsResponse,
    )
    return Page(
        items=[_grant_view(grant) for grant in answer.grants],
        next=listing.next(answer.next),
    )


@router.get("/grants/{grant_id}", operation_id="getGrant", summary="Look at a grant")
async def show_grant(services: ServicesOf, grant_id: GrantId) -> GrantView:
    """A grant as the zone has it now."""
    answer = await ask(
        services.zone,
        f"{_QUERY}/Grant",
        pb.QueryGrantRequest(grant_id=grant_id),
        pb.QueryGrantResponse,
        kind="grant",
    )
    return _grant_view(answer.grant)


@router.post(
    "/grants",
    operation_id="giveGrant",
    status_code=202,
    responses=when_ended(Job),
    summary="Let a member read records",
)
async def give_grant(
    services: ServicesOf,
    request: Request,
    response: Response,
    body: NewGrant,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Job:
    """Give a grant; the number of the grant is in the `result` of the job that is done."""
    account = services.identity.officer
    message = pb.MsgGrant(
        signer=account,
        reader=body.reader_message(),
        record_type=body.record_type or "",
        record_id=body.record or "",
        purpose=body.purpose,
        fields=body.fields,
        valid_from=body.valid_from or 0,
        valid_until=body.valid_until or 0,
        count_max=body.count_max,
        consent_required=body.consent_required,
    )
    return await send_message(
        services,
        request,
        response,
        GIVE_GRANT,
        message,
        account=account,
        subject=f"reader/{body.reader}",
        wait_s=wait,
    )


@router.post(
    "/grants/{grant_id}/withdrawal",
    operation_id="withdrawGrant",
    status_code=202,
    responses=when_ended(Job),
    summary="Withdraw a grant",
)
async def withdraw_grant(
    services: ServicesOf,
    request: Request,
    response: Response,
    grant_id: GrantId,
    body: Withdrawal,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Job:
    """End a grant at once; what was read before stays read."""
    account = services.identity.officer
    return await send_message(
        services,
        request,
        response,
        WITHDRAW_GRANT,
        pb.MsgWithdrawGrant(signer=account, grant_id=grant_id, reason=body.reason),
        account=account,
        subject=f"grant/{grant_id}",
        wait_s=wait,
    )


@router.get(
    "/consents",
    operation_id="listConsents",
    summary="List the consents of a data subject",
    tags=["consents"],
)
async def list_consents(
    services: ServicesOf,
    caller: CurrentCaller,
    subject: Annotated[Hex32, Query(description="Pseudonym of the subject.")],
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[ConsentView]:
    """What a subject has permitted, oldest first, also what was withdrawn."""
    filters = {"subject": subject}
    listing = Listing(services.cursors, "listConsents", caller, filters)
    (start,) = listing.after(after) or (0,)
    answer = await ask(
        services.zone,
        f"{_QUERY}/Consents",
        pb.QueryConsentsRequest(
            subject=bytes.fromhex(subject), start_after=int(start), limit=limit
        ),
        pb.QueryConsentsResponse,
    )
    return Page(
        items=[_consent_view(consent) for consent in answer.consents],
        next=listing.next(answer.next),
    )


@router.get(
    "/consents/{consent_id}",
    operation_id="getConsent",
    summary="Look at a consent",
    tags=["consents"],
)
async def show_consent(services: ServicesOf, consent_id: ConsentId) -> ConsentView:
    """A consent as the zone has it now."""
    answer = await ask(
        services.zone,
        f"{_QUERY}/Consent",
        pb.QueryConsentRequest(consent_id=consent_id),
        pb.QueryConsentResponse,
        kind="consent",
    )
    return _consent_view(answer.consent)


@router.post(
    "/consents",
    operation_id="recordConsent",
    status_code=202,
    responses=when_ended(Job),
    summary="Record a consent",
    tags=["consents"],
)
async def record_consent(
    services: ServicesOf,
    request: Request,
    response: Response,
    body: NewConsent,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Job:
    """Record what a data subject permits; the member keeps the signed original."""
    account = services.identity.officer
    message = pb.MsgRecordConsent(
        signer=account,
        subject=bytes.fromhex(body.subject),
        reader=body.reader_message(),
        purpose=body.purpose,
        fields=body.fields,
        valid_from=body.valid_from or 0,
        valid_until=body.valid_until or 0,
        evidence_digest=bytes.fromhex(body.evidence_digest),
    )
    return await send_message(
        services,
        request,
        response,
        RECORD_CONSENT,
        message,
        account=account,
        subject=f"subject/{body.subject}",
        wait_s=wait,
    )


@router.post(
    "/consents/{consent_id}/withdrawal",
    operation_id="withdrawConsent",
    status_code=202,
    responses=when_ended(Job),
    summary="Withdraw a consent",
    tags=["consents"],
)
async def withdraw_consent(
    services: ServicesOf,
    request: Request,
    response: Response,
    consent_id: ConsentId,
    body: Withdrawal,
    wait: Wait = 0,
    key: IdempotencyKey = None,
) -> Job:
    """End a consent at once: no grant that needs it covers anything from then on."""
    account = services.identity.officer
    return await send_message(
        services,
        request,
        response,
        WITHDRAW_CONSENT,
        pb.MsgWithdrawConsent(
            signer=account, consent_id=consent_id, reason=body.reason
        ),
        account=account,
        subject=f"consent/{consent_id}",
        wait_s=wait,
    )


def _grant_view(grant: pb.Grant) -> GrantView:
    return GrantView(
        id=grant.grant_id,
        holder=grant.holder,
        reader=grant.reader.member_id,
        channel=grant.reader.channel_id or None,
        record_type=grant.record_type or None,
        record=grant.record_id or None,
        purpose=grant.purpose,
        fields=list(grant.fields),
        valid_from=grant.valid_from or None,
        valid_until=grant.valid_until or None,
        count_max=grant.count_max,
        count_used=grant.count_used,
        consent_required=grant.consent_required,
        withdrawn=grant.withdrawn,
        withdrawn_reason=grant.withdrawn_reason,
    )


def _consent_view(consent: pb.Consent) -> ConsentView:
    return ConsentView(
        id=consent.consent_id,
        recorder=consent.recorder,
        subject=consent.subject.hex(),
        reader=consent.reader.member_id,
        channel=consent.reader.channel_id or None,
        purpose=consent.purpose,
        fields=list(consent.fields),
        valid_from=consent.valid_from or None,
        valid_until=consent.valid_until or None,
        evidence_digest=consent.evidence_digest.hex(),
        withdrawn=consent.withdrawn,
        withdrawn_reason=consent.withdrawn_reason,
    )
