"""All middleware around an application, in the one order that is right.

From the outside: the request's id (so that everything below can name it), spans and
figures of requests, security headers, the catch of bugs, the audit log (which sees every outcome below it), the
caller with rate and quota, limits of the body, repeats by ``Idempotency-Key``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import httpx
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from huitong.core.time import TimeNs
from huitong.gateway.access.api_keys import ApiKeys
from huitong.gateway.access.audit import AuditLog
from huitong.gateway.access.audit_middleware import AUDITED, AuditMiddleware
from huitong.gateway.access.authentication import (
    AuthenticationMiddleware,
    Authenticator,
    Gate,
)
from huitong.gateway.access.oidc import Tokens
from huitong.gateway.access.settings import AccessSettings
from huitong.gateway.database.engine import Database
from huitong.gateway.database.joint_writes import JointWriter
from huitong.gateway.http.body_limit import BodyLimitMiddleware
from huitong.gateway.http.error_page import install_error_page
from huitong.gateway.http.exchange_forms import Form, Forms
from huitong.gateway.http.idempotency import (
    KEY_HEADER,
    IdempotencyMiddleware,
)
from huitong.gateway.http.kept_answers import KeptAnswers
from huitong.gateway.http.problems import ProblemBoundary, install_problems
from huitong.gateway.http.rate_limit import DailyQuota, RateLimit
from huitong.gateway.http.request_id import (
    REQUEST_ID_HEADER,
    TRACEPARENT_HEADER,
    RequestIdMiddleware,
)
from huitong.gateway.http.request_metrics import RequestMetrics
from huitong.gateway.http.security_headers import SecurityHeadersMiddleware
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.tracing.middleware import ObservingMiddleware
from huitong.gateway.tracing.spans import NO_TRACING, Tracing


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What stands between the network and an application; see ``make_edge``."""

    api_keys: ApiKeys
    audit: AuditLog
    idempotency: KeptAnswers
    gate: Gate


def make_edge(
    http: HttpSettings,
    access: AccessSettings,
    database: Database,
    client: httpx.AsyncClient,
    *,
    clock: Callable[[], TimeNs] = time.time_ns,
    clock_s: Callable[[], float] = time.monotonic,
    writer: JointWriter | None = None,
) -> Edge:
    """Return the parts that an edge needs while the service runs.

    Args:
        http: limits of what callers may send.
        access: who may call.
        database: keeps API keys, the audit log, repeats and quotas.
        client: asks identity providers.
        clock: tells nanoseconds since the epoch.
        clock_s: tells seconds of a clock that never goes back.
        writer: writes for all calls; None for one of the edge's own.
    """
    writer = writer or JointWriter(database)
    api_keys = ApiKeys(database, access, clock=clock)
    tokens = Tokens(access, client, clock=clock, clock_s=clock_s)
    gate = Gate(
        Authenticator(api_keys, tokens),
        known=RateLimit(http.requests_per_s, http.requests_burst, clock_s=clock_s),
        anonymous=RateLimit(
            http.anonymous_per_s, http.anonymous_burst, clock_s=clock_s
        ),
        quota=DailyQuota(database, http.requests_per_day, clock=clock),
    )
    return Edge(
        api_keys=api_keys,
        audit=AuditLog(database, writer),
        idempotency=KeptAnswers(database, http, clock=clock, writer=writer),
        gate=gate,
    )


def protect(
    app: FastAPI,
    settings: HttpSettings,
    edge: Callable[[], Edge],
    *,
    forms: Sequence[Form] = (),
    audited: Sequence[str] = AUDITED,
    tracing: Callable[[], Tracing] = lambda: NO_TRACING,
    metrics: Callable[[], RequestMetrics | None] = lambda: None,
    clock: Callable[[], TimeNs] = time.time_ns,
) -> None:
    """Put everything around an application that has no middleware yet.

    Args:
        app: the application, before it starts.
        settings: limits of what callers may send.
        edge: returns the parts; asked at each request, so they may be made at the start.
        forms: operations that take or give something else than JSON.
        audited: beginnings of the paths that are logged.
        tracing: returns who records spans.
        metrics: returns who counts requests, if anybody does.
        clock: tells nanoseconds since the epoch.
    """
    url = settings.errors_url
    install_problems(app, url)
    install_error_page(app, url)
    # Each goes around those before it: the innermost first.
    app.add_middleware(
        IdempotencyMiddleware,
        idempotency=lambda: edge().idempotency,
        errors_url=url,
    )
    app.add_middleware(
        BodyLimitMiddleware,
        settings=settings,
        forms=Forms(forms, bytes_max=settings.body_bytes_max),
    )
    app.add_middleware(
        AuthenticationMiddleware, gate=lambda: edge().gate, errors_url=url
    )
    app.add_middleware(
        AuditMiddleware,
        log=lambda: edge().audit,
        clock=clock,
        errors_url=url,
        audited=audited,
    )
    app.add_middleware(ProblemBoundary, errors_url=url)
    if settings.cors_origins:
        _add_cors(app, settings)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(ObservingMiddleware, tracing=tracing, metrics=metrics)
    app.add_middleware(
        RequestIdMiddleware, is_sampled=lambda trace_id: tracing().is_sampled(trace_id)
    )


def _add_cors(app: FastAPI, settings: HttpSettings) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", KEY_HEADER, TRACEPARENT_HEADER],
        expose_headers=[REQUEST_ID_HEADER, "Retry-After", "Location"],
    )
