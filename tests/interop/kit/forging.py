"""A validator that signs a second block at a height, and who shows it to a light client."""

from __future__ import annotations

from dataclasses import replace

from huitong.client import ZoneClient
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.engines.validator_key import ValidatorKey
from huitong.light.tendermint.client_message import (
    Header,
    client_message_to_any,
)
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.proto.ibc.core.client.v1 import tx_pb2
from huitong.testing.headers import sign_commit
from huitong.testing.validators import SimValidator
from tests.interop.kit.chain import Chain


async def forged_header(
    chain: ZoneClient, key: ValidatorKey, height: int, trusted: Height
) -> Header:
    """Return another header than the chain's own, signed by its one validator.

    Args:
        chain: whose validator signs twice.
        key: of that validator.
        height: a block that exists.
        trusted: a height that the client knows.
    """
    block = await chain.light_block(height)
    assert block.validators is not None
    (validator,) = block.validators.validators
    forger = SimValidator(secret=key.seed, voting_power=validator.voting_power)
    header = replace(
        block.signed_header.header, app_hash=sha256(b"another state of the chain")
    )
    validators = block.validators.with_proposer(validator.address)
    return Header(
        signed_header=SignedHeader(header=header, commit=sign_commit(header, [forger])),
        validators=validators,
        trusted_height=trusted,
        trusted_validators=validators,
    )


async def show_forged_header(
    host: Chain, client_id: str, chain: ZoneClient, key: ValidatorKey
) -> Header:
    """Let a light client on ``host`` believe a forged header of ``chain``; return it."""
    trusted = (await host.client_state(client_id)).latest_height
    height = await chain.wait_height(trusted.revision_height + 2)
    header = await forged_header(chain, key, height, trusted)
    await host.send(
        tx_pb2.MsgUpdateClient(
            client_id=client_id,
            client_message=client_message_to_any(header),
            signer=host.address,
        )
    )
    return header
