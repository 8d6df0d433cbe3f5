"""Telling a chain that its validators signed a header that is not its own.

The form is CometBFT's ``LightClientAttackEvidence`` in the JSON of ``broadcast_evidence``
(CometBFT v0.38 ``types/evidence.go``). A chain checks it and names the guilty itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog

from huitong.client import RpcError
from huitong.core.time import format_rfc3339
from huitong.light.tendermint.client_message import Header
from huitong.light.tendermint.commit import BlockIdFlag
from huitong.light.tendermint.rpc_json import (
    signed_header_to_json,
    validator_set_to_json,
)
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.light.tendermint.validator_set import Validator, ValidatorSet
from huitong.relayer.endpoint import Endpoint

log = structlog.get_logger("relayer")

#: Seconds to wait for the block after the one that is contradicted.
NEXT_BLOCK_TIMEOUT_S: Final = 60.0


async def submit(chain: Endpoint, shown: Header) -> None:
    """Hand evidence about ``shown``, which the chain did not make, to its node.

    A chain that refuses it, or has no place for it, is logged and no failure.

    Raises:
        UnavailableError: the node does not answer.
    """
    common_height = shown.trusted_height.revision_height
    common = await chain.headers.light_block(common_height)
    head_height = await chain.client.latest_height()
    real_height = min(shown.signed_header.header.height, head_height)
    real = await chain.headers.signed_header(real_height)
    # A node looks up the votes for its own header, which lie in the block after it.
    await chain.client.wait_height(real_height + 1, NEXT_BLOCK_TIMEOUT_S)
    if common.validators is None:
        raise AssertionError  # a light block from a node has them
    told = light_client_attack(
        shown, real, common.validators, common_height, common.signed_header
    )
    try:
        answer = await chain.client.rpc.call("broadcast_evidence", evidence=told)
    except RpcError as refusal:
        log.warning("evidence_refused", chain=chain.chain_id, reason=str(refusal))
        return
    with chain.client.rpc.reading("broadcast_evidence"):
        log.warning("evidence_submitted", chain=chain.chain_id, hash=answer["hash"])


def light_client_attack(
    shown: Header,
    real: SignedHeader,
    common_validators: ValidatorSet,
    common_height: int,
    common: SignedHeader,
) -> dict[str, Any]:
    """Return the evidence as JSON.

    Args:
        shown: what a client was shown.
        real: the chain's own header of that height, or its newest.
        common_validators: who signed the height that both descend from.
        common_height: that height.
        common: its header.
    """
    height = shown.signed_header.header.height
    validators = _to_json(shown.validators.validators, height)
    proposer_address = shown.signed_header.header.proposer_address.hex().upper()
    proposer = next(
        (item for item in validators if item["address"] == proposer_address), None
    )
    guilty = guilty_validators(shown, real, common_validators)
    return {
        "type": "tendermint/LightClientAttackEvidence",
        "value": {
            "conflicting_block": {
                "signed_header": signed_header_to_json(shown.signed_header),
                "validator_set": {"validators": validators, "proposer": proposer},
            },
            "common_height": str(common_height),
            "byzantine_validators": _to_json(guilty, height),
            "total_voting_power": str(common_validators.total_power),
            "timestamp": format_rfc3339(common.header.time_ns),
        },
    }


def _to_json(validators: Sequence[Validator], height: int) -> list[dict[str, Any]]:
    if not validators:
        return []
    told = validator_set_to_json(ValidatorSet(validators=tuple(validators)), height)
    listed: list[dict[str, Any]] = told["validators"]
    return listed


def guilty_validators(
    shown: Header, real: SignedHeader, common_validators: ValidatorSet
) -> list[Validator]:
    """Return those whom the evidence proves guilty.

    A header that does not follow from the chain's state: all trusted ones who signed it.
    Else, if both were decided in one round: those who signed both. In different rounds
    nothing is proven against anybody in particular.
    """
    signers = _signers(shown.signed_header)
    if _is_invented(shown.signed_header, real):
        return [
            item for item in common_validators.validators if item.address in signers
        ]
    if shown.signed_header.commit.round != real.commit.round:
        return []
    twice = signers & _signers(real)
    return [item for item in shown.validators.validators if item.address in twice]


def _is_invented(shown: SignedHeader, real: SignedHeader) -> bool:
    one, other = shown.header, real.header
    return (
        one.validators_hash,
        one.next_validators_hash,
        one.consensus_hash,
        one.app_hash,
        one.last_results_hash,
    ) != (
        other.validators_hash,
        other.next_validators_hash,
        other.consensus_hash,
        other.app_hash,
        other.last_results_hash,
    )


def _signers(signed: SignedHeader) -> set[bytes]:
    return {
        sig.validator_address
        for sig in signed.commit.signatures
        if sig.flag is BlockIdFlag.COMMIT
    }
