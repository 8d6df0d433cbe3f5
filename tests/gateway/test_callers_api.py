"""Callers, API keys and the audit log over REST; and the matrix of the whole API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import select

from huitong.gateway.access.edge import Edge, make_edge, protect
from huitong.gateway.access.permissions import PERMISSIONS
from huitong.gateway.access.roles import Role
from huitong.gateway.access.routes import check_table
from huitong.gateway.access.settings import AccessSettings
from huitong.gateway.api import routes
from huitong.gateway.api.dependencies import _services_of
from huitong.gateway.database.engine import Database
from huitong.gateway.http.cursor import Cursors
from huitong.gateway.http.settings import HttpSettings
from huitong.gateway.http.tables import IdempotencyRow
from huitong.gateway.service.app import describe_app
from huitong.testing.access_matrix import calls_of
from tests.gateway.issuer_kit import Clocks

DAY_S = 86_400


class _Gateway:
    """The API, with those of its parts that callers and the audit log need."""

    def __init__(self, edge: Edge, clocks: Clocks, settings: HttpSettings) -> None:
        self.edge = edge
        self.app = describe_app()
        cursors = Cursors(bytes(32), age_s=DAY_S, clock=clocks.ns)
        parts = SimpleNamespace(edge=edge, cursors=cursors)
        self.app.dependency_overrides[_services_of] = lambda: parts
        protect(self.app, settings, lambda: edge, forms=routes.FORMS, clock=clocks.ns)

    async def client(self, *roles: Role) -> httpx.AsyncClient:
        made = await self.edge.api_keys.create("a", roles, term_s=DAY_S, by="")
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(
            transport=transport,
            base_url="http://gateway",
            headers={"Authorization": f"Bearer {made.key}"},
        )


@pytest.fixture
async def gateway(database: Database) -> AsyncIterator[_Gateway]:
    settings = HttpSettings(anonymous_burst=1_000, requests_burst=1_000)
    clocks = Clocks()
    async with httpx.AsyncClient() as asking:
        edge = make_edge(
            settings,
            AccessSettings(),
            database,
            asking,
            clock=clocks.ns,
            clock_s=clocks.s,
        )
        yield _Gateway(edge, clocks, settings)


def test_every_operation_has_its_line() -> None:
    check_table(describe_app(), PERMISSIONS)


async def test_nobody_gets_past_the_table_of_the_whole_api(gateway: _Gateway) -> None:
    clients = {role: await gateway.client(role) for role in Role}
    nobody = httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway.app), base_url="http://gateway"
    )
    calls = [
        call
        for call in calls_of(gateway.app.openapi(), PERMISSIONS)
        if call.expected is not None
    ]
    assert len(calls) > 100
    misfits = []
    for call in calls:
        client = clients[call.role] if call.role else nobody
        answer = await client.request(call.method, call.path)
        if not call.fits(answer.status_code):
            misfits.append(f"{call} but {answer.status_code}")
    assert misfits == []


async def test_caller_is_told_who_it_is(gateway: _Gateway) -> None:
    async with await gateway.client(Role.OFFICER, Role.INTEGRATOR) as client:
        told = (await client.get("/v1/caller")).json()
    assert told["roles"] == ["integrator", "officer"]
    assert (told["kind"], told["name"]) == ("api_key", "a")


async def test_key_is_made_used_rotated_and_revoked(gateway: _Gateway) -> None:
    order = {"name": "ERP of Ningbo", "roles": ["integrator"], "days": 30}
    async with await gateway.client(Role.SECURITY) as security:
        made = await security.post("/v1/api-keys", json=order)
        assert made.status_code == 201
        first = made.json()
        assert made.headers["Location"] == f"/v1/api-keys/{first['id']}"
        rotated = await security.post(
            f"/v1/api-keys/{first['id']}/rotation", json={"overlap_s": 0}
        )
        second = rotated.json()
        assert second["replaces"] == first["id"]

        async def uses(key: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            return (await security.get("/v1/caller", headers=headers)).status_code

        assert [await uses(item["key"]) for item in (first, second)] == [401, 200]
        revoked = await security.delete(f"/v1/api-keys/{second['id']}")
        assert revoked.json()["revoked"]
        assert await uses(second["key"]) == 401
        listed = (await security.get("/v1/api-keys")).json()["items"]
        assert {item["id"] for item in listed} >= {first["id"], second["id"]}
        assert not any("key" in item for item in listed)


async def test_key_is_not_among_the_answers_that_are_kept(
    gateway: _Gateway, database: Database
) -> None:
    order = {"name": "a", "roles": ["integrator"]}
    headers = {"Idempotency-Key": "make-the-key"}
    async with await gateway.client(Role.SECURITY) as security:
        first = await security.post("/v1/api-keys", json=order, headers=headers)
        again = await security.post("/v1/api-keys", json=order, headers=headers)
    assert first.json()["key"].startswith("htk_")
    assert (again.status_code, again.json()["code"]) == (409, 17)
    async with database.transaction() as session:
        (row,) = await session.scalars(select(IdempotencyRow))
    assert row.body is None


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        ({"name": "a", "roles": ["officer", "auditor"]}, 403, "access/8"),
        ({"name": "a", "roles": ["king"]}, 422, "http/2"),
        ({"name": "a", "roles": []}, 422, "http/2"),
        ({"name": "", "roles": ["officer"]}, 422, "http/2"),
        ({"name": "a\nb", "roles": ["officer"]}, 422, "access/16"),
        ({"name": "a", "roles": ["officer"], "days": 366}, 422, "access/11"),
        ({"name": "a", "roles": ["officer"], "days": "30"}, 422, "http/2"),
        ({"name": "a", "roles": ["officer"], "hash": "00"}, 422, "http/2"),
    ],
)
async def test_key_that_must_not_be_is_refused(
    order: dict[str, object], status: int, code: str, gateway: _Gateway
) -> None:
    async with await gateway.client(Role.SECURITY) as security:
        answer = await security.post("/v1/api-keys", json=order)
    told = answer.json()
    assert (answer.status_code, f"{told['codespace']}/{told['code']}") == (status, code)


async def test_key_that_is_not_there_is_absent(gateway: _Gateway) -> None:
    async with await gateway.client(Role.SECURITY) as security:
        for answer in (
            await security.delete(f"/v1/api-keys/{'0' * 16}"),
            await security.post(f"/v1/api-keys/{'0' * 16}/rotation", json={}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, 5)


async def test_auditor_reads_every_call_in_pages_and_checks_the_log(
    gateway: _Gateway,
) -> None:
    async with await gateway.client(Role.OFFICER) as officer:
        for _ in range(5):
            await officer.get("/v1/caller")
        caller = (await officer.get("/v1/caller")).json()["id"]
    async with await gateway.client(Role.AUDITOR) as auditor:
        found, after = [], None
        while after is not None or not found:
            asked = {"limit": 2, "of": caller} | ({"after": after} if after else {})
            page = (await auditor.get("/v1/audit/entries", params=asked)).json()
            found += page["items"]
            after = page["next"]
        assert [item["sequence"] for item in found] == [1, 2, 3, 4, 5, 6]
        assert {item["operation"] for item in found} == {"getCaller"}
        head = (await auditor.get("/v1/audit/head")).json()
        verdict = (await auditor.get("/v1/audit/verification")).json()
        assert verdict["sequence"] == head["sequence"] + 1
        stale = {"limit": 2, "of": "key:other", "after": "x" * 40}
        refused = await auditor.get("/v1/audit/entries", params=stale)
        assert (refused.status_code, refused.json()["code"]) == (400, 12)
