"""What blocks did, as kept and as shown.

Kept: JSON arrays without names, half the size of what RPC shows and quicker to write,
since most results are never asked for. Shown: the objects that CometBFT prints.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from huitong.core.abci import (
    BlockParams,
    FinalizedBlock,
    TxResult,
    ValidatorUpdate,
)
from huitong.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResults:
    """What a block did outside of its transactions."""

    events: tuple[Event, ...]
    """Events of the block hooks."""
    validator_updates: tuple[ValidatorUpdate, ...]
    """Changes of the validator set."""
    app_hash: bytes
    """Root of the state after the block."""
    block_params: BlockParams | None
    """New limits of blocks; None if they stay."""


def encode_result(result: TxResult) -> bytes:
    """Return the row of a transaction's result."""
    return orjson.dumps(
        (
            result.code,
            result.codespace,
            result.data.hex(),
            result.log,
            result.gas_wanted,
            result.gas_used,
            _events_to_rows(result.events),
        )
    )


def decode_result(row: bytes) -> TxResult:
    """Read the row that ``encode_result`` wrote."""
    code, codespace, data, log, gas_wanted, gas_used, events = orjson.loads(row)
    return TxResult(
        code=code,
        codespace=codespace,
        data=bytes.fromhex(data),
        log=log,
        gas_wanted=gas_wanted,
        gas_used=gas_used,
        events=_events_from_rows(events),
    )


def encode_hook_results(finalized: FinalizedBlock) -> bytes:
    """Return the row of what a block did outside of its transactions."""
    updates = [
        (update.public_key.hex(), update.power)
        for update in finalized.validator_updates
    ]
    events = _events_to_rows(finalized.events)
    params = finalized.block_params
    limits = params and (params.size_bytes_max, params.gas_max)
    return orjson.dumps((events, updates, finalized.app_hash.hex(), limits))


def decode_hook_results(row: bytes) -> HookResults:
    """Read the row that ``encode_hook_results`` wrote."""
    events, updates, app_hash, limits = orjson.loads(row)
    return HookResults(
        events=_events_from_rows(events),
        validator_updates=tuple(
            ValidatorUpdate(public_key=bytes.fromhex(key), power=power)
            for key, power in updates
        ),
        app_hash=bytes.fromhex(app_hash),
        block_params=limits
        and BlockParams(size_bytes_max=limits[0], gas_max=limits[1]),
    )


def result_json(result: TxResult) -> dict[str, Any]:
    """Return a transaction's result as RPC shows it."""
    return {
        "code": result.code,
        "data": base64.b64encode(result.data).decode() if result.data else None,
        "log": result.log,
        "info": "",
        "gas_wanted": str(result.gas_wanted),
        "gas_used": str(result.gas_used),
        "events": events_json(result.events),
        "codespace": result.codespace,
    }


def events_json(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return events as RPC shows them."""
    return [
        {
            "type": told.kind,
            "attributes": [
                {"key": key, "value": value, "index": True}
                for key, value in told.attributes
            ],
        }
        for told in events
    ]


def updates_json(updates: Iterable[ValidatorUpdate]) -> list[dict[str, Any]]:
    """Return validator updates as RPC shows them."""
    return [
        {
            "pub_key": {
                "Sum": {
                    "type": "tendermint.crypto.PublicKey_Ed25519",
                    "value": {"ed25519": base64.b64encode(update.public_key).decode()},
                }
            },
            "power": str(update.power),
        }
        for update in updates
    ]


def params_update_json(params: BlockParams | None) -> dict[str, Any] | None:
    """Return new limits of blocks as RPC shows them."""
    if params is None:
        return None
    limits = {"max_bytes": str(params.size_bytes_max), "max_gas": str(params.gas_max)}
    return {"block": limits}


def event_values(events: Iterable[Event]) -> dict[str, list[str]]:
    """Return the values of all attributes by ``type.attribute``."""
    values: dict[str, list[str]] = {}
    for told in events:
        for key, value in told.attributes:
            values.setdefault(f"{told.kind}.{key}", []).append(value)
    return values


def _events_to_rows(
    events: Sequence[Event],
) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return [(told.kind, told.attributes) for told in events]


def _events_from_rows(rows: list[Any]) -> tuple[Event, ...]:
    return tuple(
        Event(kind, tuple((key, value) for key, value in attributes))
        for kind, attributes in rows
    )
