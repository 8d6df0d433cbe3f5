"""A small application behind the gateway's edge, in this process or on a real port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from huitong.gateway.access.callers import CurrentCaller, require
from huitong.gateway.access.edge import Edge, make_edge, protect
from huitong.gateway.access.permissions import PUBLIC, Permissions, allow
from huitong.gateway.access.roles import Duty, Role
from huitong.gateway.access.routes import guarded_route, operation_id
from huitong.gateway.access.settings import AccessSettings
from huitong.gateway.database.engine import Database
from huitong.gateway.http.errors import AbsentError
from huitong.gateway.http.exchange_forms import Form
from huitong.gateway.http.idempotency import IdempotencyKey, request_key
from huitong.gateway.http.settings import HttpSettings
from tests.gateway.issuer_kit import Clocks

PERMISSIONS: Permissions = {
    "create_thing": allow(Duty.OPERATE, Role.INTEGRATOR),
    "list_things": allow(Duty.READ, Role.INTEGRATOR, Role.OFFICER),
    "show_thing": allow(Duty.READ, Role.INTEGRATOR, Role.OFFICER),
    "delete_thing": allow(Duty.DECIDE, Role.OFFICER),
    "store_payload": allow(Duty.OPERATE, Role.INTEGRATOR),
    "list_callers": allow(Duty.ADMINISTER, Role.SECURITY),
    "list_calls": allow(Duty.AUDIT, Role.AUDITOR),
    "fail": allow(Duty.READ, *Role),
    "check": PUBLIC,
}
FORMS = (
    Form(
        method="PUT",
        path="/v1/payloads/{}",
        takes=("*/*",),
        bytes_max=4_000_000,
        is_streamed=True,
    ),
    Form(method="GET", path="/v1/check", gives=("application/pdf",)),
)
SECRET = "the-password-of-the-database"


class Thing(BaseModel):
    """Something with a name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=40)
    count: int = Field(default=1, ge=0, le=2**53)
    weight: float = 0.0


@dataclass
class Store:
    """What the application was made to do."""

    things: dict[str, Thing] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    keys: list[str | None] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    hold: asyncio.Event | None = None


def make_router(store: Store) -> APIRouter:
    """Return operations of each kind, guarded by the table."""
    router = APIRouter(prefix="/v1", route_class=guarded_route(PERMISSIONS))

    @router.post("/things", status_code=201)
    async def create_thing(
        thing: Thing,
        request: Request,
        response: Response,
        caller: CurrentCaller,
        key: IdempotencyKey = None,
    ) -> Thing:
        if store.hold is not None:
            await store.hold.wait()
        if thing.name == "refused":
            raise AbsentError(kind="owner")
        if thing.name == "bug":
            raise ZeroDivisionError(SECRET)
        store.things[thing.name] = thing
        store.owners[thing.name] = caller.id
        store.keys.append(request_key(request))
        response.headers["Location"] = f"/v1/things/{thing.name}"
        return thing

    @router.get("/things")
    async def list_things(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        kinds: Annotated[list[str], Query(alias="kind")] = [],  # noqa: B006  FastAPI copies it
    ) -> list[Thing]:
        return list(store.things.values())[:limit]

    @router.get("/things/{name}")
    async def show_thing(name: str, caller: CurrentCaller) -> Thing:
        if store.owners.get(name) != caller.id:
            raise AbsentError(kind="thing")
        return store.things[name]

    @router.delete("/things/{name}", status_code=204)
    async def delete_thing(name: str) -> None:
        if store.things.pop(name, None) is None:
            raise AbsentError(kind="thing")

    @router.put("/payloads/{name}")
    async def store_payload(name: str, request: Request) -> dict[str, int]:
        size = 0
        async for part in request.stream():
            size += len(part)
            store.received.append(len(part))
        return {"size": size}

    @router.get("/callers")
    async def list_callers() -> list[str]:
        return []

    @router.get("/calls")
    async def list_calls() -> list[str]:
        return []

    @router.get("/fail")
    async def fail(request: Request) -> None:
        require(Role.OFFICER)(request)
        raise ZeroDivisionError(SECRET)

    @router.get("/check")
    async def check() -> Response:
        return Response(b"%PDF-", media_type="application/pdf")

    return router


@dataclass
class Behind:
    """The application, what it did, and the parts around it."""

    app: FastAPI
    store: Store
    edge: Edge
    clocks: Clocks

    async def key(self, *roles: Role) -> dict[str, str]:
        """Return the header of a caller with some roles."""
        made = await self.edge.api_keys.create(
            "test", roles, term_s=864_000, by="key:test"
        )
        return {"Authorization": f"Bearer {made.key}"}

    def client(self) -> httpx.AsyncClient:
        """Return a client that calls the application in this process."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway")

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[tuple[str, int]]:
        """Serve the application on a port; give host and port."""
        config = uvicorn.Config(self.app, port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield server.servers[0].sockets[0].getsockname()[:2]
        finally:
            server.should_exit = True
            await task


def put_behind(
    database: Database,
    client: httpx.AsyncClient,
    *,
    access: AccessSettings | None = None,
    prepare: Callable[[FastAPI, Store], None] | None = None,
    **http: Any,
) -> Behind:
    """Return the application behind an edge with these settings of ``[http]``."""
    settings, clocks, store = HttpSettings(**http), Clocks(), Store()
    edge = make_edge(
        settings,
        access or AccessSettings(),
        database,
        client,
        clock=clocks.ns,
        clock_s=clocks.s,
    )
    app = FastAPI(generate_unique_id_function=operation_id)
    protect(app, settings, lambda: edge, forms=FORMS, clock=clocks.ns)
    app.include_router(make_router(store))
    if prepare is not None:
        prepare(app, store)
    return Behind(app, store, edge, clocks)
