"""CometBFT's RPC answers as the light client's types, and back.

The shapes are those of the 0.38 endpoints ``/commit`` and ``/validators``: integers of
64 bits as strings, hashes in upper-case hex, keys and signatures in base64, times in
RFC 3339, an absent vote with an empty address and a null signature. Whatever else a
node says beside them (``canonical``, ``total``) is not looked at.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from huitong.core.time import format_rfc3339, parse_rfc3339
from huitong.light.tendermint.block_types import BlockId, PartSetHeader
from huitong.light.tendermint.commit import Commit, CommitSig, block_id_flag
from huitong.light.tendermint.errors import MalformedRpcError
from huitong.light.tendermint.header import BlockHeader
from huitong.light.tendermint.signed_header import LightBlock, SignedHeader
from huitong.light.tendermint.validator_set import Validator, ValidatorSet

_ED25519: Final = "tendermint/PubKeyEd25519"
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
Json = Mapping[str, Any]


def light_block_from_json(value: object) -> LightBlock:
    """Return the light block of ``{"commit", "validators"?, "next_validators"?}``.

    Raises:
        MalformedRpcError: not of the known form.
        InvalidHeaderError, InvalidValidatorSetError: of it, but with impossible values.
    """
    block = _object(value, "light block")
    for field in ("validators", "next_validators"):
        if block.get(field) is None:
            block = {key: entry for key, entry in block.items() if key != field}
    has = block.keys()
    return LightBlock(
        signed_header=signed_header_from_json(
            _object(block.get("commit"), "commit").get("signed_header")
        ),
        validators=(
            validator_set_from_json(block["validators"])
            if "validators" in has
            else None
        ),
        next_validators=(
            validator_set_from_json(block["next_validators"])
            if "next_validators" in has
            else None
        ),
    )


def signed_header_from_json(value: object) -> SignedHeader:
    """Return what ``/commit`` answers under ``signed_header``; raises as above."""
    signed = _object(value, "signed_header")
    return SignedHeader(
        header=header_from_json(signed.get("header")),
        commit=commit_from_json(signed.get("commit")),
    )


def header_from_json(value: object) -> BlockHeader:
    """Return a block header; raises as above."""
    header = _object(value, "header")
    version = _object(header.get("version"), "version")
    return BlockHeader(
        block_version=_integer(version.get("block", "0"), "version.block"),
        app_version=_integer(version.get("app", "0"), "version.app"),
        chain_id=_text(header.get("chain_id"), "chain_id"),
        height=_integer(header.get("height"), "height"),
        time_ns=parse_rfc3339(_text(header.get("time"), "time")),
        last_block_id=block_id_from_json(header.get("last_block_id"), "last_block_id"),
        last_commit_hash=_hex(header, "last_commit_hash"),
        data_hash=_hex(header, "data_hash"),
        validators_hash=_hex(header, "validators_hash"),
        next_validators_hash=_hex(header, "next_validators_hash"),
        consensus_hash=_hex(header, "consensus_hash"),
        app_hash=_hex(header, "app_hash"),
        last_results_hash=_hex(header, "last_results_hash"),
        evidence_hash=_hex(header, "evidence_hash"),
        proposer_address=_hex(header, "proposer_address"),
    )


def commit_from_json(value: object) -> Commit:
    """Return a commit, such as a block's ``last_commit``; raises as above."""
    commit = _object(value, "commit")
    return Commit(
        height=_integer(commit.get("height"), "commit.height"),
        round=_integer(commit.get("round"), "commit.round"),
        block_id=block_id_from_json(commit.get("block_id"), "commit.block_id"),
        signatures=tuple(
            _commit_sig(entry)
            for entry in _list(commit.get("signatures"), "commit.signatures")
        ),
    )


def validator_set_from_json(value: object) -> ValidatorSet:
    """Return what ``/validators`` answers; it names no proposer. Raises as above."""
    entries = _list(_object(value, "validators").get("validators"), "validators")
    return ValidatorSet(
        validators=tuple(validator_from_json(entry) for entry in entries)
    )


def header_to_json(header: BlockHeader) -> dict[str, Any]:
    """Return the header as CometBFT prints it; an app version of 0 is left out."""
    version = {"block": str(header.block_version)}
    if header.app_version:
        version["app"] = str(header.app_version)
    return {
        "version": version,
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": format_rfc3339(header.time_ns),
        "last_block_id": block_id_to_json(header.last_block_id),
        "last_commit_hash": header.last_commit_hash.hex().upper(),
        "data_hash": header.data_hash.hex().upper(),
        "validators_hash": header.validators_hash.hex().upper(),
        "next_validators_hash": header.next_validators_hash.hex().upper(),
        "consensus_hash": header.consensus_hash.hex().upper(),
        "app_hash": header.app_hash.hex().upper(),
        "last_results_hash": header.last_results_hash.hex().upper(),
        "evidence_hash": header.evidence_hash.hex().upper(),
        "proposer_address": header.proposer_address.hex().upper(),
    }


def commit_to_json(commit: Commit) -> dict[str, Any]:
    """Return the commit as CometBFT prints it."""
    return {
        "height": str(commit.height),
        "round": commit.round,
        "block_id": block_id_to_json(commit.block_id),
        "signatures": [
            {
                "block_id_flag": sig.flag.value,
                "validator_address": sig.validator_address.hex().upper(),
                "timestamp": format_rfc3339(sig.timestamp_ns),
                "signature": _base64_text(sig.signature) if sig.signature else None,
            }
            for sig in commit.signatures
        ],
    }


def signed_header_to_json(signed: SignedHeader) -> dict[str, Any]:
    """Return header and commit as CometBFT prints them."""
    return {
        "header": header_to_json(signed.header),
        "commit": commit_to_json(signed.commit),
    }


def block_id_to_json(block_id: BlockId) -> dict[str, Any]:
    """Return the block's name as CometBFT prints it."""
    parts = block_id.parts
    return {
        "hash": block_id.hash.hex().upper(),
        "parts": {"total": parts.total, "hash": parts.hash.hex().upper()},
    }


def validator_set_to_json(validators: ValidatorSet, height: int) -> dict[str, Any]:
    """Return the whole set as the answer of ``/validators`` at ``height``."""
    count = str(len(validators.validators))
    return {
        "block_height": str(height),
        "validators": [validator_to_json(item) for item in validators.validators],
        "count": count,
        "total": count,
    }


def validator_to_json(validator: Validator) -> dict[str, Any]:
    """Return one validator as CometBFT prints it."""
    return {
        "address": validator.address.hex().upper(),
        "pub_key": {"type": _ED25519, "value": _base64_text(validator.public_key)},
        "voting_power": str(validator.voting_power),
        "proposer_priority": str(validator.proposer_priority),
    }


def _commit_sig(value: object) -> CommitSig:
    sig = _object(value, "signature")
    signature = sig.get("signature")
    return CommitSig(
        flag=block_id_flag(_integer(sig.get("block_id_flag"), "block_id_flag")),
        validator_address=_hex(sig, "validator_address"),
        timestamp_ns=parse_rfc3339(_text(sig.get("timestamp"), "timestamp")),
        signature=b"" if signature is None else _base64(signature, "signature"),
    )


def validator_from_json(value: object) -> Validator:
    """Return one validator; raises as above."""
    entry = _object(value, "validator")
    key = _object(entry.get("pub_key"), "pub_key")
    if key.get("type") != _ED25519:
        raise MalformedRpcError(field="pub_key.type", reason=f"is not {_ED25519}")
    validator = Validator(
        public_key=_base64(key.get("value"), "pub_key.value"),
        voting_power=_integer(entry.get("voting_power"), "voting_power"),
        proposer_priority=_integer(
            entry.get("proposer_priority", "0"), "proposer_priority"
        ),
    )
    if _hex(entry, "address") != validator.address:
        raise MalformedRpcError(
            field=f"validator address {entry['address']}",
            reason="is not the hash of its key",
        )
    return validator


def block_id_from_json(value: object, field: str) -> BlockId:
    """Return a block's name; raises as above."""
    block_id = _object(value, field)
    parts = _object(block_id.get("parts"), f"{field}.parts")
    total = _integer(parts.get("total"), f"{field}.parts.total")
    if not 0 <= total < 2**32:
        raise MalformedRpcError(field=f"{field}.parts.total", reason=f"is {total}")
    return BlockId(
        hash=_hex(block_id, "hash"),
        parts=PartSetHeader(total=total, hash=_hex(parts, "hash")),
    )


def _object(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedRpcError(field=field, reason="needs to be a JSON object")
    return value


def _list(value: object, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedRpcError(field=field, reason="needs to be a JSON array")
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise MalformedRpcError(field=field, reason="needs to be a string")
    return value


def _integer(value: object, field: str) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise MalformedRpcError(field=field, reason=f"{value!r} is not an integer")


def _hex(parent: Json, field: str) -> bytes:
    value = _text(parent.get(field), field)
    try:
        return binascii.unhexlify(value)
    except ValueError:
        raise MalformedRpcError(field=field, reason="is not hex") from None


def _base64(value: object, field: str) -> bytes:
    try:
        return base64.b64decode(_text(value, field), validate=True)
    except ValueError:
        raise MalformedRpcError(field=field, reason="is not base64") from None


def _base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode()
