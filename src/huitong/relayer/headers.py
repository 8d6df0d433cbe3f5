"""Headers of one zone in the form in which the other zone's light client takes them.

A client accepts a header if enough of the validators that it trusts have signed it. Where
too many of them have changed since, it is led there over headers in between: half-way
ones, down to the next one, which it can always follow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from huitong.client import ZoneClient
from huitong.core.height import Height
from huitong.light.tendermint.client_message import Header, client_message_to_any
from huitong.light.tendermint.commit import BlockIdFlag
from huitong.light.tendermint.rpc_json import signed_header_from_json
from huitong.light.tendermint.signed_header import LightBlock, SignedHeader
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.light.tendermint.validator_set import ValidatorSet, validators_hash
from huitong.proto.google.protobuf import any_pb2

GetTrustLevel = Callable[[], Awaitable[TrustLevel]]
"""Returns what share of its trusted validators a client demands."""
#: Validator sets kept by their hash; a zone changes them seldom.
VALIDATOR_SETS_KEPT: Final = 64
#: Client messages given out that are known again.
MESSAGES_REMEMBERED: Final = 256
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
        self._given: deque[int] = deque(maxlen=MESSAGES_REMEMBERED)

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
        signed = await self.signed_header(height)
        return await self._message(signed, trusted_height)

    async def client_messages(
        self, height: int, trusted_height: int, get_trust_level: GetTrustLevel
    ) -> list[any_pb2.Any]:
        """Return the headers that lead a client from one height to a higher one.

        Args:
            height: where it is to arrive.
            trusted_height: what it knows.
            get_trust_level: asked only if the validators have changed meanwhile.

        Raises:
            UnreachableError, RpcError: the node does not give them.
        """
        signed = await self.signed_header(height)
        if not await self._is_within_reach(signed, trusted_height, get_trust_level):
            middle = (trusted_height + height) // 2
            return [
                *await self.client_messages(middle, trusted_height, get_trust_level),
                *await self.client_messages(height, middle, get_trust_level),
            ]
        return [await self._message(signed, trusted_height)]

    async def _is_within_reach(
        self, signed: SignedHeader, trusted_height: int, get_trust_level: GetTrustLevel
    ) -> bool:
        if signed.header.height <= trusted_height + 1:
            return True
        trusted = await self._trusted_validators(trusted_height)
        own = await self._validators_of(
            signed.header.validators_hash, signed.header.height
        )
        if own.hash == trusted.hash:
            return True
        needed = (await get_trust_level()).power_needed(trusted.total_power)
        return _signed_power(signed, trusted) > needed

    async def _message(self, signed: SignedHeader, trusted_height: int) -> any_pb2.Any:
        own = await self._validators_of(
            signed.header.validators_hash, signed.header.height
        )
        trusted = await self._trusted_validators(trusted_height)
        message = client_message_to_any(
            Header(
                signed_header=signed,
                validators=own.with_proposer(signed.header.proposer_address),
                trusted_height=Height(self._revision, trusted_height),
                trusted_validators=_with_any_proposer(trusted),
            )
        )
        self._given.append(hash(message.value))
        return message

    def has_given(self, message: any_pb2.Any) -> bool:
        """Return whether the message is one that was given out here not long ago.

        What this node says itself need not be compared with what it says.
        """
        return hash(message.value) in self._given

    async def _trusted_validators(self, trusted_height: int) -> ValidatorSet:
        """Return those that a client at a height expects to sign the next one."""
        known_hash = self._next_hash.get(trusted_height)
        return await self._validators_of(known_hash, trusted_height + 1)

    async def signed_header(self, height: int) -> SignedHeader:
        """Return header and commit of ``height``."""
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


def _signed_power(signed: SignedHeader, trusted: ValidatorSet) -> int:
    """Return the power of those in a set who have signed; signatures are not verified."""
    voters = {
        sig.validator_address
        for sig in signed.commit.signatures
        if sig.flag is BlockIdFlag.COMMIT
    }
    return sum(
        item.voting_power for item in trusted.validators if item.address in voters
    )


def _with_any_proposer(validators: ValidatorSet) -> ValidatorSet:
    """Peers demand a proposer in every set, and do not look which."""
    return validators.with_proposer(validators.validators[0].address)
