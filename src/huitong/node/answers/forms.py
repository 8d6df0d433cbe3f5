"""What RPC says in JSON, as the messages of CometBFT and the Cosmos SDK."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from huitong.core.address import ADDRESS_PREFIX, encode_bech32
from huitong.core.codec import DecodeError, pack_any
from huitong.core.gogoproto import with_required
from huitong.core.tx import open_transaction
from huitong.light.tendermint.block_types import set_block_id
from huitong.light.tendermint.commit import commit_to_proto
from huitong.light.tendermint.evidence import encode_evidence_list
from huitong.light.tendermint.header import header_to_proto
from huitong.light.tendermint.rpc_json import (
    block_id_from_json,
    commit_from_json,
    header_from_json,
    validator_set_from_json,
)
from huitong.node.rpc.evidence_json import evidence_from_json
from huitong.proto.cosmos.base.abci.v1beta1 import abci_pb2 as sdk_abci_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as chain_pb2
from huitong.proto.cosmos.base.tendermint.v1beta1 import types_pb2 as sdk_types_pb2
from huitong.proto.cosmos.crypto.ed25519 import keys_pb2
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.tendermint.abci import types_pb2 as abci_pb2
from huitong.proto.tendermint.types import block_pb2, evidence_pb2, types_pb2

Json = Mapping[str, Any]
#: What stands before the separator in the address of a validator.
_CONSENSUS_PREFIX: Final = f"{ADDRESS_PREFIX}valcons"
#: Characters of a time in whole seconds, ``2026-01-02T03:04:05``.
_SECONDS_CHARACTERS: Final = 19


# --- blocks -------------------------------------------------------------------------------


def block_id_of(answer: Json) -> types_pb2.BlockID:
    """Return the name of the block that ``block`` answered."""
    message = types_pb2.BlockID()
    set_block_id(message, block_id_from_json(answer["block_id"], "block_id"))
    return message


def block_of(answer: Json) -> block_pb2.Block:
    """Return the block that ``block`` answered."""
    told = answer["block"]
    block = block_pb2.Block(
        header=header_to_proto(header_from_json(told["header"])),
        evidence=_evidence_of(told["evidence"]["evidence"] or ()),
        data=types_pb2.Data(txs=map(base64.b64decode, told["data"]["txs"] or ())),
        last_commit=_last_commit_of(told["last_commit"]),
    )
    return with_required(block)


def _evidence_of(told: Sequence[object]) -> evidence_pb2.EvidenceList:
    listed = encode_evidence_list(tuple(evidence_from_json(item) for item in told))
    return evidence_pb2.EvidenceList.FromString(listed)


def _last_commit_of(told: Json) -> types_pb2.Commit:
    if told["height"] == "0":
        return types_pb2.Commit()  # nobody voted for what is before the first block
    return commit_to_proto(commit_from_json(told))


def sdk_block_of(block: block_pb2.Block) -> sdk_types_pb2.Block:
    """Return a block in the form of the Cosmos SDK, with the proposer's address in text."""
    header = block.header
    return with_required(
        sdk_types_pb2.Block(
            header=sdk_types_pb2.Header(
                version=header.version,
                chain_id=header.chain_id,
                height=header.height,
                time=header.time,
                last_block_id=header.last_block_id,
                last_commit_hash=header.last_commit_hash,
                data_hash=header.data_hash,
                validators_hash=header.validators_hash,
                next_validators_hash=header.next_validators_hash,
                consensus_hash=header.consensus_hash,
                app_hash=header.app_hash,
                last_results_hash=header.last_results_hash,
                evidence_hash=header.evidence_hash,
                proposer_address=_consensus_address(header.proposer_address),
            ),
            data=block.data,
            evidence=block.evidence,
            last_commit=block.last_commit,
        )
    )


def validators_of(answer: Json) -> list[chain_pb2.Validator]:
    """Return the validators that ``validators`` answered."""
    return [
        chain_pb2.Validator(
            address=_consensus_address(validator.address),
            pub_key=pack_any(keys_pb2.PubKey(key=validator.public_key)),
            voting_power=validator.voting_power,
            proposer_priority=validator.proposer_priority,
        )
        for validator in validator_set_from_json(answer).validators
    ]


def _consensus_address(address: bytes) -> str:
    return encode_bech32(_CONSENSUS_PREFIX, address)


# --- transactions -------------------------------------------------------------------------


def tx_of(entry: Json) -> tx_pb2.Tx | None:
    """Return the transaction of an entry of ``tx_search``; None if it is none."""
    return tx_of_bytes(base64.b64decode(entry["tx"]))


def tx_of_bytes(raw: bytes) -> tx_pb2.Tx | None:
    """Return a transaction of a block; None if it is none.

    A block may hold bytes that are no transaction: they failed, and stay what they are.
    """
    try:
        return open_transaction(raw)
    except DecodeError:
        return None


def tx_response_of(entry: Json, block_time: str) -> sdk_abci_pb2.TxResponse:
    """Return what a transaction of ``tx_search`` did.

    Args:
        entry: as RPC answers it.
        block_time: of its block, RFC 3339.
    """
    result, tx = entry["tx_result"], tx_of(entry)
    return sdk_abci_pb2.TxResponse(
        height=int(entry["height"]),
        txhash=entry["hash"],
        codespace=result.get("codespace", ""),
        code=result.get("code", 0),
        data=base64.b64decode(result.get("data") or "").hex().upper(),
        raw_log=result.get("log", ""),
        info=result.get("info", ""),
        gas_wanted=int(result.get("gas_wanted", 0)),
        gas_used=int(result.get("gas_used", 0)),
        tx=None if tx is None else pack_any(tx),
        timestamp=f"{block_time[:_SECONDS_CHARACTERS]}Z",
        events=[_event_of(told) for told in result.get("events") or ()],
    )


def _event_of(told: Json) -> abci_pb2.Event:
    return abci_pb2.Event(
        type=told["type"],
        attributes=[
            abci_pb2.EventAttribute(
                key=item.get("key", ""),
                value=item.get("value", ""),
                index=item.get("index", False),
            )
            for item in told.get("attributes") or ()
        ],
    )
