"""What watchers want to know of a zone's state, read through its queries.

The queries are asked of the application of this process, or over RPC of a node that runs
elsewhere; ``Ask`` hides which. Where a query is refused, the fact is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from huitong.core.codec import encode
from huitong.core.errors import RejectedError
from huitong.light import light_client
from huitong.light.tendermint.client_state import ClientState
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2, query_pb2

Ask = Callable[[str, bytes], bytes | None]
"""Returns the answer to a query by its path and encoded request; None if refused."""

_CLIENTS: Final = "/ibc.core.client.v1.Query/"
_VALIDATORS: Final = "/huitong.consensus.v1.Query/Validators"
_PROPOSALS: Final = "/huitong.governance.v1.Query/Proposals"
_PLAN: Final = "/huitong.upgrades.v1.Query/Plan"
#: Clients that are looked at: more links than a zone of the programme has.
CLIENTS_MAX: Final = 100
#: Validators that are looked at, in pages of the greatest size that queries give.
VALIDATORS_MAX: Final = 500
_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """One light client of the zone."""

    client_id: str
    """For example ``07-tendermint-0``."""
    counterparty: str
    """Chain id of the zone that it follows."""
    is_frozen: bool
    """Whether misbehaviour was proven to it."""
    trusting_period_ns: int
    """How long a header is trusted, nanoseconds."""
    newest_header_ns: int
    """Time of its newest header, nanoseconds since the epoch; 0 if it has none."""

    @property
    def expires_at_ns(self) -> int:
        """When it expires unless a header comes, nanoseconds since the epoch."""
        return self.newest_header_ns + self.trusting_period_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorFacts:
    """One validator of the zone."""

    public_key: bytes
    """ed25519, 32 bytes."""
    name: str
    """For people; may be empty."""
    is_suspended: bool
    """Whether misbehaviour was proven and nobody has reinstated it."""
    power: int
    """Voting power in effect; 0 while it is suspended or its member is not in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFacts:
    """One proposal that can be voted on."""

    proposal_id: int
    """Its number."""
    title: str
    """Its title."""
    deadline_ns: int
    """When it is decided, nanoseconds since the epoch, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeFacts:
    """The upgrade that is planned."""

    name: str
    """Names the migration in the new software."""
    height: int
    """First block of the new software."""


def read_open_proposals(ask: Ask) -> tuple[ProposalFacts, ...]:
    """Return the newest proposals that can be voted on, at most a page of them."""
    request = governance_pb2.QueryProposalsRequest(
        limit=_PAGE, status=governance_pb2.PROPOSAL_STATUS_VOTING
    )
    answer = ask(_PROPOSALS, encode(request))
    if answer is None:
        return ()
    found = governance_pb2.QueryProposalsResponse.FromString(answer)
    return tuple(
        ProposalFacts(
            proposal_id=item.proposal_id, title=item.title, deadline_ns=item.deadline
        )
        for item in found.proposals
    )


def find_upgrade(ask: Ask) -> UpgradeFacts | None:
    """Return the planned upgrade; None without a plan."""
    answer = ask(_PLAN, encode(upgrades_pb2.QueryPlanRequest()))
    if answer is None:
        return None
    found = upgrades_pb2.QueryPlanResponse.FromString(answer)
    if not found.HasField("plan"):
        return None
    return UpgradeFacts(name=found.plan.name, height=found.plan.height)


def read_validators(ask: Ask) -> tuple[ValidatorFacts, ...]:
    """Return the first ``VALIDATORS_MAX`` validators, by ascending public key."""
    read: list[ValidatorFacts] = []
    after = b""
    while len(read) < VALIDATORS_MAX:
        request = consensus_pb2.QueryValidatorsRequest(start_after=after, limit=_PAGE)
        answer = ask(_VALIDATORS, encode(request))
        if answer is None:
            break
        page = consensus_pb2.QueryValidatorsResponse.FromString(answer)
        read += [_validator(item) for item in page.validators]
        if not page.next or page.next <= after:
            break
        after = page.next
    return tuple(read)


def _validator(info: consensus_pb2.ValidatorInfo) -> ValidatorFacts:
    validator = info.validator
    suspended = consensus_pb2.VALIDATOR_STATUS_SUSPENDED
    return ValidatorFacts(
        public_key=validator.public_key,
        name=validator.name,
        is_suspended=validator.status == suspended,
        power=info.power_in_effect,
    )


def read_clients(ask: Ask) -> tuple[ClientFacts, ...]:
    """Return the first ``CLIENTS_MAX`` light clients of the zone, by their ids.

    Raises:
        RejectedError: the answer is not what the query promises.
    """
    return tuple(_clients(ask))


def _clients(ask: Ask) -> Iterator[ClientFacts]:
    request = query_pb2.QueryClientStatesRequest(
        pagination=pagination_pb2.PageRequest(limit=CLIENTS_MAX)
    )
    answer = ask(f"{_CLIENTS}ClientStates", encode(request))
    if answer is None:
        return
    found = query_pb2.QueryClientStatesResponse.FromString(answer)
    for item in found.client_states:
        facts = _client(ask, item)
        if facts is not None:
            yield facts


def _client(ask: Ask, item: client_pb2.IdentifiedClientState) -> ClientFacts | None:
    try:
        client_type, client = light_client.decode_client_state(item.client_state)
    except RejectedError:
        return None  # of a kind that this release does not know
    return ClientFacts(
        client_id=item.client_id,
        counterparty=client.chain_id,
        is_frozen=not client.frozen_height.is_zero(),
        trusting_period_ns=client.trusting_period_ns,
        newest_header_ns=_newest_header_ns(ask, item.client_id, client_type, client),
    )


def _newest_header_ns(
    ask: Ask, client_id: str, client_type: str, client: ClientState
) -> int:
    request = query_pb2.QueryConsensusStateRequest(
        client_id=client_id,
        revision_number=client.latest_height.revision_number,
        revision_height=client.latest_height.revision_height,
    )
    answer = ask(f"{_CLIENTS}ConsensusState", encode(request))
    if answer is None:
        return 0
    found = query_pb2.QueryConsensusStateResponse.FromString(answer)
    state = light_client.decode_consensus_state(client_type, found.consensus_state)
    return state.timestamp_ns
