"""What the next block needs to know of the ones before; one row, written with each block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from huitong.core.abci import BlockParams, ValidatorUpdate
from huitong.core.hashing import sha256
from huitong.core.store.errors import StorageCorruptError
from huitong.engines.errors import QuorumLostError
from huitong.engines.genesis import GenesisDocument
from huitong.light.tendermint.block_hashes import last_results_hash
from huitong.light.tendermint.block_types import NO_BLOCK, BlockId, PartSetHeader
from huitong.light.tendermint.commit import Commit
from huitong.light.tendermint.validator_set import (
    Validator,
    ValidatorSet,
    sorted_validators,
)

#: App hash in the first header, and results hash where there are no results.
EMPTY_HASH: Final = sha256(b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """The end of the chain, as the maker of blocks sees it."""

    chain_id: str
    """The zone's chain id."""
    initial_height: int
    """Height of the first block."""
    height: int
    """Height of the newest block; initial height - 1 before the first."""
    time_ns: int
    """Time in the newest header; genesis time before the first."""
    block_id: BlockId
    """Name of the newest block."""
    commit: Commit | None
    """The votes for it; None before the first."""
    app_hash: bytes
    """Root of the state after it; goes into the next header."""
    results_hash: bytes
    """Root over its results; goes into the next header."""
    validators: ValidatorSet
    """Who signs the next block."""
    next_validators: ValidatorSet
    """Who signs the one after."""
    block_params: BlockParams
    """How large the next block may be."""


def genesis_state(genesis: GenesisDocument, app_hash: bytes) -> ChainState:
    """Return the state before the first block."""
    validators = ValidatorSet(
        validators=sorted_validators(
            Validator(public_key=item.public_key, voting_power=item.power)
            for item in genesis.validators
        )
    )
    return ChainState(
        chain_id=genesis.chain_id,
        initial_height=genesis.initial_height,
        height=genesis.initial_height - 1,
        time_ns=genesis.time_ns,
        block_id=NO_BLOCK,
        commit=None,
        app_hash=app_hash,
        results_hash=last_results_hash(()),
        validators=validators,
        next_validators=validators,
        block_params=BlockParams(
            size_bytes_max=genesis.params.block_size_bytes_max,
            gas_max=genesis.params.block_gas_max,
        ),
    )


def updated_validators(
    current: ValidatorSet, updates: Iterable[ValidatorUpdate]
) -> ValidatorSet:
    """Return the set after the updates; power 0 removes a validator."""
    powers = {item.public_key: item.voting_power for item in current.validators}
    for update in updates:
        if update.power:
            powers[update.public_key] = update.power
        else:
            powers.pop(update.public_key, None)
    return ValidatorSet(
        validators=sorted_validators(
            Validator(public_key=key, voting_power=power)
            for key, power in powers.items()
        )
    )


def check_quorum(validators: ValidatorSet, public_key: bytes, height: int) -> None:
    """Check that one key alone commits blocks from ``height`` on.

    Raises:
        QuorumLostError: it has two thirds of the power or less.
    """
    power = sum(
        item.voting_power
        for item in validators.validators
        if item.public_key == public_key
    )
    if 3 * power <= 2 * validators.total_power:
        raise QuorumLostError(power=power, total=validators.total_power, height=height)


def encode_chain_state(state: ChainState) -> bytes:
    """Return the row; the votes are stored with their block."""
    return orjson.dumps(
        {
            "chain_id": state.chain_id,
            "initial_height": state.initial_height,
            "height": state.height,
            "time_ns": state.time_ns,
            "block_hash": state.block_id.hash.hex(),
            "parts_total": state.block_id.parts.total,
            "parts_hash": state.block_id.parts.hash.hex(),
            "app_hash": state.app_hash.hex(),
            "results_hash": state.results_hash.hex(),
            "validators": _set_to_rows(state.validators),
            "next_validators": _set_to_rows(state.next_validators),
            "block_size_bytes_max": state.block_params.size_bytes_max,
            "block_gas_max": state.block_params.gas_max,
        }
    )


def decode_chain_state(data: bytes, path: str) -> ChainState:
    """Read the row that ``encode_chain_state`` wrote, without the votes.

    Args:
        data: the row.
        path: of the database, for the error.

    Raises:
        StorageCorruptError: it is not such a row.
    """
    try:
        row = orjson.loads(data)
        return ChainState(
            chain_id=row["chain_id"],
            initial_height=row["initial_height"],
            height=row["height"],
            time_ns=row["time_ns"],
            block_id=BlockId(
                hash=bytes.fromhex(row["block_hash"]),
                parts=PartSetHeader(
                    total=row["parts_total"], hash=bytes.fromhex(row["parts_hash"])
                ),
            ),
            commit=None,
            app_hash=bytes.fromhex(row["app_hash"]),
            results_hash=bytes.fromhex(row["results_hash"]),
            validators=_set_from_rows(row["validators"]),
            next_validators=_set_from_rows(row["next_validators"]),
            block_params=BlockParams(
                size_bytes_max=row["block_size_bytes_max"],
                gas_max=row["block_gas_max"],
            ),
        )
    except (ValueError, KeyError, TypeError) as wrong:
        raise StorageCorruptError(
            path=path, reason="the engine's state cannot be read"
        ) from wrong


def encode_validator_set(validators: ValidatorSet) -> bytes:
    """Return the row of a validator set."""
    return orjson.dumps(_set_to_rows(validators))


def decode_validator_set(data: bytes) -> ValidatorSet:
    """Read the row of a validator set."""
    return _set_from_rows(orjson.loads(data))


def _set_to_rows(validators: ValidatorSet) -> list[list[Any]]:
    return [
        [item.public_key.hex(), item.voting_power] for item in validators.validators
    ]


def _set_from_rows(rows: list[list[Any]]) -> ValidatorSet:
    return ValidatorSet(
        validators=tuple(
            Validator(public_key=bytes.fromhex(key), voting_power=power)
            for key, power in rows
        )
    )
