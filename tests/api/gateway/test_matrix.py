"""Every operation of the real service, called as every role and as nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from huitong.gateway.access.permissions import PERMISSIONS
from huitong.gateway.access.roles import Role
from huitong.localnet.process import NodeProcess
from huitong.testing.access_matrix import Call, calls_of
from tests.api.gateway_kit import Callers, running_gateway

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def callers(
    tmp_path_factory: pytest.TempPathFactory, node: NodeProcess
) -> Iterator[Callers]:
    home = tmp_path_factory.mktemp("gateway") / "home"
    with running_gateway(home, node, "gateway5") as made:
        yield made


@pytest.fixture(scope="module")
def document(callers: Callers) -> Any:
    """Fetch the description once: calls of the matrix use up what nobody may ask for."""
    answer = callers.anonymous.get("/openapi.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def _status(client: httpx.Client, call: Call) -> int:
    """Return the status alone: an answer may be a stream that goes on."""
    with client.stream(call.method, call.path) as answer:
        return answer.status_code


def _fields_refused(client: httpx.Client, call: Call, query: str) -> list[str] | int:
    """Return the fields that a problem http/2 names, or the status of another answer."""
    status = 429
    while status == 429:
        with client.stream(call.method, f"{call.path}?{query}") as answer:
            status = answer.status_code
            problem = orjson.loads(answer.read()) if status == 422 else {}
    if not problem:
        return status
    assert (problem["codespace"], problem["code"]) == ("http", 2), problem
    return [item["field"] for item in problem["errors"]]


def test_every_role_gets_what_the_table_says_and_nothing_else(
    callers: Callers, document: Any
) -> None:
    calls = list(calls_of(document, PERMISSIONS))
    assert len(calls) == len(PERMISSIONS) * (len(Role) + 1)
    misfits = []
    for call in calls:
        client = callers.anonymous if call.role is None else callers[call.role]
        status = _status(client, call)
        while status == 429:
            status = _status(client, call)
        if not call.fits(status):
            misfits.append(f"{call} but {status}")
    assert misfits == []


def test_every_operation_refuses_a_parameter_it_does_not_have_after_its_caller(
    callers: Callers, document: Any
) -> None:
    misfits = []
    for call in calls_of(document, PERMISSIONS):
        client = callers.anonymous if call.role is None else callers[call.role]
        told = _fields_refused(client, call, "levle=4")
        if told != (call.expected or ["query.levle"]):
            misfits.append(f"{call} but {told}")
    assert misfits == []


def test_every_parameter_is_taken_twice_only_if_it_is_described_as_a_list(
    callers: Callers, document: Any
) -> None:
    calls = {
        call.operation: call
        for call in calls_of(document, PERMISSIONS)
        if call.role is not None and call.expected is None
    }
    lists = []
    for operations in document["paths"].values():
        for operation in operations.values():
            call = calls[operation["operationId"]]
            assert call.role is not None
            for parameter in operation.get("parameters", ()):
                if parameter["in"] != "query":
                    continue
                name = parameter["name"]
                query = f"{name}=*&{name}=*"
                told = _fields_refused(callers[call.role], call, query)
                if parameter["schema"].get("type") == "array":
                    lists.append((call.operation, name))
                    assert told == [f"query.{name}.0", f"query.{name}.1"], call
                else:
                    assert told == [f"query.{name}"], (call, name)
    assert ("listEvents", "type") in lists
    assert ("listJobs", "state") in lists
