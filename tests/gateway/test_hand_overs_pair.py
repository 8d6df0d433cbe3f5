"""Hand-overs through two gateways that run: accepted, returned, timed out, over kills."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from huitong.core.codec import encode
from huitong.core.hashing import merkle_root, sha256
from huitong.core.time import parse_rfc3339
from huitong.gateway.peers.certificates import (
    client_context,
    read_certificate,
    read_own_certificate,
)
from huitong.proto.huitong.exchange.v1.handover_pb2 import HistoryEntry
from huitong.sdk import ProblemError
from huitong.sdk.models import HandOver
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.modes_kit import (
    answer_of,
    gw,
    publish,
    publish_file,
    settings_of,
    until,
)
from tests.gateway.pair_kit import Side, command, pair_of_gateways

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
REASON = "the company moved to your district"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    with pair_of_gateways(tmp_path_factory.mktemp("pair")) as sides:
        yield sides


def offer(giver: Side, receiver: Side, record: str, **said: Any) -> HandOver:
    """Offer a record."""
    with giver.client() as gateway:
        return gateway.offer_hand_over(
            channel=giver.channel_id,
            receiver=receiver.member_id,
            record=record,
            reason=REASON,
            **said,
        )


def waiting(receiver: Side, record: str) -> HandOver:
    """Return what is offered and has passed the checks."""

    def look() -> HandOver | None:
        with receiver.client() as gateway:
            found = list(
                gateway.list_hand_overs(
                    side="receiver", stage=["checked"], record=record
                )
            )
        return found[0] if found else None

    return until(look)


def ended(side: Side, hand_over: HandOver) -> HandOver:
    """Return a hand-over once it has ended."""

    def look() -> HandOver | None:
        with side.client() as gateway:
            found = gateway.get_hand_over(hand_over.id, wait=20)
        assert found.problem is None, found.problem
        return found if found.is_ended else None

    return until(look)


def decide(receiver: Side, hand_over: HandOver, outcome: Any, **said: Any) -> HandOver:
    """Decide as an officer."""
    with receiver.client() as gateway:
        return gateway.decide_hand_over(hand_over.id, outcome=outcome, wait=60, **said)


def status_of(side: Side, record: str) -> str:
    """Return the status of a record on its zone."""
    with side.client() as gateway:
        return gateway.get_record(record).status


def refusal(call: Any, *arguments: Any, **said: Any) -> tuple[int, str]:
    """Return status and code of a refusal."""
    with pytest.raises(ProblemError) as refused:
        call(*arguments, **said)
    problem = refused.value.problem
    return problem.status, f"{problem.codespace}/{problem.code}"


def test_record_moves_with_its_history_and_its_payload(
    pair: tuple[Side, Side], tmp_path: Path
) -> None:
    giver, receiver = pair
    versions = [publish(giver, "H-1", {"name": "西泠", "state": "1"})]
    for number in (2, 3):
        with giver.client() as gateway:
            versions.append(
                gateway.publish_version(
                    "H-1",
                    previous_version=number - 1,
                    document={"name": "西泠", "state": str(number)},
                    wait=60,
                )
            )
    made = offer(giver, receiver, "H-1")
    found = waiting(receiver, "H-1")
    assert status_of(giver, "H-1") == "in-hand-over"
    assert (found.giver, found.reason) == (giver.member_id, REASON)
    assert (found.version, found.payload_digest) == (3, versions[2].payload_digest)
    _check_past(found, [each.payload_digest for each in versions[:2]])
    out = tmp_path / "offered.json"
    done = gw(receiver, "hand-overs", "document", found.id, f"--out={out}")
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_bytes())["state"] == "3"
    kept = decide(receiver, found, "accepted", record="CQ-1", reason="welcome")
    assert (kept.stage, kept.problem) == ("kept", None)
    given = ended(giver, made)
    assert given.stage == "accepted"
    assert given.decision is not None
    assert (given.decision.record, given.decision.reason) == ("CQ-1", "welcome")
    assert status_of(giver, "H-1") == "handed-over"
    assert status_of(receiver, "CQ-1") == "active"
    _check_given_back(giver, receiver)


def _check_past(found: HandOver, digests: list[str]) -> None:
    """What moved with the record is all of its earlier versions, under one root."""
    past = found.past
    assert past is not None
    assert [each.payload_digest for each in past.newest] == digests
    assert (past.versions, past.receipts) == (len(digests), 0)
    entries = [
        HistoryEntry(
            version=each.version,
            payload_digest=bytes.fromhex(each.payload_digest),
            published_time=parse_rfc3339(each.published),
        )
        for each in past.newest
    ]
    assert past.root == merkle_root([encode(each) for each in entries]).hex()


def _check_given_back(giver: Side, receiver: Side) -> None:
    """Who took a record over can give what it commits to, to whoever gave it away."""
    with receiver.client() as gateway:
        granted = gateway.give_grant(
            channel=receiver.channel_id,
            reader=giver.member_id,
            record="CQ-1",
            purpose=PURPOSE,
            wait=60,
        )
        assert granted.state == "done"
    with giver.client() as gateway:
        asked = gateway.create_request(
            channel=giver.channel_id,
            issuer=receiver.member_id,
            record="CQ-1",
            purpose=PURPOSE,
            legal_basis="contract",
            wait=60,
        )
        asked = gateway.get_exchange(asked.id, wait=60)
        assert asked.stage == "settled", asked
        document = b"".join(gateway.download_document(asked.id))
    assert json.loads(document)["state"] == "3"


def test_file_moves_by_command(pair: tuple[Side, Side], tmp_path: Path) -> None:
    giver, receiver = pair
    file = tmp_path / "file.pdf"
    file.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 9_000 + b"\n%%EOF\n")
    publish_file(giver, "H-2", file)
    done = gw(
        giver, "hand-overs", "offer", "H-2", f"--channel={giver.channel_id}",
        f"--receiver={receiver.member_id}", f"--reason={REASON}", "--wait=0",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    made = HandOver.model_validate(answer_of(done))
    found = waiting(receiver, "H-2")
    assert gw(receiver, "hand-overs", "accept", found.id, "--wait=60").exit_code == 0
    assert gw(giver, "hand-overs", "show", made.id, "--wait=60").exit_code == 0
    out = tmp_path / "taken.pdf"
    gw(receiver, "hand-overs", "document", found.id, f"--out={out}")
    assert out.read_bytes() == file.read_bytes()


def test_record_that_is_returned_is_the_givers_again_with_the_reason(
    pair: tuple[Side, Side],
) -> None:
    giver, receiver = pair
    publish(giver, "H-3")
    made = offer(giver, receiver, "H-3")
    found = waiting(receiver, "H-3")
    assert decide(receiver, found, "returned", reason="not ours").stage == "returned"
    back = ended(giver, made)
    assert back.stage == "returned"
    assert back.decision is not None
    assert (back.decision.reason_code, back.decision.reason) == ("officer", "not ours")
    assert status_of(giver, "H-3") == "active"
    with receiver.client() as gateway:
        assert refusal(gateway.get_record, "H-3")[0] == 404
        pieces = gateway.download_hand_over_document(found.id)
        assert refusal(b"".join, pieces) == (409, "hand_over/5")
        # What is decided stays so.
        again = (gateway.decide_hand_over, found.id)
        assert refusal(*again, outcome="accepted") == (409, "hand_over/4")
    # And may be offered again.
    offer(giver, receiver, "H-3")
    again_found = waiting(receiver, "H-3")
    assert decide(receiver, again_found, "accepted").stage == "kept"


def test_only_the_receiver_decides_and_only_once_it_has_checked(
    pair: tuple[Side, Side],
) -> None:
    giver, receiver = pair
    publish(giver, "H-4")
    made = offer(giver, receiver, "H-4")
    found = waiting(receiver, "H-4")
    with giver.client() as gateway:
        order = (gateway.decide_hand_over, made.id)
        assert refusal(*order, outcome="accepted") == (409, "hand_over/4")
        assert refusal(*order, outcome="returned", reason="x") == (409, "hand_over/4")
        pieces = gateway.download_hand_over_document(made.id)
        assert refusal(b"".join, pieces) == (409, "hand_over/5")
    with receiver.client() as gateway:
        assert refusal(gateway.decide_hand_over, found.id, outcome="returned")[0] == 422
        assert refusal(gateway.get_hand_over, "none") == (404, "hand_over/2")
    decide(receiver, found, "returned", reason="not ours")


def test_id_that_the_receiver_has_already_is_refused_and_another_one_taken(
    pair: tuple[Side, Side],
) -> None:
    giver, receiver = pair
    publish(giver, "H-5")
    publish(receiver, "H-5")
    offer(giver, receiver, "H-5")
    found = waiting(receiver, "H-5")
    stuck = decide(receiver, found, "accepted")
    assert stuck.problem is not None
    assert stuck.problem.codespace == "records"
    with receiver.client() as gateway:
        gateway.cancel_job(stuck.job or 0)
    assert decide(receiver, found, "accepted", record="H-5-hz").stage in (
        "kept",
        "checked",
    )
    assert ended(receiver, found).stage == "kept"


def test_offer_that_does_not_arrive_in_time_leaves_the_record_with_the_giver(
    pair: tuple[Side, Side],
) -> None:
    giver, receiver = pair
    publish(giver, "H-6")
    made = offer(giver, receiver, "H-6", timeout_s=1)
    late = ended(giver, made)
    assert late.stage in ("timed-out", "returned")
    assert until(lambda: status_of(giver, "H-6") == "active")


def test_what_cannot_be_offered_is_stuck_with_the_reason(
    pair: tuple[Side, Side],
) -> None:
    giver, receiver = pair
    publish(giver, "H-9")
    with giver.client() as gateway:
        for record, member_id, code in (
            ("none", receiver.member_id, "records/"),
            ("H-9", "cq-court", "flow/14"),
        ):
            made = gateway.offer_hand_over(
                channel=giver.channel_id,
                receiver=member_id,
                record=record,
                reason=REASON,
                wait=60,
            )
            assert made.problem is not None
            assert f"{made.problem.codespace}/{made.problem.code}".startswith(code)
            gateway.cancel_job(made.job or 0)
            assert gateway.get_hand_over(made.id).stage == "cancelled"


def test_order_is_carried_out_once_under_its_key(pair: tuple[Side, Side]) -> None:
    giver, receiver = pair
    publish(giver, "H-7")
    first = offer(giver, receiver, "H-7", idempotency_key="hand-over-of-7")
    assert (
        offer(giver, receiver, "H-7", idempotency_key="hand-over-of-7").id == first.id
    )
    decide(receiver, waiting(receiver, "H-7"), "returned", reason="not ours")


def test_kill_of_either_gateway_neither_loses_nor_doubles_a_hand_over(
    pair: tuple[Side, Side],
) -> None:
    giver, receiver = pair
    for number in range(6):
        publish(giver, f"K-{number}")
    made = [offer(giver, receiver, f"K-{number}") for number in range(6)]
    giver.process.kill()
    receiver.process.kill()
    giver.process.start()
    receiver.process.start()
    for number in range(6):
        found = waiting(receiver, f"K-{number}")
        with receiver.client() as gateway:
            gateway.decide_hand_over(found.id, outcome="accepted")
        if number == 2:
            receiver.process.kill()
            giver.process.kill()
            receiver.process.start()
            giver.process.start()
    assert {ended(giver, each).stage for each in made} == {"accepted"}
    with receiver.client() as gateway:
        taken = [
            each
            for each in gateway.list_hand_overs(side="receiver")
            if each.record.startswith("K-")
        ]
    assert sorted(each.record for each in taken) == [f"K-{n}" for n in range(6)]
    assert {ended(receiver, each).stage for each in taken} == {"kept"}
    assert {status_of(receiver, f"K-{n}") for n in range(6)} == {"active"}
    with giver.client() as one, receiver.client() as other:
        assert list(one.list_undelivered()) == []
        assert list(other.list_undelivered()) == []


def test_bytes_are_taken_only_if_they_are_those_of_the_offer_and_kept_only_if_they_open(
    pair: tuple[Side, Side],
) -> None:
    """An offer that was made by hand, over bytes that are sealed to nobody."""
    giver, receiver = pair
    publish(giver, "H-10")
    sealed = b"x" * 99
    with _as_peer(giver, receiver) as client:
        key = client.get("/peer/v1/reader-key").json()["reader_key"]
        command(
            "exchange", "hand-over", "offer", f"--channel={giver.channel_id}",
            "--record=H-10", f"--receiver={receiver.member_id}", f"--reader-key={key}",
            f"--sealed-digest={sha256(sealed).hex()}", f"--reason={REASON}",
            "--from=officer", f"--home={giver.home.parent / 'hangzhou-1'}",
            f"--node={settings_of(giver).zone.node}",
        )  # fmt: skip
        found = until(lambda: _offered(receiver, "H-10"))
        assert found.stage == "offered"
        place = f"chongqing-1/{receiver.channel_id}/{found.sequence}"
        for path, bytes_, code in (
            (f"chongqing-1/{receiver.channel_id}/99999", sealed, "hand_over/6"),
            (f"hangzhou-1/{receiver.channel_id}/1", sealed, "hand_over/7"),
            (f"chongqing-1/{receiver.channel_id}/1x", sealed, "hand_over/7"),
            (place, b"", "peers/8"),
            (place, b"y" * 99, "sealing/5"),
            (place, sealed, "taken"),
            (place, b"y" * 99, "taken"),  # the others are here; nothing changes
        ):
            assert _brought(client, path, bytes_) == code
    stuck = until(lambda: _with_problem(receiver, found))
    assert stuck.problem is not None
    assert (stuck.stage, stuck.problem.codespace) == ("arrived", "sealing")
    with receiver.client() as gateway:
        gateway.cancel_job(stuck.job or 0)
        order = (gateway.decide_hand_over, found.id)
        assert refusal(*order, outcome="accepted") == (409, "hand_over/4")
    assert decide(receiver, found, "returned", reason="cannot be read").is_ended


def _with_problem(side: Side, hand_over: HandOver) -> HandOver | None:
    with side.client() as gateway:
        found = gateway.get_hand_over(hand_over.id)
    return found if found.problem else None


def _offered(receiver: Side, record: str) -> HandOver | None:
    with receiver.client() as gateway:
        found = list(gateway.list_hand_overs(side="receiver", record=record))
    return found[0] if found else None


def _as_peer(giver: Side, receiver: Side) -> httpx.Client:
    """Return connections to the receiver with the giver's certificate."""
    own = read_own_certificate(giver.home / "peer.crt", giver.home / "peer.key")
    server = read_certificate(receiver.home / "peer.crt")
    url = settings_of(giver).peers[receiver.member_id].url
    return httpx.Client(
        base_url=url, verify=client_context(own, server), trust_env=False
    )


def _brought(client: httpx.Client, place: str, sealed: bytes) -> str:
    """Bring bytes; return what became of them, or the code of the refusal."""
    answer = client.post(f"/peer/v1/hand-overs/{place}", content=sealed).json()
    return str(answer.get("state") or f"{answer['codespace']}/{answer['code']}")


def test_nothing_is_kept_that_nobody_needs_any_more(pair: tuple[Side, Side]) -> None:
    giver, receiver = pair
    publish(giver, "H-8")
    offer(giver, receiver, "H-8")
    decide(receiver, waiting(receiver, "H-8"), "returned", reason="not ours")
    for side in pair:
        until(lambda side=side: _is_tidy(side))  # type: ignore[misc]


def _is_tidy(side: Side) -> bool:
    with sqlite3.connect(side.home / "gateway.db", timeout=30) as database:
        (sealed,) = database.execute("select count(*) from vault_sealed").fetchone()
        (held,) = database.execute(
            "select count(*) from vault_payloads p join hand_overs h on h.id = p.holder"
        ).fetchone()
    return (sealed, held) == (0, 0)
