"""Every operation of the real service, called as every role and as nobody."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
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


def _status(client: httpx.Client, call: Call) -> int:
    """Return the status alone: an answer may be a stream that goes on."""
    with client.stream(call.method, call.path) as answer:
        return answer.status_code


def test_every_role_gets_what_the_table_says_and_nothing_else(
    callers: Callers,
) -> None:
    document = callers.anonymous.get("/openapi.json").json()
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
