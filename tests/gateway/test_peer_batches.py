"""Many small sealed payloads in one request: each is taken or refused for itself."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog
from sqlalchemy import Engine, delete, event, func, select

from huitong.core.canonical_json import encode_json
from huitong.core.hashing import sha256
from huitong.gateway.exchange.orders import Stage
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.tables import StepRow
from huitong.gateway.peers.limits import (
    BATCH_ITEM_SIZE_BYTES_MAX,
    BATCH_ITEMS_MAX,
    BATCH_SIZE_BYTES_MAX,
    MANIFEST_SIZE_BYTES_MAX,
)
from huitong.gateway.peers.manifest import FORMAT, encode_manifest
from huitong.gateway.peers.statement import DeliveryStatement, sign_statement
from huitong.gateway.vault.tables import SealedRow
from tests.gateway.batch_kit import Batches, batches, item, sealed_bytes, states

OTHER_DIGEST = "00" * 32


async def test_each_payload_of_a_batch_is_taken_or_refused_for_itself(
    tmp_path: Path,
) -> None:
    async with batches(tmp_path) as brought:
        await _takes_what_was_asked_for(brought)
        await _refuses_each_for_itself(brought)
        await _waits_for_what_is_not_known_yet(brought)
        await _refuses_whole_requests(brought)
        await _survives_garbage(brought)
        await _costs_the_same_for_many(brought)


async def _rows(brought: Batches, sequences: list[int]) -> list[ExchangeRow]:
    async with brought.bank.database.reading() as session:
        found = await session.scalars(
            select(ExchangeRow)
            .where(ExchangeRow.sequence.in_(sequences))
            .order_by(ExchangeRow.sequence)
        )
        return list(found)


async def _kept(brought: Batches) -> tuple[int, int]:
    """Return how many sealed payloads have a row, and how many lie in the store."""
    async with brought.bank.database.reading() as session:
        rows = await session.scalar(select(func.count()).select_from(SealedRow))
    folder = brought.bank.node.home  # only to name the gateway's own folder
    store = folder.parent / "chongqing-1" / "vault" / "sealed"
    return rows or 0, sum(1 for path in store.rglob("*") if path.is_file())


async def _takes_what_was_asked_for(brought: Batches) -> None:
    await brought.ask([1, 2], Stage.REQUESTED)
    await brought.ask([3], Stage.GRANTED)
    items = [item(1), item(2), item(3)]
    structlog.reset_defaults()  # another test may have set what is let through
    with structlog.testing.capture_logs() as logs:
        assert states(await brought.bring(items)) == ["taken"] * 3
    told = [line for line in logs if line["event"] == "delivery_taken"]
    assert [line["request_id"] for line in told] == [one.request_id for one in items]
    rows = await _rows(brought, [1, 2, 3])
    assert [row.stage for row in rows] == [
        Stage.REQUESTED,
        Stage.REQUESTED,
        Stage.ARRIVED,
    ]
    for row in rows:
        assert row.sealed_digest == sha256(sealed_bytes(row.sequence or 0))
        assert (row.sealed_size, row.keeps_sealed) == (480, True)
        stream = await brought.bank.vault.open_sealed(row.sealed_digest)
        whole = b"".join([piece async for piece in stream])
        assert whole == sealed_bytes(row.sequence or 0)
    async with brought.bank.database.reading() as session:
        (step,) = await session.scalars(select(StepRow))
        assert (step.kind, step.subject) == ("exchange.check", rows[2].id)
    # Replayed, alone or with others: the same answer, and nothing twice.
    for again in (items, items[:1], items[::-1]):
        assert states(await brought.bring(again)) == ["taken"] * len(again)
    many = await asyncio.gather(*(brought.bring(items) for _ in range(4)))
    assert [states(answer) for answer in many] == [["taken"] * 3] * 4
    assert await _kept(brought) == (3, 3)


async def _refuses_each_for_itself(brought: Batches) -> None:
    await brought.ask([10, 11, 13], Stage.REQUESTED)
    await brought.ask([12], Stage.SETTLED)
    await brought.ask([14], Stage.REQUESTED, peer="somebody-else")
    before = await _kept(brought)
    items = [item(sequence) for sequence in (10, 11, 12, 13, 14, 99)]
    items.append(item(10, push_number=1))
    payloads = [sealed_bytes(one.sequence) for one in items]
    payloads[1] = sealed_bytes(77)  # not what is announced
    assert states(await brought.bring(items, payloads)) == [
        "taken",
        "sealing/5",  # SealedDigestError
        "flow/23",  # DeliveryDiffersError: it is settled
        "taken",
        "flow/22",  # NotAskedForError: of somebody else
        "flow/22",  # never
        "flow/22",  # no permission
    ]
    # Other bytes than before.
    other = item(10, sealed_digest=sha256(sealed_bytes(78)).hex())
    assert states(await brought.bring([other], [sealed_bytes(78)])) == ["flow/23"]
    # Nothing of it: answered before anybody is asked whose account signed.
    answer = await brought.bring([item(98), item(99)], key=brought.stranger)
    assert states(answer) == ["flow/22", "flow/22"]
    assert await _kept(brought) == (before[0] + 2, before[1] + 2)
    # What did not pass gives way to other bytes.
    await brought.ask(
        [15], Stage.ARRIVED, problem_codespace="flow", sealed_digest=bytes(32)
    )
    assert states(await brought.bring([item(15)])) == ["taken"]


async def _waits_for_what_is_not_known_yet(brought: Batches) -> None:
    """A request whose block comes later is waited for; the others are kept at once."""
    await brought.ask([20], Stage.REQUESTED)
    await brought.ask([None], Stage.ORDERED, push_number=None)  # type: ignore[list-item]
    asked = asyncio.create_task(brought.bring([item(20), item(21)]))
    async with asyncio.timeout(20):
        while not (await _rows(brought, [20]))[0].sealed_digest:
            await asyncio.sleep(0.01)
    assert not asked.done()
    await brought.ask([21], Stage.REQUESTED)
    told_s = time.monotonic()
    brought.bank.exchanges._parts.learned.tell()
    assert states(await asked) == ["taken", "taken"]
    assert time.monotonic() - told_s < 4
    # What stays unknown is to come again.
    answer = await brought.bring([item(20), item(22)])
    assert states(answer) == ["taken", "flow/24"]
    assert answer.json()["items"][1]["problem"]["status"] == 503
    async with brought.bank.database.transaction() as session:
        await session.execute(
            delete(ExchangeRow).where(ExchangeRow.stage == Stage.ORDERED)
        )


@dataclass(frozen=True)
class Refused:
    """One way in which a whole request is refused."""

    why: str
    status: int
    code: str
    """Codespace and code; empty: the answer has none."""
    changes: dict[str, Any]


def _refusals() -> list[Refused]:
    good = [item(30), item(31)]
    told = [asdict(one) for one in good]

    def manifest(items: Any = told, format_: Any = FORMAT, **more: Any) -> bytes:
        return encode_json({"format": format_, "items": items} | more)

    def changed(**changes: Any) -> bytes:
        return manifest([told[0] | changes, told[1]])

    whole = encode_manifest(good) + sealed_bytes(30) + sealed_bytes(31)
    malformed = {
        "empty": b"",
        "no JSON": b"\xff\x00",
        "a list": b"[]",
        "not canonical": manifest() + b" ",
        "another form": manifest(format_="huitong-delivery-manifest-2"),
        "one member more": manifest(more=1),
        "items of another type": manifest({}),
        "an item of another type": manifest([told[0], 7]),
        "a member too few": manifest([told[0], {"sequence": 31}]),
        "a member too many": manifest([told[0], told[1] | {"more": 1}]),
        "text for a number": changed(sequence="30"),
        "true for a number": changed(sequence=True),
        "negative": changed(push_number=-1),
        "larger than 64 bits": changed(stated_height=2**63),
        "no digest": changed(sealed_digest="xx"),
        "no bytes": changed(size=0),
        "too large": changed(size=BATCH_ITEM_SIZE_BYTES_MAX + 1),
        "another sum": changed(size=1),
        "one too few": manifest(told[:1]),
        "twice the same": manifest([told[0], told[0]]),
        "a control character": changed(request_id="a\nb"),
        "a long id": changed(request_id="a" * 129),
        "a long trace": changed(traceparent="a" * 56),
    }
    rows = [
        Refused(f"manifest: {why}", 400, "peers/6", {"manifest": data})
        for why, data in malformed.items()
    ]
    for name, value in (
        ("count", 0),
        ("count", 1),
        ("count", BATCH_ITEMS_MAX + 1),
        ("size", 0),
        ("size", 961),
        ("size", BATCH_SIZE_BYTES_MAX + 1),
        ("manifest_size", 0),
        ("manifest_size", MANIFEST_SIZE_BYTES_MAX + 1),
        ("manifest_digest", OTHER_DIGEST),
        ("manifest_digest", "xx"),
        ("time_ns", 1),
        ("channel_on_a", "../../etc"),
        ("channel_on_b", "channel-77"),
    ):
        rows.append(Refused(f"{name}={value}", 400, "peers/6", {name: value}))
    rows += [
        Refused("truncated", 413, "peers/8", {"body": whole[:-1]}),
        Refused("truncated manifest", 413, "peers/8", {"body": whole[:40]}),
        Refused("no body", 413, "peers/8", {"body": b""}),
        Refused("too long", 413, "peers/8", {"body": whole + b"x"}),
        Refused("of a stranger", 403, "peers/7", {"key": b"stranger"}),
        Refused("of another member", 403, "peers/7", {"provider": "cq-bank"}),
        Refused("other certificate", 403, "peers/7", {"certificate": OTHER_DIGEST}),
        Refused("for another", 404, "flow/22", {"requester": "hz-tax"}),
        Refused("other path", 400, "peers/6", {"path": "/peer/v1/deliveries/a/b"}),
    ]
    return rows


async def _refuses_whole_requests(brought: Batches) -> None:
    await brought.ask([30, 31], Stage.REQUESTED)
    before = await _kept(brought)
    good = [item(30), item(31)]
    for row in _refusals():
        changes = dict(row.changes)
        if changes.get("key") == b"stranger":
            changes["key"] = brought.stranger
        answer = await brought.bring(good, **changes)
        shown = answer.json()
        told = f"{shown.get('codespace')}/{shown.get('code')}"
        assert (answer.status_code, told) == (row.status, row.code), (row.why, shown)
    await _refuses_other_signatures(brought)
    assert await _kept(brought) == before
    assert not any(row.sealed_digest for row in await _rows(brought, [30, 31]))
    assert states(await brought.bring(good)) == ["taken", "taken"]


async def _refuses_other_signatures(brought: Batches) -> None:
    """What was signed for one form holds for no other."""
    data = encode_manifest([item(30)])
    stated = brought.stated(data, item(30).size, 1)
    parties = {
        name: value
        for name, value in asdict(stated).items()
        if name not in ("count", "manifest_digest", "manifest_size")
    }
    single = DeliveryStatement(
        **parties,
        sequence=30,
        push_number=0,
        sealed_digest=item(30).sealed_digest,
        stated_height=7,
    )
    headers = sign_statement(single, brought.key)
    content = data + sealed_bytes(30)
    assert (await _post(brought, brought.path, headers, content)).status_code == 400
    headers = sign_statement(stated, brought.key)
    answer = await _post(brought, f"{brought.path}/30", headers, sealed_bytes(30))
    assert answer.status_code == 400
    for name in headers:
        less = {key: value for key, value in headers.items() if key != name}
        assert (await _post(brought, brought.path, less, content)).status_code == 400
    assert (await brought.client.get(brought.path)).status_code == 405


async def _post(
    brought: Batches, path: str, headers: dict[str, str], content: bytes
) -> httpx.Response:
    return await brought.client.post(path, headers=headers, content=content)


async def _survives_garbage(brought: Batches) -> None:
    """Whatever comes is refused as such, and never as a fault of this side."""
    await brought.ask([40, 41], Stage.REQUESTED)
    before = await _kept(brought)
    chance = random.Random(7)
    good = [item(40), item(41)]
    manifest = encode_manifest(good)
    for _ in range(150):
        changed = bytearray(manifest)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randint(0, 2)] = chance.randbytes(
                chance.randint(0, 3)
            )
        # Half of them with a statement that binds the garbage.
        told: dict[str, Any] = {"manifest": bytes(changed)}
        if chance.random() < 0.5:
            told = {"body": bytes(changed) + sealed_bytes(40) + sealed_bytes(41)}
        answer = await brought.bring(good, **told)
        if bytes(changed) != manifest:
            expected = (200, 400, 404, 413, 422)
            assert answer.status_code in expected, (bytes(changed), answer.text)
        headers = {
            name: value if chance.random() < 0.7 else chance.randbytes(40).hex()
            for name, value in sign_statement(
                brought.stated(manifest, 960, 2), brought.key
            ).items()
        }
        headers["huitong-key"] = chance.randbytes(33).hex()
        answer = await _post(brought, brought.path, headers, bytes(changed))
        assert answer.status_code == 400
    assert (await _kept(brought))[0] <= before[0] + 2


async def _costs_the_same_for_many(brought: Batches) -> None:
    """Statements and transactions are counted, for one payload and for many."""
    counts = []
    for first, number in ((100, 1), (200, BATCH_ITEMS_MAX)):
        sequences = list(range(first, first + number))
        await brought.ask(sequences, Stage.REQUESTED)
        seen: list[str] = []

        def note(_c: Any, _u: Any, statement: str, *_: Any, to: Any = seen) -> None:
            to.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        answer = await brought.bring([item(sequence) for sequence in sequences])
        event.remove(Engine, "before_cursor_execute", note)
        assert states(answer) == ["taken"] * number
        counts.append(len(seen))
    # Two begin a transaction: one look, and rows read, changed, entered and found.
    assert counts == [7, 7]
