"""The public verification: its page, and what it refuses to read."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from huitong.gateway.desk.verifying import VERIFIED_SIZE_BYTES_MAX
from huitong.localnet.process import NodeProcess
from tests.api.gateway_kit import Callers, problem_of, running_gateway

pytestmark = pytest.mark.slow
BUNDLE = base64.b64encode(b"PK").decode()


@pytest.fixture(scope="module")
def callers(
    tmp_path_factory: pytest.TempPathFactory, node: NodeProcess
) -> Iterator[Callers]:
    home = tmp_path_factory.mktemp("verify") / "home"
    with running_gateway(home, node, "gateway7") as made:
        yield made


def test_page_needs_no_account_and_runs_only_its_own_script(callers: Callers) -> None:
    answer = callers.anonymous.get("/verify")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "://" not in answer.text  # nothing from elsewhere


def test_bundle_that_is_none_is_refused_by_its_check(callers: Callers) -> None:
    answer = callers.anonymous.post("/v1/verify", json={"bundle": BUNDLE})
    assert answer.json()["grade"] is None
    assert answer.json()["checks"][-1]["error"].startswith("evidence/")


@pytest.mark.parametrize(
    "trust",
    [
        {"zones": [{"chain_id": "x-1", "genesis": "/etc/passwd"}]},
        {"zones": [{"chain_id": "x-1"}], "timestamp_authorities": ["/etc/passwd"]},
        {"zones": []},
        {"zones": [1]},
        {"zones": [{"chain_id": "x-1", "genesis": {"chain_id": "x-1"}}]},
        {"zones": [{"chain_id": "x-1", "height": 10**30, "hash": "00" * 32}]},
        {
            "zones": [
                {"chain_id": "x-1", "genesis": {"chain_id": "x-1", "consensus": 1}}
            ]
        },
        {"else": True},
    ],
)
def test_trust_file_that_cannot_be_used_is_refused_and_reads_no_file(
    trust: dict[str, Any], callers: Callers
) -> None:
    body = {"bundle": BUNDLE, "trust": trust}
    answer = callers.anonymous.post("/v1/verify", json=body)
    assert problem_of(answer) == (422, "desk/6")
    assert "root:" not in answer.text
    assert "/tmp" not in answer.text


def test_upload_that_is_no_base64_or_too_large_is_refused(callers: Callers) -> None:
    client = callers.anonymous
    answer = client.post("/v1/verify", json={"bundle": "äöü"})
    assert problem_of(answer) == (422, "desk/6")
    large = "A" * (VERIFIED_SIZE_BYTES_MAX * 4 // 3 + 8)
    assert problem_of(client.post("/v1/verify", json={"bundle": large}))[0] == 422
    larger = {"bundle": "A" * (VERIFIED_SIZE_BYTES_MAX * 2)}
    assert problem_of(client.post("/v1/verify", json=larger))[0] == 413


def test_evidence_needs_a_role_that_may_have_it(callers: Callers) -> None:
    path = "/v1/exchanges/absent/evidence"
    assert problem_of(callers.anonymous.get(path))[0] == 401
