"""Bundles that somebody made up, wholly or in part; each is refused, by its own check.

Three kinds of forger: one who changes bytes of a file, one who has a party's own key and
signs whatever manifest he likes, and one who runs zones of his own under the same names.
"""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.commitment import disclose, encode_disclosure
from huitong.evidence.container import decode_container, encode_container
from huitong.evidence.kinds import KINDS
from huitong.evidence.manifest import MANIFEST_ENTRY, SIGNATURE_ENTRY
from huitong.evidence.reading import encode_entry
from huitong.evidence.verify import GRADE_UNVERIFIED, verify_bundle
from tests.ended_kit import made
from tests.evidence_kit import bundle, finished_exchange, make_payload, reseal

Entries = dict[str, bytes]
Change = Callable[[Entries], Any]

STATE_A = "provider/states/"
STATE_B = "requester/states/"
TX_A = "provider/transactions/"
TX_B = "requester/transactions/"


def _failure(data: bytes, trust: Any = None) -> tuple[str, str | None]:
    verdict = verify_bundle(data, trust, now_ns=finished_exchange(2).now_ns)
    assert verdict.failed is not None, verdict.grade
    assert "\n" not in verdict.failed.detail
    return verdict.failed.name, verdict.failed.error


def _entries(sequence: int = 0) -> Entries:
    """Return the entries of a bundle; two exchanges of one record lie in its zones."""
    return decode_container(bundle(sequence, 2))


def _second() -> Entries:
    return _entries(finished_exchange(2).sequences[1])


# --- who changes bytes ------------------------------------------------------------------


def test_two_thousand_changed_bytes_are_all_refused() -> None:
    data, trust = bundle(), finished_exchange().trust()
    assert verify_bundle(data, trust, now_ns=finished_exchange().now_ns).grade
    draw = random.Random(20_260_101)
    for _ in range(2_000):
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= draw.randrange(1, 256)
        verdict = verify_bundle(
            bytes(changed), trust, now_ns=finished_exchange().now_ns
        )
        assert verdict.grade is None


@given(st.data())
def test_bytes_added_or_taken_away_are_refused(data: st.DataObject) -> None:
    good = bundle()
    at = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(at, min(len(good), at + 50)))
    added = data.draw(st.binary(max_size=20))
    changed = good[:at] + added + good[end:]
    if changed != good:
        assert verify_bundle(changed, None, now_ns=0).grade is None


@pytest.mark.parametrize("name", sorted(decode_container(bundle(0, 2))))
def test_entry_changed_without_the_key_is_refused(name: str) -> None:
    entries = _entries()
    entries[name] += b"\n"
    assert _failure(encode_container(entries))[0] in ("manifest", "signature")


def test_entries_renamed_removed_or_added_without_the_key_are_refused() -> None:
    for change in (
        lambda entries: entries.update({"more.txt": b""}),
        lambda entries: entries.pop("report.md"),
        lambda entries: entries.update({"a.md": entries.pop("report.md")}),
    ):
        entries = _entries()
        change(entries)
        assert _failure(encode_container(entries)) == ("manifest", "evidence/5")


def test_manifest_or_signature_of_another_bundle_is_refused() -> None:
    for name, expected in (
        (MANIFEST_ENTRY, ("manifest", "evidence/6")),
        (SIGNATURE_ENTRY, ("signature", "evidence/7")),
    ):
        entries = _entries()
        entries[name] = _second()[name]
        if name == MANIFEST_ENTRY:
            assert _failure(encode_container(entries))[0] == "manifest"
        else:
            assert _failure(encode_container(entries)) == expected
        del entries[name]
        assert _failure(encode_container(entries))[1] == "evidence/9"


def test_equivalent_signature_with_the_higher_s_is_refused() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    entries = _entries()
    value = json.loads(entries[SIGNATURE_ENTRY])
    r, s = value["signature"][:64], int(value["signature"][64:], 16)
    value["signature"] = r + f"{order - s:064x}"
    entries[SIGNATURE_ENTRY] = encode_entry(value)
    assert _failure(encode_container(entries)) == ("signature", "evidence/7")


# --- who has a party's key --------------------------------------------------------------


def _edit(name: str, **changes: Any) -> Change:
    """Change members of an entry of JSON."""

    def change(entries: Entries) -> None:
        entries[name] = encode_entry(json.loads(entries[name]) | changes)

    return change


def _swap(left: str, right: str) -> Change:
    def change(entries: Entries) -> None:
        entries[left], entries[right] = entries[right], entries[left]

    return change


def _from_second(name: str) -> Change:
    """Take an entry from the bundle of the other exchange."""
    return lambda entries: entries.update({name: _second()[name]})


def _without(name: str) -> Change:
    return lambda entries: entries.pop(name)


def _first(entries: Entries, prefix: str) -> str:
    return min(name for name in entries if name.startswith(prefix))


def _last(entries: Entries, prefix: str) -> str:
    return max(name for name in entries if name.startswith(prefix))


def _in_header(side: str, *path: str, value: Any) -> Change:
    """Change one member deep in the newest header of a side."""

    def change(entries: Entries) -> None:
        name = _last(entries, f"{side}/headers/")
        block = json.loads(entries[name])
        part = block
        for step in path[:-1]:
            part = part[int(step)] if step.isdigit() else part[step]
        part[path[-1]] = value
        entries[name] = encode_entry(block)

    return change


def _header_of_other_zone(entries: Entries) -> None:
    own, other = _last(entries, "provider/headers/"), None
    block = json.loads(entries[own])
    for name in entries:
        if name.startswith("requester/headers/"):
            other = json.loads(entries[name])
            if other["height"] == block["height"]:
                break
            other = None
    if other is None:
        newest = _last(entries, "requester/headers/")
        other = json.loads(entries[newest])
        name = f"provider/headers/{other['height']:012d}.json"
        entries[name] = entries[newest]
    else:
        entries[own] = encode_entry(other)


def _disclosure(**values: Any) -> Change:
    """Put other values into the disclosure."""

    def change(entries: Entries) -> None:
        payload = make_payload()
        fields = dict(payload.fields) | {
            name: json.dumps(value).encode() for name, value in values.items()
        }
        made = disclose(
            payload.commit(),
            fields,
            payload.salts,
            ("invoice_number", "seller", "total"),
        )
        entries["payload/disclosure.json"] = encode_disclosure(made)

    return change


def _give_everything(entries: Entries) -> None:
    payload = make_payload()
    made = disclose(payload.commit(), payload.fields, payload.salts, payload.fields)
    entries["payload/disclosure.json"] = encode_disclosure(made)


def _rename_withheld(entries: Entries) -> None:
    value = json.loads(entries["payload/disclosure.json"])
    value["withheld"][0]["name"] = "linez"
    entries["payload/disclosure.json"] = json.dumps(
        value, sort_keys=True, separators=(",", ":")
    ).encode()


def _result(name: str, **changes: Any) -> Change:
    def change(entries: Entries) -> None:
        value = json.loads(entries[name])
        value["result"] |= changes
        entries[name] = encode_entry(value)

    return change


def _history_path(entries: Entries) -> None:
    value = json.loads(entries["provider/history.json"])
    value["paths"] = value["paths"][1:]
    entries["provider/history.json"] = encode_entry(value)


def _history_of_other_zone(entries: Entries) -> None:
    entries["provider/history.json"] = entries["requester/history.json"]


def _flip_history(entries: Entries) -> None:
    value = json.loads(entries["provider/history.json"])
    path = value["paths"][0]
    value["paths"][0] = path[:60] + ("A" if path[60] != "A" else "B") + path[61:]
    entries["provider/history.json"] = encode_entry(value)


def _subject(**changes: Any) -> Change:
    return _edit("evidence.json", **changes)


def _subject_zone(side: str, **changes: Any) -> Change:
    def change(entries: Entries) -> None:
        value = json.loads(entries["evidence.json"])
        value[side] |= changes
        entries["evidence.json"] = encode_entry(value)

    return change


def _add(name: str, data: bytes) -> Change:
    return lambda entries: entries.update({name: data})


def _copy(source: str, target: str) -> Change:
    return lambda entries: entries.update({target: entries[source]})


def _absent_vote(entries: Entries) -> None:
    name = _last(entries, "provider/headers/")
    block = json.loads(entries[name])
    (vote,) = block["commit"]["signed_header"]["commit"]["signatures"]
    vote |= {
        "block_id_flag": 1,
        "validator_address": "",
        "timestamp": "0001-01-01T00:00:00Z",
        "signature": None,
    }
    entries[name] = encode_entry(block)


_SIGNED = ("commit", "signed_header")
FORGERIES: dict[str, tuple[Change, str, str]] = {
    # entries
    "an entry that nobody knows": (_add("more.txt", b"x"), "readable", "evidence/10"),
    "an entry of a side that is none": (
        _add("third/headers/000000000001.json", b"{}\n"),
        "readable",
        "evidence/10",
    ),
    "a subject of another format": (_subject(format="x"), "entries", "evidence/8"),
    "a subject with one zone twice": (
        _subject_zone("requester", chain_id="hangzhou-1"),
        "entries",
        "evidence/8",
    ),
    "a state that is not JSON": (
        _add(STATE_A + "record.json", b"{"),
        "entries",
        "evidence/8",
    ),
    "a state in another layout": (
        lambda e: e.update(
            {STATE_A + "record.json": e[STATE_A + "record.json"].replace(b" ", b"")}
        ),
        "entries",
        "evidence/8",
    ),
    "a state with a member more": (
        _edit(STATE_A + "record.json", note="x"),
        "entries",
        "evidence/8",
    ),
    "a header under another height": (
        lambda e: e.update(
            {"provider/headers/000000000999.json": e[_last(e, "provider/headers/")]}
        ),
        "entries",
        "evidence/8",
    ),
    # headers
    "a header of the other zone": (
        _header_of_other_zone,
        "headers",
        "07-tendermint/101",
    ),
    "a header with another state root": (
        _in_header("provider", *_SIGNED, "header", "app_hash", value="00" * 32),
        "headers",
        "07-tendermint/103",
    ),
    "a header with another time": (
        _in_header(
            "provider", *_SIGNED, "header", "time", value="2026-01-01T00:00:09Z"
        ),
        "headers",
        "07-tendermint/103",
    ),
    "a header without a vote": (_absent_vote, "headers", "07-tendermint/109"),
    "a header with the vote of another": (
        _in_header(
            "provider",
            *_SIGNED,
            "commit",
            "signatures",
            "0",
            "signature",
            value="AA" * 43 + "==",
        ),
        "headers",
        "07-tendermint/110",
    ),
    "a header with other validators": (
        lambda e: e.update(
            {
                _last(e, "provider/headers/"): encode_entry(
                    json.loads(e[_last(e, "provider/headers/")])
                    | {
                        "validators": json.loads(e[_last(e, "requester/headers/")])[
                            "validators"
                        ]
                        | {
                            "block_height": str(
                                json.loads(e[_last(e, "provider/headers/")])["height"]
                            )
                        }
                    }
                )
            }
        ),
        "headers",
        "07-tendermint/106",
    ),
    # states
    "the record's proof under the exchange's label": (
        _swap(STATE_A + "channel.json", STATE_A + "connection.json"),
        "entries",
        "evidence/8",
    ),
    "the exchange of another request": (
        _from_second(STATE_A + "exchange.json"),
        "states",
        "evidence/11",
    ),
    "the other zone's member": (
        _copy(STATE_B + "member.json", STATE_A + "member.json"),
        "states",
        "evidence/11",
    ),
    "a value that the proof does not show": (
        lambda e: e.update(
            {
                STATE_A + "member.json": encode_entry(
                    json.loads(e[STATE_A + "member.json"])
                    | {"value": json.loads(e[STATE_B + "member.json"])["value"]}
                )
            }
        ),
        "states",
        "evidence/11",
    ),
    "a proof of another value": (
        lambda e: e.update(
            {
                STATE_A + "member.json": encode_entry(
                    json.loads(e[STATE_A + "member.json"])
                    | {"proof": json.loads(e[STATE_A + "record.json"])["proof"]}
                )
            }
        ),
        "states",
        "evidence/11",
    ),
    "a proof for another height": (
        _edit(STATE_A + "record.json", height=3),
        "states",
        "evidence/11",
    ),
    "a label of which nobody knows the key": (
        _copy(STATE_A + "record.json", STATE_A + "extra.json"),
        "states",
        "evidence/11",
    ),
    # transactions
    "the request of another exchange": (
        _from_second(TX_B + "request.json"),
        "transactions",
        "evidence/12",
    ),
    "a transaction under another label": (
        _copy(TX_B + "request.json", TX_B + "extra.json"),
        "transactions",
        "evidence/12",
    ),
    "a result that says another code": (
        _result(TX_A + "publish.json", code=5),
        "transactions",
        "evidence/12",
    ),
    "a result with other gas": (
        _result(TX_A + "publish.json", gas_used=1),
        "transactions",
        "evidence/12",
    ),
    "a transaction at another height": (
        _edit(TX_A + "publish.json", height=2),
        "transactions",
        "evidence/12",
    ),
    # history
    "a history that leaves out a header": (_history_path, "history", "evidence/14"),
    "a history of the other zone": (_history_of_other_zone, "states", "evidence/11"),
    "a history with another path": (_flip_history, "history", "evidence/14"),
    # what the exchange was
    "another channel": (
        _subject_zone("provider", channel_id="channel-7"),
        "states",
        "evidence/11",
    ),
    "another requester": (_subject(requesting_member="x"), "states", "evidence/11"),
    "another record": (_subject(record_id="INV-2"), "states", "evidence/11"),
    "another version": (_subject(version=2), "record", "evidence/13"),
    "another receipt": (_subject(receipt_sequence=9), "states", "evidence/11"),
    "another maker": (
        lambda e: e.update(
            {
                "evidence.json": encode_entry(
                    json.loads(e["evidence.json"])
                    | {
                        "maker": {
                            "side": "provider",
                            "address": json.loads(e["evidence.json"])["maker"][
                                "address"
                            ],
                        }
                    }
                )
            }
        ),
        "entries",
        "evidence/9",
    ),
    # payload
    "a payload with another total": (_disclosure(total=1_130), "payload", "fields/4"),
    "a payload with a field renamed": (_rename_withheld, "payload", "evidence/13"),
    "a payload with fields that were not granted": (
        _give_everything,
        "payload",
        "evidence/13",
    ),
    "a payload that is none": (
        _add("payload/disclosure.json", b"{}"),
        "entries",
        "evidence/8",
    ),
    # for people
    "a report that says something else": (
        lambda e: e.update({"report.md": e["report.md"].replace(b"113", b"999")}),
        "readable",
        "evidence/10",
    ),
    "a page that says something else": (
        _add("report.html", b"<p>trust me</p>"),
        "readable",
        "evidence/10",
    ),
    "a readable decision that differs": (
        _edit("exchange/decision.json", reason_code="x"),
        "readable",
        "evidence/10",
    ),
    "a readable document that differs": (
        _edit("payload/document.json", total=999),
        "readable",
        "evidence/10",
    ),
    # addenda
    "an addendum with a wrong number": (
        _add("addenda/02/manifest.json", b"{}\n"),
        "entries",
        "evidence/4",
    ),
    "an addendum without number": (
        _add("addenda/x.json", b"{}\n"),
        "entries",
        "evidence/8",
    ),
    "an empty addendum": (
        _add("addenda/01/manifest.json", b"{}\n"),
        "entries",
        "evidence/9",
    ),
    "an addendum without history": (
        lambda e: e.update(
            {"addenda/01/provider/header.json": e[_last(e, "provider/headers/")]}
        ),
        "entries",
        "evidence/9",
    ),
    "an addendum without manifest": (
        lambda e: e.update(
            {
                "addenda/01/provider/header.json": e[_last(e, "provider/headers/")],
                "addenda/01/provider/history.json": e["provider/history.json"],
            }
        ),
        "readable",
        "evidence/9",
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_forgery_by_a_maker_with_a_good_signature_is_refused(what: str) -> None:
    change, check, error = FORGERIES[what]
    entries = _entries()
    change(entries)
    assert _failure(reseal(entries)) == (check, error)


def test_resealed_bundle_itself_is_consistent() -> None:
    now_ns = finished_exchange(2).now_ns
    assert verify_bundle(reseal(_entries()), None, now_ns=now_ns).grade == (
        GRADE_UNVERIFIED
    )


def test_states_of_different_days_are_not_mixed() -> None:
    """The member as it stood before: true then, but not at the bundle's header."""
    exchange, entries = finished_exchange(2), _entries()
    name = STATE_A + "member.json"
    state = json.loads(entries[name])
    height = min(
        int(entry[-17:-5]) for entry in entries if entry.startswith("provider/headers/")
    )
    value, proof = exchange.a.prove_one(
        "members", bytes.fromhex(state["key"]), height - 1
    )
    assert b64encode(value).decode() == state["value"]
    state |= {"height": height - 1, "proof": b64encode(proof).decode()}
    entries[name] = encode_entry(state)
    assert _failure(reseal(entries)) == ("states", "evidence/11")


def test_manifest_with_another_date_is_refused() -> None:
    data = reseal(_entries(), created_ns=finished_exchange(2).now_ns - 1)
    assert _failure(data) == ("maker", "evidence/13")


def test_bundle_signed_by_a_stranger_is_refused() -> None:
    assert _failure(reseal(_entries(), "stranger")) == ("maker", "evidence/13")


@pytest.mark.parametrize(
    "name",
    sorted(set(decode_container(bundle(0, 2))) - {MANIFEST_ENTRY, SIGNATURE_ENTRY}),
)
def test_bundle_without_one_of_its_entries_is_refused(name: str) -> None:
    entries = _entries()
    del entries[name]
    assert _failure(reseal(entries))[0] in (
        "entries",
        "states",
        "transactions",
        "history",
        "readable",
    )


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in decode_container(bundle(0, 2))
        if not name.startswith(("report", "exchange/", "manifest"))
    ),
)
def test_entry_of_another_exchange_is_refused(name: str) -> None:
    entries, second = _entries(), _second()
    if second.get(name, entries[name]) == entries[name]:
        return
    entries[name] = second[name]
    _failure(reseal(entries))


def test_receipt_of_another_exchange_is_refused_wholly() -> None:
    """All that concerns the second exchange's receipt, put into the first's bundle."""
    entries, second = _entries(), _second()
    for name in (TX_B + "confirm.json", STATE_A + "receipt-receipt.json"):
        entries[name] = second[name]
    for name in second:
        if "/headers/" in name:
            entries[name] = second[name]
    assert _failure(reseal(entries))[0] in ("states", "transactions", "history")


@given(st.data())
def test_garbage_in_any_entry_never_breaks_the_verifier(data: st.DataObject) -> None:
    entries = _entries()
    made_anew = {MANIFEST_ENTRY, SIGNATURE_ENTRY}
    name = data.draw(st.sampled_from(sorted(entries.keys() - made_anew)))
    garbage = data.draw(
        st.binary(max_size=40)
        | st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda part: (
                st.dictionaries(st.text(max_size=5), part, max_size=3)
                | st.lists(part, max_size=3)
            ),
        ).map(
            lambda value: (
                json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2).encode(
                    "utf-8", "replace"
                )
                + b"\n"
            )
        )
    )
    if garbage != entries[name]:
        entries[name] = garbage
        _failure(reseal(entries))


@given(st.data())
def test_changed_value_in_any_entry_of_json_is_refused(data: st.DataObject) -> None:
    """Change one leaf of one entry and sign it well: no leaf is free to change."""
    kind = KINDS[data.draw(st.sampled_from(sorted(KINDS)))]
    bundle_of_kind = made(kind)
    entries = decode_container(bundle_of_kind.data)
    name = data.draw(
        st.sampled_from(
            sorted(
                name
                for name in entries
                if name.endswith(".json")
                and not name.startswith(("manifest", "payload"))
            )
        )
    )
    value = json.loads(entries[name])
    leaves = list(_leaves(value))
    container, key = data.draw(st.sampled_from(leaves))
    old = container[key]
    container[key] = data.draw(
        st.sampled_from([None, 0, 1, 7, -1, 2**70, "", "x", [], {}, True, "00", "AA=="])
        | st.just(old + 1 if type(old) is int else f"{old}0")
    )
    if container[key] == old and type(container[key]) is type(old):
        return
    entries[name] = encode_entry(value)
    forged = reseal(entries, bundle_of_kind.maker)
    assert verify_bundle(forged, None, now_ns=bundle_of_kind.now_ns).failed


def _leaves(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        if isinstance(part, dict | list) and part:
            yield from _leaves(part)
        else:
            yield value, key


# --- who runs zones of his own ----------------------------------------------------------


def test_zones_of_a_forger_are_consistent_but_never_proven() -> None:
    forged = bundle(0, 1, "forger")
    now_ns = finished_exchange(1, "forger").now_ns
    assert verify_bundle(forged, None, now_ns=now_ns).grade == GRADE_UNVERIFIED
    honest = finished_exchange()
    for heights, error in (
        ((2, 2), "evidence/17"),
        ((3, 3), "evidence/18"),
        ((honest.a.height, honest.b.height), "evidence/19"),
    ):
        verdict = verify_bundle(forged, honest.trust(*heights), now_ns=now_ns)
        assert verdict.grade is None
        assert verdict.failed is not None
        assert verdict.failed.error == error


def test_one_zone_of_a_forger_is_found_beside_an_honest_one() -> None:
    forged, honest = finished_exchange(1, "forger"), finished_exchange()
    mixed = forged.trust() | {"chongqing-1": honest.trust()["chongqing-1"]}
    verdict = verify_bundle(bundle(0, 1, "forger"), mixed, now_ns=forged.now_ns)
    assert verdict.failed is not None
    assert verdict.failed.name == "trust in chongqing-1"
