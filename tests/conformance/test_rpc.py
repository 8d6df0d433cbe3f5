"""RPC answers of both engines have the forms, and the errors, of CometBFT v0.38.25.

``recorded_rpc.json`` holds what CometBFT answered; ``python -m tests.conformance.record``
writes it anew.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.calls import CALLS, Call
from tests.conformance.conftest import Ran, RunOn
from tests.conformance.forms import differences, form_of
from tests.conformance.nodes import ENGINES

RECORDED_FILE = Path(__file__).parent / "recorded_rpc.json"
RECORDED: dict[str, Any] = (
    json.loads(RECORDED_FILE.read_bytes()) if RECORDED_FILE.exists() else {}
)
#: A height in an error's text is that of the node's newest block.
_NEWEST = re.compile(r"(?<=height )\d+$")


def seen(call: Call, ran: Ran) -> Any:
    """Return what is compared of an answer: the error, or the form of the result."""
    answer = call.answer(ran)
    if "error" in answer:
        told = dict(answer["error"])
        told["data"] = _NEWEST.sub("N", told.get("data") or "")
        return told
    form = form_of(answer["result"])
    if isinstance(answer["result"], dict) and "total_count" in answer["result"]:
        form.append(f"found: {answer['result']['total_count'] != '0'}")
    return form


def test_calls_have_names_of_their_own() -> None:
    assert Counter(call.name for call in CALLS).most_common(1)[0][1] == 1
    assert {call.name for call in CALLS} == set(RECORDED)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("ran", ENGINES, indirect=True)
def test_answer_is_as_cometbft_gave_it(ran: Ran, call: Call) -> None:
    ours, recorded = seen(call, ran), RECORDED[call.name]
    if isinstance(recorded, dict):
        assert ours == recorded
    else:
        assert isinstance(ours, list), ours
        assert differences(ours, recorded) == []


#: Calls whose results are the same to the last byte, but for what a block's time, votes
#: and place make of them.
_SAME = (
    "genesis: ",
    "consensus_params: first",
    "validators: first",
    "abci_query: a value",
    "abci_query: no such path",
    "abci_query: no proofs",
    "check_tx: garbage",
    "broadcast_tx_commit: garbage",
    "broadcast_tx_sync: garbage",
    "tx_search: by nothing",
    "unconfirmed_txs: limit 0",
)


@pytest.mark.heavy
@pytest.mark.parametrize("name", _SAME)
def test_both_engines_answer_with_the_same_values(run_on: RunOn, name: str) -> None:
    (call,) = (item for item in CALLS if item.name == name)
    answers = [
        json.dumps(_without_heights(call.answer(run_on(engine))), sort_keys=True)
        for engine in ("embedded", "cometbft")
    ]
    assert answers[0] == answers[1]


def _without_heights(answer: Any) -> Any:
    response = answer["result"].get("response")
    if response is not None:
        response.pop("height")
    return answer["result"]
