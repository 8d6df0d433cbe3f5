"""Reading another zone's state with proof, judged by one's own zone's light client.

The reader trusts its own zone. That zone's light client of the other zone holds verified
headers; a value proven against the newest of them is as good as the client. Where a newer
value is needed than the client has seen, the reader verifies a newer header itself, from
the client's newest one and on the client's own terms, exactly as the zone would.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, final

from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.store.merkle_path import verify_chained_membership
from huitong.gateway.exchange.errors import AnswerMissingError, ClientUnusableError
from huitong.light.tendermint.client_state import ClientState, client_state_from_any
from huitong.light.tendermint.consensus_state import (
    ConsensusState,
    consensus_state_from_any,
    consensus_state_of,
)
from huitong.light.tendermint.signed_header import SignedHeader
from huitong.light.tendermint.validator_set import ValidatorSet, validators_hash
from huitong.light.tendermint.verify import (
    TrustedHeader,
    check_not_expired,
    verify_light_header,
)
from huitong.modules.links import keys
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Channel
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from huitong.proto.ibc.core.connection.v1.connection_pb2 import ConnectionEnd

#: Seconds to wait for a header above the state that is to be proven.
HEADER_TIMEOUT_S: Final = 30.0
#: Sets of validators that are remembered of one zone.
SETS_MAX: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """What one's own zone knows of another zone."""

    client_id: str
    """The light client."""
    state: ClientState
    """Whom it follows, and on what terms."""
    height: int
    """Height of the header below."""
    consensus: ConsensusState
    """What is known of that header: time, state root, next validators."""


async def get_client_view(
    own_zone: ZoneClient, port_id: str, channel_id: str, *, now_ns: int
) -> ClientView:
    """Return what one's own zone knows of the zone at the other end of a channel.

    Raises:
        AnswerMissingError: the channel, or something below it, is not in the state.
        ClientUnusableError: the client is frozen.
        TrustingPeriodExpiredError: nobody has updated the client for too long.
    """
    channel = decode(
        Channel, await _read_own(own_zone, keys.channel(port_id, channel_id))
    )
    connection = decode(
        ConnectionEnd,
        await _read_own(own_zone, keys.connection(channel.connection_hops[0])),
    )
    client_id = connection.client_id
    packed = await _read_own(own_zone, keys.client_state(client_id))
    state = client_state_from_any(decode(Any, packed))
    if state.frozen_height.revision_height:
        raise ClientUnusableError(client_id=client_id, reason="frozen for misbehaviour")
    latest = state.latest_height
    packed = await _read_own(own_zone, keys.consensus_state(client_id, str(latest)))
    consensus = consensus_state_from_any(decode(Any, packed))
    check_not_expired(consensus.timestamp_ns, state.trusting_period_ns, now_ns)
    return ClientView(
        client_id=client_id,
        state=state,
        height=latest.revision_height,
        consensus=consensus,
    )


async def follow_header(
    view: ClientView, other_zone: ZoneClient, height: int, *, now_ns: int
) -> ClientView:
    """Verify a newer header of the other zone on the client's terms.

    Args:
        view: what is known so far.
        other_zone: a node of the other zone; it is not believed.
        height: the header wanted; it is waited for.
        now_ns: the reader's clock, nanoseconds since the epoch, UTC.

    Raises:
        InvalidHeaderError, TrustingPeriodExpiredError: the header does not follow.
        HeightNotReachedError: no such block in time.
    """
    if height <= view.height:
        return view
    await other_zone.wait_height(height, HEADER_TIMEOUT_S)
    block = await other_zone.light_block(height)
    if block.validators is None:
        raise AnswerMissingError(
            zone=view.state.chain_id, what=f"validators of {height}"
        )
    trusted = await _validators(other_zone, view.height)
    return _verified(view, block.signed_header, block.validators, trusted, now_ns)


async def verify_header(
    view: ClientView,
    other_zone: ZoneClient,
    signed: SignedHeader,
    known: ValidatorSets,
    *,
    now_ns: int,
) -> ClientView:
    """Verify a header that is at hand, as ``follow_header`` does; an old one changes nothing.

    Args:
        view: what is known so far.
        other_zone: a node of the other zone, asked for validators; it is not believed.
        signed: the header with its commit.
        known: sets that were seen before.
        now_ns: the reader's clock, nanoseconds since the epoch, UTC.

    Raises:
        InvalidHeaderError, TrustingPeriodExpiredError: the header does not follow.
    """
    header = signed.header
    if header.height <= view.height:
        return view
    trusted_hash = view.consensus.next_validators_hash
    trusted = await known.find(other_zone, view.height + 1, trusted_hash)
    own = await known.find(other_zone, header.height, header.validators_hash)
    return _verified(view, signed, own, trusted, now_ns)


@final
class ValidatorSets:
    """Sets of validators of one zone by their hash, so that each is asked for once."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: OrderedDict[bytes, ValidatorSet] = OrderedDict()

    async def find(
        self, zone: ZoneClient, height: int, expected_hash: bytes
    ) -> ValidatorSet:
        """Return the set with a hash, else what a node says of ``height``.

        Whoever uses it checks its hash; a false one is found there.

        Raises:
            RpcError: the node does not know it.
        """
        known = self._known.get(expected_hash)
        if known is None:
            known = await zone.validators(height)
            self._known[validators_hash(known.validators)] = known
            if len(self._known) > SETS_MAX:
                self._known.popitem(last=False)
        return known


def _verified(
    view: ClientView,
    signed: SignedHeader,
    validators: ValidatorSet,
    trusted_validators: ValidatorSet,
    now_ns: int,
) -> ClientView:
    """Return the view with a newer header, if that follows on the client's terms."""
    verify_light_header(
        chain_id=view.state.chain_id,
        trusted=TrustedHeader(
            height=view.height,
            time_ns=view.consensus.timestamp_ns,
            next_validators_hash=view.consensus.next_validators_hash,
        ),
        trusted_validators=trusted_validators,
        signed_header=signed,
        validators=validators,
        options=view.state.trust_options,
        now_ns=now_ns,
    )
    header = signed.header
    return replace(view, height=header.height, consensus=consensus_state_of(header))


async def read_proven(
    view: ClientView, other_zone: ZoneClient, store: str, key: bytes
) -> bytes:
    """Return a value of the other zone's state, proven against the view's header.

    Raises:
        AnswerMissingError: the node says that nothing is there.
        InvalidProofError, InvalidMerkleProofError: the proof does not show the value.
        QueryError: the node no longer keeps this state.
    """
    (proven,) = await other_zone.prove(store, [key], view.height - 1)
    if proven.value is None:
        raise AnswerMissingError(zone=view.state.chain_id, what=f"{store}/{key.hex()}")
    verify_chained_membership(
        view.state.proof_specs,
        view.consensus.root,
        decode(commitment_pb2.MerkleProof, proven.proof),
        (store.encode(), key),
        proven.value,
    )
    return proven.value


async def _validators(zone: ZoneClient, height: int) -> ValidatorSet:
    validators = (await zone.light_block(height)).next_validators
    if validators is None:
        chain_id = await zone.chain_id()
        raise AnswerMissingError(zone=chain_id, what=f"validators after {height}")
    return validators


async def _read_own(zone: ZoneClient, key: bytes) -> bytes:
    result = await zone.abci_query(f"store/{keys.STORE}/key", key)
    if result.code or not result.value:
        raise AnswerMissingError(zone=await zone.chain_id(), what=key.decode())
    return result.value
