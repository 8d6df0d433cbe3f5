"""What a handler may touch: the block it runs in, the state, gas and events.

A ``Context`` is a branch of the state. Its writes and events become visible to its parent
only by ``merge``; dropping it undoes all. The application opens one branch for each
transaction, and the packet handler one for the callback of an IBC application, so that a
refused callback leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from huitong.core.abci import Misbehaviour
from huitong.core.events import Event
from huitong.core.gas import (
    GAS_ITERATION,
    GAS_READ,
    GAS_READ_BYTE,
    GAS_WRITE,
    GAS_WRITE_BYTE,
    GasMeter,
)
from huitong.core.height import Height
from huitong.core.store.kv import OverlayStore, ReadStore, WriteStore

if TYPE_CHECKING:
    from huitong.core.module import MessageRoute
    from huitong.core.ports import PortApplication

_NO_ROUTES: Final[Mapping[str, MessageRoute]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContext:
    """The block in which something runs; the same on every node."""

    chain_id: str
    """The zone's chain id, for example ``hangzhou-1``."""
    height: Height
    """The block's height, with the revision that the chain id carries."""
    time_ns: int
    """The header's time, nanoseconds since the epoch, UTC."""
    header_hash: bytes
    """The block's header hash, 32 bytes; empty at genesis and in queries."""
    misbehaviours: tuple[Misbehaviour, ...] = ()
    """Evidence against validators that the block carries."""


class StateSource(Protocol):
    """Where a context reads what it has not written itself."""

    def store(self, name: str) -> ReadStore:
        """Return the store of one module."""
        ...

    def find_row(self, table: bytes, key: bytes) -> bytes | None:
        """Return a row kept beside the state, or None."""
        ...


class Context:
    """One branch of the state, with the block, a gas meter and the events so far."""

    __slots__ = (
        "_overlays",
        "_side_rows",
        "_source",
        "block",
        "events",
        "gas",
        "ports",
        "routes",
        "signer",
    )

    def __init__(
        self,
        *,
        block: BlockContext,
        source: StateSource,
        gas: GasMeter,
        ports: Mapping[str, PortApplication],
        routes: Mapping[str, MessageRoute] = _NO_ROUTES,
        signer: str = "",
    ) -> None:
        self.block = block
        self.gas = gas
        self.ports = ports
        """IBC applications by port id: the static routing table of the zone."""
        self.routes = routes
        """Messages by type URL, for a module that carries out those of others."""
        self.events: list[Event] = []
        self.signer = signer
        """Address of the account that signed the transaction; empty outside of one."""
        self._source = source
        self._overlays: dict[str, OverlayStore] = {}
        self._side_rows: dict[tuple[bytes, bytes], bytes] = {}

    def store(self, name: str) -> WriteStore:
        """Return the store of the module ``name``; reads and writes cost gas."""
        return MeteredStore(self._overlay(name), self.gas)

    def emit(self, told: Event) -> None:
        """Tell the world; kept only if this branch is merged."""
        self.events.append(told)

    def put_side_row(self, table: bytes, key: bytes, value: bytes) -> None:
        """Keep a row beside the state: stored with the block, proven by nobody.

        For what only helps to answer queries, such as the inner nodes of the history.
        """
        self._side_rows[table, key] = value

    def find_side_row(self, table: bytes, key: bytes) -> bytes | None:
        """Return a row kept beside the state, or None. Handlers must not depend on it."""
        row = self._side_rows.get((table, key))
        return self._source.find_row(table, key) if row is None else row

    def branch(
        self, *, gas: GasMeter | None = None, signer: str | None = None
    ) -> Context:
        """Open a child branch that sees this one's writes.

        Args:
            gas: the child's meter; by default it shares this one's.
            signer: who signed what the child carries out; by default as here.
        """
        return Context(
            block=self.block,
            source=_Parent(self),
            gas=self.gas if gas is None else gas,
            ports=self.ports,
            routes=self.routes,
            signer=self.signer if signer is None else signer,
        )

    def merge(self, child: Context) -> None:
        """Take over the writes and events of a branch of this context."""
        self.merge_writes(child)
        self.events.extend(child.events)

    def merge_writes(self, child: Context) -> None:
        """Take over the writes of a branch of this context, without its events."""
        for name, overlay in child._overlays.items():
            overlay.write_to(self._overlay(name))
        self._side_rows.update(child._side_rows)

    def changes(self) -> dict[str, list[tuple[bytes, bytes | None]]]:
        """Return the pending writes by store name and key, both ascending."""
        return {name: held.pending() for name, held in sorted(self._overlays.items())}

    def side_rows(self) -> list[tuple[bytes, bytes, bytes]]:
        """Return the pending side rows, ascending by table and key."""
        return [(*place, row) for place, row in sorted(self._side_rows.items())]

    def _overlay(self, name: str) -> OverlayStore:
        overlay = self._overlays.get(name)
        if overlay is None:
            overlay = OverlayStore(self._source.store(name))
            self._overlays[name] = overlay
        return overlay


class _Parent:
    """The parent's state as the source of a branch: the child's meter counts alone."""

    __slots__ = ("_parent",)

    def __init__(self, parent: Context) -> None:
        self._parent = parent

    def store(self, name: str) -> ReadStore:
        return self._parent._overlay(name)

    def find_row(self, table: bytes, key: bytes) -> bytes | None:
        return self._parent.find_side_row(table, key)


class MeteredStore:
    """A store whose every access is paid for with gas.

    A walk begins when its first pair is asked for, unlike those of other stores.
    """

    __slots__ = ("_gas", "_inner")

    def __init__(self, inner: WriteStore, gas: GasMeter) -> None:
        self._inner = inner
        self._gas = gas

    def get(self, key: bytes) -> bytes | None:
        value = self._inner.get(key)
        size = len(key) if value is None else len(key) + len(value)
        self._gas.consume(GAS_READ + GAS_READ_BYTE * size, "read")
        return value

    def has(self, key: bytes) -> bool:
        self._gas.consume(GAS_READ + GAS_READ_BYTE * len(key), "read")
        return self._inner.has(key)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._inner.iterate(start, end, reverse=reverse):
            size = len(key) + len(value)
            self._gas.consume(GAS_ITERATION + GAS_READ_BYTE * size, "iterate")
            yield key, value

    def set(self, key: bytes, value: bytes) -> None:
        size = len(key) + len(value)
        self._gas.consume(GAS_WRITE + GAS_WRITE_BYTE * size, "write")
        self._inner.set(key, value)

    def delete(self, key: bytes) -> None:
        self._gas.consume(GAS_WRITE, "delete")
        self._inner.delete(key)
