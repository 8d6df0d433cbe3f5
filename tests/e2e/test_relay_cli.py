"""Two zones, linked and relayed with commands alone, as their operators would."""

from __future__ import annotations

import json

import pytest

from huitong.testing.command import CommandError, run_huitong

pytestmark = pytest.mark.slow

READER_KEY = "11" * 32


def answer(*arguments: str):
    return json.loads(run_huitong(*arguments, "--json"))


def test_exchange_is_asked_decided_and_confirmed_with_commands(zones):
    provider, requester, relay_home = zones
    link = answer("relay", "link", "hangzhou-1", "chongqing-1", f"--home={relay_home}")
    assert link["channel_on_a"] == link["channel_on_b"] == "channel-0"

    at_tax = [f"--node={provider.rpc_url}", f"--home={provider.home}", "--from=tax"]
    at_bank = [f"--node={requester.rpc_url}", f"--home={requester.home}", "--from=bank"]
    answer(
        *("record", "publish", "invoice-1", "--type=tax.invoice"),
        *(f"--digest={'ab' * 32}", "--field=amount", "--field=buyer", *at_tax),
    )
    granted = answer(
        *("tx", "grants", "give", "--reader=cq-bank", "--channel=channel-0"),
        *("--type=tax.invoice", "--purpose=receivable-financing", *at_tax),
    )
    assert granted["response"] == {"grant_id": 1}

    asked = answer(
        *("exchange", "request", "--channel=channel-0", "--requester=cq-bank"),
        *("--issuer=hz-tax", "--record=invoice-1", "--purpose=receivable-financing"),
        *("--legal-basis=contract", f"--reader-key={READER_KEY}", *at_bank),
    )
    sequence = str(asked["response"]["sequence"])
    waiting = answer("relay", "status", f"--home={relay_home}")["links"][0]
    assert waiting["pending_b_to_a"] == 1

    relayed = answer("relay", "once", f"--home={relay_home}")["links"][0]
    assert (relayed["pending_b_to_a"], relayed["failed_txs"]) == (0, 0)
    here = ["--channel=channel-0", f"--sequence={sequence}"]
    kept = answer("exchange", "show", *here, f"--node={requester.rpc_url}")
    assert kept["status"] == "granted"
    assert kept["decision"]["payload_digest"] == "ab" * 32

    answer("exchange", "deliver", *here, f"--sealed-digest={'cd' * 32}", *at_tax)
    answer(
        *("exchange", "receipt", *here, f"--payload-digest={'ab' * 32}"),
        *(f"--sealed-digest={'cd' * 32}", "--grade=attested", *at_bank),
    )
    answer("relay", "once", f"--home={relay_home}")
    for node in (provider, requester):
        kept = answer("exchange", "show", *here, f"--node={node.rpc_url}")
        assert kept["status"] == "received"

    again = answer("relay", "link", "hangzhou-1", "chongqing-1", f"--home={relay_home}")
    assert again == link
    (channel,) = answer("query", "links", "channels", at_tax[0])["channels"]
    assert (channel["state"], channel["ordering"]) == ("open", "unordered")

    # A client is recovered by vote, and only one that does not work any more.
    recover = ("governance", "propose", "recover-client", "07-tendermint-0")
    because = "--reason=it froze"
    with pytest.raises(CommandError, match=r"client/4"):
        run_huitong(*recover, "07-tendermint-1", because, *at_tax)
    with pytest.raises(CommandError, match=r"client/24"):
        run_huitong(*recover, "07-tendermint-0", because, *at_tax)


def test_officer_decides_a_request_without_a_grant(zones):
    provider, requester, relay_home = zones
    answer("relay", "link", "hangzhou-1", "chongqing-1", f"--home={relay_home}")
    at_tax = [f"--node={provider.rpc_url}", f"--home={provider.home}", "--from=tax"]
    at_bank = [f"--node={requester.rpc_url}", f"--home={requester.home}", "--from=bank"]
    answer(
        *("record", "publish", "invoice-2", "--type=tax.invoice"),
        *(f"--digest={'ab' * 32}", "--field=amount", *at_tax),
    )
    answer(
        *("exchange", "request", "--channel=channel-0", "--requester=cq-bank"),
        *("--issuer=hz-tax", "--record=invoice-2", "--purpose=audit"),
        *("--legal-basis=law", f"--reader-key={READER_KEY}", *at_bank),
    )
    relayed = answer("relay", "once", f"--home={relay_home}")["links"][0]
    assert relayed["pending_b_to_a"] == 1  # received, and waiting for the officer
    here = ["--channel=channel-0", "--sequence=1"]
    answer("exchange", "decide", "refuse", *here, "--reason=no legal basis", *at_tax)
    relayed = answer("relay", "once", f"--home={relay_home}")["links"][0]
    assert relayed["pending_b_to_a"] == 0
    kept = answer("exchange", "show", *here, f"--node={requester.rpc_url}")
    assert kept["status"] == "refused"
    assert kept["decision"]["reason"] == "no legal basis"


def test_queries_answer_for_people_and_programs(zones):
    provider, _, _ = zones
    node = f"--node={provider.rpc_url}"
    assert answer("query", "status", node)["chain_id"] == "hangzhou-1"
    names = [item["name"] for item in answer("query", "members", node)["members"]]
    assert names == ["杭州市税务局"]
    assert "杭州市税务局" in run_huitong("query", "members", node)
    accounts = answer("query", "accounts", node)["accounts"]
    assert {item["member_id"] for item in accounts} == {"", "hz-tax"}
    assert answer("query", "block", "1", node)["height"] == 1
    assert answer("query", "links", "clients", node) == {"clients": []}
    assert answer("query", "links", "channels", node) == {"channels": []}
    assert answer("query", "grants", "hz-tax", node) == {"grants": []}


REFUSALS = [
    (("query", "member", "nobody"), "members"),
    (("query", "tx", "00" * 32), "sdk"),
    (("record", "show", "hz-tax", "no-such"), "records"),
    (("exchange", "show", "--channel=channel-9", "--sequence=1"), "exchange"),
]


def test_refusals_of_the_zone_come_with_its_code(zones):
    provider, _, _ = zones
    for arguments, codespace in REFUSALS:
        with pytest.raises(CommandError) as refused:
            run_huitong(*arguments, f"--node={provider.rpc_url}", "--json")
        error = json.loads(str(refused.value).split(": ", 1)[1])["error"]
        assert error["code"] > 0
        assert error["codespace"] == codespace, arguments
