"""Proven reads through two gateways that run, and who read what as the subject sees it."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from huitong.client.zone import ZoneClient
from huitong.core.store.merkle_path import verify_chained_membership
from huitong.gateway.exchange.proven_read import (
    follow_header,
    get_client_view,
)
from huitong.modules.exchange import PORT_ID
from huitong.modules.records.keys import record_key
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.commitment.v1.commitment_pb2 import (
    MerkleProof as IbcProof,
)
from huitong.sdk import ProblemError
from huitong.sdk.models import ReadRecord, SubjectRead
from tests.gateway.access_log_kit import check_lines
from tests.gateway.modes_kit import (
    answer_of,
    gw,
    publish,
    publish_file,
    set_up,
    settings_of,
    until,
)
from tests.gateway.pair_kit import Side, pair_of_gateways

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OTHER_SUBJECT = "a7" * 32


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """The issuer's gateway, which anchors every second, and the reader's."""
    with pair_of_gateways(tmp_path_factory.mktemp("pair")) as (issuer, reader):
        set_up(issuer, "reads", "anchor_period_s = 1", "batch_lines_max = 7")
        yield issuer, reader


def read(reader: Side, issuer: Side, *records: Any, **said: Any) -> list[ReadRecord]:
    """Read records by REST."""
    with reader.client() as gateway:
        answer = gateway.read_records(
            channel=reader.channel_id,
            issuer=issuer.member_id,
            purpose="due-diligence",
            records=[
                each if isinstance(each, dict) else {"record": each} for each in records
            ],
            **said,
        )
    return list(answer.records)


def readable(reader: Side, issuer: Side, record: str) -> ReadRecord:
    """Read a record once a header shows it, one block after its publication."""
    wanted = {"record": record, "fields": ["name"]}
    return until(
        lambda: next(
            (each for each in read(reader, issuer, wanted) if not each.problem), None
        )
    )


def refusal(reader: Side, issuer: Side, record: Any, **said: Any) -> str:
    """Return code and text of the refusal of one record."""
    (found,) = read(reader, issuer, record, **said)
    assert found.problem is not None
    assert (found.grade, found.header, found.proof, found.values) == (None,) * 3 + ({},)
    return f"{found.problem.codespace}/{found.problem.code} {found.problem.detail}"


def test_open_record_is_read_with_a_proof_that_the_readers_own_zone_carries(
    pair: tuple[Side, Side],
) -> None:
    issuer, reader = pair
    publish(issuer, "L-1")
    found = readable(reader, issuer, "L-1")
    assert (found.grade, found.values) == ("proven", {"name": '"西泠"'})
    assert found.header is not None
    assert (found.header.record, found.header.status) == ("L-1", "active")
    asyncio.run(_check_proof(reader, found))


async def _check_proof(reader: Side, found: ReadRecord) -> None:
    """Check what was answered, believing nothing but the reader's own zone."""
    settings = settings_of(reader)
    (other,) = settings.zones.values()
    proof = found.proof
    assert proof is not None
    async with ZoneClient(settings.zone.node) as own, ZoneClient(other.node) as zone:
        now_ns = (await own.latest_block())[1]
        view = await get_client_view(own, PORT_ID, reader.channel_id, now_ns=now_ns)
        assert view.client_id == proof.client
        if view.height < proof.height:
            view = await follow_header(view, zone, proof.height, now_ns=now_ns)
            assert view.consensus.root.hex() == proof.app_hash
    verify_chained_membership(
        view.state.proof_specs,
        bytes.fromhex(proof.app_hash),
        IbcProof.FromString(bytes.fromhex(proof.proof)),
        (proof.store.encode(), bytes.fromhex(proof.key)),
        bytes.fromhex(proof.value),
    )
    assert bytes.fromhex(proof.key) == record_key("hz-tax", found.record)
    header = RecordHeader.FromString(bytes.fromhex(proof.value))
    assert found.header is not None
    assert header.payload_digest.hex() == found.header.payload_digest


def test_file_is_read_as_it_was_published(
    pair: tuple[Side, Side], tmp_path: Path
) -> None:
    issuer, reader = pair
    file = tmp_path / "licence.pdf"
    file.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) + b"\n%%EOF\n")
    publish_file(issuer, "F-1", file, subject=OTHER_SUBJECT)
    wanted = {"record": "F-1", "fields": ["document"]}
    found = until(
        lambda: next(
            (each for each in read(reader, issuer, wanted) if not each.problem), None
        )
    )
    assert base64.b64decode(found.document or "") == file.read_bytes()
    assert found.values == {}


def test_record_that_is_refused_does_not_spoil_the_others(
    pair: tuple[Side, Side],
) -> None:
    issuer, reader = pair
    publish(issuer, "L-2")
    publish(issuer, "L-closed", share_class="conditional", subject=OTHER_SUBJECT)
    publish(issuer, "L-high", level=3, subject=OTHER_SUBJECT)
    readable(reader, issuer, "L-2")
    hidden = [refusal(reader, issuer, each) for each in ("none", "L-closed", "L-high")]
    for text, record in zip(hidden, ("none", "L-closed", "L-high"), strict=True):
        # Absent and not open are one and the same answer.
        assert text.replace(record, "X") == hidden[0].replace("none", "X")
        assert "reads/3" in text
    assert "reads/4" in refusal(reader, issuer, {"record": "L-2", "fields": ["age"]})
    assert "reads/3" in refusal(reader, issuer, {"record": "L-2", "version": 2})
    mixed = read(reader, issuer, "none", "L-2")
    assert [bool(each.problem) for each in mixed] == [True, False]


def test_revoked_record_is_given_to_nobody_from_the_next_block_on(
    pair: tuple[Side, Side],
) -> None:
    issuer, reader = pair
    publish(issuer, "L-3", subject=OTHER_SUBJECT)
    readable(reader, issuer, "L-3")
    with issuer.client() as gateway:
        done = gateway.set_record_status(
            "L-3", status="revoked", reason="withdrawn", wait=60
        )
    assert done.state == "done"
    until(lambda: read(reader, issuer, "L-3")[0].problem)
    assert "reads/3" in refusal(reader, issuer, "L-3")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"channel": "channel-99"}, 422, "flow/6"),
        ({"issuer": "hz-court"}, 422, "flow/14"),
        ({"records": []}, 422, "http/2"),
        ({"records": [{"record": "A"}, {"record": "A"}]}, 422, "http/2"),
        ({"records": [{"record": "A", "all": True}]}, 422, "http/2"),
        ({"records": [{"record": f"A{n}"} for n in range(101)]}, 422, "http/2"),
        ({"minimum_grade": "certain"}, 422, "http/2"),
        ({"purpose": "Due diligence"}, 422, "http/2"),
    ],
)
def test_read_that_cannot_be_asked_is_refused(
    pair: tuple[Side, Side], change: dict[str, Any], status: int, code: str
) -> None:
    issuer, reader = pair
    said = {
        "channel": reader.channel_id,
        "issuer": issuer.member_id,
        "purpose": "due-diligence",
        "records": [{"record": "L-1"}],
        **change,
    }
    with reader.client() as gateway, pytest.raises(ProblemError) as refused:
        gateway.read_records(**said)
    problem = refused.value.problem
    assert (problem.status, f"{problem.codespace}/{problem.code}") == (status, code)


def test_command_reads_records_and_fails_if_one_is_refused(
    pair: tuple[Side, Side],
) -> None:
    issuer, reader = pair
    publish(issuer, "L-4")
    readable(reader, issuer, "L-4")
    order = (
        "reads", "make", "L-4", f"--channel={reader.channel_id}",
        f"--issuer={issuer.member_id}", "--purpose=due-diligence", "--field=number",
    )  # fmt: skip
    done = gw(reader, *order)
    assert done.exit_code == 0, done.output
    (record,) = answer_of(done)["records"]
    assert (record["grade"], record["values"]) == ("proven", {"number": '"L-4"'})
    assert gw(reader, *order, "none").exit_code == 1


def test_subject_sees_every_read_of_its_records_each_with_its_proof(
    pair: tuple[Side, Side],
) -> None:
    """Whatever was read in this run, of any record, is a line under an anchored root."""
    issuer, reader = pair
    subject = "c1" * 32
    for number in range(3):
        publish(issuer, f"S-{number}", subject=subject)
    for number in range(3):
        readable(reader, issuer, f"S-{number}")
    before = Counter(line.record for line in _lines(issuer, subject))
    given: Counter[str] = Counter()
    requests = []
    for turn in range(1, 8):
        wanted = [f"S-{turn % 3}", "none", f"S-{(turn + 1) % 3}"]
        with reader.client() as gateway:
            answer = gateway.read_records(
                channel=reader.channel_id,
                issuer=issuer.member_id,
                purpose="due-diligence",
                records=[{"record": each} for each in wanted],
            )
        requests.append(answer.request_id)
        given.update(each.record for each in answer.records if each.grade)
    assert sum(given.values()) == 14
    lines = until(lambda: _anchored(issuer, subject))
    assert Counter(line.record for line in lines) == before + given
    of_run = [line.request_id for line in lines]
    assert [of_run.count(each) for each in requests] == [2] * len(requests)
    assert {line.reader for line in lines} == {reader.member_id}
    asyncio.run(check_lines(issuer, reader, lines, subject))


def _lines(issuer: Side, subject: str) -> list[SubjectRead]:
    with issuer.client() as gateway:
        return list(gateway.list_subject_reads(subject, limit=5))


def _anchored(issuer: Side, subject: str) -> list[SubjectRead]:
    """Return all lines of a subject once every one of them stands on chain."""
    lines = _lines(issuer, subject)
    is_done = all(line.anchor and line.anchor.height for line in lines)
    return lines if is_done else []


def test_gateway_that_is_down_is_told_and_nothing_is_answered(
    pair: tuple[Side, Side],
) -> None:
    issuer, reader = pair
    issuer.process.stop()
    try:
        with reader.client() as gateway, pytest.raises(ProblemError) as refused:
            gateway.read_records(
                channel=reader.channel_id,
                issuer=issuer.member_id,
                purpose="due-diligence",
                records=[{"record": "L-1"}],
                minimum_grade="unverified",
            )
        problem = refused.value.problem
        assert (problem.status, problem.codespace, problem.code) == (503, "reads", 11)
    finally:
        issuer.process.start()
