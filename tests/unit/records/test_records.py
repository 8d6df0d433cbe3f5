"""Records: every message, every refusal, queries and genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import (
    HuitongError,
    InvalidRequestError,
    UnauthorizedError,
)
from huitong.core.genesis import GenesisError
from huitong.core.limits import FIELDS_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX
from huitong.modules import members
from huitong.modules.members.errors import NoMemberError
from huitong.modules.records import (
    MODULE,
    STORE,
    archive_key,
    catalogue_key,
    errors,
    level_of_field,
    record_key,
)
from huitong.proto.huitong.records.v1 import records_pb2 as pb
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone

PUBLISHER, OTHER = address_of("publisher"), address_of("other")
OPEN, CONDITIONAL, CLOSED = 1, 2, 3
ACTIVE, SUSPENDED, REVOKED, SUPERSEDED = 1, 2, 3, 4
DIGEST = bytes(range(32))
PUBLISH: dict[str, Any] = {
    "signer": PUBLISHER,
    "record_id": "inv-1",
    "record_type": "tax.invoice",
    "subject": bytes(32),
    "payload_digest": DIGEST,
    "fields": ["amount", "buyer"],
    "level": 2,
    "share_class": CONDITIONAL,
    "valid_from": 10,
    "valid_until": 20,
    "title": "Invoice",
    "terms": "for financing",
}
VERSION: dict[str, Any] = {
    "signer": PUBLISHER,
    "record_id": "inv-1",
    "previous_version": 1,
    "payload_digest": DIGEST[::-1],
    "fields": ["amount", "seller"],
    "valid_from": 11,
    "valid_until": 21,
}


def new_zone() -> MemoryZone:
    genesis = members_genesis(
        {
            "publisher": ("tax", "publisher"),
            "officer": ("tax", "officer"),
            "other": ("bank", "publisher"),
            "alone": ("", "operator"),
        }
    )
    return MemoryZone([members.MODULE, MODULE], genesis={"members": genesis})


def published(**changes: Any) -> MemoryZone:
    zone = new_zone()
    zone.run(pb.MsgPublishRecord(**{**PUBLISH, **changes}))
    return zone


def record_of(zone: MemoryZone, version: int = 0) -> pb.RecordHeader:
    request = pb.QueryRecordRequest(issuer="tax", record_id="inv-1", version=version)
    return zone.query("/huitong.records.v1.Query/Record", request).record


def catalogue_of(zone: MemoryZone, **asked: Any) -> pb.QueryCatalogueResponse:
    request = pb.QueryCatalogueRequest(**asked)
    return zone.query("/huitong.records.v1.Query/Catalogue", request)


def set_status(wanted: int, **changes: Any) -> pb.MsgSetRecordStatus:
    fields = {"signer": PUBLISHER, "record_id": "inv-1", "reason": "error"}
    return pb.MsgSetRecordStatus(**{**fields, "status": wanted, **changes})


def test_published_record_is_the_head_under_its_key() -> None:
    zone = published()
    header = pb.RecordHeader(
        issuer="tax",
        record_id="inv-1",
        version=1,
        record_type="tax.invoice",
        subject=bytes(32),
        payload_digest=DIGEST,
        fields=["amount", "buyer"],
        level=2,
        share_class=CONDITIONAL,
        status=ACTIVE,
        valid_from=10,
        valid_until=20,
        published_height=1,
        published_time=zone.time_ns,
    )
    assert record_of(zone) == record_of(zone, 1) == header
    value = zone.state.store(STORE).get(record_key("tax", "inv-1"))
    assert value == header.SerializeToString(deterministic=True)
    entry = catalogue_of(zone).entries[0]
    assert (entry.title, entry.terms, entry.version) == ("Invoice", "for financing", 1)
    told = zone.told("record_published")[0]
    assert (told["issuer"], told["version"], told["share_class"]) == (
        "tax",
        "1",
        "conditional",
    )
    assert told["payload_digest"] == DIGEST.hex()


def test_publishing_costs_one_write_and_one_more_for_the_catalogue() -> None:
    for title, writes in (("", 1), ("Invoice", 2)):
        zone = published(title=title, terms="")
        assert len(zone.state.dump()[STORE]) == writes
        assert len(catalogue_of(zone).entries) == writes - 1


def test_level_of_the_record_follows_the_levels_of_its_fields() -> None:
    zone = published(field_levels=[1, 2])
    assert list(record_of(zone).field_levels) == [1, 2]
    assert zone.told("record_published")[0]["field_levels"] == "1,2"
    zone.run(pb.MsgPublishVersion(**{**VERSION, "field_levels": [4, 3]}))
    new = record_of(zone)
    assert (new.level, list(new.field_levels)) == (4, [4, 3])
    assert [level_of_field(new, name) for name in new.fields] == [4, 3]
    zone.run(pb.MsgPublishVersion(**{**VERSION, "previous_version": 2}))
    new = record_of(zone)
    assert (new.level, list(new.field_levels)) == (4, [])
    assert level_of_field(new, "seller") == 4


def test_new_version_is_the_head_and_the_old_one_stays_provable() -> None:
    zone = published()
    old = record_of(zone)
    zone.next_block()
    assert zone.run(pb.MsgPublishVersion(**VERSION)).version == 2
    new = record_of(zone)
    assert (new.version, list(new.fields)) == (2, ["amount", "seller"])
    assert (new.valid_from, new.valid_until, new.published_height) == (11, 21, 2)
    assert (new.record_type, new.subject, new.level) == ("tax.invoice", bytes(32), 2)
    old.status = SUPERSEDED
    assert record_of(zone, 1) == old
    assert zone.state.store(STORE).has(archive_key("tax", "inv-1", 1))
    entry = catalogue_of(zone).entries[0]
    assert (entry.version, list(entry.fields)) == (2, ["amount", "seller"])
    zone.run(pb.MsgPublishVersion(**{**VERSION, "previous_version": 2}))
    assert record_of(zone).version == 3


def test_status_is_set_and_told_and_shown_in_the_catalogue() -> None:
    zone = published()
    for wanted, reason in ((SUSPENDED, "check"), (ACTIVE, ""), (REVOKED, "wrong")):
        zone.run(set_status(wanted, reason=reason, signer=address_of("officer")))
        header = record_of(zone)
        assert (header.status, header.status_reason) == (wanted, reason)
        assert catalogue_of(zone).entries[0].status == wanted
    assert zone.told("record_status_changed")[0] == {
        "issuer": "tax",
        "record_id": "inv-1",
        "version": "1",
        "record_type": "tax.invoice",
        "status": "revoked",
        "previous_status": "active",
        "reason": "wrong",
    }


def test_suspended_record_stays_suspended_in_its_new_version() -> None:
    zone = published()
    zone.run(set_status(SUSPENDED))
    zone.run(pb.MsgPublishVersion(**VERSION))
    assert record_of(zone).status == SUSPENDED


def publish(**changes: Any) -> pb.MsgPublishRecord:
    return pb.MsgPublishRecord(**{**PUBLISH, "record_id": "inv-2", **changes})


def version(**changes: Any) -> pb.MsgPublishVersion:
    return pb.MsgPublishVersion(**{**VERSION, **changes})


REFUSALS: list[tuple[Any, type[HuitongError]]] = [
    (publish(record_id="inv-1"), errors.RecordExistsError),
    (publish(record_id="a/b"), InvalidRequestError),
    (publish(record_type="Tax"), InvalidRequestError),
    (publish(subject=b"1"), InvalidRequestError),
    (publish(payload_digest=b""), InvalidRequestError),
    (publish(fields=[]), InvalidRequestError),
    (publish(fields=["b", "a"]), InvalidRequestError),
    (publish(fields=[f"{i:04}" for i in range(FIELDS_MAX + 1)]), InvalidRequestError),
    (publish(level=0), InvalidRequestError),
    (publish(level=5), InvalidRequestError),
    (publish(field_levels=[2]), InvalidRequestError),
    (publish(field_levels=[0, 2]), InvalidRequestError),
    (publish(field_levels=[2, 5], level=5), InvalidRequestError),
    (publish(field_levels=[1, 1]), InvalidRequestError),
    (publish(field_levels=[2, 3]), InvalidRequestError),
    (publish(share_class=0), InvalidRequestError),
    (publish(share_class=4), InvalidRequestError),
    (publish(valid_from=20), InvalidRequestError),
    (publish(title="x" * (TITLE_BYTES_MAX + 1)), InvalidRequestError),
    (publish(terms="x" * (TEXT_BYTES_MAX + 1)), InvalidRequestError),
    (publish(title=""), InvalidRequestError),
    (publish(signer=address_of("officer")), UnauthorizedError),
    (version(signer=OTHER), errors.RecordNotFoundError),
    (version(previous_version=0), errors.StaleVersionError),
    (version(previous_version=2), errors.StaleVersionError),
    (version(record_id=""), InvalidRequestError),
    (version(payload_digest=b"1"), InvalidRequestError),
    (version(valid_until=11), InvalidRequestError),
    (version(field_levels=[1]), InvalidRequestError),
    (version(field_levels=[1, 5]), InvalidRequestError),
    (set_status(ACTIVE), errors.RecordStatusError),
    (set_status(SUPERSEDED), InvalidRequestError),
    (set_status(0), InvalidRequestError),
    (set_status(REVOKED, reason=""), InvalidRequestError),
    (set_status(REVOKED, signer=OTHER), errors.RecordNotFoundError),
]


@pytest.mark.parametrize(("message", "error"), REFUSALS)
def test_message_is_refused_and_writes_nothing(
    message: Any, error: type[HuitongError]
) -> None:
    zone = published()
    before = zone.state.dump()
    with pytest.raises(error):
        zone.run(message)
    assert zone.state.dump() == before


def test_limits_themselves_are_accepted() -> None:
    zone = published(
        record_id="9" * 128,
        title="x" * TITLE_BYTES_MAX,
        terms="x" * TEXT_BYTES_MAX,
        fields=[f"{index:04}" for index in range(FIELDS_MAX)],
        level=4,
        valid_from=0,
        valid_until=0,
        subject=b"",
    )
    assert zone.told("record_published")[0]["fields"] == str(FIELDS_MAX)


def test_revoked_record_changes_no_more() -> None:
    zone = published()
    zone.run(set_status(REVOKED))
    for message in (set_status(ACTIVE), set_status(REVOKED), version()):
        with pytest.raises(errors.RecordStatusError):
            zone.run(message)


def test_same_id_of_another_issuer_is_another_record() -> None:
    zone = published()
    zone.run(pb.MsgPublishRecord(**{**PUBLISH, "signer": OTHER}))
    assert record_of(zone).issuer == "tax"
    assert len(catalogue_of(zone).entries) == 2


def test_account_without_member_publishes_nothing() -> None:
    zone = new_zone()
    ctx = zone.context()
    message = publish(signer=address_of("alone"))
    with pytest.raises(NoMemberError):
        MODULE.messages[0].check(ctx, message)


def test_missing_record_and_missing_version_are_told_apart() -> None:
    zone = published()
    with pytest.raises(errors.VersionNotFoundError):
        record_of(zone, 2)
    with pytest.raises(errors.RecordNotFoundError):
        record_of(new_zone())


def test_pages_of_records_and_catalogue_join_to_the_whole() -> None:
    zone = new_zone()
    ids = ["a", "a-b", "a.b", "b"]
    for signer in (PUBLISHER, OTHER):
        for record_id in ids:
            kind = "tax.invoice" if record_id < "b" else "tax.receipt"
            zone.run(publish(signer=signer, record_id=record_id, record_type=kind))
    found: list[str] = []
    after = ""
    while True:
        page = zone.query(
            "/huitong.records.v1.Query/Records",
            pb.QueryRecordsRequest(issuer="tax", start_after=after, limit=3),
        )
        found += [header.record_id for header in page.records]
        after = page.next
        if not after:
            break
    assert found == ids
    for record_type, count in (
        ("", 8),
        ("tax.invoice", 6),
        ("tax.receipt", 2),
        ("x", 0),
    ):
        entries: list[tuple[str, str]] = []
        start = b""
        while True:
            part = catalogue_of(
                zone, record_type=record_type, start_after=start, limit=2
            )
            entries += [(entry.issuer, entry.record_id) for entry in part.entries]
            start = part.next
            if not start:
                break
        assert len(entries) == len(set(entries)) == count


@pytest.mark.parametrize("start_after", [b"\x00", b"\x01tax/", b"\xff" * 9, b"\x03"])
def test_a_made_up_page_key_shows_nothing_but_catalogue_entries(
    start_after: bytes,
) -> None:
    zone = published()
    found = catalogue_of(zone, record_type="tax.invoice", start_after=start_after)
    assert all(entry.record_type == "tax.invoice" for entry in found.entries)


def test_keys_do_not_run_into_one_another() -> None:
    keys = [
        record_key("a", "b"),
        record_key("a-b", "c"),
        record_key("a", "b-c"),
        archive_key("a", "b", 1),
        archive_key("a", "b", 2**64 - 1),
        catalogue_key("a", "b", "c"),
        catalogue_key("a.b", "c", "d"),
    ]
    assert len(set(keys)) == len(keys)


def test_export_makes_the_same_state_again() -> None:
    zone = published()
    zone.run(publish(title="", terms=""))
    zone.run(version())
    zone.run(set_status(SUSPENDED))
    again = MemoryZone(zone.modules, genesis=zone.export())
    assert again.export() == zone.export()
    assert again.state.dump() == zone.state.dump()


HEADER: dict[str, Any] = {
    "issuer": "tax",
    "record_id": "inv-1",
    "version": 2,
    "record_type": "tax.invoice",
    "payload_digest": "A" * 43 + "=",
    "fields": ["amount"],
    "level": 2,
    "share_class": "SHARE_CLASS_OPEN",
    "status": "RECORD_STATUS_ACTIVE",
}
OLD = {**HEADER, "version": 1, "status": "RECORD_STATUS_SUPERSEDED"}
ENTRY: dict[str, Any] = {
    name: HEADER[name]
    for name in (
        "issuer",
        "record_id",
        "version",
        "record_type",
        "fields",
        "share_class",
        "status",
    )
} | {"title": "Invoice"}


def test_genesis_with_a_record_its_archive_and_catalogue_is_read() -> None:
    state = {"records": [HEADER], "archive": [OLD], "catalogue": [ENTRY]}
    genesis = {**new_zone().export(), "records": state}
    zone = MemoryZone([members.MODULE, MODULE], genesis=genesis)
    assert record_of(zone).version == 2
    assert record_of(zone, 1).version == 1


@pytest.mark.parametrize(
    "state",
    [
        {"record": []},
        {"records": [{**HEADER, "issuer": "nobody"}]},
        {"records": [{**HEADER, "version": 0}]},
        {"records": [{**HEADER, "level": 5}]},
        {"records": [{**HEADER, "fields": []}]},
        {"records": [HEADER, HEADER]},
        {"records": [{**HEADER, "field_levels": [1]}]},
        {"records": [{**HEADER, "field_levels": [2, 2]}]},
        {"records": [OLD]},
        {"archive": [OLD]},
        {"records": [HEADER], "archive": [HEADER]},
        {"records": [HEADER], "archive": [OLD, OLD]},
        {"records": [HEADER], "archive": [{**OLD, "version": 2}]},
        {"catalogue": [ENTRY]},
        {"records": [HEADER], "catalogue": [{**ENTRY, "version": 1}]},
        {"records": [HEADER], "catalogue": [{**ENTRY, "title": ""}]},
        {"records": [HEADER], "catalogue": [ENTRY, ENTRY]},
    ],
)
def test_genesis_with_a_mistake_is_refused(state: dict[str, Any]) -> None:
    genesis = {**new_zone().export(), "records": state}
    with pytest.raises(GenesisError):
        MemoryZone([members.MODULE, MODULE], genesis=genesis)
