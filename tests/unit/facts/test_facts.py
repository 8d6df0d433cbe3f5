"""Facts: imports and refreshes, every refusal, rules that use them, queries, genesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from huitong.core.codec import encode
from huitong.core.errors import HuitongError, UnauthorizedError
from huitong.core.hashing import sha256
from huitong.core.limits import (
    FACT_TERM_S_MAX,
    FACT_TERM_S_MIN,
    FACT_VALUE_KEPT_BYTES_MAX,
    FACT_VALUE_SIZE_BYTES_MAX,
    PROOF_SIZE_BYTES_MAX,
    STORE_KEY_SIZE_BYTES_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.light import light_client
from huitong.modules import facts, members, records
from huitong.modules.facts import usable_absence, usable_fact, usable_record
from huitong.modules.facts.keys import record_fact_id, record_of_key
from huitong.modules.facts.state import ABSENT, ACTIVE, REVOKED, SUSPENDED
from huitong.modules.links import keys
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from huitong.testing.endpoints import RELAYER
from huitong.testing.facts import (
    OPERATOR,
    RECORD_KEY,
    REQUESTER,
    STRANGER,
    FactPair,
    open_facts,
)
from huitong.testing.zones import Proven

OTHER_KEY: Final = records.record_key("tax", "inv-2")
FACT_ID: Final = record_fact_id("connection-0", "tax", "inv-1")


def code_of(work: Callable[[], Any]) -> str:
    """Return codespace and code of the refusal, or an empty text."""
    try:
        work()
    except HuitongError as refusal:
        return f"{refusal.codespace}/{refusal.code}"
    return ""


def published(**options: Any) -> FactPair:
    pair = open_facts(**options)
    pair.publish()
    return pair


def imported(**options: Any) -> FactPair:
    pair = published(**options)
    pair.import_fact()
    return pair


def use(pair: FactPair, **options: Any) -> str:
    return code_of(
        lambda: usable_fact(pair.b.context(), FACT_ID, **options),
    )


def freeze(pair: FactPair) -> None:
    ctx = pair.b.context()
    light_client.freeze(ctx.store(keys.STORE), pair.path.b.client_id)
    pair.b.take(ctx)


# --- what is taken ------------------------------------------------------------------------


def test_fact_says_what_stands_there_and_who_vouches() -> None:
    pair = published()
    proven = pair.prove()
    fact = pair.import_fact(proven)
    value = proven.value or b""
    header = records_pb2.RecordHeader.FromString(value)
    assert fact == pb.Fact(
        fact_id=FACT_ID,
        source="connection-0",
        client_id="07-tendermint-0",
        chain_id="hangzhou-1",
        store="records",
        key=RECORD_KEY,
        status=ACTIVE,
        value_digest=sha256(value),
        value=value,
        record=pb.FactRecord(
            issuer="tax",
            record_id="inv-1",
            version=1,
            record_type="tax.invoice",
            payload_digest=header.payload_digest,
            status=records_pb2.RECORD_STATUS_ACTIVE,
        ),
        source_height=proven.height.to_proto(),
        source_time=pair.a.time_ns,
        imported_height=pair.b.height.revision_height,
        imported_time=pair.b.time_ns,
        imported_by=REQUESTER,
        owner="bank",
        valid_until=pair.a.time_ns // NS_PER_SECOND + 604_800,
    )
    (told,) = pair.b.told("fact_imported")
    assert (told["issuer"], told["record_id"], told["owner"]) == (
        "tax",
        "inv-1",
        "bank",
    )
    record = usable_record(pair.b.context(), "connection-0", "tax", "inv-1")
    assert record == fact.record


def test_newer_proof_replaces_and_keeps_the_owner() -> None:
    pair = imported()
    pair.publish_version(1)
    other = address_of("officer")
    fact = pair.import_fact(signer=other)
    assert (fact.record.version, fact.owner, fact.imported_by) == (2, "bank", other)
    assert fact.refreshed == 1
    (told,) = pair.b.told("fact_refreshed")
    assert told["version"] == "2"
    assert not pair.b.told("fact_status_changed")


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [("suspended", SUSPENDED, "facts/10"), ("revoked", REVOKED, "facts/9")],
)
def test_change_of_status_at_the_source_acts_at_once_by_anybodys_proof(
    word: str, status: int, code: str
) -> None:
    pair = imported()
    pair.set_status(word)
    assert use(pair) == ""  # nobody has proven it here
    fact = pair.refresh(FACT_ID)
    assert (fact.status, fact.imported_by) == (status, STRANGER)
    (told,) = pair.b.told("fact_status_changed")
    assert (told["previous_status"], told["status"]) == ("active", word)
    assert use(pair) == code


def test_suspended_record_is_usable_again_once_that_is_proven() -> None:
    pair = imported()
    pair.set_status("suspended")
    pair.refresh(FACT_ID)
    pair.set_status("active")
    pair.refresh(FACT_ID)
    assert use(pair) == ""


def test_absence_is_a_fact_of_its_own() -> None:
    pair = published()
    proven = pair.prove(OTHER_KEY)
    fact = pair.import_fact(proven, key=OTHER_KEY)
    assert (fact.status, fact.value_digest) == (ABSENT, b"")
    assert fact.record == pb.FactRecord(issuer="tax", record_id="inv-2")
    ctx = pair.b.context()
    assert usable_absence(ctx, fact.fact_id) == fact
    assert code_of(lambda: usable_fact(ctx, fact.fact_id)) == "facts/8"
    pair.publish("inv-2")
    present = pair.refresh(fact.fact_id)
    ctx = pair.b.context()
    assert present.status == ACTIVE
    assert code_of(lambda: usable_absence(ctx, fact.fact_id)) == "facts/13"
    assert usable_fact(ctx, fact.fact_id) == present


def test_value_of_any_store_is_a_fact() -> None:
    pair = published()
    key = members.member_key("tax")
    fact = pair.import_fact(pair.prove(key, "members"), store="members", key=key)
    assert not fact.HasField("record")
    assert usable_fact(pair.b.context(), fact.fact_id).value == fact.value


def test_long_value_is_kept_as_a_digest_with_its_record() -> None:
    pair = open_facts()
    names = [f"{number:03}".ljust(100, "x") for number in range(60)]
    pair.publish(fields=names)
    proven = pair.prove()
    assert len(proven.value or b"") > FACT_VALUE_KEPT_BYTES_MAX
    fact = pair.import_fact(proven)
    assert fact.value == b""
    assert fact.value_digest == sha256(proven.value or b"")
    assert use(pair) == ""
    assert fact.record.version == 1


def test_bare_client_is_a_source_of_its_own() -> None:
    pair = imported()
    fact = pair.import_fact(source=pair.path.b.client_id)
    assert fact.fact_id != FACT_ID
    assert fact.client_id == pair.fact(FACT_ID).client_id


def test_delay_of_the_connection_is_waited_for() -> None:
    pair = published(delay_period_ns=5 * NS_PER_SECOND)
    proven = pair.prove()
    message = pair.import_message(proven)
    assert code_of(lambda: pair.b.deliver(message)) == "07-tendermint/10"
    for _ in range(5):
        pair.b.next_block(duration_ns=2 * NS_PER_SECOND)
    pair.b.deliver(message)


# --- refusals -----------------------------------------------------------------------------

HEADER: Final = records_pb2.RecordHeader(issuer="tax", record_id="inv-1", version=9)
IMPORTS: Final[list[tuple[str, dict[str, Any], str]]] = [
    ("no member", {"signer": OPERATOR}, "members/8"),
    ("no account", {"signer": address_of("nobody")}, "sdk/9"),
    ("no value", {"value": b""}, "sdk/18"),
    ("value and absent", {"absent": True}, "sdk/18"),
    ("long value", {"value": bytes(FACT_VALUE_SIZE_BYTES_MAX + 1)}, "sdk/18"),
    ("no proof", {"proof": b""}, "commitment/2"),
    ("long proof", {"proof": bytes(PROOF_SIZE_BYTES_MAX + 1)}, "commitment/2"),
    ("no store", {"store": ""}, "sdk/18"),
    ("no key", {"key": b""}, "sdk/18"),
    ("long key", {"key": bytes(STORE_KEY_SIZE_BYTES_MAX + 1)}, "sdk/18"),
    ("no source", {"source": ""}, "host/2"),
    ("no such connection", {"source": "connection-7"}, "connection/3"),
    ("connection of another form", {"source": "connection-07"}, "connection/11"),
    ("no such client", {"source": "07-tendermint-7"}, "client/4"),
    ("another value", {"value": encode(HEADER)}, "commitment/2"),
    ("another key", {"key": OTHER_KEY}, "commitment/2"),
    ("another store", {"store": "members"}, "commitment/2"),
    ("no proof of absence", {"value": b"", "absent": True}, "commitment/2"),
    (
        "height to come",
        {"proof_height": client_pb2.Height(revision_number=1, revision_height=999)},
        "ibc/9",
    ),
    (
        "height that is not known",
        {"proof_height": client_pb2.Height(revision_number=1, revision_height=1)},
        "client/7",
    ),
    (
        "another revision",
        {"proof_height": client_pb2.Height(revision_number=0, revision_height=4)},
        "client/7",
    ),
]


@pytest.mark.parametrize(
    ("changes", "code"), [row[1:] for row in IMPORTS], ids=[row[0] for row in IMPORTS]
)
def test_import_is_refused(changes: dict[str, Any], code: str) -> None:
    pair = published()
    message = pair.import_message(**changes)
    before = pair.b.export()["facts"]
    assert code_of(lambda: pair.b.deliver(message)) == code
    pair.b.next_block()
    assert pair.b.export()["facts"] == before


REFRESHES: Final[list[tuple[str, dict[str, Any], str]]] = [
    ("id of another size", {"fact_id": b"1"}, "sdk/18"),
    ("no such fact", {"fact_id": bytes(32)}, "facts/2"),
    ("no value", {"value": b""}, "sdk/18"),
    ("value and absent", {"absent": True}, "sdk/18"),
    ("no proof", {"proof": b""}, "commitment/2"),
    ("another value", {"value": encode(HEADER)}, "commitment/2"),
    (
        "height to come",
        {"proof_height": client_pb2.Height(revision_number=1, revision_height=999)},
        "ibc/9",
    ),
]


@pytest.mark.parametrize(
    ("changes", "code"),
    [row[1:] for row in REFRESHES],
    ids=[row[0] for row in REFRESHES],
)
def test_refresh_is_refused(changes: dict[str, Any], code: str) -> None:
    pair = imported()
    message = pair.refresh_message(FACT_ID)
    for name, value in changes.items():
        if name == "proof_height":
            message.proof_height.CopyFrom(value)
        else:
            setattr(message, name, value)
    before = pair.fact(FACT_ID)
    assert code_of(lambda: pair.b.deliver(message)) == code
    assert pair.fact(FACT_ID) == before


def test_roles_decide_who_imports_and_nobody_needs_one_to_refresh() -> None:
    pair = imported()
    routes = pair.b.routes
    importing = routes["/huitong.facts.v1.MsgImportFact"].roles
    assert importing == ("officer", "publisher", "requester")
    with pytest.raises(UnauthorizedError):
        MemberAuthenticator().check_roles(
            pair.b.context(), STRANGER, importing, "an import"
        )
    assert routes["/huitong.facts.v1.MsgRefreshFact"].roles == ()


def test_older_and_equally_old_states_are_refused() -> None:
    pair = published()
    old = pair.prove()
    pair.set_status("revoked")
    new = pair.prove()
    pair.import_fact(new)
    for proven in (old, new):
        message = pair.import_message(proven)
        assert code_of(lambda message=message: pair.b.deliver(message)) == "facts/3"
        again = pair.refresh_message(FACT_ID, proven)
        assert code_of(lambda again=again: pair.b.deliver(again)) == "facts/3"
    assert use(pair) == "facts/9"


def test_value_of_another_chain_is_refused_however_well_it_is_proven() -> None:
    pair, stranger = published(), published()
    stranger.set_status("suspended")
    foreign = stranger.prove()
    pair.prove()
    height = pair.a.height
    message = pair.import_message(replace(foreign, height=height))
    assert code_of(lambda: pair.b.deliver(message)) == "commitment/2"


def test_client_of_another_chain_does_not_vouch() -> None:
    """The chains have one name and other validators; only the source tells them apart."""
    pair, impostor = published(), open_facts()
    impostor.publish(payload_digest=bytes(32))
    impostor.a.next_block()
    pair.b.deliver(impostor.path.b.create_message())
    client_id = pair.b.told("create_client")[0]["client_id"]
    height = light_client.latest_height(pair.b.context().store(keys.STORE), client_id)
    proven = replace(pair.prove(), height=height)
    message = pair.import_message(proven, source=client_id)
    assert code_of(lambda: pair.b.deliver(message)) == "commitment/2"
    lie = impostor.a.prove("records", RECORD_KEY)
    pair.import_fact(lie, source=client_id)
    assert use(pair) == "facts/2"


def test_every_flipped_byte_of_a_proof_or_value_is_refused() -> None:
    pair = published()
    message = pair.import_message()
    pair.b.next_block()
    for name in ("proof", "value"):
        right: bytes = getattr(message, name)
        for place in range(0, len(right), 1 if name == "value" else 3):
            wrong = bytearray(right)
            wrong[place] ^= 1 << place % 8
            setattr(message, name, bytes(wrong))
            code = code_of(lambda: pair.b.deliver(message))
            assert code in ("commitment/2", "commitment/3"), (name, place)
        setattr(message, name, right)
    pair.b.deliver(message)


def test_frozen_client_neither_imports_nor_vouches_any_more() -> None:
    pair = imported()
    message = pair.refresh_message(FACT_ID)
    freeze(pair)
    assert code_of(lambda: pair.b.deliver(message)) == "client/29"
    assert use(pair) == "facts/6"


def test_expired_client_neither_imports_nor_vouches_any_more() -> None:
    pair = imported(term_s=FACT_TERM_S_MAX)
    message = pair.refresh_message(FACT_ID)
    pair.b.next_block(duration_ns=15 * 86_400 * NS_PER_SECOND)
    assert code_of(lambda: pair.b.deliver(message)) == "client/29"
    assert use(pair) == "facts/6"


def test_what_was_proven_before_a_recovery_is_trusted_no_more() -> None:
    pair = imported()
    end = pair.path.b
    subject = end.client_id
    freeze(pair)
    pair.a.next_block()
    end.create_client()
    pair.b.deliver(
        client_tx_pb2.MsgRecoverClient(
            subject_client_id=subject,
            substitute_client_id=end.client_id,
            signer=RELAYER,
        )
    )
    end.client_id = subject
    assert use(pair) == "facts/7"
    pair.refresh(FACT_ID)
    assert use(pair) == ""


def test_term_runs_from_the_header_of_the_source_and_ends_the_use() -> None:
    pair = imported(term_s=600)
    pair.wait(590)
    assert use(pair) == ""
    assert use(pair, age_max_s=100) == "facts/5"
    pair.wait(20)
    assert use(pair) == "facts/4"
    pair.refresh(FACT_ID)
    assert use(pair, age_max_s=100) == ""


def test_proof_that_would_have_expired_is_refused() -> None:
    pair = published(term_s=60)
    proven = pair.prove()
    pair.wait(60)
    message = pair.import_message(proven)
    assert code_of(lambda: pair.b.deliver(message)) == "facts/15"


def test_validity_of_the_record_itself_is_kept() -> None:
    pair = open_facts()
    now_s = pair.a.time_ns // NS_PER_SECOND
    pair.publish(valid_from=now_s + 100, valid_until=now_s + 200)
    pair.import_fact()
    assert use(pair) == "facts/12"
    pair.wait(110)
    assert use(pair) == ""
    pair.wait(100)
    assert use(pair) == "facts/12"


def test_value_that_is_no_header_is_no_record() -> None:
    """Software of another version, or of another make, keeps something else there."""
    pair = published()
    ctx = pair.a.context()
    for key, value in (
        (RECORD_KEY, b"\xff"),
        (OTHER_KEY, encode(HEADER)),  # the header of another record
    ):
        ctx.store("records").set(key, value)
    pair.a.take(ctx)
    for key in (RECORD_KEY, OTHER_KEY):
        fact = pair.import_fact(pair.prove(key), key=key)
        assert not fact.record.version
        ctx = pair.b.context()
        code = code_of(lambda ctx=ctx, fact=fact: usable_fact(ctx, fact.fact_id))
        assert code == "facts/11"


def test_unknown_status_of_a_record_is_as_good_as_revoked() -> None:
    pair = published()
    ctx = pair.a.context()
    header = records.get_record(ctx, "tax", "inv-1")
    header.status = 99  # type: ignore[assignment]
    ctx.store("records").set(RECORD_KEY, encode(header))
    pair.a.take(ctx)
    pair.import_fact()
    assert use(pair) == "facts/9"


def test_nobody_has_imported_it() -> None:
    assert use(published()) == "facts/2"


@pytest.mark.parametrize(
    ("key", "about"),
    [
        (RECORD_KEY, ("tax", "inv-1")),
        (records.archive_key("tax", "inv-1", 1), None),
        (b"\x01tax", None),
        (b"\x01tax/", None),
        (b"\x01Tax/inv-1", None),
        (b"\x01tax/inv/1", None),
        (b"\x01tax/inv\xff", None),
        (b"\x01" + b"t" * 400 + b"/inv-1", None),
    ],
)
def test_key_of_a_record_is_recognised(
    key: bytes, about: tuple[str, str] | None
) -> None:
    assert record_of_key("records", key) == about
    assert record_of_key("members", key) is None


# --- rules, queries, genesis --------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "code"),
    [
        (FACT_TERM_S_MIN, ""),
        (FACT_TERM_S_MAX, ""),
        (FACT_TERM_S_MIN - 1, "facts/14"),
        (FACT_TERM_S_MAX + 1, "facts/14"),
        (0, "facts/14"),
    ],
)
def test_term_has_bounds(term: int, code: str) -> None:
    zone = MemoryZone([facts.MODULE])
    message = pb.MsgUpdateParams(params=pb.Params(term=term))
    assert code_of(lambda: zone.decide(message)) == code
    answer = zone.query("/huitong.facts.v1.Query/Params", pb.QueryParamsRequest())
    assert answer.params.term == (604_800 if code else term)


def ask(pair: FactPair, name: str, request: Any) -> Any:
    pair.b.next_block()
    return pair.b.query(f"/huitong.facts.v1.Query/{name}", request)


def test_answer_tells_whether_a_rule_may_use_the_fact() -> None:
    pair = imported()
    request = pb.QueryFactRequest(fact_id=FACT_ID)
    view = ask(pair, "Fact", request).fact
    assert (view.usable, view.codespace, view.code, view.reason) == (True, "", 0, "")
    pair.set_status("revoked")
    pair.refresh(FACT_ID)
    view = ask(pair, "Fact", request).fact
    assert (view.usable, view.codespace, view.code) == (False, "facts", 9)
    assert "revoked" in view.reason
    for wrong, code in ((b"1", "sdk/18"), (bytes(32), "facts/2")):
        request = pb.QueryFactRequest(fact_id=wrong)
        assert code_of(lambda request=request: ask(pair, "Fact", request)) == code


def test_facts_are_listed_by_source_and_by_record() -> None:
    pair = imported()
    pair.publish("inv-2")
    pair.import_fact(pair.prove(OTHER_KEY), key=OTHER_KEY)
    pair.import_fact(source=pair.path.b.client_id)
    key = members.member_key("tax")
    pair.import_fact(pair.prove(key, "members"), store="members", key=key)

    def count(name: str, request: Any) -> int:
        found = ask(pair, name, request)
        ids = [view.fact.fact_id for view in found.facts]
        while found.next:
            request.start_after = found.next
            found = ask(pair, name, request)
            ids += [view.fact.fact_id for view in found.facts]
        assert len(set(ids)) == len(ids)
        return len(ids)

    for limit in (0, 1):
        assert count("Facts", pb.QueryFactsRequest(limit=limit)) == 4
        request = pb.QueryFactsRequest(source="connection-0", limit=limit)
        assert count("Facts", request) == 3
        of_issuer = pb.QueryRecordFactsRequest(issuer="tax", limit=limit)
        assert count("RecordFacts", of_issuer) == 3
        one = pb.QueryRecordFactsRequest(issuer="tax", record_id="inv-1", limit=limit)
        assert count("RecordFacts", one) == 2
    assert count("Facts", pb.QueryFactsRequest(start_after=b"\xff" * 40)) == 0
    for issuer, record_id in (("A", ""), ("tax", "a/b")):
        bad = pb.QueryRecordFactsRequest(issuer=issuer, record_id=record_id)
        assert code_of(lambda bad=bad: ask(pair, "RecordFacts", bad)) == "sdk/18"


def again(exported: dict[str, Any]) -> dict[str, Any]:
    zone = open_facts()
    ctx = zone.b.context()
    facts.MODULE.init_genesis(ctx, exported)
    return facts.MODULE.export_genesis(ctx)


def genesis_pair() -> dict[str, Any]:
    pair = imported()
    pair.publish(
        "inv-2",
        fields=[f"{number:03}".ljust(100, "x") for number in range(60)],
    )
    pair.import_fact(pair.prove(OTHER_KEY), key=OTHER_KEY)
    absent = records.record_key("tax", "inv-3")
    pair.import_fact(pair.prove(absent), key=absent)
    pair.b.next_block()
    exported: dict[str, Any] = pair.b.export()["facts"]
    return exported


def test_genesis_gives_the_same_state_again() -> None:
    exported = genesis_pair()
    assert len(exported["facts"]) == 3
    assert again(exported) == exported


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        fact = next(item for item in state["facts"] if item.get("value"))
        fact[name] = value

    return change


def _set_absent(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        for fact in state["facts"]:
            if fact["status"] == "FACT_STATUS_ABSENT":
                fact[name] = value

    return change


GENESIS_FAULTS: Final[list[Callable[[dict[str, Any]], None]]] = [
    lambda state: state.update(other=1),
    lambda state: state.update(params=[]),
    lambda state: state.update(params={"term": "1"}),
    lambda state: state.update(params={"terms": "1"}),
    lambda state: state.update(params={"term": "x"}),
    lambda state: state["facts"].append(state["facts"][0]),
    _set("fact_id", "AAAA"),
    _set("source", "connection-9"),
    _set("owner", "nobody"),
    _set("store", ""),
    _set("key", ""),
    _set("client_id", "07-tendermint-9"),
    _set("source_height", {}),
    _set("source_time", "0"),
    _set("value", "AAAA"),
    _set("value_digest", "AAAA"),
    _set("status", "FACT_STATUS_SUSPENDED"),
    _set("record", {"issuer": "tax", "record_id": "inv-1", "version": "7"}),
    _set_absent("value", "AAAA"),
    _set_absent("status", "FACT_STATUS_UNSPECIFIED"),
]


@pytest.mark.parametrize("fault", GENESIS_FAULTS)
def test_genesis_with_a_fault_is_refused(
    fault: Callable[[dict[str, Any]], None],
) -> None:
    state = genesis_pair()
    fault(state)
    with pytest.raises(HuitongError) as refusal:
        again(state)
    assert refusal.value.codespace == "genesis"


def test_fact_is_provable_to_others() -> None:
    pair = imported()
    pair.b.next_block()
    proven: Proven = pair.b.prove(facts.STORE, facts.fact_key(FACT_ID))
    assert proven.value == encode(pair.fact(FACT_ID))
