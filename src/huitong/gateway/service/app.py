"""The ASGI application of a gateway: parts opened at its start, routes, closed at its end."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

import structlog
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from huitong import __version__
from huitong.core.errors import HuitongError
from huitong.gateway.access.edge import protect
from huitong.gateway.access.routes import operation_id
from huitong.gateway.api import ordering, routes
from huitong.gateway.api.description import describe_parameters
from huitong.gateway.http.request_metrics import RequestMetrics
from huitong.gateway.service.background import background_of
from huitong.gateway.service.services import Opening, Services, build_services
from huitong.gateway.service.stopping import heard_early
from huitong.node.collection import OBJECTS_OF_STRANGERS, collect_rarely
from huitong.node.logs import configure_logs

log = structlog.get_logger("gateway")

_DESCRIPTION: Final = (
    "Publish records, ask for those of others, decide, deliver and receive, with a proof "
    "for every answer."
)


def make_app(opening: Opening) -> FastAPI:
    """Return the application; its parts are opened when it is started.

    Raises:
        RejectedError: a setting or a key cannot be used.
        PermissionTableError: an operation is without permission.
    """
    services = build_services(opening)
    ordering.register(services.outbox)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with services.opened(), _background(services):
                collect_rarely(OBJECTS_OF_STRANGERS)
                with heard_early(services.streams.stop):
                    yield
        except HuitongError as error:
            _log_failure(error)
            raise

    app = describe_app(lifespan)
    app.state.services = services
    protect(
        app,
        services.settings.http,
        lambda: services.edge,
        forms=routes.FORMS,
        tracing=lambda: services.tracing,
        metrics=lambda: opening.metrics,
    )
    return app


def describe_app(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Return the application with its routes; its description needs nothing else."""
    app = FastAPI(
        title="Huitong gateway",
        summary="What a member organisation runs to give and get data.",
        description=_DESCRIPTION,
        version=__version__,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
    )
    routes.install(app)
    describe_parameters(app)
    return app


def make_worker_app(opening: Opening) -> FastAPI:
    """Return the application of a web process of several, which its parent outlives."""
    configure_logs(opening.settings.log.level, opening.settings.log.format)
    if opening.settings.watch.listen is not None:
        opening = replace(opening, metrics=RequestMetrics())
    try:
        app = make_app(opening)
    except HuitongError as error:
        _log_failure(error)
        sys.exit(STARTUP_FAILURE)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_end_with_parent())
        try:
            async with inner(app):
                yield
        finally:
            watching.cancel()

    app.router.lifespan_context = lifespan
    return app


def _log_failure(error: HuitongError) -> None:
    log.error(
        "gateway_failed",
        codespace=error.codespace,
        code=error.code,
        reason=str(error),
    )


@asynccontextmanager
async def _background(services: Services) -> AsyncIterator[None]:
    """Run what goes on without being asked, until the block ends."""
    tasks = [asyncio.create_task(work) for work in background_of(services)]
    if services.peer_service is not None:
        serving = services.peer_service.run_until_cancelled()
        tasks.append(asyncio.create_task(serving))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end_with_parent() -> None:
    """Stop this process when its parent is gone, also if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(parent.sentinel, gone.set)
    await gone.wait()
    log.warning("gateway_orphaned", pid=os.getpid())
    os.kill(os.getpid(), signal.SIGTERM)
