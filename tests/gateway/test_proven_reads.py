"""Proven reads between two linked zones that run: answers, refusals, lies, and the log."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from huitong.client.zone import ZoneClient
from huitong.core.codec import encode
from huitong.core.errors import HuitongError
from huitong.core.hashing import merkle_root
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.gateway.exchange.proven_read import get_client_view, read_proven
from huitong.gateway.reads.errors import (
    PeerRefusedError,
    PeerSilentError,
    ReadGradeError,
    ReadTooOldError,
)
from huitong.gateway.reads.headers import HeaderRoom
from huitong.gateway.reads.heads import HeadRoom
from huitong.gateway.reads.lines import verify_line
from huitong.gateway.reads.log import ReadLog
from huitong.gateway.reads.model import AnchoredLine, Reader, ReadOrder, ReadResult
from huitong.gateway.reads.provider import ASKED_MAX, check_request
from huitong.gateway.reads.reader import ProvenReader
from huitong.modules import anchors
from huitong.modules.exchange import PORT_ID
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from tests.gateway.reads_kit import (
    OTHER_SUBJECT,
    READER,
    SUBJECT,
    LinkedZones,
    Provider,
    linked_zones,
    open_provider,
    open_reader,
    serving,
)

pytestmark = pytest.mark.slow
FIELDS: Final = ("amount", "number")


@pytest.fixture(scope="module")
def zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LinkedZones]:
    with linked_zones(tmp_path_factory.mktemp("zones")) as made:
        yield made


_NAMES = iter(range(10**6))


def new_id() -> str:
    """Return a record id that no other test of the module uses."""
    return f"licence-{next(_NAMES)}"


@asynccontextmanager
async def opened(
    tmp_path: Path, zones: LinkedZones, database: Database, **settings: Any
) -> AsyncIterator[tuple[Provider, str]]:
    async with (
        open_provider(tmp_path, zones, database, **settings) as provider,
        serving(provider.provider) as url,
    ):
        yield provider, url


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as made:
        await made.make_tables(METADATA)
        yield made


def order(record_id: str, *fields: str, **changes: Any) -> ReadOrder:
    return ReadOrder(
        **{"issuer": "hz-tax", "record_id": record_id, "fields": fields} | changes
    )


async def read(
    reader: ProvenReader, *orders: ReadOrder, **options: Any
) -> list[ReadResult]:
    return await reader.read(
        orders, purpose="due-diligence", request_id="request-1", **options
    )


async def code_of(work: Any) -> str:
    try:
        await work
    except HuitongError as refusal:
        return f"{refusal.codespace}/{refusal.code}"
    return ""


def refusal_of(result: ReadResult) -> str:
    return "" if result.refusal is None else str(result.refusal)


async def test_record_is_read_with_proof_and_logged(
    tmp_path: Path, zones: LinkedZones, database: Database
) -> None:
    async with opened(tmp_path, zones, database) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        async with open_reader(zones, url) as reader:
            before = time.time_ns()
            (given,) = await read(reader, order(record_id, *FIELDS))
            (bare,) = await read(reader, order(record_id, version=1))
        assert (given.grade, bare.grade) == ("proven", "proven")
        assert given.values == {
            "amount": b'"7"',
            "number": f'"{record_id}"'.encode(),
        }
        assert given.header is not None
        assert given.header.fields == ["amount", "buyer", "number"]
        assert bare.values == {}
        lines = await provider.log.of_subject(SUBJECT)
        assert [tuple(item.line.fields) for item in lines] == [FIELDS, ()]
        line = lines[0].line
        assert (line.reader_zone, line.reader) == (READER.chain_id, READER.member_id)
        assert (line.issuer, line.record_id, line.version) == ("hz-tax", record_id, 1)
        assert (line.request_id, line.purpose) == ("request-1", "due-diligence")
        assert line.height == given.height
        assert before <= line.time <= time.time_ns()
        assert lines[0].proof is None  # not anchored yet
        assert lines[0].leaf != lines[1].leaf


async def test_what_is_not_offered_looks_all_the_same_and_is_not_logged(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    now_s = time.time_ns() // NS_PER_SECOND
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        ids = {name: new_id() for name in ("suspended", "later", "level", "closed")}
        await provider.publish(ids["suspended"])
        await provider.set_status(ids["suspended"], records_pb2.RECORD_STATUS_SUSPENDED)
        await provider.publish(ids["later"], valid_from=now_s + 3_600)
        await provider.publish(ids["level"], level=3)
        conditional = records_pb2.SHARE_CLASS_CONDITIONAL
        await provider.publish(ids["closed"], share_class=conditional)
        open_id = new_id()
        await provider.publish(open_id)
        async with open_reader(zones, url) as reader:
            wanted = [
                order("nothing"),
                order(open_id, issuer="hz-court"),
                order(open_id, version=2),
                *(order(record_id, "amount") for record_id in ids.values()),
            ]
            results = await read(reader, *wanted, order(open_id, "price"))
            for asked, result in zip(wanted, results, strict=False):
                expected = (
                    f"hz-tax refuses: {asked.issuer} offers no record "
                    f"{asked.record_id} to be read without a request [reads/3]"
                )
                assert refusal_of(result) == expected
                assert result.header is None
            assert "[reads/4]" in refusal_of(results[-1])
        assert await provider.log.counts() == (0, 0)


async def test_gateway_that_serves_nothing_gives_nothing(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite, serve=False) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        async with open_reader(zones, url) as reader:
            (result,) = await read(reader, order(record_id))
        assert "[reads/3]" in refusal_of(result)


async def test_one_refusal_does_not_spoil_the_others(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        ids = [new_id(), new_id()]
        for record_id in ids:
            await provider.publish(record_id)
        async with open_reader(zones, url) as reader:
            results = await read(
                reader, order(ids[0], "buyer"), order("none"), order(ids[1], "buyer")
            )
        assert [result.grade for result in results] == ["proven", "", "proven"]
        assert (await provider.log.counts())[0] == 2


async def test_document_and_a_document_that_is_too_large(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite, document_size_bytes_max=1_000) as (
        provider,
        url,
    ):
        small, large = new_id(), new_id()
        await provider.publish(small, b"a plain text")
        await provider.publish(large, b"x" * 2_000)
        async with open_reader(zones, url) as reader:
            results = await read(
                reader, order(small, "document"), order(large, "document"), order(large)
            )
        assert results[0].values == {"document": b"a plain text"}
        assert "[reads/3]" in refusal_of(results[1])
        assert results[2].grade == "proven"


async def test_erased_payload_is_not_given_though_it_was_a_moment_ago(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id, subject=OTHER_SUBJECT)
        async with open_reader(zones, url) as reader:
            (before,) = await read(reader, order(record_id, "buyer"))
            await provider.vault.erase_subject(OTHER_SUBJECT)
            (after,) = await read(reader, order(record_id, "buyer"))
            (header,) = await read(reader, order(record_id))
        assert before.values == {"buyer": b'"b"'}
        assert "[reads/3]" in refusal_of(after)
        assert header.grade == "proven"  # what is on chain stays there


async def test_revocation_is_proven_to_the_next_reader(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        async with open_reader(zones, url) as reader:
            assert (await read(reader, order(record_id)))[0].grade == "proven"
            await provider.set_status(record_id, records_pb2.RECORD_STATUS_REVOKED)
            (result,) = await read(reader, order(record_id))
        assert "[reads/3]" in refusal_of(result)


# --- lies -----------------------------------------------------------------------------------


class Bending:
    """A way over which somebody changes the answer."""

    def __init__(self, inner: Any, bend: Callable[[pb.ReadAnswer], None]) -> None:
        self._inner = inner
        self._bend = bend

    async def ask(self, request: pb.ReadRequest) -> pb.ReadAnswer:
        answer = await self._inner.ask(request)
        self._bend(answer)
        return answer  # type: ignore[no-any-return]


def header_with(**changes: Any) -> Callable[[pb.ReadAnswer], None]:
    def bend(answer: pb.ReadAnswer) -> None:
        header = records_pb2.RecordHeader.FromString(answer.answered[0].header)
        for name, value in changes.items():
            setattr(header, name, value)
        answer.answered[0].header = encode(header)

    return bend


def _swap(answer: pb.ReadAnswer) -> None:
    first, second = (pb.Answered(), pb.Answered())
    first.CopyFrom(answer.answered[0])
    second.CopyFrom(answer.answered[1])
    answer.answered[0].CopyFrom(second)
    answer.answered[1].CopyFrom(first)


def _flip(answer: pb.ReadAnswer) -> None:
    path = answer.answered[0].proof.exist.path
    path[0].prefix = path[0].prefix[:-1] + bytes([path[0].prefix[-1] ^ 1])


def _withhold(answer: pb.ReadAnswer) -> None:
    del answer.answered[0].given[0]


BENDS: Final[dict[str, Callable[[pb.ReadAnswer], None]]] = {
    "another status": header_with(level=2),
    "another version": header_with(version=7),
    "another digest": header_with(payload_digest=bytes(32)),
    "no header": lambda answer: answer.answered[0].ClearField("header"),
    "no proof": lambda answer: answer.answered[0].ClearField("proof"),
    "no proof of the store": lambda answer: answer.ClearField("store_proof"),
    "a changed proof": _flip,
    "another record's answer": _swap,
    "another value": lambda answer: setattr(answer.answered[0].given[0], "value", b"9"),
    "another salt": lambda answer: setattr(
        answer.answered[0].given[0], "salt", bytes(32)
    ),
    "a field less": _withhold,
    "a field too many": lambda answer: (
        answer.answered[0].given.add(name="zebra", value=b"1", salt=bytes(32)) and None
    ),
    "another leaf": lambda answer: setattr(
        answer.answered[0].withheld[0], "leaf", bytes(32)
    ),
}


@pytest.mark.parametrize("name", list(BENDS))
async def test_bent_record_is_refused_and_the_other_is_taken(
    tmp_path: Path, zones: LinkedZones, sqlite: Database, name: str
) -> None:
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        ids = [new_id(), new_id()]
        for record_id in ids:
            await provider.publish(record_id)
        wanted = [order(record_id, *FIELDS) for record_id in ids]

        def wrap(inner: Any) -> Bending:
            return Bending(inner, BENDS[name])

        async with open_reader(zones, url, wrap=wrap) as reader:
            results = await read(reader, *wanted)
        assert results[0].refusal is not None
        assert (results[0].header, results[0].values) == (None, {})
        if name not in ("no proof of the store", "another record's answer"):
            assert results[1].grade == "proven"


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (lambda answer: setattr(answer, "chain_id", "chongqing-1"), "reads/6"),
        (lambda answer: answer.answered.add(), "reads/6"),
        (lambda answer: answer.ClearField("answered"), "reads/6"),
        (lambda answer: setattr(answer, "height", 1), "reads/6"),
    ],
)
async def test_answer_to_something_else_is_refused(
    tmp_path: Path,
    zones: LinkedZones,
    sqlite: Database,
    bend: Callable[[pb.ReadAnswer], None],
    code: str,
) -> None:
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)

        def wrap(inner: Any) -> Bending:
            return Bending(inner, bend)

        async with open_reader(zones, url, wrap=wrap) as reader:
            assert await code_of(read(reader, order(record_id))) == code


async def test_height_of_the_past_proves_nothing_of_today(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    """A proof against an older header, shown as one against the newest."""
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        kept: list[pb.ReadAnswer] = []

        def keep(answer: pb.ReadAnswer) -> None:
            kept.append(answer)
            if len(kept) > 1:
                newest = answer.height
                answer.CopyFrom(kept[0])
                answer.height = newest

        async with open_reader(
            zones, url, wrap=lambda inner: Bending(inner, keep)
        ) as reader:
            assert (await read(reader, order(record_id)))[0].grade == "proven"
            await provider.set_status(record_id, records_pb2.RECORD_STATUS_REVOKED)
            (result,) = await read(reader, order(record_id))
        assert result.refusal is not None


async def test_answer_that_nobody_vouches_for_is_below_the_minimum(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    later = 30 * 86_400 * NS_PER_SECOND

    async with opened(tmp_path, zones, sqlite) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        async with open_reader(
            zones, url, clock=lambda: time.time_ns() + later
        ) as reader:
            wanted = order(record_id, "buyer")
            with pytest.raises(ReadGradeError, match="trusting period"):
                await read(reader, wanted)
            (result,) = await read(reader, wanted, minimum_grade="unverified")
        assert (result.grade, result.values) == ("unverified", {"buyer": b'"b"'})


async def test_proven_answer_may_be_too_old(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        ahead = 3_600 * NS_PER_SECOND
        async with open_reader(
            zones, url, clock=lambda: time.time_ns() + ahead
        ) as reader:
            with pytest.raises(ReadTooOldError):
                await read(reader, order(record_id))


async def test_header_of_a_block_is_verified_once(
    tmp_path: Path, zones: LinkedZones
) -> None:
    async with (
        ZoneClient(zones.reader.rpc_url) as own,
        ZoneClient(zones.provider.rpc_url) as other,
    ):
        room = HeaderRoom(
            own, other, PORT_ID, zones.channel_on_reader, clock=time.time_ns
        )
        height = await other.latest_height()
        first, second = await asyncio.gather(room.at(height), room.at(height))
        assert first is second


# --- the way --------------------------------------------------------------------------------


async def test_provider_that_is_away_or_talks_nonsense_is_silent(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite) as (_, url):
        async with open_reader(zones, "http://127.0.0.1:1") as reader:
            with pytest.raises(PeerSilentError):
                await read(reader, order("x"))
        async with open_reader(zones, url + "/elsewhere") as reader:
            with pytest.raises(PeerRefusedError):
                await read(reader, order("x"))


REQUEST: Final[dict[str, Any]] = {
    "request_id": "r",
    "chain_id": "hangzhou-1",
    "purpose": "audit",
    "asked": [pb.Asked(issuer="hz-tax", record_id="x")],
}


@pytest.mark.parametrize(
    "changes",
    [
        {"chain_id": "chongqing-1"},
        {"asked": []},
        {"asked": [pb.Asked(issuer="hz-tax", record_id="x")] * (ASKED_MAX + 1)},
        {"asked": [pb.Asked(issuer="", record_id="x")]},
        {"asked": [pb.Asked(issuer="hz-tax", record_id="a/b")]},
        {"asked": [pb.Asked(issuer="hz-tax", record_id="x", fields=["b", "a"])]},
        {"purpose": ""},
        {"request_id": ""},
        {"request_id": "x" * 65},
        {"request_id": "\n"},
    ],
)
async def test_malformed_request_is_refused_before_anything_is_looked_up(
    changes: dict[str, Any],
) -> None:
    check_request(pb.ReadRequest(**REQUEST), "hangzhou-1")

    async def work() -> None:
        check_request(pb.ReadRequest(**REQUEST | changes), "hangzhou-1")

    assert await code_of(work()) == "reads/2"


# --- the log --------------------------------------------------------------------------------


async def proven_anchor(zones: LinkedZones, sequence: int, stream: str) -> Any:
    """Return an anchor as the reader's zone can prove it."""
    key = anchors.anchor_key("hz-tax", anchors.ACCESS_LOG, stream, sequence)
    async with (
        ZoneClient(zones.reader.rpc_url) as own,
        ZoneClient(zones.provider.rpc_url) as other,
    ):
        room = HeaderRoom(
            own, other, PORT_ID, zones.channel_on_reader, clock=time.time_ns
        )
        view = await room.at(await other.latest_height())
        value = await read_proven(view, other, anchors.STORE, key)
        await get_client_view(
            own, PORT_ID, zones.channel_on_reader, now_ns=time.time_ns()
        )
    return anchors_pb2.Anchor.FromString(value)


async def test_subject_sees_every_read_with_its_proof(
    tmp_path: Path, zones: LinkedZones, database: Database
) -> None:
    """Every record that any reader got is a line under a root that the zone holds."""
    stream = new_id()
    settings = {"stream": stream, "batch_lines_max": 7}
    async with opened(tmp_path, zones, database, **settings) as (provider, url):
        subjects = {new_id(): SUBJECT, new_id(): SUBJECT, new_id(): OTHER_SUBJECT}
        for record_id, subject in subjects.items():
            await provider.publish(record_id, subject=subject)
        given: Counter[tuple[str, str]] = Counter()
        members = ("cq-bank", "cq-court", "cq-port")

        async def use(member: str) -> None:
            who = Reader(chain_id="chongqing-1", member_id=member)
            async with open_reader(zones, url, reader=who) as reader:
                for turn in range(4):
                    wanted = [order(item, "buyer") for item in subjects][: turn + 1]
                    for result in await read(reader, *wanted, order("none")):
                        if result.grade:
                            given[member, result.order.record_id] += 1

        await asyncio.gather(*(use(member) for member in members))
        async with provider.anchored():
            await provider.anchor_all()
            await provider.settle()
        seen: Counter[tuple[str, str]] = Counter()
        for subject in set(subjects.values()):
            for item in await pages_of(provider.log, subject):
                assert item.proof is not None
                assert item.height
                anchor = await proven_anchor(zones, item.sequence, stream)
                anchored = AnchoredLine(leaf=item.leaf, proof=item.proof, anchor=anchor)
                line = verify_line(anchored)
                assert (line.subject, line) == (subject, item.line)
                seen[line.reader, line.record_id] += 1
        assert seen == given
        assert sum(seen.values()) == len(members) * (1 + 2 + 3 + 3)


async def pages_of(log: ReadLog, subject: bytes) -> list[Any]:
    """Return all lines of a subject, a few at a time."""
    found: list[Any] = []
    while page := await log.of_subject(
        subject, after=found[-1].id if found else 0, limit=5
    ):
        found += page
    return found


async def test_batches_follow_one_another_and_survive_a_stop(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    stream = new_id()
    record_id = new_id()
    async with opened(tmp_path, zones, sqlite, stream=stream) as (provider, url):
        await provider.publish(record_id)
        async with open_reader(zones, url) as reader:
            await read(reader, order(record_id))
            assert await provider.anchoring.anchor_now() == 1
            await read(reader, order(record_id))
            # The first is not on chain: nothing overtakes it, and nothing is cut twice.
            assert await provider.anchoring.anchor_now() == 0
    async with opened(tmp_path, zones, sqlite, stream=stream) as (again, _):
        async with again.anchored():
            await again.anchor_all()
        lines = await again.log.of_subject(SUBJECT)
        assert [item.sequence for item in lines] == [1, 2]
        assert lines[0].root == merkle_root([lines[0].leaf])
        await again.settle()
        second = await proven_anchor(zones, 2, stream)
        assert second.previous_root == lines[0].root
        assert await again.anchoring.anchor_now() == 0
        one = await again.log.line(lines[0].id)
        assert one == lines[0]
        assert await code_of(again.log.line(10**6)) == "reads/5"


async def test_two_processes_that_cut_at_once_make_one_batch(
    tmp_path: Path, zones: LinkedZones, database: Database
) -> None:
    settings = {"stream": new_id(), "batch_lines_max": 5}
    async with opened(tmp_path, zones, database, **settings) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        async with open_reader(zones, url) as reader:
            await read(reader, *[order(record_id)] * 7)
        numbers = await asyncio.gather(
            *(provider.anchoring.anchor_now() for _ in range(4))
        )
        assert sorted(numbers) == [0, 0, 0, 1]
        lines = await provider.log.of_subject(SUBJECT)
        assert [item.sequence for item in lines] == [1] * 5 + [0] * 2


async def test_zone_without_any_record_offers_none(zone: ZoneClient) -> None:
    await zone.wait_height(2)
    heads = await HeadRoom(zone, 10).prove([b"\x01hz-tax/none"])
    assert heads.found == [None]


async def test_nothing_is_given_if_the_log_cannot_be_written(
    tmp_path: Path, zones: LinkedZones, sqlite: Database
) -> None:
    async with opened(tmp_path, zones, sqlite) as (provider, url):
        record_id = new_id()
        await provider.publish(record_id)
        async with sqlite.transaction() as session:
            await session.execute(
                text(
                    "CREATE TRIGGER full BEFORE INSERT ON read_lines "
                    "BEGIN SELECT RAISE(ABORT, 'full'); END"
                )
            )
        async with open_reader(zones, url) as reader:
            with pytest.raises(PeerSilentError):
                await read(reader, order(record_id))
