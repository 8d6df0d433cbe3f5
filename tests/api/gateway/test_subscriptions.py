"""Subscriptions and consents over REST: what is taken, listed, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from huitong.gateway.access.roles import Role
from huitong.localnet.process import NodeProcess
from tests.api.gateway_kit import Callers, problem_of, running_gateway

pytestmark = pytest.mark.slow

OFFICER, INTEGRATOR = Role.OFFICER, Role.INTEGRATOR
SUBJECT = "5e" * 32
ORDER = {
    "channel": "channel-0",
    "issuer": "xiling-silk",
    "record": "A-1",
    "purpose": "audit",
    "until": "2099-01-01T00:00:00Z",
}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"record_type": "tax.invoice"}, "record_type or record"),
    ({"record": None}, "record_type or record"),
    ({"record": None, "record_type": "tax.invoice"}, "fields are needed"),
    (
        {"record": None, "record_type": "t", "fields": ["a"], "consent": 7},
        "a consent is of one subject",
    ),
    ({"until": None}, "until"),
    ({"until": 4_070_908_800}, "until"),
    ({"count_max": -1}, "count_max"),
    ({"count_max": 2**32}, "count_max"),
    ({"channel": "../7"}, "channel"),
    ({"fields": ["a", "a"]}, "fields"),
    ({"minimum_grade": "best"}, "minimum_grade"),
    ({"standing": True}, "standing"),
]


@pytest.fixture(scope="module")
def callers(
    tmp_path_factory: pytest.TempPathFactory, node: NodeProcess
) -> Iterator[Callers]:
    home = tmp_path_factory.mktemp("gateway") / "home"
    with running_gateway(home, node, "gateway6") as made:
        yield made


def test_order_that_the_zone_does_not_take_is_listed_once_with_its_problem(
    callers: Callers,
) -> None:
    client = callers[INTEGRATOR]
    made = [
        client.post(
            "/v1/subscriptions?wait=20",
            json=ORDER,
            headers={"idempotency-key": "order-0001"},
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in made] == [202, 202]
    body = made[0].json()
    assert made[1].json()["id"] == body["id"]
    assert (body["stage"], body["is_over"], body["end"]) == ("ordered", False, None)
    assert body["problem"]["codespace"]  # the zone has no such channel
    assert made[0].headers["location"] == f"/v1/subscriptions/{body['id']}"
    other = client.post(
        "/v1/subscriptions",
        json=ORDER | {"count_max": 3},
        headers={"idempotency-key": "order-0001"},
    )
    assert problem_of(other)[0] in (409, 422)
    listed = client.get("/v1/subscriptions?stuck=true&side=requester").json()["items"]
    assert [each["id"] for each in listed] == [body["id"]]
    assert client.get("/v1/subscriptions?stage=active").json()["items"] == []
    cancelled = client.post(f"/v1/undelivered/{body['job']}/cancel")
    assert cancelled.status_code == 200, cancelled.text
    found = client.get(f"/v1/subscriptions/{body['id']}")
    assert (found.status_code, found.json()["stage"]) == (200, "cancelled")
    for act, given in (
        ("decision", {"outcome": "granted"}),
        ("end", {"reason": "over"}),
    ):
        refused = callers[OFFICER].post(
            f"/v1/subscriptions/{body['id']}/{act}", json=given
        )
        assert problem_of(refused)[0] == 409


@pytest.mark.parametrize(("changes", "named"), BAD)
def test_malformed_order_is_refused_by_name_and_nothing_is_stored(
    callers: Callers, changes: dict[str, Any], named: str
) -> None:
    client = callers[INTEGRATOR]
    before = client.get("/v1/subscriptions").json()
    body = {key: value for key, value in (ORDER | changes).items() if value is not None}
    answer = client.post("/v1/subscriptions", json=body)
    assert answer.status_code == 422
    assert named in answer.text
    assert client.get("/v1/subscriptions").json() == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/subscriptions/none", None),
        ("POST", "/v1/subscriptions/none/decision", {"outcome": "granted"}),
        ("POST", "/v1/subscriptions/none/end", {}),
    ],
)
def test_absent_subscription_is_not_found(
    callers: Callers, method: str, path: str, body: Any
) -> None:
    answer = callers[OFFICER].request(method, path, json=body)
    assert problem_of(answer)[0] == 404


def test_consents_of_a_subject_are_listed_page_by_page(callers: Callers) -> None:
    officer, subject = callers[OFFICER], "7c" * 32
    given = {"reader": "xiling-silk", "purpose": "audit", "evidence_digest": "ab" * 32}
    numbers = []
    for _ in range(3):
        done = officer.post("/v1/consents?wait=20", json=given | {"subject": subject})
        numbers.append(done.json()["result"]["consent_id"])
    path = f"/v1/consents?subject={subject}&limit=2"
    first = officer.get(path).json()
    rest = officer.get(path, params={"subject": subject, "after": first["next"]}).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == numbers
    assert rest["next"] is None
    assert officer.get(f"/v1/consents?subject={'00' * 32}").json()["items"] == []
    assert officer.get("/v1/consents").status_code == 422
