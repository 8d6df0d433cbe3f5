"""Evidence in JSON: what ``broadcast_evidence`` takes and what blocks show.

CometBFT names the fields of its evidence as Go does (``ConflictingBlock``); the library
of stock Hermes as protobuf does (``conflicting_block``). Both are taken. What is no
evidence at all is refused in CometBFT's words, first those of its JSON decoder, then
those of ``ValidateBasic``.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any, Final

import orjson

from huitong.core.errors import RejectedError
from huitong.core.time import GO_ZERO_TIME_NS, format_rfc3339, parse_rfc3339
from huitong.light.tendermint.block_types import ADDRESS_SIZE_BYTES, NO_BLOCK, BlockId
from huitong.light.tendermint.errors import MalformedRpcError
from huitong.light.tendermint.evidence import (
    PRECOMMIT,
    PREVOTE,
    DuplicateVoteEvidence,
    Evidence,
    LightClientAttackEvidence,
    Vote,
)
from huitong.light.tendermint.header import BlockHeader
from huitong.light.tendermint.rpc_json import (
    block_id_from_json,
    block_id_to_json,
    signed_header_from_json,
    signed_header_to_json,
    validator_from_json,
    validator_set_from_json,
    validator_to_json,
)
from huitong.light.tendermint.signatures import SIGNATURE_SIZE_BYTES
from huitong.light.tendermint.signed_header import check_signed_header
from huitong.light.tendermint.verify import check_validators_hash
from huitong.node.rpc.errors import EvidenceError, InvalidParamError
from huitong.node.rpc.go_values import (
    kind_of,
    other_kind,
    read_base64,
    read_hex,
    read_int64,
)

DUPLICATE_VOTE: Final = "tendermint/DuplicateVoteEvidence"
LIGHT_CLIENT_ATTACK: Final = "tendermint/LightClientAttackEvidence"
#: Other types that CometBFT knows by name, but not in this place.
_NOT_HERE: Final = frozenset({"tendermint/PubKeyEd25519", "tendermint/PubKeySecp256k1"})
_WRAPPER: Final = "json.interfaceWrapper"
_STRUCT: Final = "map[string]json.RawMessage"
_LIST: Final = "[]json.RawMessage"


# --- what blocks show ---------------------------------------------------------------------


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as CometBFT prints it."""
    if isinstance(evidence, DuplicateVoteEvidence):
        value: dict[str, Any] = {
            "vote_a": vote_to_json(evidence.vote_a),
            "vote_b": vote_to_json(evidence.vote_b),
            "TotalVotingPower": str(evidence.total_power),
            "ValidatorPower": str(evidence.validator_power),
            "Timestamp": format_rfc3339(evidence.time_ns),
        }
        return {"type": DUPLICATE_VOTE, "value": value}
    validators = evidence.validators
    proposer = validators.proposer
    guilty = [validator_to_json(item) for item in evidence.byzantine_validators]
    value = {
        "ConflictingBlock": {
            "signed_header": signed_header_to_json(evidence.signed_header),
            "validator_set": {
                "validators": [
                    validator_to_json(item) for item in validators.validators
                ],
                "proposer": None if proposer is None else validator_to_json(proposer),
            },
        },
        "CommonHeight": str(evidence.common_height),
        "ByzantineValidators": guilty or None,
        "TotalVotingPower": str(evidence.total_power),
        "Timestamp": format_rfc3339(evidence.time_ns),
    }
    return {"type": LIGHT_CLIENT_ATTACK, "value": value}


def vote_to_json(vote: Vote) -> dict[str, Any]:
    """Return a vote as CometBFT prints it."""
    return {
        "type": vote.kind,
        "height": str(vote.height),
        "round": vote.round,
        "block_id": block_id_to_json(vote.block_id),
        "timestamp": format_rfc3339(vote.timestamp_ns),
        "validator_address": vote.validator_address.hex().upper(),
        "validator_index": vote.validator_index,
        "signature": _bytes_to_json(vote.signature),
        "extension": _bytes_to_json(vote.extension),
        "extension_signature": _bytes_to_json(vote.extension_signature),
    }


def _bytes_to_json(value: bytes) -> str | None:
    return base64.b64encode(value).decode() if value else None


# --- what is taken ------------------------------------------------------------------------


def evidence_from_json(given: object) -> Evidence:
    """Read evidence and check its form; whether it is true is another question.

    Raises:
        InvalidParamError: this is not the JSON of evidence.
        EvidenceError: it is, and cannot be true.
    """
    if not isinstance(given, dict):
        raise other_kind(kind_of(given), _WRAPPER)
    kind = given.get("type") or ""
    if not isinstance(kind, str):
        field = "interfaceWrapper.type"
        reason = f"json: cannot unmarshal {kind_of(kind)} into Go struct field {field}"
        raise InvalidParamError(reason=f"{reason} of type string")
    if not kind:
        raise InvalidParamError(reason="interface type cannot be empty")
    if "value" not in given:
        raise InvalidParamError(reason="interface value cannot be empty")
    if kind in _NOT_HERE:
        raise InvalidParamError(reason=f'invalid type "{kind}" for this value')
    if kind == DUPLICATE_VOTE:
        return _duplicate_vote(_Fields(given["value"]))
    if kind == LIGHT_CLIENT_ATTACK:
        return _attack(_Fields(given["value"]))
    raise InvalidParamError(reason=f'unknown type "{kind}"')


def _impossible(reason: str) -> EvidenceError:
    return EvidenceError(reason=f"evidence.ValidateBasic failed: {reason}")


class _Fields:
    """The members of a JSON object, read as CometBFT's decoder reads them."""

    def __init__(self, value: object) -> None:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise other_kind(kind_of(value), _STRUCT)
        self._members = value

    def get(self, *names: str) -> Any:
        """Return the first member with one of these names, or None."""
        members = self._members
        return next((members[name] for name in names if name in members), None)

    def object(self, *names: str) -> dict[str, Any] | None:
        value = self.get(*names)
        if value is not None and not isinstance(value, dict):
            raise other_kind(kind_of(value), _STRUCT)
        return value

    def list(self, *names: str) -> list[Any]:
        value = self.get(*names)
        if value is not None and not isinstance(value, list):
            raise other_kind(kind_of(value), _LIST)
        return value or []

    def int64(self, *names: str) -> int:
        value = self.get(*names)
        if value is None:
            return 0
        if not isinstance(value, str):
            shown = orjson.dumps(value).decode()[:80]
            raise InvalidParamError(
                reason=f'invalid 64-bit integer encoding "{shown}", expected string'
            )
        return read_int64(value)

    def int32(self, name: str, go_type: str = "int32") -> int:
        value = self.get(name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            raise other_kind(kind_of(value), go_type)
        if not -(2**31) <= value < 2**31:
            raise other_kind(f"number {value}", go_type)
        return value

    def text(self, name: str, go_type: str) -> str:
        value = self.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise other_kind(kind_of(value), go_type)
        return value

    def time_ns(self, *names: str) -> int:
        value = self.get(*names)
        if value is None:
            return GO_ZERO_TIME_NS
        if not isinstance(value, str) or not value.endswith("Z"):
            shown = orjson.dumps(orjson.dumps(value).decode()[:80]).decode()
            wanted = "UTC and end with 'Z'" if isinstance(value, str) else ""
            wanted = wanted or "an RFC3339 string"
            raise InvalidParamError(
                reason=f"JSON time must be {wanted}, but got {shown}"
            )
        try:
            return parse_rfc3339(value)
        except RejectedError as wrong:
            raise InvalidParamError(reason=f"parsing time: {wrong}") from wrong


def _duplicate_vote(fields: _Fields) -> DuplicateVoteEvidence:
    given = fields.object("vote_a"), fields.object("vote_b")
    first, second = (None if item is None else _vote(_Fields(item)) for item in given)
    total = fields.int64("TotalVotingPower", "total_voting_power")
    power = fields.int64("ValidatorPower", "validator_power")
    time_ns = fields.time_ns("Timestamp", "timestamp")
    if first is None or second is None:
        shown = [vote_text(vote) for vote in (first, second)]
        raise _impossible(f"one or both of the votes are empty {shown[0]}, {shown[1]}")
    for name, vote in (("VoteA", first), ("VoteB", second)):
        reason = _why_no_vote(vote)
        if reason:
            raise _impossible(f"invalid {name}: {reason}")
    if _order(first.block_id) >= _order(second.block_id):
        raise _impossible("duplicate votes in invalid order")
    return DuplicateVoteEvidence(
        vote_a=first,
        vote_b=second,
        total_power=total,
        validator_power=power,
        time_ns=time_ns,
    )


def _vote(fields: _Fields) -> Vote:
    block_id = fields.object("block_id")
    try:
        return Vote(
            kind=fields.int32("type", "types.SignedMsgType"),
            height=fields.int64("height"),
            round=fields.int32("round"),
            block_id=block_id_from_json(block_id, "block_id") if block_id else NO_BLOCK,
            timestamp_ns=fields.time_ns("timestamp"),
            validator_address=read_hex(fields.text("validator_address", "string")),
            validator_index=fields.int32("validator_index"),
            signature=read_base64(fields.text("signature", "[]uint8")),
            extension=read_base64(fields.text("extension", "[]uint8")),
            extension_signature=read_base64(
                fields.text("extension_signature", "[]uint8")
            ),
        )
    except MalformedRpcError as wrong:
        raise InvalidParamError(reason=str(wrong)) from wrong


def _why_no_vote(vote: Vote) -> str:
    """Return why nobody can have cast this vote; empty if somebody can."""
    size = len(vote.validator_address)
    parts = vote.block_id.parts
    is_complete = len(vote.block_id.hash) == 32 == len(parts.hash) and parts.total > 0
    checks = (
        (vote.kind not in (PREVOTE, PRECOMMIT), "invalid Type"),
        (vote.height <= 0, "negative or zero Height"),
        (vote.round < 0, "negative Round"),
        (
            vote.block_id != NO_BLOCK and not is_complete,
            "blockID must be either empty or complete, got: "
            f"{vote.block_id.hash.hex().upper()}:{parts.total}:"
            f"{parts.hash.hex().upper()[:12]}",
        ),
        (
            size != ADDRESS_SIZE_BYTES,
            f"expected ValidatorAddress size to be 20 bytes, got {size} bytes",
        ),
        (vote.validator_index < 0, "negative ValidatorIndex"),
        (not vote.signature, "signature is missing"),
        (
            len(vote.signature) > SIGNATURE_SIZE_BYTES,
            f"signature is too big (max: {SIGNATURE_SIZE_BYTES})",
        ),
        (
            bool(vote.extension or vote.extension_signature),
            "unexpected vote extension signature",
        ),
    )
    return next((reason for is_wrong, reason in checks if is_wrong), "")


def _order(block_id: BlockId) -> tuple[bytes, int, bytes]:
    """Return what CometBFT orders the two votes by."""
    return block_id.hash, block_id.parts.total, block_id.parts.hash


def _attack(fields: _Fields) -> LightClientAttackEvidence:
    block = fields.object("ConflictingBlock", "conflicting_block")
    common_height = fields.int64("CommonHeight", "common_height")
    total = fields.int64("TotalVotingPower", "total_voting_power")
    time_ns = fields.time_ns("Timestamp", "timestamp")
    guilty = fields.list("ByzantineValidators", "byzantine_validators")
    height = _height_of(block, total, common_height)
    if common_height > height:
        raise _impossible(
            "common height is ahead of the conflicting block height "
            f"({common_height} > {height})"
        )
    assert block is not None
    try:
        evidence = _light_block(block, common_height, total, time_ns, guilty)
    except MalformedRpcError as wrong:
        raise InvalidParamError(reason=str(wrong)) from wrong
    except EvidenceError:
        raise
    except RejectedError as wrong:
        head = "invalid conflicting light block"
        raise _impossible(f"{head}: {wrong}") from wrong
    return evidence


def _height_of(block: dict[str, Any] | None, total: int, common_height: int) -> int:
    """Return the conflicting height, after the checks that come before the rest."""
    if block is None:
        raise _impossible("conflicting block is nil")
    signed = _Fields(block).object("signed_header")
    if signed is None:
        raise _impossible("conflicting block missing signed header")
    header = _Fields(signed).object("header")
    if header is None:
        raise _impossible("conflicting block missing header")
    height = _Fields(header).int64("height")
    if total <= 0:
        raise _impossible("negative or zero total voting power")
    if common_height <= 0:
        raise _impossible("negative or zero common height")
    return height


def _light_block(
    block: dict[str, Any],
    common_height: int,
    total: int,
    time_ns: int,
    guilty: list[Any],
) -> LightClientAttackEvidence:
    if block.get("validator_set") is None:
        raise _impossible("invalid conflicting light block: missing validator set")
    if block["signed_header"].get("commit") is None:
        head = "invalid conflicting light block: invalid signed header"
        raise _impossible(f"{head}: missing commit")
    signed = signed_header_from_json(block["signed_header"])
    check_signed_header(signed, signed.header.chain_id)
    validators = validator_set_from_json(block["validator_set"])
    check_validators_hash(validators, signed.header.validators_hash)
    proposer = validators.find(_proposer_address(block, signed.header))
    return LightClientAttackEvidence(
        signed_header=signed,
        validators=replace(validators, proposer=proposer),
        common_height=common_height,
        byzantine_validators=tuple(validator_from_json(item) for item in guilty),
        total_power=total,
        time_ns=time_ns,
    )


def _proposer_address(block: dict[str, Any], header: BlockHeader) -> bytes:
    """Return who is said to propose; Hermes may leave that open."""
    given = block["validator_set"].get("proposer")
    if given is None:
        return header.proposer_address
    return validator_from_json(given).address


def vote_text(vote: Vote | None) -> str:
    """Return a vote as CometBFT prints it in a line."""
    if vote is None:
        return "nil-Vote"
    kind, name = {
        PREVOTE: ("SIGNED_MSG_TYPE_PREVOTE", "Prevote"),
        PRECOMMIT: ("SIGNED_MSG_TYPE_PRECOMMIT", "Precommit"),
    }.get(vote.kind, (str(vote.kind), "Unknown"))
    marks = [
        value[:6].ljust(6, b"\x00").hex().upper()
        for value in (vote.block_id.hash, vote.signature, vote.extension)
    ]
    voter = vote.validator_address[:6].hex().upper()
    return (
        f"Vote{{{vote.validator_index}:{voter} {vote.height}/{vote.round:02d}/"
        f"{kind}({name}) {' '.join(marks)} @ {format_rfc3339(vote.timestamp_ns)}}}"
    )
