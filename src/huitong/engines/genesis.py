"""The genesis document: CometBFT's JSON with our modules' state in ``app_state``.

What is not known is refused, so that a typing error does not pass as a default.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from huitong.core.abci import GenesisRequest, ValidatorUpdate
from huitong.core.canonical_json import decode_json, encode_json
from huitong.core.errors import HuitongError
from huitong.core.ids import check_chain_id
from huitong.core.limits import (
    BLOCK_GAS_MAX_DEFAULT,
    BLOCK_SIZE_BYTES_MAX_DEFAULT,
    BLOCK_SIZE_BYTES_MAX_LIMIT,
    BLOCK_SIZE_BYTES_MAX_MIN,
    INT64_MAX,
    UNBONDING_TIME_NS_MAX,
    VALIDATORS_MAX,
    VOTING_POWER_TOTAL_MAX,
)
from huitong.core.time import format_rfc3339, parse_rfc3339
from huitong.engines.errors import GenesisFileError
from huitong.engines.validator_key import PUBLIC_KEY_TYPE, public_key_json
from huitong.light.tendermint.signatures import address_of_public_key

#: Evidence of misbehaviour is accepted as long as a validator answers for its votes.
EVIDENCE_AGE_NS: Final = UNBONDING_TIME_NS_MAX
#: The same in blocks, at five seconds a block: an idle zone's heartbeat.
EVIDENCE_AGE_BLOCKS: Final = 362_880
#: Evidence in one block, CometBFT's default.
EVIDENCE_SIZE_BYTES_MAX: Final = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusParams:
    """What all validators agree on about blocks; fixed by genesis."""

    block_size_bytes_max: int = BLOCK_SIZE_BYTES_MAX_DEFAULT
    """Size of an encoded block, 1 to 100 MiB."""
    block_gas_max: int = BLOCK_GAS_MAX_DEFAULT
    """Sum of gas wanted by the transactions of one block, at least 1."""
    evidence_age_blocks_max: int = EVIDENCE_AGE_BLOCKS
    """Age of acceptable evidence in blocks, at least 1."""
    evidence_age_ns_max: int = EVIDENCE_AGE_NS
    """Age of acceptable evidence, nanoseconds, at least 1."""
    evidence_size_bytes_max: int = EVIDENCE_SIZE_BYTES_MAX
    """Size of all evidence in one block."""
    app_version: int = 0
    """The application's protocol version in headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesisValidator:
    """A validator of the first block."""

    public_key: bytes
    """ed25519, 32 bytes."""
    power: int
    """Voting power, at least 1."""
    name: str = ""
    """For people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesisDocument:
    """Everything that the nodes of a zone agree on before its first block."""

    time_ns: int
    """Genesis time, nanoseconds since the epoch, UTC; the first header carries it."""
    chain_id: str
    """The zone's chain id, at most 50 bytes."""
    initial_height: int = 1
    """Height of the first block, at least 1."""
    params: ConsensusParams = ConsensusParams()
    """Consensus parameters."""
    validators: tuple[GenesisValidator, ...]
    """The first validators, at least one."""
    app_state: Mapping[str, Any]
    """State by module."""


def genesis_request(genesis: GenesisDocument) -> GenesisRequest:
    """Return what InitChain tells the application."""
    return GenesisRequest(
        chain_id=genesis.chain_id,
        time_ns=genesis.time_ns,
        initial_height=genesis.initial_height,
        validators=tuple(
            ValidatorUpdate(public_key=validator.public_key, power=validator.power)
            for validator in genesis.validators
        ),
        app_state=genesis.app_state,
        block_gas_max=genesis.params.block_gas_max,
        block_bytes_max=genesis.params.block_size_bytes_max,
    )


def encode_genesis(genesis: GenesisDocument) -> bytes:
    """Return the document in its canonical form: sorted names, two spaces."""
    return encode_json(genesis_json(genesis), indent=2)


def genesis_json(genesis: GenesisDocument) -> dict[str, Any]:
    """Return the document as RPC's ``genesis`` shows it."""
    return {
        "genesis_time": format_rfc3339(genesis.time_ns),
        "chain_id": genesis.chain_id,
        "initial_height": str(genesis.initial_height),
        "consensus_params": params_json(genesis.params),
        "validators": [
            {
                "address": address_of_public_key(validator.public_key).hex().upper(),
                "pub_key": public_key_json(validator.public_key),
                "power": str(validator.power),
                "name": validator.name,
            }
            for validator in genesis.validators
        ],
        "app_hash": "",
        "app_state": dict(genesis.app_state),
    }


def params_json(params: ConsensusParams) -> dict[str, Any]:
    """Return consensus parameters as RPC and genesis show them."""
    return {
        "block": {
            "max_bytes": str(params.block_size_bytes_max),
            "max_gas": str(params.block_gas_max),
        },
        "evidence": {
            "max_age_num_blocks": str(params.evidence_age_blocks_max),
            "max_age_duration": str(params.evidence_age_ns_max),
            "max_bytes": str(params.evidence_size_bytes_max),
        },
        "validator": {"pub_key_types": ["ed25519"]},
        "version": {"app": str(params.app_version)},
        "abci": {"vote_extensions_enable_height": "0"},
    }


def decode_genesis(data: bytes) -> GenesisDocument:
    """Read and check a genesis document.

    Raises:
        GenesisFileError: malformed, or a value that cannot be.
    """
    try:
        document = decode_json(data)
    except HuitongError as wrong:
        raise GenesisFileError(field="file", reason=str(wrong)) from wrong
    entry = _Entry(document, "")
    entry.allow(
        "genesis_time",
        "chain_id",
        "initial_height",
        "consensus_params",
        "validators",
        "app_hash",
        "app_state",
    )
    if entry.text("app_hash", default=""):
        raise GenesisFileError(field="app_hash", reason="needs to be empty")
    app_state = document.get("app_state")
    if not isinstance(app_state, dict):
        raise GenesisFileError(field="app_state", reason="needs to be an object")
    return GenesisDocument(
        time_ns=_genesis_time(entry),
        chain_id=_chain_id(entry),
        initial_height=entry.integer("initial_height", minimum=1, default=1),
        params=_params(entry),
        validators=_validators(document.get("validators")),
        app_state=app_state,
    )


def _genesis_time(entry: _Entry) -> int:
    try:
        return parse_rfc3339(entry.text("genesis_time"))
    except HuitongError as wrong:
        raise GenesisFileError(field="genesis_time", reason=str(wrong)) from wrong


def _chain_id(entry: _Entry) -> str:
    try:
        return check_chain_id(entry.text("chain_id"))
    except HuitongError as wrong:
        raise GenesisFileError(field="chain_id", reason=str(wrong)) from wrong


def _params(entry: _Entry) -> ConsensusParams:
    params = entry.part("consensus_params")
    params.allow("block", "evidence", "validator", "version", "abci")
    block = params.part("block")
    block.allow("max_bytes", "max_gas")
    evidence = params.part("evidence")
    evidence.allow("max_age_num_blocks", "max_age_duration", "max_bytes")
    version = params.part("version", required=False)
    version.allow("app")
    abci = params.part("abci", required=False)
    abci.allow("vote_extensions_enable_height")
    abci.integer("vote_extensions_enable_height", maximum=0, default=0)
    keys = params.part("validator", required=False)
    keys.allow("pub_key_types")
    if keys.value.get("pub_key_types", ["ed25519"]) != ["ed25519"]:
        raise GenesisFileError(
            field="consensus_params.validator.pub_key_types", reason="needs ed25519"
        )
    size_bytes_max = block.integer(
        "max_bytes", minimum=1, maximum=BLOCK_SIZE_BYTES_MAX_LIMIT
    )
    return ConsensusParams(
        block_size_bytes_max=size_bytes_max,
        block_gas_max=block.integer("max_gas", minimum=1),
        evidence_age_blocks_max=evidence.integer("max_age_num_blocks", minimum=1),
        evidence_age_ns_max=evidence.integer("max_age_duration", minimum=1),
        # CometBFT demands room in a block; members may vote for smaller blocks later.
        evidence_size_bytes_max=evidence.integer(
            "max_bytes", maximum=min(size_bytes_max, BLOCK_SIZE_BYTES_MAX_MIN)
        ),
        app_version=version.integer("app", default=0),
    )


def _validators(data: object) -> tuple[GenesisValidator, ...]:
    if not isinstance(data, list) or not 0 < len(data) <= VALIDATORS_MAX:
        raise GenesisFileError(
            field="validators", reason=f"needs a list of 1 to {VALIDATORS_MAX}"
        )
    validators = tuple(
        _validator(_Entry(item, f"validators[{index}]."))
        for index, item in enumerate(data)
    )
    if len({validator.public_key for validator in validators}) != len(validators):
        raise GenesisFileError(field="validators", reason="one appears twice")
    return validators


def _validator(entry: _Entry) -> GenesisValidator:
    entry.allow("address", "pub_key", "power", "name")
    key = entry.part("pub_key")
    key.allow("type", "value")
    if key.text("type") != PUBLIC_KEY_TYPE:
        raise GenesisFileError(
            field=f"{entry.where}pub_key.type", reason=f"needs {PUBLIC_KEY_TYPE}"
        )
    try:
        public_key = base64.b64decode(key.text("value"), validate=True)
    except ValueError:  # also of text that is not ASCII
        public_key = b""
    if len(public_key) != 32:
        raise GenesisFileError(
            field=f"{entry.where}pub_key.value", reason="needs 32 bytes in base64"
        )
    address = address_of_public_key(public_key).hex().upper()
    if entry.text("address", default=address) != address:
        raise GenesisFileError(
            field=f"{entry.where}address", reason=f"the key's is {address}"
        )
    return GenesisValidator(
        public_key=public_key,
        power=entry.integer("power", minimum=1, maximum=VOTING_POWER_TOTAL_MAX),
        name=entry.text("name", default=""),
    )


class _Entry:
    """An object of the document, with its place for errors."""

    __slots__ = ("value", "where")

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise GenesisFileError(
                field=where.rstrip(".") or "file", reason="needs to be an object"
            )
        self.value: dict[str, Any] = value
        self.where = where

    def allow(self, *names: str) -> None:
        """Refuse entries with other names."""
        for name in sorted(self.value):
            if name not in names:
                raise GenesisFileError(
                    field=f"{self.where}{name[:80]}", reason="is not known"
                )

    def part(self, name: str, *, required: bool = True) -> _Entry:
        """Return the object under ``name``; an empty one if it may be absent."""
        value = self.value.get(name, None if required else {})
        return _Entry(value, f"{self.where}{name}.")

    def text(self, name: str, default: str | None = None) -> str:
        """Return the text under ``name``."""
        value = self.value.get(name, default)
        if not isinstance(value, str):
            raise GenesisFileError(field=f"{self.where}{name}", reason="needs a text")
        return value

    def integer(
        self,
        name: str,
        *,
        minimum: int = 0,
        maximum: int = INT64_MAX,
        default: int | None = None,
    ) -> int:
        """Return the integer under ``name``, which CometBFT writes as a text."""
        value = self.value.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:20])
        if type(value) is not int or not minimum <= value <= maximum:
            raise GenesisFileError(
                field=f"{self.where}{name}",
                reason=f"needs an integer from {minimum} to {maximum}, given {value!r}",
            )
        return value
