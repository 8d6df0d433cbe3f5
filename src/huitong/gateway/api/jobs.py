"""``/v1/jobs`` and ``/v1/undelivered``: what the gateway is doing, and what is stuck.

A job is a step of the outbox: stored before anything happens, and done once.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query, Response
from google.protobuf.message import DecodeError, Message
from pydantic import Field

from huitong.gateway.access.callers import CurrentCaller
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.router import (
    Listing,
    Wait,
    accept,
    make_router,
    while_going_on,
)
from huitong.gateway.api.values import COUNT_MAX, Page, TimeNs, View
from huitong.gateway.http.cursor import PAGE_DEFAULT, PageAfter, PageLimit
from huitong.gateway.outbox.steps import Step, StepFilter, StepState
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2

router = make_router("jobs")

JobId = Annotated[int, Path(ge=1, le=COUNT_MAX, description="Number of the job.")]
#: States in which nothing more happens by itself or by hand.
ENDED: Final = frozenset({StepState.DONE, StepState.SKIPPED, StepState.CANCELLED})
#: Kinds of jobs that give a number, and where their answer has it.
_NUMBERS: Final[dict[str, tuple[type[Message], str]]] = {
    "grants.give": (grants_pb2.MsgGrantResponse, "grant_id"),
    "consents.record": (grants_pb2.MsgRecordConsentResponse, "consent_id"),
    "records.publish": (records_pb2.MsgPublishRecordResponse, "version"),
    "records.version": (records_pb2.MsgPublishVersionResponse, "version"),
}


class ProblemView(View):
    """Why something does not go on."""

    codespace: str = Field(description="Family of the error code.", examples=["grants"])
    code: int = Field(description="Error code within its family.", examples=[2])
    detail: str = Field(description="What happened, for people.")


class Job(View):
    """Something that is done once, however often the gateway is stopped meanwhile."""

    id: int = Field(description="Its number.", examples=[42])
    kind: str = Field(description="What it does.", examples=["grants.give"])
    state: Literal["waiting", "running", "done", "stuck", "skipped", "cancelled"] = (
        Field(
            description="`stuck` waits for a person; `waiting` is tried again by itself."
        )
    )
    subject: str = Field(description="What it belongs to, such as an exchange.")
    lane: str = Field(description="The account that signs, or the peer it goes to.")
    attempts: int = Field(description="How often it was tried.")
    created: TimeNs = Field(description="When it was stored.")
    changed: TimeNs = Field(description="Since when it is in its state.")
    next_attempt: TimeNs | None = Field(
        description="When it is tried next, if it waits."
    )
    transaction: str | None = Field(
        description="Hash of the transaction, if it has one."
    )
    height: int | None = Field(description="Block that holds the transaction.")
    result: dict[str, int] | None = Field(
        description="What it gave, if it gives a number.", examples=[{"grant_id": 7}]
    )
    problem: ProblemView | None = Field(description="Why its last attempt failed.")
    request_id: str = Field(description="Id of the request that began it.")


def job_of(step: Step) -> Job:
    """Return what callers see of a step."""
    return Job(
        id=step.id,
        kind=step.kind,
        state=step.state.value,
        subject=step.subject,
        lane=step.lane,
        attempts=step.attempts,
        created=step.created_ns,
        changed=step.changed_ns,
        next_attempt=step.next_attempt_ns if step.state is StepState.WAITING else None,
        transaction=step.tx_hash or None,
        height=step.height or None,
        result=_result_of(step),
        problem=_problem_of(step),
        request_id=step.request_id,
    )


def _problem_of(step: Step) -> ProblemView | None:
    if not step.error:
        return None
    return ProblemView(
        codespace=step.error_codespace, code=step.error_code, detail=step.error
    )


def _result_of(step: Step) -> dict[str, int] | None:
    known = _NUMBERS.get(step.kind)
    if known is None or step.state is not StepState.DONE:
        return None
    kind, name = known
    try:
        message: Any = kind.FromString(step.result)
    except DecodeError:
        return None
    return {name: getattr(message, name)}


@router.get("/jobs", operation_id="listJobs", summary="List jobs")
async def list_jobs(
    services: ServicesOf,
    caller: CurrentCaller,
    state: Annotated[
        list[StepState], Query(max_length=len(StepState), description="Any of these.")
    ] = [],  # noqa: B006  FastAPI copies it
    subject: Annotated[
        str, Query(max_length=128, description="Only those of this exchange or record.")
    ] = "",
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Job]:
    """Oldest first."""
    states = tuple(sorted(set(state)))
    filters = {"state": [str(each) for each in states], "subject": subject}
    listing = Listing(services.cursors, "listJobs", caller, filters)
    wanted = StepFilter(states=states, subject=subject)
    return await _page(services, listing, wanted, after, limit)


@router.get(
    "/jobs/{job_id}",
    operation_id="getJob",
    responses=while_going_on(Job),
    summary="Look at a job, or wait for its end",
)
async def show_job(
    services: ServicesOf, response: Response, job_id: JobId, wait: Wait = 0
) -> Job:
    """Answer 200 if it has ended, and 202 while it goes on or is stuck."""
    step = await (
        services.outbox.wait(job_id, wait) if wait else services.outbox.get(job_id)
    )
    response.status_code = 200 if step.state in ENDED else 202
    return job_of(step)


@router.get(
    "/undelivered",
    operation_id="listUndelivered",
    summary="List what is stuck, and why",
)
async def list_undelivered(
    services: ServicesOf,
    caller: CurrentCaller,
    waiting: Annotated[
        bool, Query(description="Also what is tried again by itself.")
    ] = False,
    after: PageAfter = None,
    limit: PageLimit = PAGE_DEFAULT,
) -> Page[Job]:
    """Oldest first. Nothing that is stuck hinders anything else."""
    states = (StepState.STUCK, StepState.WAITING) if waiting else (StepState.STUCK,)
    listing = Listing(services.cursors, "listUndelivered", caller, {"waiting": waiting})
    return await _page(services, listing, StepFilter(states=states), after, limit)


@router.post(
    "/undelivered/{job_id}/retry",
    operation_id="retryJob",
    responses=while_going_on(Job),
    summary="Try again now",
)
async def retry_job(services: ServicesOf, response: Response, job_id: JobId) -> Job:
    """Try a job again that is stuck or waits."""
    step = await services.outbox.retry(job_id)
    accept(response, _place(job_id), is_ended=step.state in ENDED)
    return job_of(step)


@router.post(
    "/undelivered/{job_id}/skip",
    operation_id="skipJob",
    responses=while_going_on(Job),
    summary="Say that it is done otherwise",
)
async def skip_job(services: ServicesOf, response: Response, job_id: JobId) -> Job:
    """Go on as if the job were done, because it was done in another way."""
    step = await services.outbox.skip(job_id)
    accept(response, _place(job_id), is_ended=step.state in ENDED)
    return job_of(step)


@router.post(
    "/undelivered/{job_id}/cancel",
    operation_id="cancelJob",
    responses=while_going_on(Job),
    summary="Give it up",
)
async def cancel_job(services: ServicesOf, response: Response, job_id: JobId) -> Job:
    """Never do it. What may be in a block already cannot be taken back."""
    step = await services.outbox.cancel(job_id)
    accept(response, _place(job_id), is_ended=step.state in ENDED)
    return job_of(step)


async def _page(
    services: ServicesOf,
    listing: Listing,
    wanted: StepFilter,
    cursor: str | None,
    limit: int,
) -> Page[Job]:
    (after,) = listing.after(cursor) or (0,)
    steps = await services.outbox.find(wanted, after=int(after), limit=limit + 1)
    shown = steps[:limit]
    more = shown[-1].id if len(steps) > limit else 0
    return Page(items=[job_of(step) for step in shown], next=listing.next(more))


def _place(job_id: int) -> str:
    return f"/v1/jobs/{job_id}"
