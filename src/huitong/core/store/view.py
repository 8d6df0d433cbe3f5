"""One committed version, open for reading and proving, apart from all later commits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from huitong.core.codec import encode
from huitong.core.limits import STORE_KEY_SIZE_BYTES_MAX
from huitong.core.store.backend import TableReader
from huitong.core.store.errors import (
    StorageCorruptError,
    StoreEmptyError,
    StoreUnknownError,
    VersionPrunedError,
    VersionUnknownError,
)
from huitong.core.store.iavl.node import INNER_HEAD, REFERENCE_SIZE
from huitong.core.store.iavl.proofs import prove_key
from huitong.core.store.iavl.reader import (
    GetRecord,
    find_value,
    iterate_nodes,
    iterate_tree,
)
from huitong.core.store.kv import ReadStore
from huitong.core.store.roots import StoreRoot, app_hash, decode_roots, prove_store
from huitong.core.store.tables import (
    LATEST_KEY,
    META,
    NODES,
    OLDEST_KEY,
    ROOTS,
    version_key,
)

#: Nodes that a view remembers: the proofs of one batch share the upper ones.
RECORDS_REMEMBERED_MAX: Final = 16_384
#: Values that one store of a view remembers; a view lives for a query or a block.
READS_REMEMBERED_MAX: Final = 16_384
OP_IAVL: Final = "ics23:iavl"
OP_SIMPLE: Final = "ics23:simple"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOp:
    """One layer of a proof, as ABCI queries answer it (CometBFT ``ProofOp``)."""

    type: str
    """``ics23:iavl`` for a store's tree, ``ics23:simple`` for the tree of stores."""
    key: bytes
    """The key in the store, or the store's name."""
    data: bytes
    """An ICS-23 ``CommitmentProof``, encoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreProof:
    """What a store holds under a key, with the proof of it."""

    key: bytes
    """The key asked for."""
    value: bytes | None
    """The value, or None if the key is absent, which is then what is proven."""
    version: int
    """Version that was read; the next block's header carries its app hash."""
    ops: tuple[ProofOp, ProofOp]
    """The proof in the store's tree, then that of the store's root."""


class ReadView:
    """A committed version, from a snapshot that later commits and pruning leave alone.

    Close it, or use it in a ``with`` statement; a view that is kept open keeps the
    database from reusing space.
    """

    __slots__ = (
        "_by_name",
        "_path",
        "_reader",
        "_records",
        "_roots",
        "_store_ops",
        "root_hash",
        "version",
    )

    version: int
    """The version that is shown."""
    root_hash: bytes
    """Its app hash, 32 bytes."""

    def __init__(self, reader: TableReader, version: int, path: str) -> None:
        """Open ``version``; the view closes ``reader``, also when this raises."""
        self._reader = reader
        self._path = path
        self._records: dict[bytes, bytes] = {}
        self.version = version
        row = reader.get(ROOTS, version_key(version)) if version > 0 else None
        oldest = int.from_bytes(reader.get(META, OLDEST_KEY) or b"", "big")
        if row is None or version < oldest:
            latest = int.from_bytes(reader.get(META, LATEST_KEY) or b"", "big")
            reader.close()
            if 0 < version < oldest:
                raise VersionPrunedError(version=version, oldest=oldest)
            raise VersionUnknownError(version=version, latest=latest)
        self._roots = decode_roots(row)
        self._by_name = {root.name: at for at, root in enumerate(self._roots)}
        self.root_hash = app_hash(self._roots)
        self._store_ops: dict[str, ProofOp] = {}

    def __enter__(self) -> ReadView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the snapshot."""
        self._reader.close()

    def store(self, name: str) -> ReadStore:
        """Return a store as it was.

        Raises:
            StoreUnknownError: no such store at this version.
        """
        return _StoreAtVersion(self._record, self._root(name).link)

    def find_row(self, table: bytes, key: bytes) -> bytes | None:
        """Return a row that was written beside the state, or None.

        Such rows are not versioned: the snapshot's newest one is shown.
        """
        return self._reader.get(table, key)

    def iterate_rows(
        self, table: bytes, start: bytes, end: bytes | None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Walk over rows that were written beside the state; see ``find_row``."""
        return self._reader.iterate(table, start, end)

    # --- whole trees --------------------------------------------------------------------

    @property
    def store_names(self) -> tuple[str, ...]:
        """Names of the stores at this version, ascending."""
        return tuple(root.name for root in self._roots)

    def leaf_count(self, name: str) -> int:
        """Return the number of pairs of a store.

        Raises:
            StoreUnknownError: no such store at this version.
        """
        link = self._root(name).link
        record = self._record(link[:REFERENCE_SIZE]) if link else b""
        if not record:
            return 0
        return INNER_HEAD.unpack_from(record)[1] if record[0] else 1

    def iterate_nodes(self, name: str) -> Iterator[tuple[bytes, bytes]]:
        """Walk over references and records of a tree, children first, each hash checked.

        Raises:
            StoreUnknownError: no such store at this version.
            StorageCorruptError: while walking: a record is missing or damaged.
        """
        for ref, record in iterate_nodes(self._read_node, self._root(name).link):
            if record is None:
                raise StorageCorruptError(
                    path=self._path, reason=f"node {ref.hex()} is missing or damaged"
                )
            yield ref, record

    def _read_node(self, ref: bytes) -> bytes | None:
        return self._reader.get(NODES, ref)

    def prove(self, name: str, key: bytes) -> StoreProof:
        """Prove what a store holds under ``key``.

        Raises:
            StoreUnknownError: no such store at this version.
            StoreEmptyError: the store has no key at all.

        Cost: one or two descents, and once for each store one hash for every store.
        """
        root = self._root(name)
        if not root.link:
            raise StoreEmptyError(name=name, version=self.version)
        value, proof = prove_key(self._record, root.link[:REFERENCE_SIZE], key)
        ops = (
            ProofOp(type=OP_IAVL, key=key, data=encode(proof)),
            self._store_op(name),
        )
        return StoreProof(key=key, value=value, version=self.version, ops=ops)

    def _store_op(self, name: str) -> ProofOp:
        """Return the way from a store's root up, the same for all of its keys."""
        op = self._store_ops.get(name)
        if op is None:
            proof = prove_store(self._roots, self._by_name[name])
            op = ProofOp(type=OP_SIMPLE, key=name.encode(), data=encode(proof))
            self._store_ops[name] = op
        return op

    def _root(self, name: str) -> StoreRoot:
        if name not in self._by_name:
            raise StoreUnknownError(name=name)
        return self._roots[self._by_name[name]]

    def _record(self, ref: bytes) -> bytes:
        record = self._records.get(ref)
        if record is not None:
            return record
        record = self._reader.get(NODES, ref)
        if record is None:
            raise StorageCorruptError(
                path=self._path, reason=f"node {ref.hex()} is missing"
            )
        if len(self._records) < RECORDS_REMEMBERED_MAX:
            self._records[ref] = record
        return record


class _StoreAtVersion:
    """The pairs of one store at one version.

    What was read is remembered, for a version never changes, and CheckTx asks for the
    same accounts and members again and again.
    """

    __slots__ = ("_read", "_record", "_root")

    def __init__(self, record: GetRecord, root_link: bytes) -> None:
        self._record = record
        self._root = root_link[:REFERENCE_SIZE] or None
        self._read: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value under ``key``, or None if there is none."""
        if key in self._read:
            return self._read[key]
        value = find_value(self._record, self._root, key)
        is_room = len(self._read) < READS_REMEMBERED_MAX
        if is_room and len(key) <= STORE_KEY_SIZE_BYTES_MAX:
            self._read[key] = value
        return value

    def has(self, key: bytes) -> bool:
        """Tell whether there is a value under ``key``."""
        return self.get(key) is not None

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Walk over the pairs with ``start <= key < end`` in the order of the keys."""
        return iterate_tree(self._record, self._root, start, end, reverse=reverse)
