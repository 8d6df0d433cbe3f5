"""Facts and anchors with commands alone, between two running zones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huitong.core.hashing import merkle_root
from huitong.localnet.process import NodeProcess
from huitong.testing.command import CommandError, run_huitong

pytestmark = pytest.mark.slow


def answer(*arguments: str) -> Any:
    return json.loads(run_huitong(*arguments, "--json"))


def refusal(*arguments: str) -> str:
    """Run a command that must fail; return its code."""
    with pytest.raises(CommandError) as refused:
        run_huitong(*arguments, "--json")
    error = json.loads(str(refused.value).split(": ", 1)[1])["error"]
    return f"{error['codespace']}/{error['code']}"


def test_record_is_imported_refreshed_and_its_revocation_spreads(
    zones: tuple[NodeProcess, NodeProcess, Path],
) -> None:
    provider, requester, relay_home = zones
    at_tax = (f"--node={provider.rpc_url}", f"--home={provider.home}", "--from=tax")
    at_b = (f"--node={requester.rpc_url}", f"--home={requester.home}")
    other = f"--other-node={provider.rpc_url}"
    answer(
        *("record", "publish", "licence-1", "--type=market.licence", "--share=open"),
        *("--level=1", f"--digest={'ab' * 32}", "--field=name", *at_tax),
    )
    answer("relay", "link", "hangzhou-1", "chongqing-1", f"--home={relay_home}")
    where = ("connection-0", "hz-tax", "licence-1")
    assert refusal("query", "fact", "record", *where, at_b[0]) == "facts/2"
    imported = answer("tx", "fact", "import", *where, other, *at_b, "--from=bank")
    fact_id = imported["response"]["fact_id"]
    assert imported["response"]["status"] == "active"
    shown = answer("query", "fact", "record", *where, at_b[0])
    assert shown["usable"] is True
    assert shown["fact"]["fact_id"] == fact_id
    assert shown["fact"]["chain_id"] == "hangzhou-1"
    assert shown["fact"]["record"]["version"] == 1
    assert answer("query", "fact", "show", fact_id, at_b[0]) == shown

    same = ("tx", "fact", "refresh", fact_id, other, *at_b)
    assert refusal(*same, "--from=bank") == "facts/3"
    answer("record", "status", "licence-1", "revoked", "--reason=fraud", *at_tax)
    answer("query", "status", at_b[0])
    updated = (*same, "--update-client", "--from=relayer")
    assert answer(*updated)["response"]["status"] == "revoked"
    shown = answer("query", "fact", "show", fact_id, at_b[0])
    assert (shown["usable"], shown["codespace"], shown["code"]) == (False, "facts", 9)

    nothing = ("tx", "fact", "import", "07-tendermint-0", other, *at_b, "--from=bank")
    key = b"\x01hz-tax/none".hex()
    absent = answer(*nothing, "--store=records", f"--key={key}")
    assert absent["response"]["status"] == "absent"
    for listing, count in (
        ((), 2),
        (("--source=connection-0",), 1),
        (("--issuer=hz-tax",), 2),
        (("--issuer=hz-tax", "--record=licence-1"), 1),
    ):
        found = answer("query", "fact", "list", *listing, at_b[0])
        assert len(found["facts"]) == count
    assert answer("query", "fact", "params", at_b[0]) == {"term": 604_800}

    wrong = f"--other-node={requester.rpc_url}"
    mixed = ("tx", "fact", "import", *where, wrong, *at_b, "--from=bank")
    assert refusal(*mixed) == "zone_client/11"
    with pytest.raises(CommandError, match="ISSUER and RECORD_ID"):
        run_huitong("tx", "fact", "import", "connection-0", other, *at_b, "--from=bank")


def test_log_is_anchored_batch_by_batch(
    zones: tuple[NodeProcess, NodeProcess, Path],
) -> None:
    provider, _, _ = zones
    at_tax = (f"--node={provider.rpc_url}", f"--home={provider.home}", "--from=tax")
    root = merkle_root([b"one", b"two"]).hex()
    line = ("tx", "anchor", "access-log", "reads", "--count=2", f"--root={root}")
    times = ("--first-time=1", "--last-time=2")
    first = answer(*line, *times, "--sequence=1", *at_tax)
    assert first["response"] == {"sequence": 1}
    assert refusal(*line, *times, "--sequence=1", *at_tax) == "anchors/3"
    follows = (*line, *times, "--sequence=2", *at_tax)
    assert refusal(*follows, f"--previous-root={'00' * 32}") == "anchors/4"
    answer(*follows, f"--previous-root={root}")
    place = ("hz-tax", "access-log", "reads", at_tax[0])
    newest = answer("query", "anchors", "show", *place)
    assert (newest["sequence"], newest["previous_root"]) == (2, root)
    found = answer("query", "anchors", "list", *place)["anchors"]
    assert [item["sequence"] for item in found] == [1, 2]
    (stream,) = answer("query", "anchors", "streams", "hz-tax", at_tax[0])["streams"]
    assert stream == newest
