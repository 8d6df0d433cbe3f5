"""A validator's key signs two blocks of one height; somebody shows that to a node."""

from __future__ import annotations

import base64
from typing import Any, Final

from huitong.client import ZoneClient
from huitong.core.hashing import sha256
from huitong.core.time import format_rfc3339
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.block_types import BlockId, PartSetHeader
from huitong.light.tendermint.commit import vote_template
from huitong.light.tendermint.rpc_json import block_id_to_json

_PRECOMMIT: Final = 2


async def show_double_vote(client: ZoneClient, key: ValidatorKey, height: int) -> None:
    """Sign two made-up blocks at ``height`` with a validator's key, and submit both.

    Args:
        client: a node.
        key: the validator's.
        height: a block that exists and that the validator could sign.

    Raises:
        RpcError: the node does not accept it as evidence.
    """
    block = await client.light_block(height)
    header, validators = block.signed_header.header, block.validators
    assert validators is not None
    (index,) = [
        place
        for place, item in enumerate(validators.validators)
        if item.public_key == key.public_key
    ]
    names = sorted((sha256(b"one"), sha256(b"other")))
    votes = [
        _vote(key, header.chain_id, height, index, header.time_ns, name)
        for name in names
    ]
    evidence = {
        "type": "tendermint/DuplicateVoteEvidence",
        "value": {
            "vote_a": votes[0],
            "vote_b": votes[1],
            "TotalVotingPower": str(validators.total_power),
            "ValidatorPower": str(validators.validators[index].voting_power),
            "Timestamp": format_rfc3339(header.time_ns),
        },
    }
    await client.rpc.call("broadcast_evidence", evidence=evidence)


def _vote(
    key: ValidatorKey, chain_id: str, height: int, index: int, time_ns: int, name: bytes
) -> dict[str, Any]:
    block_id = BlockId(hash=name, parts=PartSetHeader(total=1, hash=sha256(name)))
    template = vote_template(
        chain_id=chain_id, height=height, round=0, block_id=block_id
    )
    signature = key.sign(template.sign_bytes(time_ns))
    return {
        "type": _PRECOMMIT,
        "height": str(height),
        "round": 0,
        "block_id": block_id_to_json(block_id),
        "timestamp": format_rfc3339(time_ns),
        "validator_address": key.address.hex().upper(),
        "validator_index": index,
        "signature": base64.b64encode(signature).decode(),
        "extension": None,
        "extension_signature": None,
    }
