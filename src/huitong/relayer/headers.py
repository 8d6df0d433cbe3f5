"""Headers of one zone in the form in which the other zone's light client takes them."""

from __future__ import annotations

from typing import Final

from huitong.client import ZoneClient
from huitong.core.height import Height
from huitong.light.tendermint.client_message import Header, client_message_to_any
from huitong.light.tendermint.rpc_json import signed_header_from_json
from huitong.light.tendermint.signed_header import LightBlock, SignedHeader
from huitong.light.tendermint.validator_set import ValidatorSet, validators_hash
from huitong.proto.google.protobuf import any_pb2

#: Validator sets kept by their hash; a zone changes them seldom.
VALIDATOR_SETS_KEPT: Final = 64
#: Heights whose next validators are remembered.
HEIGHTS_KEPT: Final = 4_096


class HeaderSource:
    """Fetches headers; asks for validators only when they are new."""

    def __init__(self, client: ZoneClient, revision: int) -> None:
        """Prepare; nothing is asked yet."""
        self._client = client
        self._revision = revision
        self._validators: dict[bytes, ValidatorSet] = {}
        self._next_hash: dict[int, bytes] = {}

    async def light_block(self, height: int) -> LightBlock:
        """Return header, commit and both validator sets of ``height``."""
        block = await self._client.light_block(height)
        for validators in (block.validators, block.next_validators):
            if validators is not None:
                self._keep(validators)
        return block

    async def client_message(self, height: int, trusted_height: int) -> any_pb2.Any:
        """Return the header of ``height`` for a client that knows ``trusted_height``.

        Raises:
            UnreachableError, RpcError: the node does not give it.
        """
        signed = await self._signed_header(height)
        own = await self._validators_of(signed.header.validators_hash, height)
        trusted_hash = self._next_hash.get(trusted_height)
        trusted = await self._validators_of(trusted_hash, trusted_height + 1)
        return client_message_to_any(
            Header(
                signed_header=signed,
                validators=own.with_proposer(signed.header.proposer_address),
                trusted_height=Height(self._revision, trusted_height),
                trusted_validators=_with_any_proposer(trusted),
            )
        )

    async def _signed_header(self, height: int) -> SignedHeader:
        answer = await self._client.rpc.call("commit", height=str(height))
        with self._client.rpc.reading("commit"):
            signed = signed_header_from_json(answer["signed_header"])
        self._next_hash[height] = signed.header.next_validators_hash
        if len(self._next_hash) > HEIGHTS_KEPT:
            del self._next_hash[next(iter(self._next_hash))]
        return signed

    async def _validators_of(
        self, known_hash: bytes | None, height: int
    ) -> ValidatorSet:
        """Return the set that signs ``height``; ``known_hash`` may save the question."""
        if known_hash is not None and known_hash in self._validators:
            return self._validators[known_hash]
        block = await self.light_block(height)
        if block.validators is None:
            raise AssertionError  # a light block from a node has them
        return block.validators

    def _keep(self, validators: ValidatorSet) -> None:
        if len(self._validators) >= VALIDATOR_SETS_KEPT:
            del self._validators[next(iter(self._validators))]
        self._validators[validators_hash(validators.validators)] = validators


def _with_any_proposer(validators: ValidatorSet) -> ValidatorSet:
    """Peers demand a proposer in every set, and do not look which."""
    return validators.with_proposer(validators.validators[0].address)
