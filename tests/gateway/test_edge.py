"""The edge of the gateway: every refusal a problem, and nothing said too much."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from huitong.core.errors import registered_errors
from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.testing.dex import USERS, DexServer
from tests.gateway.edge_kit import SECRET, Behind, put_behind
from tests.gateway.issuer_kit import access_settings, claims, sign

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as opened:
        await opened.make_tables(METADATA)
        yield opened


@pytest.fixture
async def behind(database: Database) -> AsyncIterator[Behind]:
    async with httpx.AsyncClient() as client:
        yield put_behind(database, client)


@pytest.fixture
async def client(behind: Behind) -> AsyncIterator[httpx.AsyncClient]:
    async with behind.client() as made:
        made.headers.update(await behind.key(Role.INTEGRATOR))
        yield made


def _code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a problem, whose form is checked on the way."""
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["status"] == answer.status_code
    assert told["type"] == f"/errors#{told['codespace']}-{told['code']}"
    assert told["instance"] == answer.headers["X-Request-Id"]
    assert told["title"]
    assert told["detail"]
    kind = registered_errors()[told["codespace"], told["code"]]
    assert told.get("next_step", "") == kind.next_step
    return answer.status_code, f"{told['codespace']}/{told['code']}"


# --- what HTTP refuses ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"method": "GET", "url": "/v1/nothing"}, 404, "http/4"),
        ({"method": "GET", "url": "/v1/things/a%00b"}, 404, "http/4"),
        ({"method": "GET", "url": "/v1/things?limit=%00"}, 422, "http/2"),
        ({"method": "GET", "url": "/v1/things?limit=0"}, 422, "http/2"),
        ({"method": "GET", "url": "/v1/things?q=" + "x" * 9_000}, 422, "http/2"),
        ({"method": "PATCH", "url": "/v1/things"}, 405, "http/6"),
        ({"method": "GET", "url": "/v1/things", "headers": {"Accept": "text/html"}}, 406, "http/7"),
        ({"method": "GET", "url": "/v1/things", "headers": {"Accept": "application/json;q=0"}}, 406, "http/7"),
        ({"method": "GET", "url": "/v1/check", "headers": {"Accept": "application/json"}}, 406, "http/7"),
        ({"content": b"{}"}, 415, "http/10"),
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "http/10"),
        ({"content": b"{}", "headers": {"Content-Type": "application/json; charset=gbk"}}, 415, "http/10"),
        ({"data": {"name": "a"}}, 415, "http/10"),
        ({"json": {}, "headers": {"Content-Encoding": "gzip"}}, 415, "http/11"),
        ({"json": {}, "headers": {"Content-Encoding": "identity, br"}}, 415, "http/11"),
        ({"json": {"name": "x" * 1_048_577}}, 413, "http/9"),
        ({"json": {}, "headers": {"Content-Length": "9" * 30}}, 400, "http/21"),
        ({"json": {}, "headers": {"Content-Length": "-1"}}, 400, "http/21"),
        ({"content": b"", "headers": JSON}, 422, "http/2"),
        ({"content": b"{", "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "a"} {}', "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "a", "name": "b"}', "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "\xff"}', "headers": JSON}, 400, "http/3"),
        ({"content": '{"name": "a"}'.encode("utf-16"), "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "\\ud800"}', "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "\\u0000"}', "headers": JSON}, 400, "http/3"),
        ({"content": b'{"a\\u0000": 1}', "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "a", "weight": NaN}', "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "a", "weight": 1e999}', "headers": JSON}, 400, "http/3"),
        ({"content": b'{"name": "a", "count": ' + b"9" * 5_000 + b"}", "headers": JSON}, 400, "http/3"),
        ({"content": b"[" * 100_000, "headers": JSON}, 400, "http/3"),
        ({"content": b"[" * 65 + b"]" * 65, "headers": JSON}, 400, "http/3"),
        ({"json": []}, 422, "http/2"),
        ({"json": {"name": 7}}, 422, "http/2"),
        ({"json": {"name": "a", "count": 1.5}}, 422, "http/2"),
        ({"json": {"name": "a", "colour": "red"}}, 422, "http/2"),
        ({"json": {"name": "a", "count": -1}}, 422, "http/2"),
    ],
)  # fmt: skip
async def test_bad_input_is_a_problem_and_stores_nothing(
    asked: dict[str, Any],
    status: int,
    code: str,
    client: httpx.AsyncClient,
    behind: Behind,
) -> None:
    answer = await client.request(**{"method": "POST", "url": "/v1/things", **asked})
    assert _code(answer) == (status, code)
    assert not behind.store.things


async def test_fields_that_are_not_valid_are_named_without_their_values(
    client: httpx.AsyncClient,
) -> None:
    given = {"name": ["a-secret-name"], "count": "a-secret", "colour": "secret-red"}
    answer = await client.post("/v1/things", json=given)
    assert _code(answer) == (422, "http/2")
    errors = {item["field"]: item["reason"] for item in answer.json()["errors"]}
    assert set(errors) == {"body.name", "body.count", "body.colour"}
    assert all(errors.values())
    assert "secret" not in answer.text


async def test_names_of_unknown_fields_are_bounded_and_visible(
    client: httpx.AsyncClient,
) -> None:
    given = {"name": "a", **{f"{n}\n" + "x" * 500: 1 for n in range(100)}}
    answer = await client.post("/v1/things", json=given)
    errors = answer.json()["errors"]
    assert len(errors) == 32
    assert all(len(item["field"]) <= 200 for item in errors)
    assert errors[0]["field"].startswith("body.0\\n")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("colour=red", ["colour"]),
        ("colour=red&limit=1&size=", ["colour", "size"]),
        ("Limit=1", ["Limit"]),
        ("=1", [""]),
        ("limit=1&limit=2", ["limit"]),
        ("limit=1&limit=1", ["limit"]),
        ("limit=1_0", ["limit"]),
        ("limit=%2B1", ["limit"]),
        ("limit=1.0", ["limit"]),
        ("limit=+1", ["limit"]),
        ("limit=01", ["limit"]),
        ("limit=%D9%A1", ["limit"]),
        ("limit=", ["limit"]),
    ],
)
async def test_query_that_does_not_fit_is_refused_by_its_parameters(
    query: str, fields: list[str], client: httpx.AsyncClient
) -> None:
    answer = await client.get(f"/v1/things?{query}")
    assert _code(answer) == (422, "http/2")
    named = [item["field"] for item in answer.json()["errors"]]
    assert named == [f"query.{name}" for name in fields]


@pytest.mark.parametrize("query", ["", "limit=1", "kind=a&kind=b&limit=200"])
async def test_query_that_fits_is_taken(query: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/v1/things?{query}")).status_code == 200


async def test_query_is_refused_before_the_body_is_read_and_stores_nothing(
    client: httpx.AsyncClient, behind: Behind
) -> None:
    for content in (b"{", b'{"name": "a"}'):
        answer = await client.post("/v1/things?wiat=1", content=content, headers=JSON)
        assert _code(answer) == (422, "http/2")
        assert answer.json()["errors"] == [
            {
                "field": "query.wiat",
                "reason": "no parameter of this operation, which has: none",
            }
        ]
    assert not behind.store.things


async def test_method_that_is_not_possible_tells_those_that_are(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.put("/v1/things/a", json={})
    assert _code(answer) == (405, "http/6")
    assert answer.headers["Allow"] == "DELETE, GET"
    answer = await client.patch("/v1/things", json={})
    assert answer.headers["Allow"] == "GET, POST"


async def test_bug_is_told_by_its_request_id_alone(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    for answer in (
        await client.post("/v1/things", json={"name": "bug"}),
        await client.get("/v1/fail", headers=await behind.key(Role.OFFICER)),
    ):
        assert _code(answer) == (500, "http/22")
        for leaked in (SECRET, "ZeroDivision", "Traceback", "/src/", ".py"):
            assert leaked not in answer.text


async def test_absent_and_not_yours_are_the_same_answer(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    await client.post("/v1/things", json={"name": "mine"})
    other = await behind.key(Role.INTEGRATOR)
    not_yours = await client.get("/v1/things/mine", headers=other)
    absent = await client.get("/v1/things/nobodys", headers=other)
    assert _code(not_yours) == _code(absent) == (404, "http/5")
    for told in (both := [not_yours.json(), absent.json()]):
        del told["instance"]
    assert both[0] == both[1]


async def test_every_answer_has_the_headers_that_tell_browsers_off(
    client: httpx.AsyncClient,
) -> None:
    for url in ("/v1/things", "/v1/nothing", "/v1/fail", "/errors"):
        answer = await client.get(url)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_pages_of_other_origins_may_call_only_if_settings_say_so(
    database: Database,
) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Origin": "https://desk.example"}
    async with httpx.AsyncClient() as unused:
        for origins in ((), ("https://desk.example",)):
            behind = put_behind(database, unused, cors_origins=origins)
            async with behind.client() as client:
                answer = await client.options("/v1/things", headers=asked)
                evil = await client.options(
                    "/v1/things", headers={**asked, "Origin": "https://evil.example"}
                )
            allowed = answer.headers.get("Access-Control-Allow-Origin")
            assert allowed == (origins[0] if origins else None)
            assert "Access-Control-Allow-Origin" not in evil.headers


async def test_page_of_error_codes_has_a_place_for_every_code(
    behind: Behind,
) -> None:
    async with behind.client() as client:  # needs no credentials
        page = (await client.get("/errors")).text
    assert "<script" not in page
    for space, code in registered_errors():
        assert f'id="{space}-{code}"' in page


async def test_request_id_of_the_caller_comes_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/things", headers={"X-Request-Id": "order-2026-7"})
    assert answer.headers["X-Request-Id"] == "order-2026-7"


# --- who calls --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ([], 401, "access/2"),
        (["Basic dTpw"], 401, "access/3"),
        (["Bearer"], 401, "access/3"),
        (["Bearer "], 401, "access/3"),
        (["Bearer a b"], 401, "access/3"),
        (["Bearer " + "x" * 20_000], 401, "access/3"),
        (["Bearer htk_0123456789abcdef_" + "A" * 43], 401, "access/4"),
        (["Bearer " + sign(claims())], 401, "access/5"),
        (["Bearer a.b.c"], 401, "access/5"),
        (["Bearer a", "Bearer b"], 401, "access/3"),
    ],
)
async def test_caller_that_proves_nothing_is_refused_before_its_body_is_read(
    given: list[str], status: int, code: str, behind: Behind
) -> None:
    headers = [*JSON.items(), *(("Authorization", value) for value in given)]
    async with behind.client() as client:
        answer = await client.post("/v1/things", content=b"{", headers=headers)
    assert _code(answer) == (status, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert not any(
        value.split()[-1] in answer.text for value in given if len(value) > 12
    )


async def test_wrong_credentials_are_refused_also_where_none_are_needed(
    behind: Behind,
) -> None:
    async with behind.client() as client:
        assert (await client.get("/v1/check")).status_code == 200
        answer = await client.get("/v1/check", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401


async def test_caller_without_the_role_learns_nothing_of_the_form(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    auditor = await behind.key(Role.AUDITOR)
    for content in (b"{", b"{}", b'{"name": "a"}'):
        answer = await client.post(
            "/v1/things", content=content, headers={**JSON, **auditor}
        )
        assert _code(answer) == (403, "access/7")
    answer = await client.get("/v1/things?colour=red", headers=auditor)
    assert _code(answer) == (403, "access/7")


async def test_user_of_the_identity_provider_calls_with_its_token(
    dex: DexServer, database: Database
) -> None:
    async with httpx.AsyncClient() as asking:
        behind = put_behind(
            database, asking, access=access_settings(dex.issuer, "huitong-gateway")
        )
        behind.clocks.seconds = time.time()
        async with behind.client() as client:
            for user, status in zip(USERS, (200, 200, 403, 403, 403, 403), strict=True):
                token = await dex.password_token(user)
                headers = {"Authorization": f"Bearer {token}"}
                answer = await client.get("/v1/things", headers=headers)
                assert answer.status_code == status, user


# --- what is written --------------------------------------------------------------------


async def test_every_call_is_in_the_log_with_its_outcome(
    behind: Behind, client: httpx.AsyncClient
) -> None:
    own = client.headers["Authorization"].split("_")[1]
    await client.post("/v1/things", json={"name": "a"})
    await client.post("/v1/things", json={"name": "bug"})
    await client.post("/v1/things", json={}, params={"secret": "s"})
    await client.get("/v1/things/a", headers={"Authorization": "Bearer x"})
    await client.delete("/v1/things/a", headers={"X-Request-Id": "order-2026-7"})
    await client.get("/v1/nothing")
    await client.get("/errors")
    rows = await behind.edge.audit.page()
    caller = f"key:{own}"
    assert [
        (row.caller, row.method, row.path, row.operation, row.status, row.problem)
        for row in rows
    ] == [
        (caller, "POST", "/v1/things", "create_thing", 201, ""),
        (caller, "POST", "/v1/things", "create_thing", 500, "http/22"),
        (caller, "POST", "/v1/things", "create_thing", 422, "http/2"),
        ("", "GET", "/v1/things/a", "", 401, "access/5"),
        (caller, "DELETE", "/v1/things/a", "delete_thing", 403, "access/7"),
        (caller, "GET", "/v1/nothing", "", 404, "http/4"),
    ]
    assert (rows[0].roles, rows[3].roles) == ("integrator", "")
    assert rows[4].request_id == "order-2026-7"
    await behind.edge.audit.verify()


async def test_answer_does_not_leave_while_its_entry_cannot_be_written(
    tmp_path: Path,
) -> None:
    """Without its database the gateway lets nothing through, and says so."""
    async with (
        Database(f"sqlite:///{tmp_path}/absent/gateway.db") as database,
        httpx.AsyncClient() as unused,
    ):
        behind = put_behind(database, unused)
        async with behind.client() as client:
            answer = await client.get("/v1/check")
    assert _code(answer) == (503, "database/3")


# --- how often --------------------------------------------------------------------------


async def test_caller_that_asks_too_fast_is_told_to_wait(database: Database) -> None:
    async with httpx.AsyncClient() as unused:
        behind = put_behind(database, unused, requests_per_s=0.5, requests_burst=3)
        fast, other = await behind.key(Role.OFFICER), await behind.key(Role.OFFICER)
        async with behind.client() as client:

            async def ask(headers: dict[str, str]) -> httpx.Response:
                return await client.get("/v1/things", headers=headers)

            told = [await ask(fast) for _ in range(4)]
            assert [answer.status_code for answer in told] == [200, 200, 200, 429]
            assert _code(told[-1]) == (429, "http/18")
            assert told[-1].headers["Retry-After"] == "2"
            assert (await ask(other)).status_code == 200
            behind.clocks.seconds += 2
            assert [(await ask(fast)).status_code for _ in range(2)] == [200, 429]
    assert (
        len(await behind.edge.audit.page()) == 5
    )  # refusals of the rate are not logged


async def test_address_that_guesses_credentials_is_slowed_down(
    database: Database,
) -> None:
    async with httpx.AsyncClient() as unused:
        behind = put_behind(database, unused, anonymous_per_s=1, anonymous_burst=5)
        right = await behind.key(Role.OFFICER)
        wrong = {"Authorization": right["Authorization"][:-4] + "AAAA"}
        async with behind.client() as client:
            told = [await client.get("/v1/things", headers=wrong) for _ in range(7)]
            assert [answer.status_code for answer in told] == [401] * 5 + [429] * 2
            answer = await client.get("/v1/things", headers=right)
            assert answer.status_code == 200  # who is known does not suffer


# --- the description --------------------------------------------------------------------


def test_description_tells_roles_credentials_and_problems(behind: Behind) -> None:
    described = behind.app.openapi()
    json.dumps(described)
    create = described["paths"]["/v1/things"]["post"]
    check = described["paths"]["/v1/check"]["get"]
    assert create["operationId"] == "create_thing"
    assert create["x-huitong-roles"] == ["integrator"]
    assert create["security"] == [{"bearer": []}]
    assert "security" not in check
    assert {"400", "401", "403", "409", "413", "415", "422"} <= set(create["responses"])
    refusal = create["responses"]["422"]["content"]
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert refusal == {"application/problem+json": problem}
    assert {"Problem", "FieldProblem"} <= set(described["components"]["schemas"])
    assert "HTTPValidationError" not in described["components"]["schemas"]
