"""Four organisations decide with the commands of the how-to, on a running zone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.node.genesis_edit import change_genesis
from huitong.node.home import Home
from huitong.testing.actors import address_of
from huitong.testing.command import CommandError, run_huitong

ORGANISATIONS = ("bank", "court", "port", "tax")
VOTING_PERIOD_S = 10


@pytest.fixture
def zone(tmp_path: Path):
    """A zone of four organisations with a delegate each, and an operator of none."""
    node = NodeProcess(
        tmp_path / "node",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id=name) for name in ORGANISATIONS],
        accounts=[
            *(
                AccountSpec(name=name, member_id=name, roles=("delegate",))
                for name in ORGANISATIONS
            ),
            AccountSpec(name="operator", roles=("operator",)),
        ],
        block_time="50ms",
    )
    node.init()
    change_genesis(Home(node.home), _short_votes)
    with node:
        yield node


def _short_votes(document: dict[str, Any]) -> None:
    params = {"voting_period_s": str(VOTING_PERIOD_S)}
    document["app_state"]["governance"] = {"params": params}


def signing(zone: NodeProcess, name: str) -> tuple[str, ...]:
    return (f"--node={zone.rpc_url}", f"--home={zone.home}", f"--from={name}")


def answer(*command: str) -> Any:
    return json.loads(run_huitong(*command, "--json"))


def test_organisation_is_admitted_by_vote_and_by_nothing_else(
    zone: NodeProcess, tmp_path: Path
) -> None:
    node = f"--node={zone.rpc_url}"
    rules = answer("governance", "params", node)
    assert rules["voting_period_s"] == VOTING_PERIOD_S
    admit = ("governance", "propose", "admit-member", "customs", "--name=海关")
    with pytest.raises(CommandError, match="say --delegate ADDRESS for a member that"):
        run_huitong(*admit, "--reason=joins", *signing(zone, "tax"))
    admit = (*admit, "--role=publisher")
    because = "--reason=joins the port"
    with pytest.raises(CommandError, match="sdk/4"):
        run_huitong(*admit, because, *signing(zone, "operator"))
    with pytest.raises(CommandError, match="Missing option '--reason'"):
        run_huitong(*admit, *signing(zone, "tax"))
    proposed = answer(*admit, because, *signing(zone, "tax"))
    number = str(proposed["proposal_id"])
    vote = ("governance", "vote", number)
    for name, option in (("tax", "yes"), ("bank", "yes"), ("court", "no")):
        run_huitong(*vote, option, "--reason=seen", *signing(zone, name))
    with pytest.raises(CommandError, match="governance/5"):
        run_huitong(*vote, "no", *signing(zone, "tax"))
    shown = answer("governance", "show", number, node)
    assert shown["tally"] == {"yes": 2, "no": 1, "abstain": 0, "frozen": 0, "total": 4}
    assert (shown["status"], shown["passing"]) == ("voting", True)
    assert [known["option"] for known in shown["votes"]] == ["yes", "no", "yes"]
    assert shown["messages"][0]["@type"] == "/huitong.members.v1.MsgAdmitMember"

    printed = run_huitong(
        *("governance", "propose", "add-account", address_of("clerk")),
        *("--member=tax", "--role=officer", "--print", "--from=tax"),
    )
    file = tmp_path / "messages.json"
    file.write_text(printed)
    from_file = ("governance", "propose", "file", str(file), because)
    other = answer(*from_file, *signing(zone, "bank"))
    withdraw = ("governance", "withdraw", str(other["proposal_id"]), "--reason=typo")
    with pytest.raises(CommandError, match="governance/11"):
        run_huitong(*withdraw, *signing(zone, "tax"))
    run_huitong(*withdraw, *signing(zone, "bank"))

    while answer("governance", "show", number, node)["status"] == "voting":
        pass
    known = answer("query", "member", "customs", node)
    assert known["status"] == "active"
    listed = answer("governance", "list", node)["proposals"]
    assert [item["status"] for item in listed] == ["withdrawn", "passed"]
    passed = answer("governance", "list", "--status=passed", node)["proposals"]
    assert [item["proposal_id"] for item in passed] == [int(number)]


def test_organisation_stops_itself_and_two_stop_a_third(zone: NodeProcess) -> None:
    own = ("member", "freeze", "tax", "--kind=own", "--reason=lost")
    run_huitong(*own, *signing(zone, "tax"))
    add = ("member", "add-account", address_of("clerk"), "--role=officer")
    with pytest.raises(CommandError, match="frozen by itself"):
        run_huitong(*add, *signing(zone, "tax"))
    lift = ("member", "unfreeze", "tax", "--kind=own", "--reason=found")
    run_huitong(*lift, *signing(zone, "tax"))
    run_huitong(*add, *signing(zone, "tax"))
    stop = ("member", "emergency-freeze", "tax", "--reason=rogue")
    first = answer(*stop, *signing(zone, "bank"))
    assert first["response"] == {"frozen": False}
    second = answer(*stop, *signing(zone, "court"))
    assert second["response"] == {"frozen": True}
    with pytest.raises(CommandError, match="frozen in an emergency"):
        run_huitong(*lift, *signing(zone, "tax"))


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '["x"]',
        '[{"@type": "/huitong.members.v1.MsgNothing"}]',
        '[{"@type": "/huitong.governance.v1.MsgVote"}]',
        '[{"@type": "/huitong.members.v1.MsgAdmitMember", "nmae": "x"}]',
    ],
)
def test_file_without_governed_messages_is_refused(
    content: str, tmp_path: Path
) -> None:
    file = tmp_path / "messages.json"
    file.write_text(content)
    with pytest.raises(CommandError, match="cli/6"):
        run_huitong(
            "governance", "propose", "file", str(file), "--reason=x", "--from=tax"
        )
