"""Anchors: the chain of batches, every refusal, inclusion, queries, genesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from huitong.core.errors import HuitongError
from huitong.core.hashing import merkle_proofs, merkle_root
from huitong.core.limits import (
    ANCHOR_CLOCK_DRIFT_S,
    ANCHOR_LINES_MAX,
    ANCHORS_PER_BLOCK_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.modules import anchors, members
from huitong.modules.anchors import ACCESS_LOG, AUDIT_LOG, verify_inclusion
from huitong.proto.huitong.anchors.v1 import anchors_pb2 as pb
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone
from huitong.testing.headers import GENESIS_TIME_NS

TAX: Final = address_of("tax-gateway")
ACCOUNTS: Final = {
    "tax-gateway": ("tax", "publisher"),
    "tax-second": ("tax", ""),
    "bank-gateway": ("bank", "requester"),
    "relayer": ("", "relayer"),
}
LINES: Final = [f"line {number}".encode() for number in range(5)]
ROOT: Final = merkle_root(LINES)
FIRST: Final[dict[str, Any]] = {
    "signer": TAX,
    "kind": ACCESS_LOG,
    "stream": "reads",
    "sequence": 1,
    "root": ROOT,
    "count": len(LINES),
    "first_time": GENESIS_TIME_NS - 9,
    "last_time": GENESIS_TIME_NS,
}


def new_zone() -> MemoryZone:
    return MemoryZone(
        [members.MODULE, anchors.MODULE],
        genesis={"members": members_genesis(ACCOUNTS)},
    )


def anchor(**changes: Any) -> pb.MsgAnchor:
    return pb.MsgAnchor(**{**FIRST, **changes})


def second(**changes: Any) -> pb.MsgAnchor:
    return anchor(
        **{"sequence": 2, "root": b"2" * 32, "previous_root": ROOT, **changes}
    )


def code_of(work: Callable[[], Any]) -> str:
    try:
        work()
    except HuitongError as refusal:
        return f"{refusal.codespace}/{refusal.code}"
    return ""


def ask(zone: MemoryZone, name: str, request: Any) -> Any:
    return zone.query(f"/huitong.anchors.v1.Query/{name}", request)


def found(zone: MemoryZone, sequence: int, **changes: Any) -> pb.Anchor:
    place = {"member_id": "tax", "kind": ACCESS_LOG, "stream": "reads", **changes}
    request = pb.QueryAnchorRequest(sequence=sequence, **place)
    answer: pb.Anchor = ask(zone, "Anchor", request).anchor
    return answer


def test_anchor_is_kept_and_told() -> None:
    zone = new_zone()
    assert zone.run(anchor()).sequence == 1
    expected = {**FIRST, "member_id": "tax", "anchored_by": TAX}
    del expected["signer"]
    assert found(zone, 1) == pb.Anchor(
        anchored_height=1, anchored_time=GENESIS_TIME_NS, **expected
    )
    (told,) = zone.told("log_anchored")
    assert (told["member_id"], told["kind"], told["root"]) == (
        "tax",
        "access-log",
        ROOT.hex(),
    )


def test_streams_kinds_and_members_have_chains_of_their_own() -> None:
    zone = new_zone()
    zone.run(anchor())
    zone.run(second(signer=address_of("tax-second")))
    zone.run(anchor(stream="other"))
    zone.run(anchor(kind=AUDIT_LOG))
    zone.run(anchor(signer=address_of("bank-gateway")))
    assert found(zone, 0).sequence == 2
    assert found(zone, 0, stream="other").sequence == 1
    assert found(zone, 0, kind=AUDIT_LOG).sequence == 1
    assert found(zone, 0, member_id="bank").sequence == 1


REFUSALS: Final[list[tuple[str, dict[str, Any], str]]] = [
    ("no member", {"signer": address_of("relayer")}, "members/8"),
    ("no account", {"signer": address_of("nobody")}, "sdk/9"),
    ("no kind", {"kind": 0}, "sdk/18"),
    ("unknown kind", {"kind": 9}, "sdk/18"),
    ("no stream", {"stream": ""}, "sdk/18"),
    ("stream with a slash", {"stream": "a/b"}, "sdk/18"),
    ("no root", {"root": b""}, "sdk/18"),
    ("short root", {"root": b"1"}, "sdk/18"),
    ("no previous root", {"previous_root": b""}, "sdk/18"),
    ("short previous root", {"previous_root": b"1"}, "sdk/18"),
    ("no lines", {"count": 0}, "sdk/18"),
    ("too many lines", {"count": ANCHOR_LINES_MAX + 1}, "sdk/18"),
    ("no first time", {"first_time": 0}, "sdk/18"),
    ("ends before it begins", {"last_time": GENESIS_TIME_NS - 10}, "sdk/18"),
    ("again", {"sequence": 1, "previous_root": b""}, "anchors/3"),
    ("sequence 0", {"sequence": 0}, "anchors/3"),
    ("a gap", {"sequence": 3}, "anchors/3"),
    ("begins anew", {"stream": "new", "sequence": 2}, "anchors/3"),
    (
        "first with a root before",
        {"stream": "new", "sequence": 1},
        "anchors/4",
    ),
    ("another batch before", {"previous_root": b"x" * 32}, "anchors/4"),
    (
        "of the future",
        {
            "last_time": GENESIS_TIME_NS + (ANCHOR_CLOCK_DRIFT_S + 1) * NS_PER_SECOND,
        },
        "anchors/5",
    ),
]


@pytest.mark.parametrize(
    ("changes", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_anchor_is_refused_and_writes_nothing(
    changes: dict[str, Any], code: str
) -> None:
    zone = new_zone()
    zone.run(anchor())
    before = zone.state.dump()
    assert code_of(lambda: zone.run(second(**changes))) == code
    assert zone.state.dump() == before
    zone.run(second())


def test_clock_of_a_gateway_may_be_a_little_ahead() -> None:
    ahead = GENESIS_TIME_NS + ANCHOR_CLOCK_DRIFT_S * NS_PER_SECOND
    new_zone().run(anchor(last_time=ahead))


def test_anchors_of_a_member_in_one_block_are_limited() -> None:
    zone = new_zone()
    for number in range(ANCHORS_PER_BLOCK_MAX):
        zone.run(anchor(stream=f"s{number}"))
    assert code_of(lambda: zone.run(anchor())) == "anchors/6"
    zone.run(anchor(signer=address_of("bank-gateway")))
    zone.next_block()
    zone.run(anchor())


def test_every_line_is_included_and_no_other() -> None:
    zone = new_zone()
    zone.run(anchor())
    kept = found(zone, 1)
    root, proofs = merkle_proofs(LINES)
    assert root == kept.root
    for line, proof in zip(LINES, proofs, strict=True):
        verify_inclusion(kept, proof, line)
        for wrong_line, wrong_proof in (
            (line + b"x", proof),
            (line, proofs[(proof.index + 1) % len(proofs)]),
            (line, replace(proof, total=proof.total + 1)),
            (line, replace(proof, aunts=proof.aunts[:-1])),
        ):
            refused = code_of(
                lambda a=wrong_line, b=wrong_proof: verify_inclusion(kept, b, a)
            )
            assert refused == "anchors/7"


def test_queries_page_and_refuse() -> None:
    zone = new_zone()
    zone.run(anchor())
    zone.run(second())
    zone.run(anchor(kind=AUDIT_LOG, stream="audit"))
    place = {"member_id": "tax", "kind": ACCESS_LOG, "stream": "reads"}
    page = ask(zone, "Anchors", pb.QueryAnchorsRequest(limit=1, **place))
    assert ([item.sequence for item in page.anchors], page.next) == ([1], 1)
    page = ask(zone, "Anchors", pb.QueryAnchorsRequest(start_after=1, **place))
    assert ([item.sequence for item in page.anchors], page.next) == ([2], 0)
    first = ask(zone, "Streams", pb.QueryStreamsRequest(member_id="tax", limit=1))
    rest = ask(
        zone, "Streams", pb.QueryStreamsRequest(member_id="tax", start_after=first.next)
    )
    newest = [*first.newest, *rest.newest]
    assert [(item.stream, item.sequence) for item in newest] == [
        ("reads", 2),
        ("audit", 1),
    ]
    beyond = pb.QueryStreamsRequest(member_id="tax", start_after=b"\xff")
    assert not ask(zone, "Streams", beyond).newest
    for sequence, changes, code in (
        (3, {}, "anchors/2"),
        (0, {"stream": "none"}, "anchors/2"),
        (1, {"stream": ""}, "sdk/18"),
        (1, {"member_id": ""}, "sdk/18"),
        (1, {"kind": 300}, "sdk/18"),
    ):
        work = lambda s=sequence, c=changes: found(zone, s, **c)  # noqa: E731
        assert code_of(work) == code


def exported() -> dict[str, Any]:
    zone = new_zone()
    zone.run(anchor())
    zone.run(second())
    zone.run(anchor(kind=AUDIT_LOG))
    state: dict[str, Any] = zone.export()["anchors"]
    return state


def with_genesis(state: dict[str, Any]) -> MemoryZone:
    return MemoryZone(
        [members.MODULE, anchors.MODULE],
        genesis={"members": members_genesis(ACCOUNTS), "anchors": state},
    )


def test_genesis_gives_the_same_state_again() -> None:
    state = exported()
    zone = with_genesis(state)
    assert zone.export()["anchors"] == state
    zone.run(second(sequence=3, previous_root=b"2" * 32))


FAULTS: Final[list[Callable[[dict[str, Any]], None]]] = [
    lambda state: state.update(other=1),
    lambda state: state["anchors"].append(state["anchors"][0]),
    lambda state: state["anchors"].pop(0),
    lambda state: state["anchors"][0].update(member_id="nobody"),
    lambda state: state["anchors"][0].update(kind="ANCHOR_KIND_UNSPECIFIED"),
    lambda state: state["anchors"][1].update(previous_root="AAAA"),
    lambda state: state["anchors"][1].update(sequence="3"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_genesis_with_a_fault_is_refused(
    fault: Callable[[dict[str, Any]], None],
) -> None:
    state = exported()
    fault(state)
    with pytest.raises(HuitongError) as refusal:
        with_genesis(state)
    assert refusal.value.codespace == "genesis"
