"""Zones in one process: real state trees, real proofs, real signed headers, no engine.

A ``SimZone`` carries out messages one by one in its current block, without transactions
and signatures of senders, and raises what the handlers raise::

    clock = SimClock()
    zone = SimZone("hangzhou-1", [links.MODULE], clock=clock)
    zone.deliver(message)
    zone.next_block()
    value, proof, height = zone.prove("ibc", b"connections/connection-0")

``next_block`` ends the block and begins the next one, whose signed header carries the app
hash of the block that ended: so what a block has written can be proven at once, at the
height of the block that is under way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from google.protobuf.message import Message

from huitong.core.codec import encode
from huitong.core.context import BlockContext, Context
from huitong.core.events import Event
from huitong.core.execution import message_routes
from huitong.core.gas import GasMeter
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.core.ports import PortApplication
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.multistore import MultiStore
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.light.tendermint.header import header_hash
from huitong.proto.cosmos.ics23.v1 import proofs_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from huitong.testing.contexts import carry_out
from huitong.testing.headers import GENESIS_TIME_NS, SimChain
from huitong.testing.validators import SimValidator, make_validators

#: Versions of a zone that stay provable; more than any test goes back.
VERSIONS_KEPT: Final = 1_000


@final
class SimClock:
    """The time that several zones share; it moves when a test says so."""

    def __init__(self, time_ns: TimeNs = GENESIS_TIME_NS) -> None:
        self.time_ns = time_ns

    def advance(self, duration_ns: int) -> TimeNs:
        """Move on and return the new time."""
        self.time_ns += duration_ns
        return self.time_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A value of a zone's state with its proof."""

    value: bytes | None
    """The value, None where absence is proven."""
    proof: bytes
    """An encoded ``ibc.core.commitment.v1.MerkleProof``."""
    height: Height
    """Height of the header that the proof verifies against."""


@final
class SimZone:
    """A zone of some modules, with validators that sign its headers."""

    def __init__(
        self,
        chain_id: str,
        modules: Sequence[Module],
        *,
        clock: SimClock,
        ports: Mapping[str, PortApplication] | None = None,
        validators: Sequence[SimValidator] | None = None,
        genesis: Mapping[str, Any] | None = None,
        block_time_ns: int = NS_PER_SECOND,
    ) -> None:
        """Carry out genesis and begin block 1.

        Args:
            chain_id: the zone's chain id.
            modules: in the order of genesis and of the block hooks.
            clock: shared with other zones, so that headers are of one age.
            ports: IBC applications by port id.
            validators: who signs; one by default, because signatures take time.
            genesis: state by module name.
            block_time_ns: time from block to block.
        """
        self.chain_id = chain_id
        self.clock = clock
        self.modules = tuple(modules)
        self.ports = dict(ports or {})
        self.routes = message_routes(self.modules)
        self.block_time_ns = block_time_ns
        self.chain = SimChain(
            chain_id, validators or make_validators([10], label=chain_id)
        )
        self._backend = MemoryBackend()
        self.state = self._open_state()
        self.events: list[Event] = []
        """What the last message or call of ``within`` told."""
        self._messages = {
            route.request: route for module in self.modules for route in module.messages
        }
        self._queries = {
            route.path: route for module in self.modules for route in module.queries
        }
        self._block = self._begin_block(sha256(b""))
        for module in self.modules:
            module.init_genesis(self._block, dict((genesis or {}).get(module.name, {})))
        self._run_hooks("begin_block")

    # --- the current block --------------------------------------------------------------

    @property
    def height(self) -> Height:
        """Height of the block under way; its header is signed."""
        return self._block.block.height

    @property
    def time_ns(self) -> TimeNs:
        """Time of the block under way."""
        return self._block.block.time_ns

    def context(self, signer: str = "", gas: int | None = None) -> Context:
        """Open a branch of the current block, for tests that call functions directly."""
        return self._block.branch(gas=GasMeter(gas), signer=signer)

    def deliver(self, message: Any, *, gas: int | None = None) -> Any:
        """Carry out one message, all or nothing, and return its response.

        Raises:
            HuitongError: what the handler raised; then nothing is written.
        """
        route = self.route(message)
        ctx = self.context(route.signer(message), gas)
        response = carry_out(route, ctx, message)
        self.take(ctx)
        return response

    def is_redundant(self, message: Any) -> bool:
        """Return what the redundant-relay rule says of a message."""
        known = self.route(message).is_redundant
        return known is not None and known(self.context(), message)

    def take(self, ctx: Context) -> None:
        """Keep what was done in a context of the current block."""
        self._block.merge(ctx)
        self.events = list(ctx.events)

    def told(self, kind: str) -> list[dict[str, str]]:
        """Return the attributes of the last events of a kind."""
        return [dict(event.attributes) for event in self.events if event.kind == kind]

    def route(self, message: Message) -> MessageRoute:
        """Return the route of a message."""
        return self._messages[type(message)]

    # --- blocks -------------------------------------------------------------------------

    def next_block(
        self,
        *,
        duration_ns: int | None = None,
        next_validators: Sequence[SimValidator] | None = None,
        absent: Collection[int] = (),
    ) -> Height:
        """End the block, make its writes provable, and begin the next one.

        Args:
            duration_ns: time to the next block; the zone's block time if None.
            next_validators: who signs from the block after the next on.
            absent: indexes of validators who do not sign the next block.

        Returns:
            The height of the block that has begun.
        """
        self._run_hooks("end_block")
        changes = {
            name: self._block.changes().get(name, []) for name in self.state.store_names
        }
        pending = self.state.commit_changes(
            self._block.block.height.revision_height, changes
        )
        self.state.persist(pending, self._block.side_rows())
        self.clock.advance(self.block_time_ns if duration_ns is None else duration_ns)
        self._block = self._begin_block(pending.root_hash, next_validators, absent)
        self._run_hooks("begin_block")
        return self.height

    def restart(self) -> None:
        """Forget everything but what is committed, and begin the current block again."""
        self.state = self._open_state()
        self._block = self._context_of(self._block.block)
        self._run_hooks("begin_block")

    def _open_state(self) -> MultiStore:
        names = sorted({module.store for module in self.modules if module.store})
        return MultiStore(self._backend, names, versions_kept=VERSIONS_KEPT)

    def _context_of(self, block: BlockContext) -> Context:
        return Context(
            block=block,
            source=self.state,
            gas=GasMeter(None),
            ports=self.ports,
            routes=self.routes,
        )

    def _begin_block(
        self,
        app_hash: bytes,
        next_validators: Sequence[SimValidator] | None = None,
        absent: Collection[int] = (),
    ) -> Context:
        self.chain.next_time_ns = self.clock.time_ns
        made = self.chain.advance(
            app_hash=app_hash, next_validators=next_validators, absent=absent
        )
        header = made.signed_header.header
        block = BlockContext(
            chain_id=self.chain_id,
            height=self.chain.height_of(header.height),
            time_ns=header.time_ns,
            header_hash=header_hash(header),
        )
        return self._context_of(block)

    def _run_hooks(self, name: str) -> None:
        for module in self.modules:
            hook = getattr(module, name)
            if hook is not None:
                hook(self._block)

    # --- committed state ----------------------------------------------------------------

    def prove(self, store: str, key: bytes, *, version: int | None = None) -> Proven:
        """Prove what the newest committed block, or an older one, holds under a key."""
        at = self.state.version if version is None else version
        with self.state.at(at) as view:
            found = view.prove(store, key)
        proof = commitment_pb2.MerkleProof(
            proofs=[proofs_pb2.CommitmentProof.FromString(op.data) for op in found.ops]
        )
        return Proven(
            value=found.value,
            proof=encode(proof),
            height=self.chain.height_of(at + 1),
        )

    def query(self, path: str, request: Message) -> Any:
        """Answer a query from the newest committed state."""
        return self._query_route(path).answer(self._committed(), request)

    def export(self) -> dict[str, Any]:
        """Return the genesis state of every module, from the newest committed state."""
        ctx = self._committed()
        return {module.name: module.export_genesis(ctx) for module in self.modules}

    def _committed(self) -> Context:
        block = BlockContext(
            chain_id=self.chain_id,
            height=self.chain.height_of(self.state.version),
            time_ns=self.time_ns,
            header_hash=b"",
        )
        return Context(
            block=block,
            source=self.state,
            gas=GasMeter(None),
            ports=self.ports,
            routes=self.routes,
        )

    def _query_route(self, path: str) -> QueryRoute:
        return self._queries[path]
