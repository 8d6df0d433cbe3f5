"""Everything that must hold of a bundle, check by check, whether or not it is trusted.

Each function takes the case at hand, raises the first thing that is wrong, and returns
one line that says what was found. ``verify`` runs them in order; a check may rely on
those before it. Of every bundle:

*entries*: every entry is of its form. *headers*: each header is signed by over two thirds
of its own validators' power. *states*: each value lies under the key it should, or
provably nothing does, in the state of its header; all of one zone in one state, so that
nobody can choose the best of several days. *transactions*: each stands in its block,
succeeded, and is signed by its account. *history*: the newest header of each zone leads
back to all others. Then those of its kind, and last: *maker*: the manifest was signed by
an account of one of the parties, and is dated by the newest header. *readable*: reports
and readable entries say what the proofs say, nothing else.

Of an exchange, as far as it came: *link*: each zone's channel, connection and light client
are those of the other. *record*: zone a has the record with this issuer, id and version.
*payload*: the given fields are those that the record's digest commits to. *request*: both
zones have the same request; its packet was sent, received, signed. *decision* or *refusal*:
both zones have the same, acknowledged. *delivery*: the issuer stated which sealed bytes it
handed over. *receipt*: both zones have the same receipt for that digest, sent and
acknowledged. *timeout*: the request provably had not arrived when its time was over.
*failure*: zone a acknowledged it with an error. *light client*: zone b's light client
verified the header that proves zone a's part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from huitong.core.address import address_of_public_key
from huitong.core.tx import verify_signature
from huitong.evidence import kinds, places
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
from huitong.evidence.agreement_ended import (
    check_failure,
    check_no_receipt,
    check_refusal,
    check_sent_request,
    check_timeout,
)
from huitong.evidence.agreement_single import (
    check_consent_state,
    check_fact_state,
    check_grant_state,
    check_member_state,
    check_record_state,
)
from huitong.evidence.case import Case
from huitong.evidence.entries import decode_evidence, encode_evidence
from huitong.evidence.errors import (
    ContradictionError,
    EntryContentError,
    EntryMissingError,
    HistoryError,
    StateProofError,
    TransactionProofError,
)
from huitong.evidence.headers import check_light_block, verify_history
from huitong.evidence.kinds import PROVIDER, REQUESTER, Kind
from huitong.evidence.manifest import ADDENDA_PREFIX, MANIFEST_ENTRY, listed_entries
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
    for side in case.subject.kind.sides:
        blocks = case.headers(side)
        for block in blocks.values():
            check_light_block(block, case.chain_id(side), case.now_ns)
        counts.append(f"{len(blocks)} of {case.chain_id(side)}")
    return "signed by their validators: " + ", ".join(counts)


def check_states(case: Case) -> str:
    """Check that each value is the one its label names, and in its zone's state."""
    count = 0
    for side, part in case.subject.kind.parts.items():
        chain_id = case.chain_id(side)
        zone = case.evidence.zones[side]
        allowed = _allowed_places(case, side)
        newest = zone.history.accumulator.height
        for label in part.states:
            get_state(case.evidence, side, label)
        for label, state in zone.states.items():
            if (state.store, state.key) not in allowed.get(label, ()):
                raise StateProofError(
                    label=label, zone=chain_id, reason="it is another key's value"
                )
            if label != kinds.REQUEST_COMMITMENT and state.height != newest:
                raise StateProofError(
                    label=label,
                    zone=chain_id,
                    reason=f"it is of height {state.height}, all others of {newest}",
                )
            verify_state(
                label, state, zone.headers, chain_id, absent=label in part.absent
            )
            count += 1
    return f"{count} values proven in the state of their zones"


def check_transactions(case: Case) -> str:
    """Check that each transaction is in its block, succeeded, and who signed it."""
    count = 0
    for side in case.subject.kind.sides:
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
    for side in case.subject.kind.sides:
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
    count = sum(bool(addendum.headers) for addendum in case.addenda)
    refreshed = f", {count} refreshes" if count else ""
    return f"each zone's newest header leads back to the others{refreshed}"


def check_maker(case: Case) -> str:
    """Check whose key signed the manifest.

    A chain learns the key of an account with its first transaction. A member that has
    sent none may make evidence all the same: then its address alone tells the key.
    """
    subject, maker = case.subject, case.statement.maker
    agree("maker's address", subject.maker, maker.address)
    if maker.public_key:
        agree("maker's key", maker.public_key, case.public_key)
    else:
        address = address_of_public_key(case.public_key)
        agree("address of the maker's key", maker.address, address)
    if subject.kind.is_linked:
        party = subject.issuer if subject.maker_side == PROVIDER else subject.requester
        agree("maker's member", party, maker.member_id)
    elif not maker.member_id:
        raise ContradictionError(what="maker", expected="a member", actual="nobody")
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
Named = tuple[str, Check]
"""A check with the name under which it is reported."""
#: Those of every bundle that come before those of its kind, in order.
_FIRST_CHECKS: Final[tuple[Named, ...]] = (
    ("entries", check_entries),
    ("headers", check_headers),
    ("states", check_states),
    ("transactions", check_transactions),
    ("history", check_history),
)
#: Those of every bundle that come last.
_LAST_CHECKS: Final[tuple[Named, ...]] = (
    ("maker", check_maker),
    ("readable", check_readable),
)
_LINK: Final[Named] = ("link", check_link)
_RECORD: Final[Named] = ("record", check_record)
_REQUEST: Final[Named] = ("request", check_request)
_DECISION: Final[Named] = ("decision", check_decision)
_DELIVERY: Final[Named] = ("delivery", check_delivery)
_LIGHT_CLIENT: Final[Named] = ("light client", check_light_client)
#: What must fit together, by kind.
_CHECKS_OF_KIND: Final[Mapping[str, tuple[Named, ...]]] = MappingProxyType(
    {
        kinds.FINISHED.name: (
            _LINK,
            _RECORD,
            ("payload", check_payload),
            _REQUEST,
            _DECISION,
            _DELIVERY,
            ("receipt", check_receipt),
            _LIGHT_CLIENT,
        ),
        kinds.DELIVERY.name: (
            _LINK,
            _RECORD,
            _REQUEST,
            _DECISION,
            _DELIVERY,
            ("no receipt", check_no_receipt),
            _LIGHT_CLIENT,
        ),
        kinds.REFUSAL.name: (
            _LINK,
            _REQUEST,
            ("refusal", check_refusal),
            _LIGHT_CLIENT,
        ),
        kinds.TIMEOUT.name: (
            _LINK,
            ("request", check_sent_request),
            ("timeout", check_timeout),
            _LIGHT_CLIENT,
        ),
        kinds.FAILURE.name: (
            _LINK,
            ("request", check_sent_request),
            ("failure", check_failure),
            _LIGHT_CLIENT,
        ),
        kinds.RECORD_STATE.name: (("record", check_record_state),),
        kinds.GRANT_STATE.name: (("grant", check_grant_state),),
        kinds.CONSENT_STATE.name: (("consent", check_consent_state),),
        kinds.MEMBER_STATE.name: (("member", check_member_state),),
        kinds.FACT_STATE.name: (("fact", check_fact_state),),
    }
)


def checks_of(kind: Kind) -> tuple[Named, ...]:
    """Return the checks that a bundle of a kind must pass, in order."""
    return (*_FIRST_CHECKS, *_CHECKS_OF_KIND[kind.name], *_LAST_CHECKS)


def _allowed_places(case: Case, side: str) -> dict[str, tuple[Place, ...]]:
    """Return the keys that each label of one side may stand for."""
    subject, statement = case.subject, case.statement
    said = statement.zone(side)
    allowed = places.fixed_places(subject, side)
    for label, account in said.accounts.items():
        place = places.account_place(account.address)
        allowed[kinds.ACCOUNT_PREFIX + label] = (place,)
    if side == subject.maker_side:
        allowed[kinds.MAKER] = (places.account_place(subject.maker),)
    if side == REQUESTER:
        height_on_a = case.evidence.zones[PROVIDER].history.accumulator.height
        block = case.evidence.zones[PROVIDER].headers.get(height_on_a + 1)
        if block is not None:
            height = str(header_height(block.signed_header.header))
            allowed[kinds.CONSENSUS] = (places.consensus_place(subject, height),)
        return allowed
    if kinds.EXCHANGE not in subject.kind.parts[side].states:
        return allowed
    if grant_id := said.exchange.decision.grant_id:
        allowed[kinds.GRANT] = (places.grant_place(grant_id),)
    if consent_id := said.exchange.request.consent_id:
        allowed[kinds.CONSENT] = (places.consent_place(consent_id),)
    return allowed
