"""Answers about grants and consents."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import DIGEST_SIZE_BYTES, check_size
from huitong.core.paging import page_of
from huitong.modules.grants.state import (
    consents_after,
    get_consent_version,
    get_grant,
    grants_after,
)
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb


def answer_grant(ctx: Context, request: pb.QueryGrantRequest) -> pb.QueryGrantResponse:
    """Return one grant.

    Raises:
        GrantNotFoundError: there is none.
    """
    return pb.QueryGrantResponse(grant=get_grant(ctx, request.grant_id))


def answer_grants(
    ctx: Context, request: pb.QueryGrantsRequest
) -> pb.QueryGrantsResponse:
    """Return a holder's grants by ascending id."""
    after = grants_after(ctx, request.holder, request.start_after)
    grants, more = page_of(after, request.limit)
    return pb.QueryGrantsResponse(
        grants=grants, next=grants[-1].grant_id if more else 0
    )


def answer_consent(
    ctx: Context, request: pb.QueryConsentRequest
) -> pb.QueryConsentResponse:
    """Return one version of a consent; 0 means the newest.

    Raises:
        ConsentNotFoundError: there is none.
    """
    consent = get_consent_version(ctx, request.consent_id, request.version)
    return pb.QueryConsentResponse(consent=consent)


def answer_consents(
    ctx: Context, request: pb.QueryConsentsRequest
) -> pb.QueryConsentsResponse:
    """Return the consents of a pseudonym by ascending id, withdrawn ones among them.

    Raises:
        InvalidRequestError: the subject has not 32 bytes.
    """
    check_size(request.subject, "subject", DIGEST_SIZE_BYTES)
    after = consents_after(ctx, request.subject, request.start_after)
    found, more = page_of(after, request.limit)
    return pb.QueryConsentsResponse(
        consents=found, next=found[-1].consent_id if more else 0
    )
