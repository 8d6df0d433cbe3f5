"""Standing permissions and hand-overs between two running zones, with commands alone."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from huitong.testing.command import CommandError, run_huitong

pytestmark = pytest.mark.slow

READER_KEY = "11" * 32
SEALED = "cd" * 32
FIRST, SECOND, THIRD = "a1" * 32, "a2" * 32, "a3" * 32
HERE = ("--channel=channel-0", "--sequence=1")
PURPOSE = "--purpose=receivable-financing"


def answer(*arguments: str) -> Any:
    return json.loads(run_huitong(*arguments, "--json"))


class Parties:
    """The office, the bank, and the relayer between them."""

    def __init__(self, zones: Any) -> None:
        self.provider, self.requester, self.relay_home = zones
        self.node_a = f"--node={self.provider.rpc_url}"
        self.node_b = f"--node={self.requester.rpc_url}"
        home = f"--home={self.provider.home}"
        self.at_tax = (self.node_a, home, "--from=tax")
        home = f"--home={self.requester.home}"
        self.at_bank = (self.node_b, home, "--from=bank")
        self.at_taker = (self.node_b, home, "--from=taker")
        answer(
            *("relay", "link", "hangzhou-1", "chongqing-1"),
            f"--home={self.relay_home}",
        )
        answer(
            *("record", "publish", "invoice-1", "--type=tax.invoice"),
            *(f"--digest={FIRST}", "--field=amount", *self.at_tax),
        )

    def relay(self) -> None:
        link = answer("relay", "once", f"--home={self.relay_home}")["links"][0]
        assert link["failed_txs"] == 0

    def new_version(self, previous: int, digest: str) -> None:
        answer(
            *("record", "version", "invoice-1", f"--previous={previous}"),
            *(f"--digest={digest}", "--field=amount", *self.at_tax),
        )


def test_versions_are_pushed_until_the_grant_is_withdrawn(zones):
    parties = Parties(zones)
    answer(
        *("tx", "grants", "give", "--reader=cq-bank", "--channel=channel-0"),
        *("--record=invoice-1", PURPOSE, *parties.at_tax),
    )
    until = int(time.time()) + 3_600
    answer(
        *("exchange", "request", "--channel=channel-0", "--requester=cq-bank"),
        *("--issuer=hz-tax", "--record=invoice-1", PURPOSE, "--standing"),
        *(f"--keep-until={until}", "--count=9", "--request-id=order-7"),
        *(f"--reader-key={READER_KEY}", *parties.at_bank),
    )
    parties.relay()
    for node in (parties.node_a, parties.node_b):
        kept = answer("exchange", "subscription", "show", *HERE, node)
        assert (kept["state"], kept["request"]["request_id"]) == ("active", "order-7")

    push = ("exchange", "subscription", "push", *HERE, "--record=invoice-1")
    push = (*push, f"--sealed-digest={SEALED}", *parties.at_tax)
    assert answer(*push)["response"]["number"] == 1
    parties.new_version(1, SECOND)
    assert answer(*push)["response"]["number"] == 2
    missed = ("exchange", "subscription", "missed", *HERE, "--push-last=2")
    assert answer(*missed, parties.node_b)["numbers"] == [1, 2]
    parties.relay()
    assert answer(*missed, parties.node_b)["numbers"] == []
    with pytest.raises(CommandError, match="exchange/20"):
        run_huitong(*push)

    answer(
        *("exchange", "receipt", *HERE, "--push=2", f"--payload-digest={SECOND}"),
        *(f"--sealed-digest={SEALED}", "--grade=attested", *parties.at_bank),
    )
    parties.relay()
    for node in (parties.node_a, parties.node_b):
        kept = answer("exchange", "show", *HERE, "--push=2", node)
        assert (kept["status"], kept["decision"]["version"]) == ("received", 2)
    listed = answer(
        "exchange", "subscription", "pushes", *HERE, "--side=provider", parties.node_a
    )
    assert [item["status"] for item in listed["pushes"]] == ["delivered", "received"]

    answer("tx", "grants", "withdraw", "1", "--reason=over", *parties.at_tax)
    parties.new_version(2, THIRD)
    over = answer(*push)["response"]
    assert (over["number"], over["reason_code"]) == (0, "grant")
    parties.relay()
    for node, side in ((parties.node_a, "provider"), (parties.node_b, "requester")):
        (kept,) = answer(
            *("exchange", "subscription", "list", "--channel=channel-0"),
            *(f"--side={side}", "--state=withdrawn", node),
        )["subscriptions"]
        assert (kept["reason_code"], kept["push_count"]) == ("grant", 2)
        assert kept["end_acknowledged"]
    with pytest.raises(CommandError, match="exchange/18"):
        run_huitong(
            *("exchange", "subscription", "end", *HERE, "--side=requester"),
            *parties.at_bank,
        )


def test_record_is_returned_and_then_taken_over(zones):
    parties = Parties(zones)
    parties.new_version(1, SECOND)
    offer = (
        *("exchange", "hand-over", "offer", "--channel=channel-0"),
        *("--record=invoice-1", "--receiver=cq-bank", f"--reader-key={READER_KEY}"),
        *(f"--sealed-digest={SEALED}", "--reason=moved away", *parties.at_tax),
    )
    assert answer(*offer)["response"]["sequence"] == 1
    with pytest.raises(CommandError, match="records/5"):
        run_huitong(*offer)
    parties.relay()
    (waiting,) = answer(
        *("exchange", "hand-over", "list", "--channel=channel-0", "--side=receiver"),
        *("--status=offered", parties.node_b),
    )["hand_overs"]
    assert [entry["version"] for entry in waiting["offer"]["history"]] == [1]
    answer(
        *("exchange", "hand-over", "return", *HERE, "--reason=wrong office"),
        *parties.at_taker,
    )
    parties.relay()
    kept = answer("exchange", "hand-over", "show", *HERE, parties.node_a)
    assert (kept["status"], kept["decision"]["reason"]) == ("returned", "wrong office")
    record = answer("record", "show", "hz-tax", "invoice-1", parties.node_a)
    assert (record["status"], record["status_reason"]) == ("active", "wrong office")

    answer(*offer)
    parties.relay()
    answer(
        *("exchange", "hand-over", "accept", "--channel=channel-0", "--sequence=2"),
        *(f"--payload-digest={SECOND}", "--record=case-1", *parties.at_taker),
    )
    parties.relay()
    record = answer("record", "show", "hz-tax", "invoice-1", parties.node_a)
    assert record["status"] == "handed-over"
    assert record["moved_to"]["record_id"] == "case-1"
    record = answer("record", "show", "cq-bank", "case-1", parties.node_b)
    assert (record["status"], record["origin"]["version"]) == ("active", 2)
    assert record["origin"]["history_count"] == 1
