"""A validator that signs a second block at one height, shown to a light client."""

from __future__ import annotations

from dataclasses import replace

from huitong.client import Sender, ZoneClient
from huitong.core.hashing import sha256
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.client_message import Header, client_message_to_any
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.proto.ibc.core.client.v1 import tx_pb2
from huitong.relayer.discovery import get_client_state
from huitong.testing.headers import sign_commit
from huitong.testing.validators import SimValidator

#: Gas of the update; chains differ in what it takes.
GAS_LIMIT = 2_000_000


async def show_forged_header(
    sender: Sender, client_id: str, chain: ZoneClient, key: ValidatorKey
) -> None:
    """Let a light client believe another header than the chain's own.

    Args:
        sender: an account where the client lives.
        client_id: the client.
        chain: the chain that it follows, with one validator.
        key: of that validator.
    """
    trusted = (await get_client_state(sender.client, client_id)).latest_height
    height = await chain.wait_height(trusted.revision_height + 2)
    block = await chain.light_block(height)
    assert block.validators is not None
    (validator,) = block.validators.validators
    validators = block.validators.with_proposer(validator.address)
    forger = SimValidator(secret=key.seed, voting_power=validator.voting_power)
    header = replace(block.signed_header.header, app_hash=sha256(b"a lie"))
    forged = Header(
        signed_header=SignedHeader(header=header, commit=sign_commit(header, [forger])),
        validators=validators,
        trusted_height=trusted,
        trusted_validators=validators,
    )
    await sender.send(
        tx_pb2.MsgUpdateClient(
            client_id=client_id,
            client_message=client_message_to_any(forged),
            signer=sender.address,
        ),
        gas_limit=GAS_LIMIT,
    )
