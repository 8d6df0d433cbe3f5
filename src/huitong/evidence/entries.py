"""Between a bundle's parts and the entries that hold them.

Layout of a bundle, in which ``side`` is ``provider`` or ``requester``::

    evidence.json                     which exchange, who made the bundle
    payload/disclosure.json           given fields, leaves of the withheld ones
    <side>/headers/<height>.json      light block, as CometBFT's RPC shows it
    <side>/states/<label>.json        value and Merkle proof
    <side>/transactions/<label>.json  transaction, its result, their places
    <side>/history.json               from the newest header back to the others

Beside these lie entries that only repeat what the proofs say, for people
(``readable``), the manifest and its signature (``manifest``), and addenda.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from huitong.core.errors import HuitongError
from huitong.core.hashing import HASH_SIZE_BYTES, MerkleProof
from huitong.evidence.errors import EntryFormError, EntryMissingError
from huitong.evidence.kinds import FACT_STATE, KINDS, SOMETIMES
from huitong.evidence.model import (
    FORMAT,
    Evidence,
    HistoryEvidence,
    StateProof,
    Subject,
    TransactionProof,
    TxResultFields,
    ZoneEvidence,
    ZonePointer,
)
from huitong.evidence.reading import Fields, base64_text, decode_entry, encode_entry
from huitong.light.tendermint.rpc_json import (
    light_block_from_json,
    signed_header_to_json,
    validator_set_to_json,
)
from huitong.light.tendermint.signed_header import LightBlock

SUBJECT_ENTRY: Final = "evidence.json"
DISCLOSURE_ENTRY: Final = "payload/disclosure.json"
_FACT_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEADER: Final = re.compile(r"([a-z]+)/headers/([0-9]{12})\.json", re.ASCII)
_STATE: Final = re.compile(r"([a-z]+)/states/([a-z-]{1,40})\.json", re.ASCII)
_TRANSACTION: Final = re.compile(
    r"([a-z]+)/transactions/([a-z-]{1,40})\.json", re.ASCII
)


def header_entry(side: str, height: int) -> str:
    """Return the name of the entry that holds a light block."""
    return f"{side}/headers/{height:012d}.json"


def state_entry(side: str, label: str) -> str:
    """Return the name of the entry that holds a proven value."""
    return f"{side}/states/{label}.json"


def transaction_entry(side: str, label: str) -> str:
    """Return the name of the entry that holds a transaction."""
    return f"{side}/transactions/{label}.json"


def history_entry(side: str) -> str:
    """Return the name of the entry that leads from the newest header to the others."""
    return f"{side}/history.json"


def encode_evidence(evidence: Evidence) -> dict[str, bytes]:
    """Return the entries that hold the proofs of ``evidence``."""
    entries = {SUBJECT_ENTRY: encode_subject(evidence.subject)}
    if evidence.subject.kind.payload:
        entries[DISCLOSURE_ENTRY] = evidence.disclosure
    for side, zone in evidence.zones.items():
        for height, block in zone.headers.items():
            entries[header_entry(side, height)] = encode_light_block(block)
        for label, state in zone.states.items():
            entries[state_entry(side, label)] = encode_entry(_state_json(state))
        for label, proof in zone.transactions.items():
            entries[transaction_entry(side, label)] = encode_entry(_tx_json(proof))
        entries[history_entry(side)] = encode_history(zone.history)
    return entries


def decode_evidence(entries: Mapping[str, bytes]) -> Evidence:
    """Read the entries that hold proofs; others are left to the caller.

    Raises:
        EntryMissingError: the subject, the payload or a history is not there.
        EntryFormError: an entry is not of the form that its name promises.
    """
    subject = decode_subject(get_entry(entries, SUBJECT_ENTRY))
    kind = subject.kind
    return Evidence(
        subject=subject,
        disclosure=get_entry(entries, DISCLOSURE_ENTRY) if kind.payload else b"",
        zones=MappingProxyType(
            {side: _decode_zone(entries, side) for side in kind.sides}
        ),
    )


def encode_subject(subject: Subject) -> bytes:
    """Return the entry that says what the bundle is about."""
    value: dict[str, Any] = {
        "format": FORMAT,
        "issuer": subject.issuer,
        "kind": subject.kind.name,
        "maker": {"address": subject.maker, "side": subject.maker_side},
        "number": subject.number,
        "provider": _pointer_json(subject.a),
        "receipt_sequence": subject.receipt_sequence,
        "record_id": subject.record_id,
        "requesting_member": subject.requester,
        "sequence": subject.sequence,
        "version": subject.version,
    }
    if subject.b is not None:
        value["requester"] = _pointer_json(subject.b)
    return encode_entry(value)


def decode_subject(data: bytes) -> Subject:
    """Read what ``encode_subject`` wrote.

    Raises:
        EntryFormError: anything else, or another format.
    """
    fields = decode_entry(SUBJECT_ENTRY, data)
    if (name := fields.text("format")) != FORMAT:
        raise fields.wrong(f"format {name[:40]!r}, this software reads {FORMAT}")
    kind = KINDS.get(name := fields.text("kind"))
    if kind is None:
        raise fields.wrong(f"kind {name[:40]!r} is not known")
    maker = fields.object("maker")
    subject = Subject(
        kind=kind,
        a=_pointer(fields.object("provider")),
        b=_pointer(fields.object("requester")) if kind.is_linked else None,
        sequence=fields.integer("sequence"),
        receipt_sequence=fields.integer("receipt_sequence"),
        issuer=fields.text("issuer"),
        record_id=fields.text("record_id"),
        version=fields.integer("version"),
        number=fields.integer("number"),
        requester=fields.text("requesting_member"),
        maker_side=maker.text("side"),
        maker=maker.text("address"),
    )
    maker.end()
    fields.end()
    if subject.maker_side not in kind.sides:
        raise fields.wrong(f"side {subject.maker_side[:40]!r}")
    if subject.b is not None and subject.a.chain_id == subject.b.chain_id:
        raise fields.wrong("both zones are the same")
    _check_used(fields, subject)
    return subject


def _check_used(fields: Fields, subject: Subject) -> None:
    """Raise if the subject says something that its kind has no use for."""
    for name in SOMETIMES:
        if name not in subject.kind.uses and getattr(subject, name):
            raise fields.wrong(f"a {subject.kind.name} has no {name}")
    if subject.kind is FACT_STATE and _FACT_ID.fullmatch(subject.record_id) is None:
        raise fields.wrong("record_id is no id of a fact")
    link = (subject.a.client_id, subject.a.connection_id, subject.a.channel_id)
    if not subject.kind.is_linked and any(link):
        raise fields.wrong(f"a {subject.kind.name} has no link")


def encode_light_block(block: LightBlock) -> bytes:
    """Return a light block as CometBFT's RPC shows its parts."""
    height = block.signed_header.header.height
    value: dict[str, Any] = {
        "commit": {
            "canonical": True,
            "signed_header": signed_header_to_json(block.signed_header),
        },
        "height": height,
    }
    if block.validators is not None:
        value["validators"] = validator_set_to_json(block.validators, height)
    if block.next_validators is not None:
        value["next_validators"] = validator_set_to_json(
            block.next_validators, height + 1
        )
    return encode_entry(value)


def decode_light_block(entry: str, data: bytes) -> LightBlock:
    """Read what ``encode_light_block`` wrote; the header's own set must be there.

    Raises:
        EntryFormError: anything else.
    """
    fields = decode_entry(entry, data)
    value = {
        name: fields.value(name)
        for name in ("commit", "height", "validators", "next_validators")
        if fields.has(name)
    }
    fields.end()
    try:
        block = light_block_from_json(value)
    except HuitongError as error:
        raise EntryFormError(entry=entry, reason=str(error)) from error
    if block.validators is None:
        raise fields.wrong("validators are missing")
    if encode_light_block(block) != data:
        raise fields.wrong("not in the form in which light blocks are written")
    return block


def encode_history(history: HistoryEvidence) -> bytes:
    """Return the entry that leads from one header back to others."""
    return encode_entry(
        {
            "accumulator": _state_json(history.accumulator),
            "paths": [base64_text(path) for path in history.paths],
        }
    )


def decode_history(entry: str, data: bytes) -> HistoryEvidence:
    """Read what ``encode_history`` wrote.

    Raises:
        EntryFormError: anything else.
    """
    fields = decode_entry(entry, data)
    accumulator = _state(fields.object("accumulator"))
    paths = tuple(
        Fields(entry, {"path": text}).base64("path") for text in fields.texts("paths")
    )
    fields.end()
    return HistoryEvidence(accumulator=accumulator, paths=paths)


def _decode_zone(entries: Mapping[str, bytes], side: str) -> ZoneEvidence:
    headers: dict[int, LightBlock] = {}
    states: dict[str, StateProof] = {}
    transactions: dict[str, TransactionProof] = {}
    for name, data in entries.items():
        if not name.startswith(f"{side}/"):
            continue
        if (match := _HEADER.fullmatch(name)) is not None:
            block = decode_light_block(name, data)
            if block.signed_header.header.height != int(match[2]):
                raise EntryFormError(entry=name, reason="holds another height")
            headers[int(match[2])] = block
        elif (match := _STATE.fullmatch(name)) is not None:
            fields = decode_entry(name, data)
            states[match[2]] = _state(fields)
        elif (match := _TRANSACTION.fullmatch(name)) is not None:
            transactions[match[2]] = _transaction(decode_entry(name, data))
    name = history_entry(side)
    return ZoneEvidence(
        headers=MappingProxyType(headers),
        states=MappingProxyType(states),
        transactions=MappingProxyType(transactions),
        history=decode_history(name, get_entry(entries, name)),
    )


def get_entry(entries: Mapping[str, bytes], name: str) -> bytes:
    """Return an entry that must be there.

    Raises:
        EntryMissingError: it is not.
    """
    if name not in entries:
        raise EntryMissingError(entry=name)
    return entries[name]


def _pointer_json(pointer: ZonePointer) -> dict[str, str]:
    return {
        "chain_id": pointer.chain_id,
        "channel_id": pointer.channel_id,
        "client_id": pointer.client_id,
        "connection_id": pointer.connection_id,
    }


def _pointer(fields: Fields) -> ZonePointer:
    pointer = ZonePointer(
        chain_id=fields.text("chain_id"),
        client_id=fields.text("client_id"),
        connection_id=fields.text("connection_id"),
        channel_id=fields.text("channel_id"),
    )
    fields.end()
    return pointer


def _state_json(state: StateProof) -> dict[str, Any]:
    return {
        "height": state.height,
        "key": state.key.hex(),
        "proof": base64_text(state.proof),
        "store": state.store,
        "value": base64_text(state.value),
    }


def _state(fields: Fields) -> StateProof:
    state = StateProof(
        store=fields.text("store"),
        key=fields.hexadecimal("key"),
        value=fields.base64("value"),
        height=fields.integer("height", 1),
        proof=fields.base64("proof"),
    )
    fields.end()
    return state


def _tx_json(proof: TransactionProof) -> dict[str, Any]:
    result = proof.result
    return {
        "height": proof.height,
        "place": _place_json(proof.place),
        "result": {
            "code": result.code,
            "data": base64_text(result.data),
            "gas_used": result.gas_used,
            "gas_wanted": result.gas_wanted,
        },
        "result_place": _place_json(proof.result_place),
        "tx": base64_text(proof.raw),
    }


def _transaction(fields: Fields) -> TransactionProof:
    result = fields.object("result")
    proof = TransactionProof(
        height=fields.integer("height", 1),
        raw=fields.base64("tx"),
        place=_place(fields.object("place")),
        result=TxResultFields(
            code=result.integer("code"),
            data=result.base64("data"),
            gas_wanted=result.integer("gas_wanted"),
            gas_used=result.integer("gas_used"),
        ),
        result_place=_place(fields.object("result_place")),
    )
    result.end()
    fields.end()
    return proof


def _place_json(place: MerkleProof) -> dict[str, Any]:
    return {
        "aunts": [aunt.hex() for aunt in place.aunts],
        "index": place.index,
        "leaf_hash": place.leaf_hash.hex(),
        "total": place.total,
    }


def _place(fields: Fields) -> MerkleProof:
    aunts = tuple(
        Fields(fields.entry, {"aunt": text}).hexadecimal("aunt", HASH_SIZE_BYTES)
        for text in fields.texts("aunts")
    )
    place = MerkleProof(
        total=fields.integer("total", 1),
        index=fields.integer("index"),
        leaf_hash=fields.hexadecimal("leaf_hash", HASH_SIZE_BYTES),
        aunts=aunts,
    )
    fields.end()
    return place
