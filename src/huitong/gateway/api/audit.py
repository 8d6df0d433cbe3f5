"""``/v1/audit``: what callers did, and the check that the log is whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.access.tables import AuditRow
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.router import Listing, make_router
from huitong.gateway.api.values import Page, TimeNs, View
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit

router = make_router("audit")

OfCaller = Annotated[
    str | None,
    Query(min_length=1, max_length=128, description="Only calls of this caller."),
]


class AuditCall(View):
    """One call."""

    sequence: int = Field(ge=1, description="Number in the log, without gaps.")
    time: TimeNs = Field(description="When it was answered.")
    caller: str = Field(description="Id of the caller; empty if it proved nothing.")
    roles: list[str] = Field(description="Roles that it had then.")
    address: str = Field(description="Network address of the sender.")
    method: str = Field(
        description="HTTP method, or COMMAND for one on the gateway's machine."
    )
    path: str = Field(description="What it was about.")
    operation: str = Field(
        description="Id of the operation; empty if it got not so far."
    )
    status: int = Field(description="HTTP status of the answer.")
    problem: str = Field(description="`codespace/code` of the refusal, or empty.")
    request_id: str = Field(description="Id of the request.")
    previous: str = Field(description="Digest of the entry before, hexadecimal.")
    digest: str = Field(description="Digest of this entry, hexadecimal.")


class AuditHeadView(View):
    """The newest entry: whoever keeps it notices any later change of what is before."""

    sequence: int = Field(ge=0, description="Number of entries.")
    digest: str = Field(description="Digest of the newest one, hexadecimal.")


class AuditVerdict(AuditHeadView):
    """What checking the whole log found; if it is not whole, the answer is a problem."""

    anchors: int = Field(ge=0, description="Anchored heads that the log agrees with.")


@router.get("/audit/entries", operation_id="listAuditEntries", summary="List calls")
async def list_audit_entries(
    services: ServicesOf,
    caller: CurrentCaller,
    of: OfCaller = None,
    limit: PageLimit = PAGE_DEFAULT,
    after: PageAfter = None,
) -> Page[AuditCall]:
    """List calls, the oldest first."""
    listing = Listing(services.cursors, "listAuditEntries", caller, {"of": of})
    last = listing.after(after)
    rows = await services.edge.audit.page(
        caller=of, after=int(last[0]) if last else 0, limit=limit
    )
    goes_on = rows[-1].sequence if len(rows) == limit else 0
    return Page(items=[_call(row) for row in rows], next=listing.next(goes_on))


@router.get("/audit/head", operation_id="getAuditHead", summary="Newest entry's digest")
async def get_audit_head(services: ServicesOf) -> AuditHeadView:
    """Tell number and digest of the newest entry, to be kept elsewhere."""
    head = await services.edge.audit.head()
    return AuditHeadView(sequence=head.sequence, digest=head.digest.hex())


@router.get(
    "/audit/verification",
    operation_id="verifyAuditLog",
    summary="Check that the log is whole",
)
async def verify_audit_log(services: ServicesOf) -> AuditVerdict:
    """Read the whole log; a change, a gap or another order is told as access/13."""
    report = await services.edge.audit.verify()
    return AuditVerdict(
        sequence=report.head.sequence,
        digest=report.head.digest.hex(),
        anchors=report.anchors,
    )


def _call(row: AuditRow) -> AuditCall:
    return AuditCall(
        sequence=row.sequence,
        time=row.time_ns,
        caller=row.caller,
        roles=row.roles.split(",") if row.roles else [],
        address=row.address,
        method=row.method,
        path=row.path,
        operation=row.operation,
        status=row.status,
        problem=row.problem,
        request_id=row.request_id,
        previous=row.previous.hex(),
        digest=row.digest.hex(),
    )
