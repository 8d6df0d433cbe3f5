"""Consents that subjects sign, and policies, with the commands of the pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from huitong.keys import Keyring
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.node.genesis_edit import change_genesis
from huitong.node.home import Home
from huitong.testing.command import CommandError, run_huitong

pytestmark = pytest.mark.slow
SALT = "00" * 32
PERMISSION = (
    *("--reader=bank", "--channel=channel-0", "--purpose=receivable-financing"),
    "--field=amount",
)


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[NodeProcess]:
    node = NodeProcess(
        tmp_path / "node",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="tax")],
        accounts=[
            AccountSpec(
                name="tax", member_id="tax", roles=("delegate", "officer", "publisher")
            ),
            AccountSpec(name="relayer", roles=("relayer",)),
        ],
        block_time="50ms",
    )
    node.init()
    change_genesis(Home(node.home), _short_votes)
    with node:
        yield node


def _short_votes(document: dict[str, Any]) -> None:
    params = {"voting_period_s": "1"}
    document["app_state"]["governance"] = {"params": params}


def answer(*command: str) -> Any:
    return json.loads(run_huitong(*command, "--json"))


def signing(zone: NodeProcess, name: str = "tax") -> tuple[str, ...]:
    return (f"--node={zone.rpc_url}", f"--home={zone.home}", f"--from={name}")


def test_subject_consents_and_withdraws_by_its_own_key(
    zone: NodeProcess, tmp_path: Path
) -> None:
    wang, node = tmp_path / "wang", f"--node={zone.rpc_url}"
    Keyring(wang / "keyring").create("wang")
    own = (f"--home={wang}", "--key=wang", f"--salt={SALT}", "--zone=hangzhou-1")
    made = answer(
        "tx", "consent", "pseudonym", "wang", f"--home={wang}", f"--salt={SALT}"
    )
    file = str(tmp_path / "consent.json")
    signed = answer(
        *("tx", "consent", "sign", *PERMISSION, "--issuer=tax", *own, f"--out={file}")
    )
    assert made["pseudonym"] in signed["statement"]
    sent = answer("tx", "consent", "submit", file, *signing(zone, "relayer"))
    assert sent["response"] == {"consent_id": 1, "version": 1}
    with pytest.raises(CommandError, match="grants/16"):
        run_huitong("tx", "consent", "submit", file, *signing(zone, "relayer"))
    given = answer(
        *("tx", "grants", "give", *PERMISSION, "--type=tax.invoice", "--consent=1"),
        *("--legal-basis=contract 7", "--keep-max=60", "--grade-min=signed"),
        *signing(zone),
    )
    assert given["response"]["grant_id"] == 1
    file = str(tmp_path / "withdrawal.json")
    run_huitong(
        *("tx", "consent", "sign-withdrawal", "1", "--reason=no", *own),
        f"--out={file}",
    )
    answer("tx", "consent", "submit", file, *signing(zone, "relayer"))
    (shown,) = answer("query", "consents", made["pseudonym"], node)["consents"]
    assert shown["withdrawn"]
    grant = answer("query", "grant", "1", node)
    assert grant["withdrawn_reason"] == "consent-withdrawn"


def test_officer_records_replaces_and_withdraws_a_consent(zone: NodeProcess) -> None:
    node = f"--node={zone.rpc_url}"
    paper = ("--subject=" + "11" * 32, "--evidence=" + "22" * 32)
    record = ("tx", "consent", "record", *PERMISSION, *paper)
    assert answer(*record, *signing(zone))["response"]["version"] == 1
    again = answer(*record, "--consent=1", "--previous=1", *signing(zone))
    assert again["response"] == {"consent_id": 1, "version": 2}
    assert answer("query", "consent", "1", "--version=1", node)["version"] == 1
    run_huitong("tx", "consent", "withdraw", "1", "--reason=x", *signing(zone))
    assert answer("query", "consent", "1", node)["withdrawn"]


def test_other_files_are_not_submitted(zone: NodeProcess, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in ("{", "[]", '{"@type": "/x"}'):
        path.write_text(content)
        with pytest.raises(CommandError, match="cli/30"):
            run_huitong("tx", "consent", "submit", str(path), *signing(zone))
    path.write_text('{"@type": "/huitong.grants.v1.MsgSubmitConsent", "price": 1}')
    with pytest.raises(CommandError, match="cli/30"):
        run_huitong("tx", "consent", "submit", str(path), *signing(zone))


def test_members_decide_on_a_policy(zone: NodeProcess, tmp_path: Path) -> None:
    node = f"--node={zone.rpc_url}"
    file = tmp_path / "policy.yaml"
    file.write_text("rules:\n  - refuse: request.level > 2\n    code: level\n")
    proposed = answer(
        *("governance", "propose", "set-policy", "tax.invoice", str(file)),
        *("--reason=caution", *signing(zone)),
    )
    number = str(proposed["proposal_id"])
    run_huitong("governance", "vote", number, "yes", *signing(zone))
    decided = _ended(number, node)
    assert decided["status"] == "passed"
    kept = answer("query", "policy", "tax.invoice", node)
    assert kept["rules"][0]["reason_code"] == "level"
    listed = answer("query", "policies", node)["policies"]
    assert [item["version"] for item in listed] == [1]
    assert answer("query", "broken-glass", "--unreviewed", node) == {"uses": []}
    with pytest.raises(CommandError, match="policies/8"):
        run_huitong(
            *("tx", "policy", "review", "1", "justified", "--reason=x"), *signing(zone)
        )


def _ended(number: str, node: str) -> Any:
    while True:
        shown = answer("governance", "show", number, node)
        proposal = shown.get("proposal", shown)
        if proposal["status"] != "voting":
            return proposal
