"""Evidence of exchanges and of what the zone says, and its verification for anybody."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from fastapi import Response
from pydantic import Field, model_validator

from huitong.core.hashing import sha256
from huitong.evidence.collect_state import StateOrder
from huitong.evidence.kinds import (
    CONSENT_STATE,
    FACT_STATE,
    GRANT_STATE,
    KINDS,
    PROVIDER,
    RECORD_STATE,
    REQUESTER,
)
from huitong.evidence.verify import Verdict
from huitong.gateway.api.dependencies import ServicesOf
from huitong.gateway.api.exchanges import ExchangeId
from huitong.gateway.api.router import make_router
from huitong.gateway.api.values import (
    Body,
    Count,
    Hex32,
    MemberId,
    Number,
    RecordId,
    View,
)
from huitong.gateway.desk.making import Made
from huitong.gateway.desk.verifying import VERIFIED_SIZE_BYTES_MAX
from huitong.gateway.http.exchange_forms import Form
from huitong.gateway.http.problems import problem_responses

router = make_router("evidence")

#: Headers of one zone that a caller may want in a bundle.
HEIGHTS_MAX: Final = 16
#: Characters of a bundle in base64.
_BUNDLE_CHARACTERS_MAX: Final = (VERIFIED_SIZE_BYTES_MAX + 2) // 3 * 4
#: Bytes of a body to verify: the bundle, and a trust file of the usual size.
_VERIFY_BYTES_MAX: Final = _BUNDLE_CHARACTERS_MAX + 1_048_576
_ZIP: Final = "application/zip"
_PDF: Final = "application/pdf"
_PATH: Final = "/v1/exchanges/{}/evidence"
#: Operations that answer with something else than JSON, or take more.
FORMS: Final = (
    Form(method="GET", path=_PATH, gives=(_ZIP,)),
    Form(method="POST", path=_PATH, gives=(_ZIP,)),
    Form(method="GET", path=f"{_PATH}.pdf", gives=(_PDF,)),
    Form(method="POST", path="/v1/evidence", gives=(_ZIP,)),
    Form(method="POST", path="/v1/verify", bytes_max=_VERIFY_BYTES_MAX),
)


def _gives(media_type: str, what: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string", "format": "binary"}
    headers = {
        "x-evidence-stamp": {
            "description": "`stamped`; `none` if no authority is set; `down` if it gave "
            "no time-stamp, which `huitong evidence stamp` adds later.",
            "schema": {"type": "string", "enum": ["stamped", "none", "down"]},
        }
    }
    return {
        200: {
            "description": what,
            "content": {media_type: {"schema": schema}},
            "headers": headers,
        }
    }


_BUNDLE: Final = _gives(_ZIP, "The bundle; `huitong verify` checks it offline.")
_REPORT: Final = _gives(_PDF, "The report, in Chinese and English.")

Heights = Annotated[
    tuple[Number, ...],
    Field(
        default=(),
        max_length=HEIGHTS_MAX,
        description="Heights whose headers shall be in the bundle.",
    ),
]


class NewExchangeEvidence(Body):
    """Which headers a verifier is known to trust."""

    provider_heights: Heights
    requester_heights: Heights


class NewEvidence(Body):
    """What this zone says, of which evidence is wanted."""

    kind: Literal["record", "grant", "consent", "member", "fact"] = Field(
        description="What it is about."
    )
    member: MemberId | None = Field(
        default=None, description="Issuer of the record, or the member itself."
    )
    record: RecordId | None = Field(default=None, description="The record.")
    version: Count = Field(default=0, description="Of the record; 0: the newest.")
    number: Count = Field(default=0, description="Of the grant or consent.")
    fact: Hex32 | None = Field(default=None, description="Id of the fact.")
    heights: Heights

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if self.kind in (GRANT_STATE.name, CONSENT_STATE.name):
            if not self.number:
                raise ValueError(f"a {self.kind} needs a number")
        elif self.kind == FACT_STATE.name:
            if self.fact is None:
                raise ValueError("a fact needs its id")
        elif self.member is None:
            raise ValueError(f"a {self.kind} needs a member")
        if self.kind == RECORD_STATE.name and self.record is None:
            raise ValueError("a record needs its id")
        return self


class NewVerification(Body):
    """A bundle of anybody."""

    bundle: str = Field(
        max_length=_BUNDLE_CHARACTERS_MAX, description="The bundle in base64."
    )
    trust: dict[str, Any] | None = Field(
        default=None,
        description="Content of a trust file that names no other file; null: the bundle is "
        "only checked to be consistent with itself.",
    )


class EvidenceCheck(View):
    """One check that was made."""

    name: str = Field(description="What was checked.")
    ok: bool = Field(description="Whether it holds.")
    detail: str = Field(description="What was found, or what is wrong.")
    error: str | None = Field(description="`codespace/code` of what is wrong.")


class EvidenceVerdict(View):
    """What became of a bundle."""

    grade: Literal["proven", "unverified"] | None = Field(
        description="`unverified` without a trust file; null if a check fails."
    )
    checks: list[EvidenceCheck] = Field(
        description="In the order in which they were made; the last one may have failed."
    )
    report: str | None = Field(
        description="The bundle for people (Markdown); null if a check fails."
    )


@router.get(
    "/exchanges/{exchange}/evidence",
    operation_id="downloadExchangeEvidence",
    summary="Get the evidence of an exchange",
    response_class=Response,
    responses=_BUNDLE | problem_responses(409),
)
async def download_exchange_evidence(
    services: ServicesOf, exchange: ExchangeId
) -> Response:
    """Make the bundle of an exchange, whatever became of it."""
    return _bundle(await services.desk.of_exchange(exchange, {}))


@router.post(
    "/exchanges/{exchange}/evidence",
    operation_id="makeExchangeEvidence",
    summary="Make the evidence of an exchange with certain headers",
    response_class=Response,
    responses=_BUNDLE | problem_responses(409),
)
async def make_exchange_evidence(
    services: ServicesOf, exchange: ExchangeId, wanted: NewExchangeEvidence
) -> Response:
    """Make the bundle with the headers that its verifier is known to trust."""
    anchors = {PROVIDER: wanted.provider_heights, REQUESTER: wanted.requester_heights}
    return _bundle(await services.desk.of_exchange(exchange, anchors))


@router.get(
    "/exchanges/{exchange}/evidence.pdf",
    operation_id="downloadEvidenceReport",
    summary="Get the evidence of an exchange as a report for people",
    response_class=Response,
    responses=_REPORT | problem_responses(409),
)
async def download_evidence_report(
    services: ServicesOf, exchange: ExchangeId
) -> Response:
    """Make the bundle and set its report; only the bundle itself can be verified."""
    made = await services.desk.of_exchange(exchange, {})
    return Response(
        await services.desk.report(made), media_type=_PDF, headers=_headers(made)
    )


@router.post(
    "/evidence",
    operation_id="makeEvidence",
    summary="Make evidence of a record, grant, consent, member or fact of this zone",
    response_class=Response,
    responses=_BUNDLE | problem_responses(404),
)
async def make_evidence(services: ServicesOf, wanted: NewEvidence) -> Response:
    """Make the bundle of what this zone says now."""
    order = StateOrder(
        kind=KINDS[wanted.kind],
        member_id=wanted.member or "",
        record_id=wanted.fact or wanted.record or "",
        version=wanted.version,
        number=wanted.number,
        private_key=b"",  # the desk signs
        anchors=wanted.heights,
    )
    return _bundle(await services.desk.of_state(order))


@router.post(
    "/verify", operation_id="verifyEvidence", summary="Verify a bundle of anybody"
)
async def verify_evidence(
    services: ServicesOf, given: NewVerification
) -> EvidenceVerdict:
    """Check a bundle as `huitong verify` does; nothing of it is kept."""
    verdict, report = await services.verifier.verify(given.bundle, given.trust)
    return _shown(verdict, report)


def _bundle(made: Made) -> Response:
    place = {"content-disposition": 'attachment; filename="evidence.zip"'}
    return Response(made.data, media_type=_ZIP, headers={**_headers(made), **place})


def _headers(made: Made) -> dict[str, str]:
    return {
        "x-evidence-stamp": made.stamp,
        "x-evidence-digest": sha256(made.data).hex(),
    }


def _shown(verdict: Verdict, report: str) -> EvidenceVerdict:
    return EvidenceVerdict.model_validate(
        {
            "grade": verdict.grade,
            "checks": [
                {
                    "name": check.name,
                    "ok": check.ok,
                    "detail": check.detail,
                    "error": check.error,
                }
                for check in verdict.checks
            ],
            "report": report or None,
        }
    )
