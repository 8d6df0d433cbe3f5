"""The matrix of roles and operations, on a small application; and that it can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter

from huitong.gateway.access.errors import PermissionTableError
from huitong.gateway.access.permissions import PUBLIC, allow
from huitong.gateway.access.roles import Duty, Role
from huitong.gateway.access.routes import check_table, guarded_route
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.testing.access_matrix import Call, calls_of
from tests.gateway.edge_kit import PERMISSIONS, Behind, put_behind


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    async with (
        Database(f"sqlite:///{tmp_path}/gateway.db") as database,
        httpx.AsyncClient() as client,
    ):
        await database.make_tables(METADATA)
        # Enough for a matrix in one second.
        yield put_behind(database, client, anonymous_burst=1_000, requests_burst=1_000)


async def _misfits(behind: Behind, calls: list[Call]) -> list[str]:
    """Make the calls; return those whose answers the table does not say."""
    headers = {role: await behind.key(role) for role in Role}
    found = []
    async with behind.client() as client:
        for call in calls:
            given = headers[call.role] if call.role else {}
            answer = await client.request(call.method, call.path, headers=given)
            if not call.fits(answer.status_code):
                found.append(f"{call} but {answer.status_code}")
    return found


async def test_every_role_gets_what_the_table_says_and_nothing_else(
    behind: Behind,
) -> None:
    # The operation that always fails is there for other tests.
    calls = [call for call in _calls(behind) if call.operation != "fail"]
    assert len(calls) == (len(PERMISSIONS) - 1) * (len(Role) + 1)
    assert {call.expected for call in calls} == {401, 403, None}
    assert await _misfits(behind, calls) == []


def _calls(behind: Behind) -> list[Call]:
    return list(calls_of(behind.app.openapi(), PERMISSIONS))


async def test_matrix_finds_an_operation_that_is_open_to_others(behind: Behind) -> None:
    changed = {**PERMISSIONS, "list_calls": allow(Duty.AUDIT, Role.SYSTEM)}
    calls = list(calls_of(behind.app.openapi(), changed))
    assert await _misfits(
        behind, [c for c in calls if c.operation == "list_calls"]
    ) == [
        "list_calls as auditor: 403 but 200",
        "list_calls as system: let through but 403",
    ]


async def test_matrix_finds_an_operation_that_nobody_guards(behind: Behind) -> None:
    @behind.app.get("/v1/open")
    async def open_to_all() -> None:
        return None

    calls = [call for call in _calls(behind) if call.operation == "open_to_all"]
    assert len(await _misfits(behind, calls)) == len(Role) + 1


def test_application_that_fits_its_table_is_taken(behind: Behind) -> None:
    check_table(behind.app, PERMISSIONS)


def test_operation_that_is_not_guarded_is_told(behind: Behind) -> None:
    @behind.app.get("/v1/check2", operation_id="check2")
    async def check2() -> None:
        return None

    with pytest.raises(PermissionTableError, match="table: check2; lines"):
        check_table(behind.app, {**PERMISSIONS, "check2": PUBLIC})


def test_line_without_operation_is_told(behind: Behind) -> None:
    with pytest.raises(PermissionTableError, match="without an operation: gone"):
        check_table(behind.app, {**PERMISSIONS, "gone": PUBLIC})


def test_operation_without_line_cannot_be_made() -> None:
    router = APIRouter(route_class=guarded_route(PERMISSIONS))
    with pytest.raises(PermissionTableError, match="unheard_of"):

        @router.get("/v1/unheard-of")
        async def unheard_of() -> None:
            return None
