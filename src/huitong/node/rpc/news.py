"""What subscribers are told of a block, in CometBFT's order and shapes.

The votes for it; the block, its header and the events of its hooks; evidence that it
carries; its transactions; changes of the validator set. One process decides a block
without rounds, so there is nothing to tell of those.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from huitong.core.abci import TxResult
from huitong.engines.embedded.chain import CommittedBlock
from huitong.engines.validator_key import public_key_json
from huitong.light.tendermint.commit import BlockIdFlag
from huitong.light.tendermint.evidence import vote_in_commit
from huitong.light.tendermint.rpc_json import block_id_to_json, header_to_json
from huitong.light.tendermint.signatures import address_of_public_key
from huitong.node.rpc.blocks import committed_block_json
from huitong.node.rpc.evidence_json import evidence_to_json, vote_to_json
from huitong.storage.blocks import StoredTx
from huitong.storage.results import (
    event_values,
    events_json,
    params_update_json,
    result_json,
    updates_json,
)


class News(Protocol):
    """One event for subscribers."""

    @property
    def kind(self) -> str:
        """The value of ``tm.event``."""
        ...

    def values(self) -> dict[str, list[str]]:
        """Return what queries are matched with, by key."""
        ...

    def data(self) -> bytes:
        """Return the member ``data`` in JSON; made once, however many ask."""
        ...


def news_of(committed: CommittedBlock) -> Iterator[News]:
    """Yield everything that subscribers are told of a block."""
    yield from _votes(committed)
    yield _BlockNews(committed)
    yield _HeaderNews(committed)
    yield _EventsNews(committed)
    yield from _evidence(committed)
    for tx in committed.txs:
        yield _TxNews(tx)
    yield from _set_updates(committed)


class _BlockNews:
    """A block, as an event."""

    __slots__ = ("_committed", "_data")

    kind = "NewBlock"

    def __init__(self, committed: CommittedBlock) -> None:
        self._committed = committed
        self._data: bytes | None = None

    def values(self) -> dict[str, list[str]]:
        values = event_values(self._committed.finalized.events)
        values["tm.event"] = ["NewBlock"]
        return values

    def data(self) -> bytes:
        if self._data is None:
            self._data = orjson.dumps(
                {"type": "tendermint/event/NewBlock", "value": self._value()}
            )
        return self._data

    def _value(self) -> dict[str, Any]:
        committed = self._committed
        return {
            "block": committed_block_json(committed),
            "block_id": block_id_to_json(committed.block.block_id),
            "result_finalize_block": _finalized_value(committed),
        }


def _finalized_value(committed: CommittedBlock) -> dict[str, Any]:
    """Return what a block did; CometBFT leaves out or nulls what is empty."""
    finalized = committed.finalized
    shown: dict[str, Any] = {}
    if finalized.events:
        shown["events"] = events_json(finalized.events)
    if committed.txs:
        shown["tx_results"] = [result_json(tx.result) for tx in committed.txs]
    shown["validator_updates"] = updates_json(finalized.validator_updates) or None
    if finalized.block_params is not None:
        shown["consensus_param_updates"] = params_update_json(finalized.block_params)
    shown["app_hash"] = base64.b64encode(finalized.app_hash).decode()
    return shown


class _EventsNews:
    """What a block's hooks told, without the block, as an event."""

    __slots__ = ("_committed",)

    kind = "NewBlockEvents"

    def __init__(self, committed: CommittedBlock) -> None:
        self._committed = committed

    def values(self) -> dict[str, list[str]]:
        values = event_values(self._committed.finalized.events)
        values["tm.event"] = ["NewBlockEvents"]
        return values

    def data(self) -> bytes:
        value = {
            "height": str(self._committed.height),
            "events": events_json(self._committed.finalized.events) or None,
            "num_txs": str(len(self._committed.txs)),
        }
        return orjson.dumps({"type": "tendermint/event/NewBlockEvents", "value": value})


class _HeaderNews:
    """A block's header, as an event."""

    __slots__ = ("_committed",)

    kind = "NewBlockHeader"

    def __init__(self, committed: CommittedBlock) -> None:
        self._committed = committed

    def values(self) -> dict[str, list[str]]:
        return {"tm.event": ["NewBlockHeader"]}  # CometBFT adds no events here

    def data(self) -> bytes:
        value = {"header": header_to_json(self._committed.block.header)}
        return orjson.dumps({"type": "tendermint/event/NewBlockHeader", "value": value})


class _TxNews:
    """A transaction, as an event."""

    __slots__ = ("_data", "_tx")

    kind = "Tx"

    def __init__(self, tx: StoredTx) -> None:
        self._tx = tx
        self._data: bytes | None = None

    def values(self) -> dict[str, list[str]]:
        values = event_values(self._tx.result.events)
        values["tm.event"] = ["Tx"]
        values["tx.hash"] = [self._tx.hash.hex().upper()]
        values["tx.height"] = [str(self._tx.height)]
        return values

    def data(self) -> bytes:
        if self._data is None:
            tx = self._tx
            inner: dict[str, Any] = {"height": str(tx.height)}
            if tx.index:
                inner["index"] = tx.index
            inner["tx"] = base64.b64encode(tx.raw).decode()
            inner["result"] = _result_value(tx.result)
            self._data = orjson.dumps(
                {"type": "tendermint/event/Tx", "value": {"TxResult": inner}}
            )
        return self._data


def _result_value(result: TxResult) -> dict[str, Any]:
    """Return a result as events carry it: what is zero is left out."""
    shown: dict[str, Any] = {
        "code": result.code,
        "data": base64.b64encode(result.data).decode(),
        "log": result.log,
        "gas_wanted": str(result.gas_wanted) if result.gas_wanted else "",
        "gas_used": str(result.gas_used) if result.gas_used else "",
        "events": events_json(result.events) or "",
        "codespace": result.codespace,
    }
    return {name: value for name, value in shown.items() if value not in (0, "")}


class _PlainNews:
    """An event without attributes of the application."""

    __slots__ = ("_value", "kind")

    def __init__(self, kind: str, value: dict[str, Any]) -> None:
        self.kind = kind
        self._value = value

    def values(self) -> dict[str, list[str]]:
        return {"tm.event": [self.kind]}

    def data(self) -> bytes:
        kind = f"tendermint/event/{self.kind}"
        return orjson.dumps({"type": kind, "value": self._value})


def _votes(committed: CommittedBlock) -> Iterator[_PlainNews]:
    """Yield the votes for a block that are not empty: ours, as a rule."""
    commit = committed.commit
    for index, sig in enumerate(commit.signatures):
        if sig.flag is not BlockIdFlag.ABSENT:
            vote = vote_in_commit(commit, index)
            yield _PlainNews("Vote", {"Vote": vote_to_json(vote)})


def _evidence(committed: CommittedBlock) -> Iterator[_PlainNews]:
    height = str(committed.height)
    for item in committed.block.evidence:
        value = {"height": height, "evidence": evidence_to_json(item)}
        yield _PlainNews("NewEvidence", value)


def _set_updates(committed: CommittedBlock) -> Iterator[_PlainNews]:
    updates = committed.finalized.validator_updates
    if updates:
        changed = [
            {
                "address": address_of_public_key(item.public_key).hex().upper(),
                "pub_key": public_key_json(item.public_key),
                "voting_power": str(item.power),
                "proposer_priority": "0",
            }
            for item in updates
        ]
        yield _PlainNews("ValidatorSetUpdates", {"validator_updates": changed})
