"""A light client of a simulated chain, and headers with exactly one thing wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from huitong.core.height import Height
from huitong.core.store.kv import OverlayStore
from huitong.core.time import NS_PER_SECOND
from huitong.light import light_client
from huitong.light.light_client import ClientMessage, Header
from huitong.light.tendermint.trust_level import TrustLevel
from huitong.testing.headers import SimChain, client_header_of, sign_commit
from huitong.testing.validators import SimValidator, make_validators
from tests.unit.light.memory_store import empty_store

CLIENT = "07-tendermint-0"
SELF_HEIGHT = Height(1, 100)
CHAIN_ID = "chongqing-2"
#: Height at which the client begins.
START = 5


def equal_four() -> tuple[SimValidator, ...]:
    """Four validators of power 10: one of them is a quarter, three are above 2/3."""
    return make_validators([10, 10, 10, 10])


@dataclass(kw_only=True)
class World:
    """A chain at height 20, a client of it at height 5, and the time."""

    chain: SimChain
    store: OverlayStore = field(default_factory=empty_store)
    now_ns: int = 0

    def __post_init__(self) -> None:
        self.now_ns = self.now_ns or self.chain.next_time_ns + NS_PER_SECOND

    def create_client(self, height: int = START, **terms: Any) -> None:
        """Create the client at ``height``, on our own terms but for ``terms``."""
        light_client.initialize(
            self.store,
            CLIENT,
            replace(self.chain.client_state(height), **terms),
            self.chain.consensus_state(height),
            block_time_ns=self.chain.block(height).signed_header.header.time_ns,
            block_height=SELF_HEIGHT,
        )

    def update(self, message: ClientMessage, *, now_ns: int | None = None) -> str:
        """Do what the links module does; return ``updated`` or ``frozen``."""
        now_ns = self.now_ns if now_ns is None else now_ns
        light_client.verify_client_message(self.store, CLIENT, message, now_ns=now_ns)
        if light_client.check_for_misbehaviour(self.store, CLIENT, message):
            light_client.freeze(self.store, CLIENT)
            return "frozen"
        light_client.update_state(
            self.store, CLIENT, message, now_ns=now_ns, self_height=SELF_HEIGHT
        )
        return "updated"

    def header(
        self,
        height: int,
        /,
        *,
        trusted: int = START,
        signers: Sequence[SimValidator] | None = None,
        absent: Collection[int] = (),
        nil: Collection[int] = (),
        trusted_validators: Sequence[SimValidator] | None = None,
        shown: Sequence[SimValidator] | None = None,
        signing: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Header:
        """Return the chain's header at ``height``, changed and signed again.

        Args:
            height: which block of the chain to begin from.
            trusted: height of the consensus state to start from.
            signers: who signs it; the chain's own validators if None.
            absent: indexes of signers who do not vote.
            nil: indexes of signers who vote for nil.
            trusted_validators: shown as trusted; the right ones if None.
            shown: shown as the header's set; the signers if None.
            signing: what the signers sign otherwise, as for ``sign_commit``.
            changes: fields of the block header.
        """
        block = self.chain.block(height)
        signers = block.validators if signers is None else signers
        header = replace(block.signed_header.header, **changes)
        commit = sign_commit(header, signers, absent=absent, nil=nil, **(signing or {}))
        if trusted_validators is None:
            trusted_validators = self.chain.block(trusted).next_validators
        return client_header_of(
            header,
            commit,
            validators=signers if shown is None else shown,
            trusted_height=self.chain.height_of(trusted),
            trusted_validators=trusted_validators,
        )


def make_world(
    validators: Sequence[SimValidator] | None = None,
    *,
    trust_level: TrustLevel | None = None,
    **terms: Any,
) -> World:
    """Return a chain of 20 blocks and a client of its height 5."""
    chain = SimChain(CHAIN_ID, equal_four() if validators is None else validators)
    chain.advance(20)
    world = World(chain=chain)
    if trust_level is not None:
        terms["trust_level"] = trust_level
    world.create_client(**terms)
    return world
