"""Everything that must hold of a bundle, check by check, whether or not it is trusted.

Each function takes the case at hand, raises the first thing that is wrong, and returns
one line that says what was found. ``verify`` runs them in the order of ``CHECKS``; a
check may rely on those before it.

1.  *entries*: every entry is of its form.
2.  *headers*: each header is signed by over two thirds of its own validators' power.
3.  *states*: each value lies under the key it should, in the state of its header; all
    of one zone in one state, so that nobody can choose the best of several days.
4.  *transactions*: each stands in its block, succeeded, and is signed by its account.
5.  *history*: the newest header of each zone leads back to all others.
6.  *link*: each zone's channel, connection and light client are those of the other.
7.  *record*: zone a has the record with this issuer, id and version.
8.  *payload*: the given fields are those that the record's digest commits to.
9.  *request*: both zones have the same request; its packet was sent, received, signed.
10. *decision*: both zones have the same grant of it, for these fields, acknowledged.
11. *delivery*: the issuer stated which sealed bytes it handed over.
12. *receipt*: both zones have the same receipt for that digest, sent and acknowledged.
13. *light client*: zone b's light client verified the header that proves zone a's part.
14. *maker*: the manifest was signed by an account of one of the two parties, and is
    dated by the newest header.
15. *readable*: reports and readable entries say what the proofs say, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from huitong.core.tx import verify_signature
from huitong.evidence import places
from huitong.evidence.addenda import decode_addenda, encode_addendum
from huitong.evidence.agreement import (
    agree,
    check_decision,
    check_delivery,
    check_light_client,
    check_link,
    check_payload,
    check_receipt,
    check_record,
    check_request,
)
from huitong.evidence.case import Case
from huitong.evidence.entries import decode_evidence, encode_evidence
from huitong.evidence.errors import (
    EntryContentError,
    EntryMissingError,
    HistoryError,
    StateProofError,
    TransactionProofError,
)
from huitong.evidence.headers import check_light_block, verify_history
from huitong.evidence.manifest import ADDENDA_PREFIX, MANIFEST_ENTRY, listed_entries
from huitong.evidence.model import (
    PROVIDER,
    REQUESTER,
    SIDES,
)
from huitong.evidence.places import Place
from huitong.evidence.proofs import verify_state, verify_transaction
from huitong.evidence.readable import readable_entries
from huitong.evidence.statement import get_state, read_statement
from huitong.light.tendermint.header import header_height


def check_entries(case: Case) -> str:
    """Read all entries; the proofs of an addendum too."""
    case.evidence = decode_evidence(case.entries)
    case.addenda = decode_addenda(case.entries)
    case.statement = read_statement(case.evidence)
    return f"{len(case.entries)} entries"


def check_headers(case: Case) -> str:
    """Check each header against its own validators."""
    counts = []
    for side in SIDES:
        blocks = case.headers(side)
        for block in blocks.values():
            check_light_block(block, case.chain_id(side), case.now_ns)
        counts.append(f"{len(blocks)} of {case.chain_id(side)}")
    return "signed by their validators: " + ", ".join(counts)


def check_states(case: Case) -> str:
    """Check that each value is the one its label names, and in its zone's state."""
    count = 0
    for side in SIDES:
        chain_id = case.chain_id(side)
        zone = case.evidence.zones[side]
        allowed = _allowed_places(case, side)
        newest = zone.history.accumulator.height
        for label in places.STATES[side]:
            get_state(case.evidence, side, label)
        for label, state in zone.states.items():
            if (state.store, state.key) not in allowed.get(label, ()):
                raise StateProofError(
                    label=label, zone=chain_id, reason="it is another key's value"
                )
            if label != places.REQUEST_COMMITMENT and state.height != newest:
                raise StateProofError(
                    label=label,
                    zone=chain_id,
                    reason=f"it is of height {state.height}, all others of {newest}",
                )
            verify_state(label, state, zone.headers, chain_id)
            count += 1
    return f"{count} values proven in the state of their zones"


def check_transactions(case: Case) -> str:
    """Check that each transaction is in its block, succeeded, and who signed it."""
    count = 0
    for side in SIDES:
        chain_id = case.chain_id(side)
        zone, said = case.evidence.zones[side], case.statement.zone(side)
        party = case.subject.issuer if side == PROVIDER else case.subject.requester
        for label, proof in zone.transactions.items():
            tx = said.transactions.get(label)
            if tx is None:
                raise TransactionProofError(
                    label=label, zone=chain_id, reason="no such label is known"
                )
            verify_transaction(label, proof, zone.headers, chain_id)
            account = said.accounts[label]
            agree(f"signer of {label}", tx.address, account.address)
            agree(f"public key of {label}", tx.public_key, account.public_key)
            agree(f"member that signed {label}", party, account.member_id)
            verify_signature(tx, chain_id, account.account_number)
            count += 1
    return f"{count} transactions in their blocks, signed by the parties"


def check_history(case: Case) -> str:
    """Check that the newest header of each zone, and of each refresh, leads back."""
    for side in SIDES:
        zone, chain_id = case.evidence.zones[side], case.chain_id(side)
        pool = case.headers(side)
        histories = [zone.history] + [
            addendum.histories[side]
            for addendum in case.addenda
            if side in addendum.histories
        ]
        newest = max(zone.headers, default=0)
        for history in histories:
            proven = verify_history(history, pool, chain_id)
            missing = (
                zone.headers.keys() - set(proven) - {history.accumulator.height + 1}
            )
            if missing:
                raise HistoryError(
                    zone=chain_id, reason=f"it does not lead to header {min(missing)}"
                )
        agree(
            f"newest header of {chain_id}", newest, zone.history.accumulator.height + 1
        )
    refreshed = f", {len(case.addenda)} refreshes" if case.addenda else ""
    return f"each zone's newest header leads back to the others{refreshed}"


def check_maker(case: Case) -> str:
    """Check whose key signed the manifest."""
    subject, maker = case.subject, case.statement.maker
    party = subject.issuer if subject.maker_side == PROVIDER else subject.requester
    agree("maker's address", subject.maker, maker.address)
    agree("maker's key", maker.public_key, case.public_key)
    agree("maker's member", party, maker.member_id)
    newest_ns = max(
        block.signed_header.header.time_ns
        for zone in case.evidence.zones.values()
        for block in zone.headers.values()
    )
    agree("time of the manifest", newest_ns, case.created_ns)
    return f"signed by {maker.address} of {maker.member_id}"


def check_readable(case: Case) -> str:
    """Write every entry anew from what was read, and compare."""
    made = encode_evidence(case.evidence)
    readable = readable_entries(case.evidence, case.statement)
    expected = made | readable
    for number, addendum in enumerate(case.addenda, 1):
        expected |= encode_addendum(addendum, number, case.entries[MANIFEST_ENTRY])
    present = listed_entries(case.entries) | {
        name: data
        for name, data in case.entries.items()
        if name.startswith(ADDENDA_PREFIX)
    }
    for name in sorted(expected.keys() | present.keys()):
        if name not in present:
            raise EntryMissingError(entry=name)
        if present[name] != expected.get(name):
            raise EntryContentError(entry=name)
    return f"{len(readable)} entries for people say what the proofs say"


Check = Callable[[Case], str]
#: All of them, in order, with the names under which they are reported.
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("entries", check_entries),
    ("headers", check_headers),
    ("states", check_states),
    ("transactions", check_transactions),
    ("history", check_history),
    ("link", check_link),
    ("record", check_record),
    ("payload", check_payload),
    ("request", check_request),
    ("decision", check_decision),
    ("delivery", check_delivery),
    ("receipt", check_receipt),
    ("light client", check_light_client),
    ("maker", check_maker),
    ("readable", check_readable),
)


def _allowed_places(case: Case, side: str) -> dict[str, tuple[Place, ...]]:
    """Return the keys that each label of one side may stand for."""
    subject, statement = case.subject, case.statement
    said = statement.zone(side)
    allowed: dict[str, tuple[Place, ...]] = {
        label: (place,) for label, place in places.fixed_places(subject, side).items()
    }
    for label, account in said.accounts.items():
        place = places.account_place(account.address)
        allowed[places.ACCOUNT_PREFIX + label] = (place,)
    if side == subject.maker_side:
        allowed[places.MAKER] = (places.account_place(subject.maker),)
    if side == REQUESTER:
        state = get_state(case.evidence, PROVIDER, places.RECORD)
        block = case.evidence.zones[PROVIDER].headers.get(state.height + 1)
        if block is not None:
            height = str(header_height(block.signed_header.header))
            allowed[places.CONSENSUS] = (places.consensus_place(subject, height),)
        return allowed
    allowed[places.RECORD] = places.record_places(subject)
    if grant_id := said.exchange.decision.grant_id:
        allowed[places.GRANT] = (places.grant_place(grant_id),)
    if consent_id := said.exchange.request.consent_id:
        allowed[places.CONSENT] = (places.consent_place(consent_id),)
    return allowed
