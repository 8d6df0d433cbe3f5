"""What `huitong relay status` tells people."""

from __future__ import annotations

import pytest

from huitong.cli.relay_status import ask_running, show_links

LINK = {
    "chain_a": "hangzhou-1",
    "chain_b": "simd-1",
    "channel_on_a": "channel-0",
    "channel_on_b": "channel-7",
    "connection_on_a": "connection-0",
    "connection_on_b": "connection-3",
    "port_on_a": "transfer",
    "ordered": False,
    "clients": {
        "a": {
            "client_id": "07-tendermint-0",
            "status": "active",
            "height": 12,
            "expires_s": 1_209_000,
        },
        "b": {
            "client_id": "07-tendermint-2",
            "status": "frozen",
            "height": 9,
            "expires_s": -5,
        },
    },
    "directions": {
        "a": {
            "pending": 3,
            "to_receive": 1,
            "undecided": 0,
            "to_acknowledge": 2,
            "missing": 0,
            "settled": 5,
            "last_settled_s": 1_700_000_000,
        },
        "b": {"pending": 0, "last_settled_s": 0},
    },
    "sent_txs": 4,
    "failed_txs": 1,
    "stuck": [
        {
            "sent_by": "hangzhou-1",
            "channel_id": "channel-0",
            "sequence": 7,
            "stage": "receive on simd-1",
            "reason": "no",
            "since_s": 3_700,
            "attempts": 9,
        }
    ],
    "stuck_count": 3,
    "problem": "client 07-tendermint-2 on simd-1 is frozen.\nFind out why",
    "problem_s": 61,
}


def test_people_are_told_all_of_a_link(capsys):
    show_links([LINK], source="relayer", as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "hangzhou-1 channel-0 - simd-1 channel-7 (transfer, unordered)",
        "  connection  connection-0 - connection-3",
        "  client      07-tendermint-0 of simd-1 on hangzhou-1: active at height 12, expires in 13 d 23 h unless refreshed",
        "  client      07-tendermint-2 of hangzhou-1 on simd-1: frozen",
        "  packets     hangzhou-1 to simd-1: 3 wait (1 to be received, 2 to be acknowledged); 5 settled, last 2023-11-14 22:13:20 UTC",
        "  packets     simd-1 to hangzhou-1: nothing waits",
        "  sent        4 transactions, 1 refused",
        "  stuck       hangzhou-1 channel-0 #7, receive on simd-1: no (9 attempts, for 1 h 1 min)",
        "  stuck       2 more",
        "  problem     client 07-tendermint-2 on simd-1 is frozen. Find out why (for 1 min 1 s)",
    ]


def test_no_links_are_told_as_such(capsys):
    show_links([], source="state", as_json=False)
    assert capsys.readouterr().out == "no links\n"


@pytest.mark.parametrize("listen", ["", "tcp://127.0.0.1:1"])
def test_relayer_that_does_not_answer_tells_nothing(listen):
    assert ask_running(listen) is None
