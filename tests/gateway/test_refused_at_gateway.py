"""What the reader's gateway refuses by itself, and how that is shown to others later.

No zone hears of it, so no zone can prove it. What shows it is the gateway's log of calls:
the entry, those behind it up to an anchored head, and the anchor in the state of the zone.
The digests are made anew here, as docs/how-to/who-may-call.md says, and not by the gateway.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import update

from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY, parse_rfc3339
from huitong.gateway.access.tables import AuditAnchorRow
from huitong.gateway.exchange.proven_read import (
    follow_header,
    get_client_view,
    read_proven,
)
from huitong.modules.anchors import AUDIT_LOG, anchor_key
from huitong.modules.anchors import STORE as ANCHORS_STORE
from huitong.modules.exchange import PORT_ID
from huitong.node.home import Home
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from huitong.relayer.discovery import get_client_status
from huitong.sdk import Gateway, ProblemError
from huitong.sdk.models import AuditCall, Read
from tests.e2e.forging import show_forged_header
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.modes_kit import set_up, until
from tests.gateway.refusals_kit import (
    ISSUER,
    READER,
    Ground,
    check_bundle,
    refusing_ground,
)
from tests.gateway.settled_kit import opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_STREAM: Final = "audit"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A reader's gateway that asks the issuer's zone before it sends a request."""
    with refusing_ground(tmp_path_factory.mktemp("refused")) as made:
        set_up(made.rig.sides[1], "exchange", "judge_requests = true")
        with made.rig.sides[1].client() as bank:
            yield Ground(made.rig, made.bureau, bank, made.trust)


# --- the refusals -----------------------------------------------------------------------


def _by_role(ground: Ground) -> None:
    """Ask as a caller whose role does not allow it."""
    key = ground.rig.sides[1].make_key("reviser", "auditor")
    with Gateway(ground.rig.sides[1].url, key) as reviser:
        reviser.create_request(
            channel=ground.rig.sides[1].channel_id,
            issuer=ISSUER,
            record="R-role",
            purpose=PURPOSE,
        )


def _judged_first(ground: Ground) -> None:
    """Ask for a record that the issuer has revoked; what zone a says of it shows why."""
    ground.publish("R-judged")
    ground.grant("R-judged")
    job = ground.bureau.set_record_status(
        "R-judged", status="revoked", reason="wrong", wait=60
    )
    assert job.state == "done", job
    path = ground.trust.parent / "record.zip"
    shown = ground.bureau.make_evidence(kind="record", member=ISSUER, record="R-judged")
    path.write_bytes(b"".join(shown))
    check_bundle(ground, path)
    ground.ask("R-judged")


def _below_the_grade(ground: Ground) -> None:
    """Read what nothing proves, since the own zone's light client is frozen."""
    ground.publish("R-read", share_class="open", level=1)
    assert until(lambda: _grades(ground, "R-read") == ["proven"])
    asyncio.run(_freeze_client(ground))
    assert until(lambda: _grades(ground, "R-read") == ["unverified"])
    _read(ground, "R-read", "signed")


def _read(ground: Ground, record: str, minimum_grade: Any) -> Read:
    return ground.bank.read_records(
        channel=ground.rig.sides[1].channel_id,
        issuer=ISSUER,
        purpose=PURPOSE,
        records=[{"record": record, "fields": ["number"]}],
        minimum_grade=minimum_grade,
    )


def _grades(ground: Ground, record: str) -> list[str | None]:
    return [one.grade for one in _read(ground, record, "unverified").records]


async def _freeze_client(ground: Ground) -> None:
    """Let the validator of zone a sign twice, and show both headers to zone b."""
    a, b = ground.rig.nodes
    async with ZoneClient(a.rpc_url) as liar, ZoneClient(b.rpc_url) as host:
        channel_id = ground.rig.sides[1].channel_id
        view = await get_client_view(host, PORT_ID, channel_id, now_ns=time.time_ns())
        sender = Sender(host, b.private_key("relayer"))
        key = Home(a.home).load_key()
        await show_forged_header(sender, view.client_id, liar, key)
        async with asyncio.timeout(60):
            while await get_client_status(host, view.client_id) != "Frozen":
                await asyncio.sleep(0.1)


#: What is refused, and with which code.
BY_GATEWAY_B: Final = {
    "The caller's role does not allow it": "access/7",
    "The gateway asks first (`judge_requests`), and zone a would refuse": "exchange/11",
    "An answer of a lower grade than is wanted: nothing proves it": "reads/7",
}
_REFUSED: Final[Sequence[Callable[[Ground], None]]] = (
    _by_role,
    _judged_first,
    _below_the_grade,
)


def test_what_the_readers_gateway_refuses_is_shown_by_its_anchored_log(
    ground: Ground, tmp_path: Path
) -> None:
    refused = []
    for refuse in _REFUSED:  # in this order: the last one ends all proofs of zone a
        with pytest.raises(ProblemError) as refusal:
            refuse(ground)
        refused.append(refusal.value.problem)
    codes = [f"{one.codespace}/{one.code}" for one in refused]
    assert codes == list(BY_GATEWAY_B.values())
    asked = {one.record_id for one in ground.requests()}
    assert not asked & {"R-role", "R-judged", "R-read"}
    sequences = [
        _entry_of(ground, one.request_id, code).sequence
        for one, code in zip(refused, codes, strict=True)
    ]
    _let_a_day_pass(ground)
    roots = until(lambda: _covering(ground, max(sequences)))
    for sequence in sequences:
        extract = _extract(
            ground, sequence, min(each for each in roots if each >= sequence)
        )
        assert check_extract(extract) == roots[extract[-1].sequence]
        assert _is_noticed(extract, roots[extract[-1].sequence])


def _calls(ground: Ground) -> list[AuditCall]:
    key = ground.rig.sides[1].make_key(f"auditor-{time.time_ns()}", "auditor")
    with Gateway(ground.rig.sides[1].url, key) as auditor:
        auditor.verify_audit_log()
        return list(auditor.list_audit_entries())


def _entry_of(ground: Ground, request_id: str, code: str) -> AuditCall:
    (found,) = [one for one in _calls(ground) if one.request_id == request_id]
    assert found.problem == code
    assert 400 <= found.status < 500
    return found


# --- how it is shown --------------------------------------------------------------------


def _let_a_day_pass(ground: Ground) -> None:
    """Let the gateway think that its last anchor is a day old."""
    side = ground.rig.sides[1]

    async def pass_by() -> None:
        async with opened(side) as (database, _), database.transaction() as session:
            day_ns = SECONDS_PER_DAY * NS_PER_SECOND
            aged = AuditAnchorRow.anchored_ns - day_ns
            await session.execute(update(AuditAnchorRow).values(anchored_ns=aged))

    side.process.stop()
    asyncio.run(pass_by())
    side.process.start()


def _covering(ground: Ground, sequence: int) -> dict[int, bytes]:
    """Return the anchored heads by their numbers, once one covers an entry."""
    heads = asyncio.run(_proven_heads(ground))
    return heads if max(heads, default=0) >= sequence else {}


async def _proven_heads(ground: Ground) -> dict[int, bytes]:
    """Return the heads in the state of zone b, each proven to zone a's light client."""
    own, other = ground.rig.nodes
    async with ZoneClient(own.rpc_url) as here, ZoneClient(other.rpc_url) as there:
        asked = anchors_pb2.QueryAnchorsRequest(
            member_id=READER, kind=AUDIT_LOG, stream=_STREAM, limit=100
        )
        path, answer = (
            "/huitong.anchors.v1.Query/Anchors",
            anchors_pb2.QueryAnchorsResponse,
        )
        told = (await there.query(path, asked, answer)).anchors
        channel_id, now_ns = ground.rig.sides[0].channel_id, time.time_ns()
        view = await get_client_view(here, PORT_ID, channel_id, now_ns=now_ns)
        newest = await there.latest_height()
        view = await follow_header(view, there, newest, now_ns=now_ns)
        heads, number = {}, 0
        for each in told:
            if each.anchored_height >= view.height:
                break
            key = anchor_key(READER, AUDIT_LOG, _STREAM, each.sequence)
            value = await read_proven(view, there, ANCHORS_STORE, key)
            anchor = anchors_pb2.Anchor.FromString(value)
            number += anchor.count
            heads[number] = anchor.root
        return heads


def _extract(ground: Ground, first: int, last: int) -> list[AuditCall]:
    """Return what is handed to others: one entry and those up to an anchored head."""
    return [one for one in _calls(ground) if first <= one.sequence <= last]


def check_extract(extract: Sequence[AuditCall]) -> bytes:
    """Return the head that entries lead to, as anybody works it out."""
    digest = bytes.fromhex(extract[0].previous)
    for one in extract:
        values = [
            *(one.sequence, parse_rfc3339(one.time), one.caller, ",".join(one.roles)),
            *(one.address, one.method, one.path, one.operation, one.status),
            *(one.problem, one.request_id, digest.hex()),
        ]
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(b"huitong/audit/1\0" + text.encode()).digest()
    return digest


def _is_noticed(extract: Sequence[AuditCall], root: bytes) -> bool:
    """Tell whether a change of the entry, and a missing one, lead elsewhere."""
    other = extract[0].model_copy(update={"status": 200, "problem": ""})
    led_to = [check_extract([other, *extract[1:]])]
    if len(extract) > 1:
        led_to.append(check_extract([*extract[:1], *extract[2:]]))
    return root not in led_to
