"""Contexts over state in memory, to drive modules one message at a time.

``MemoryZone`` is a zone without transactions, engine and proofs: it runs the same
``check`` and ``apply`` pairs, in the same kind of branches, as the application does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from google.protobuf.message import Message

from huitong.core.abci import Misbehaviour
from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.codec import encode
from huitong.core.context import BlockContext, Context
from huitong.core.errors import GovernedMessageError
from huitong.core.events import Event
from huitong.core.execution import message_routes
from huitong.core.gas import GasMeter
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.ids import revision_of_chain_id
from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.core.ports import PortApplication
from huitong.core.store.kv import EmptyStore, OverlayStore
from huitong.core.time import NS_PER_SECOND
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.testing.headers import GENESIS_TIME_NS


def carry_out(route: MessageRoute, ctx: Context, message: Any) -> Any:
    """Check and apply a message in ``ctx``, and return its response.

    Raises:
        HuitongError: what the handler raised.
        AssertionError: the check writes, or a handler changes the message, which the
            application remembers from CheckTx to the block.
    """
    name, given = type(message).__name__, encode(message)
    if route.check_form is not None:
        route.check_form(message)
    route.check(ctx, message)
    if any(ctx.changes().values()):
        raise AssertionError(f"the check of {name} writes")
    response = route.apply(ctx, message)
    if encode(message) != given:
        raise AssertionError(f"the handlers of {name} change it")
    return response


@final
class MemoryState:
    """Committed state in dictionaries; the source of contexts."""

    def __init__(self) -> None:
        self._stores: dict[str, OverlayStore] = {}
        self._side_rows: dict[tuple[bytes, bytes], bytes] = {}

    def store(self, name: str) -> OverlayStore:
        """Return the store of one module."""
        return self._stores.setdefault(name, OverlayStore(EmptyStore()))

    def find_row(self, table: bytes, key: bytes) -> bytes | None:
        """Return a row kept beside the state, or None."""
        return self._side_rows.get((table, key))

    def commit(self, ctx: Context) -> None:
        """Take over what ``ctx`` has written."""
        for name, pairs in ctx.changes().items():
            store = self.store(name)
            for key, value in pairs:
                if value is None:
                    store.delete(key)
                else:
                    store.set(key, value)
        for table, key, row in ctx.side_rows():
            self._side_rows[table, key] = row

    def dump(self) -> dict[str, dict[bytes, bytes]]:
        """Return all pairs by store, for comparisons."""
        return {
            name: dict(store.iterate(b"", None))
            for name, store in sorted(self._stores.items())
        }


@final
class MemoryZone:
    """A zone of some modules with a current block that messages run in."""

    def __init__(
        self,
        modules: Sequence[Module],
        *,
        chain_id: str = "hangzhou-1",
        ports: Mapping[str, PortApplication] | None = None,
        genesis: Mapping[str, Any] | None = None,
        initial_height: int = 1,
    ) -> None:
        self.chain_id = chain_id
        self.modules = tuple(modules)
        self.ports = dict(ports or {})
        self.routes = message_routes(self.modules)
        self.state = MemoryState()
        self.height = initial_height
        self.time_ns = GENESIS_TIME_NS
        self.misbehaviours: tuple[Misbehaviour, ...] = ()
        """Evidence in the current block, and in those after it."""
        self.events: list[Event] = []
        """Events of the last message, block hook or call of ``within``."""
        ctx = self.context()
        for module in self.modules:
            module.init_genesis(ctx, dict((genesis or {}).get(module.name, {})))
        self.state.commit(ctx)
        self._hooks("begin_block")

    def context(self, signer: str = "") -> Context:
        """Open a context in the current block above the committed state."""
        return Context(
            block=BlockContext(
                chain_id=self.chain_id,
                height=Height(revision_of_chain_id(self.chain_id), self.height),
                time_ns=self.time_ns,
                header_hash=self.header_hash(self.height),
                misbehaviours=self.misbehaviours,
            ),
            source=self.state,
            gas=GasMeter(None),
            ports=self.ports,
            routes=self.routes,
            signer=signer,
        )

    def header_hash(self, height: int) -> bytes:
        """Return the made-up header hash of a height."""
        return sha256(f"{self.chain_id}/{height}".encode())

    def next_block(self, seconds: int = 1) -> None:
        """End the block and begin the next one, ``seconds`` later."""
        self._hooks("end_block")
        self.height += 1
        self.time_ns += seconds * NS_PER_SECOND
        self._hooks("begin_block")

    def run(self, message: Any) -> Any:
        """Carry out one message of its ``signer``: role, check, apply, all or nothing.

        A governed message needs the governance address as its signer and no vote.

        Raises:
            HuitongError: what the role check or the handler raised; nothing is written.
        """
        name = f"/{message.DESCRIPTOR.full_name}"
        route = self._route(message)
        signer = route.signer(message)
        ctx = self.context(signer)
        if route.governed and signer != GOVERNANCE_ADDRESS:
            raise GovernedMessageError(what=name)
        MemberAuthenticator().check_roles(ctx, signer, route.roles, name)
        response = carry_out(route, ctx, message)
        self.take(ctx)
        return response

    def decide(self, message: Any) -> Any:
        """Carry out one message as a proposal that has passed does; sets its signer.

        Raises:
            HuitongError: what the handler raised; nothing is written.
        """
        message.signer = GOVERNANCE_ADDRESS
        ctx = self.context(GOVERNANCE_ADDRESS)
        response = carry_out(self._route(message), ctx, message)
        self.take(ctx)
        return response

    def query(self, path: str, request: Message) -> Any:
        """Answer one query from the committed state."""
        return self._query(path).answer(self.context(), request)

    def export(self) -> dict[str, Any]:
        """Return the genesis state of every module."""
        ctx = self.context()
        return {module.name: module.export_genesis(ctx) for module in self.modules}

    def told(self, kind: str) -> list[dict[str, str]]:
        """Return the attributes of the last events of this kind."""
        return [dict(item.attributes) for item in self.events if item.kind == kind]

    def take(self, ctx: Context) -> None:
        """Commit what was done in a context of the current block."""
        self.state.commit(ctx)
        self.events = list(ctx.events)

    def _hooks(self, name: str) -> None:
        ctx = self.context()
        for module in self.modules:
            hook = getattr(module, name)
            if hook is not None:
                hook(ctx)
        self.take(ctx)

    def _route(self, message: Message) -> MessageRoute:
        return self.routes[f"/{message.DESCRIPTOR.full_name}"]

    def _query(self, path: str) -> QueryRoute:
        for module in self.modules:
            for route in module.queries:
                if route.path == path:
                    return route
        raise AssertionError(f"no module answers {path}")
