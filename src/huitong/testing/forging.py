"""A validator that signs a second block at one height, for a light client to believe."""

from __future__ import annotations

from dataclasses import replace

from huitong.client import ZoneClient
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.client_message import Header, client_message_to_any
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.proto.ibc.core.client.v1.tx_pb2 import MsgUpdateClient
from huitong.testing.headers import sign_commit
from huitong.testing.validators import SimValidator

#: Blocks from the one that the client knows to the one that is forged.
_AHEAD = 2


async def forged_header(
    chain: ZoneClient, key: ValidatorKey, trusted: Height
) -> Header:
    """Return another header than the chain's own, signed by its one validator.

    Args:
        chain: whose validator signs twice; it is waited for until it has such a block.
        key: of that validator.
        trusted: a height that the client knows.
    """
    height = await chain.wait_height(trusted.revision_height + _AHEAD)
    block = await chain.light_block(height)
    assert block.validators is not None
    (validator,) = block.validators.validators
    validators = block.validators.with_proposer(validator.address)
    forger = SimValidator(secret=key.seed, voting_power=validator.voting_power)
    header = replace(
        block.signed_header.header, app_hash=sha256(b"another state of the chain")
    )
    return Header(
        signed_header=SignedHeader(header=header, commit=sign_commit(header, [forger])),
        validators=validators,
        trusted_height=trusted,
        trusted_validators=validators,
    )


def update_with(header: Header, client_id: str, signer: str) -> MsgUpdateClient:
    """Return the message that shows a header to a light client."""
    return MsgUpdateClient(
        client_id=client_id,
        client_message=client_message_to_any(header),
        signer=signer,
    )
