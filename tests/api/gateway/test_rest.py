"""The REST interface over a real gateway, its zone, and both kinds of databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from huitong.gateway.access.permissions import PERMISSIONS
from huitong.gateway.access.roles import Role
from huitong.localnet.process import NodeProcess
from tests.api.gateway_kit import Callers, problem_of, running_gateway

pytestmark = pytest.mark.slow

WAIT = "wait=20"
HEX = "5e" * 32
OFFICER, INTEGRATOR, SYSTEM = Role.OFFICER, Role.INTEGRATOR, Role.SYSTEM
RECORD = {
    "record": "INV-1",
    "record_type": "tax.invoice",
    "document": {"number": "1", "total": 10},
}
GRANT = {"reader": "xiling-silk", "purpose": "audit", "record_type": "tax.invoice"}
CONSENT = {
    "reader": "xiling-silk",
    "purpose": "audit",
    "subject": HEX,
    "evidence_digest": HEX,
}
REQUEST = {
    "channel": "channel-0",
    "issuer": "xiling-silk",
    "record": "A-1",
    "purpose": "audit",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def callers(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    node: NodeProcess,
) -> Iterator[Callers]:
    """Run a gateway on each kind of database."""
    options, key = [], "gateway2"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_database()
        options, key = [f"--database={url}"], "gateway3"
    home = tmp_path_factory.mktemp("gateway") / "home"
    with running_gateway(home, node, key, *options) as made:
        yield made


def _id(request: pytest.FixtureRequest, text: str) -> str:
    """Return a record id that no other test has: all share one zone and member."""
    kind = request.node.callspec.params["callers"]
    return f"{text}-{kind}-{abs(hash(request.node.name)) % 10**9}"


def _done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert isinstance(body, dict)
    return body


# --- what works -------------------------------------------------------------------------


def test_document_is_published_found_replaced_and_revoked(
    callers: Callers, request: pytest.FixtureRequest
) -> None:
    name = _id(request, "INV")
    client = callers[INTEGRATOR]
    body = RECORD | {"record": name, "title": "an invoice", "level": 1}
    made = client.post(f"/v1/records?{WAIT}", json=body)
    assert _done(made)["state"] == "published"
    assert made.headers["location"] == f"/v1/publications/{made.json()['id']}"
    assert _done(client.get(made.headers["location"])) == made.json()
    shown = _done(client.get(f"/v1/records/{name}"))
    assert shown["fields"] == ["number", "total"]
    assert shown["payload_digest"] == made.json()["payload_digest"]
    offers = _done(client.get("/v1/catalogue?record_type=tax.invoice&limit=200"))
    (offer,) = [item for item in offers["items"] if item["record"] == name]
    assert offer["title"] == "an invoice"
    again = client.post(
        f"/v1/records/{name}/versions?{WAIT}",
        json={"previous_version": 1, "document": {"number": "2"}},
    )
    assert _done(again)["version"] == 2
    job = client.post(
        f"/v1/records/{name}/status?{WAIT}", json={"status": "revoked", "reason": "x"}
    )
    assert _done(job)["state"] == "done"
    assert _done(client.get(f"/v1/records/{name}"))["status"] == "revoked"
    assert _done(client.get(f"/v1/records/{name}?version=1"))["version"] == 1


def test_file_of_any_type_is_published_as_one_field(
    callers: Callers, request: pytest.FixtureRequest
) -> None:
    name = _id(request, "SCAN")
    client = callers[INTEGRATOR]
    made = client.post(
        f"/v1/records/{name}/file?record_type=tax.scan&{WAIT}",
        content=b"%PDF-1.7 a scan",
        headers={"content-type": "application/pdf"},
    )
    assert _done(made)["fields"] == ["document"]
    again = client.post(
        f"/v1/records/{name}/versions/file?previous_version=1&{WAIT}",
        content=b"%PDF-1.7 a better scan",
        headers={"content-type": "application/pdf"},
    )
    assert _done(again)["version"] == 2


def test_digits_of_a_document_are_published_as_they_came(
    callers: Callers, request: pytest.FixtureRequest
) -> None:
    """1.00 is not 1.0 for whoever signed the invoice."""
    bodies = [
        b'{"record":"%s","record_type":"tax.x","document":{"total":%s}}'
        % (_id(request, text).encode(), text.encode())
        for text in ("1.00", "1.0")
    ]
    for body in bodies:
        made = callers[INTEGRATOR].post(
            f"/v1/records?{WAIT}",
            content=body,
            headers={"content-type": "application/json"},
        )
        assert _done(made)["state"] == "published"


def test_grant_and_consent_are_given_seen_and_withdrawn(callers: Callers) -> None:
    client = callers[OFFICER]
    body = GRANT | {
        "fields": ["total", "number"],
        "valid_until": "2099-01-01T00:00:00Z",
        "count_max": 3,
    }
    given = _done(client.post(f"/v1/grants?{WAIT}", json=body))
    number = given["result"]["grant_id"]
    shown = _done(client.get(f"/v1/grants/{number}"))
    assert shown["fields"] == ["number", "total"]
    assert shown["valid_until"] == "2099-01-01T00:00:00Z"
    listed = _done(client.get("/v1/grants?limit=200"))["items"]
    assert shown in listed
    _done(client.post(f"/v1/grants/{number}/withdrawal?{WAIT}", json={"reason": "x"}))
    assert _done(client.get(f"/v1/grants/{number}"))["withdrawn"] is True
    given = _done(client.post(f"/v1/consents?{WAIT}", json=CONSENT))
    number = given["result"]["consent_id"]
    assert _done(client.get(f"/v1/consents/{number}"))["subject"] == HEX
    _done(client.post(f"/v1/consents/{number}/withdrawal?{WAIT}", json={}))
    assert _done(client.get(f"/v1/consents/{number}"))["withdrawn"] is True


def test_call_without_waiting_is_told_where_to_look(callers: Callers) -> None:
    client = callers[OFFICER]
    begun = client.post("/v1/grants", json=GRANT)
    assert begun.status_code == 202
    place = begun.headers["location"]
    assert place == f"/v1/jobs/{begun.json()['id']}"
    assert _done(client.get(f"{place}?{WAIT}"))["state"] == "done"


def test_request_with_a_key_is_carried_out_once(callers: Callers) -> None:
    client = callers[OFFICER]
    headers = {"idempotency-key": "a-grant-of-this-test"}
    first = client.post(f"/v1/grants?{WAIT}", json=GRANT, headers=headers)
    again = client.post(f"/v1/grants?{WAIT}", json=GRANT, headers=headers)
    assert _done(first) == _done(again)
    other = GRANT | {"purpose": "tax"}
    refused = client.post(f"/v1/grants?{WAIT}", json=other, headers=headers)
    assert problem_of(refused) == (422, "http/14")


def test_list_is_read_page_by_page_and_only_with_its_own_cursors(
    callers: Callers,
) -> None:
    client = callers[OFFICER]
    first = _done(client.get("/v1/members?limit=1"))
    second = _done(client.get("/v1/members", params={"after": first["next"]}))
    names = [item["id"] for item in first["items"] + second["items"]]
    assert names == ["hz-tax-bureau", "xiling-silk"]
    assert second["next"] is None
    stolen = callers[SYSTEM].get("/v1/members", params={"after": first["next"]})
    assert problem_of(stolen) == (400, "http/12")
    elsewhere = client.get("/v1/grants", params={"after": first["next"]})
    assert problem_of(elsewhere) == (400, "http/12")


def test_what_the_zone_refuses_is_stuck_and_can_be_given_up(callers: Callers) -> None:
    refused = callers[OFFICER].post(
        f"/v1/grants/999999/withdrawal?{WAIT}", json={"reason": "x"}
    )
    assert refused.status_code == 202
    job = refused.json()
    assert job["state"] == "stuck"
    assert (job["problem"]["codespace"], job["problem"]["code"]) == ("grants", 2)
    system = callers[SYSTEM]
    listed = _done(system.get("/v1/undelivered?limit=200"))["items"]
    assert job["id"] in [item["id"] for item in listed]
    retried = system.post(f"/v1/undelivered/{job['id']}/retry")
    assert retried.status_code == 202
    assert system.get(f"/v1/jobs/{job['id']}?{WAIT}").json()["state"] == "stuck"
    cancelled = _done(system.post(f"/v1/undelivered/{job['id']}/cancel"))
    assert cancelled["state"] == "cancelled"
    again = system.post(f"/v1/undelivered/{job['id']}/skip")
    assert problem_of(again) == (409, "outbox/3")


def test_zone_is_told_with_its_height(callers: Callers) -> None:
    (zone,) = _done(callers[SYSTEM].get("/v1/zones"))["items"]
    assert zone["chain_id"] == "hangzhou-1"
    assert zone["is_own"] is True
    assert zone["height"] > 0
    assert _done(callers[SYSTEM].get("/v1/links"))["items"] == []
    assert _done(callers[OFFICER].get("/v1/exchanges?side=provider"))["items"] == []
    assert _done(callers[OFFICER].get("/v1/requests"))["items"] == []


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/records/ABSENT", "http/5"),
        ("/v1/records/ABSENT?issuer=nobody", "http/5"),
        ("/v1/grants/999999", "http/5"),
        ("/v1/consents/999999", "http/5"),
        ("/v1/members/nobody", "http/5"),
        ("/v1/catalogue?zone=nowhere-1", "http/5"),
        ("/v1/jobs/999999", "outbox/2"),
        ("/v1/exchanges/absent", "flow/9"),
        ("/v1/exchanges/absent/document", "flow/9"),
        ("/v1/publications/absent", "flow/11"),
        ("/v1/absent", "http/4"),
    ],
)
def test_what_is_not_there_is_not_found(path: str, code: str, callers: Callers) -> None:
    assert problem_of(callers[OFFICER].get(path)) == (404, code)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/records?limit=0",
        "/v1/records?limit=201",
        "/v1/records?limit=x",
        "/v1/records?issuer=Nobody",
        "/v1/records/-",
        "/v1/records/INV-1?version=-1",
        "/v1/grants/0",
        "/v1/grants/x",
        "/v1/jobs?state=lost",
        "/v1/jobs/1?wait=61",
        "/v1/exchanges?side=both",
        "/v1/exchanges/a%20b",
        "/v1/catalogue?record_type=Tax",
    ],
)
def test_parameter_outside_its_range_is_refused(path: str, callers: Callers) -> None:
    assert problem_of(callers[OFFICER].get(path)) == (422, "http/2")


@pytest.mark.parametrize(
    ("path", "good", "changes", "field"),
    [
        ("/v1/records", RECORD, {"colour": 1}, "body.colour"),
        ("/v1/records", RECORD, {"record": None}, "body.record"),
        ("/v1/records", RECORD, {"record": "../x"}, "body.record"),
        ("/v1/records", RECORD, {"record": "x" * 129}, "body.record"),
        ("/v1/records", RECORD, {"record_type": "Tax"}, "body.record_type"),
        ("/v1/records", RECORD, {"document": {}}, "body.document"),
        ("/v1/records", RECORD, {"document": []}, "body.document"),
        ("/v1/records", RECORD, {"level": 5}, "body.level"),
        ("/v1/records", RECORD, {"level": "2"}, "body.level"),
        ("/v1/records", RECORD, {"share_class": "secret"}, "body.share_class"),
        ("/v1/records", RECORD, {"subject": "5E" * 32}, "body.subject"),
        ("/v1/records", RECORD, {"title": "two\nlines"}, "body.title"),
        ("/v1/records", RECORD, {"title": "x" * 257}, "body.title"),
        ("/v1/records", RECORD, {"valid_from": "tomorrow"}, "body.valid_from"),
        ("/v1/records", RECORD, {"valid_from": 1}, "body.valid_from"),
        (
            "/v1/records",
            RECORD,
            {"valid_from": "1969-12-31T23:59:59Z"},
            "body.valid_from",
        ),
        (
            "/v1/records",
            RECORD,
            {
                "valid_from": "2030-01-01T00:00:00Z",
                "valid_until": "2029-01-01T00:00:00Z",
            },
            "body",
        ),
        ("/v1/grants", GRANT, {"record": "A-1"}, "body"),
        ("/v1/grants", GRANT, {"record_type": None}, "body"),
        ("/v1/grants", GRANT, {"channel": "channel-01"}, "body.channel"),
        ("/v1/grants", GRANT, {"fields": ["a", "a"]}, "body.fields"),
        ("/v1/grants", GRANT, {"fields": ["a"] * 257}, "body.fields"),
        ("/v1/grants", GRANT, {"fields": [""]}, "body.fields.0"),
        ("/v1/grants", GRANT, {"count_max": -1}, "body.count_max"),
        ("/v1/grants", GRANT, {"count_max": 2**32}, "body.count_max"),
        ("/v1/grants", GRANT, {"consent_required": 1}, "body.consent_required"),
        ("/v1/consents", CONSENT, {"subject": "5e"}, "body.subject"),
        ("/v1/consents", CONSENT, {"evidence_digest": None}, "body.evidence_digest"),
        ("/v1/requests", REQUEST, {"minimum_grade": "good"}, "body.minimum_grade"),
        ("/v1/requests", REQUEST, {"version": -1}, "body.version"),
        ("/v1/requests", REQUEST, {"timeout_s": 10**9}, "body.timeout_s"),
        (
            "/v1/requests/x/decision",
            {"outcome": "granted"},
            {"outcome": "no"},
            "body.outcome",
        ),
        (
            "/v1/requests/x/decision",
            {"outcome": "refused", "reason": "x"},
            {"reason": ""},
            "body",
        ),
        (
            "/v1/records/INV-1/status",
            {"status": "revoked"},
            {"status": "gone"},
            "body.status",
        ),
    ],
)
def test_body_that_is_not_valid_is_refused_by_its_field(
    path: str,
    good: dict[str, Any],
    changes: dict[str, Any],
    field: str,
    callers: Callers,
) -> None:
    needed = "officer" if "officer" in PERMISSIONS_OF[path] else "integrator"
    refused = callers[Role(needed)].post(path, json=good | changes)
    assert problem_of(refused) == (422, "http/2")
    assert refused.json()["errors"][0]["field"] == field


PERMISSIONS_OF = {
    "/v1/records": PERMISSIONS["publishRecord"].roles,
    "/v1/grants": PERMISSIONS["giveGrant"].roles,
    "/v1/consents": PERMISSIONS["recordConsent"].roles,
    "/v1/requests": PERMISSIONS["createRequest"].roles,
    "/v1/requests/x/decision": PERMISSIONS["decideRequest"].roles,
    "/v1/records/INV-1/status": PERMISSIONS["setRecordStatus"].roles,
}


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"", "application/json", (422, "http/2")),
        (b"{", "application/json", (400, "http/3")),
        (b'{"a":1,"a":2}', "application/json", (400, "http/3")),
        (b'{"a":NaN}', "application/json", (400, "http/3")),
        (b'{"a":"\xff"}', "application/json", (400, "http/3")),
        (b"[]", "application/json", (422, "http/2")),
        (b"{}", "text/plain", (415, "http/10")),
        (b"{}", "application/json; charset=gbk", (415, "http/10")),
        (b" " * 1_048_577, "application/json", (413, "http/9")),
    ],
)
def test_bytes_that_are_no_body_are_refused(
    body: bytes, kind: str, expected: tuple[int, str], callers: Callers
) -> None:
    refused = callers[OFFICER].post(
        "/v1/grants", content=body, headers={"content-type": kind}
    )
    assert problem_of(refused) == expected


def test_file_that_is_empty_or_said_to_be_another_is_not_published(
    callers: Callers, request: pytest.FixtureRequest
) -> None:
    path = f"/v1/records/{_id(request, 'F')}/file?record_type=tax.scan"
    client = callers[INTEGRATOR]
    empty = client.post(path, content=b"", headers={"content-type": "text/plain"})
    assert problem_of(empty)[0] in (400, 422)
    unknown = client.post(f"{path}&colour=1", content=b"x")
    assert problem_of(unknown)[0] in (415, 422)


def test_unknown_channel_and_unknown_request_are_refused(callers: Callers) -> None:
    asked = callers[OFFICER].post(f"/v1/requests?{WAIT}", json=REQUEST)
    assert asked.status_code == 202
    assert asked.json()["problem"]["codespace"] != ""
    decided = callers[OFFICER].post(
        "/v1/requests/absent/decision", json={"outcome": "granted"}
    )
    assert problem_of(decided) == (404, "flow/9")


def test_caller_without_credentials_learns_nothing(callers: Callers) -> None:
    for path in ("/v1/records", "/v1/records/INV-1", "/v1/jobs/1", "/v1/grants/1"):
        assert problem_of(callers.anonymous.get(path)) == (401, "access/2")


def test_description_names_every_operation_with_summary_and_refusals(
    callers: Callers,
) -> None:
    document = orjson.loads(callers.anonymous.get("/openapi.json").content)
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"] in PERMISSIONS, where
            assert operation["summary"], where
            assert operation["description"], where
            assert {"400", "422", "500", "503"} <= set(operation["responses"]), where
            if "{" in path:
                assert "404" in operation["responses"], where
            for parameter in operation.get("parameters", []):
                named = f"{where} {parameter['name']}"
                assert parameter.get("description"), named
    for name, schema in document["components"]["schemas"].items():
        for entry, value in schema.get("properties", {}).items():
            assert value.get("description") or "Problem" in name, (name, entry)
