"""Old and new software on the same blocks: one of them stops, they never differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from huitong.core.abci import BlockRequest, GenesisRequest, ValidatorUpdate
from huitong.core.app import Application
from huitong.core.context import Context
from huitong.core.hashing import sha256
from huitong.core.module import Module
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.multistore import MultiStore
from huitong.modules import upgrades
from huitong.modules.consensus import ZoneConsensus
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.modules.upgrades.errors import UpgradeNeededError, UpgradeTooEarlyError
from huitong.modules.zone import MODULES, PORTS, STORE_NAMES
from huitong.testing.headers import GENESIS_TIME_NS

CHAIN = "hangzhou-1"
HEIGHT = 4
NEW_STORE = "fresh"
GENESIS = GenesisRequest(
    chain_id=CHAIN,
    time_ns=GENESIS_TIME_NS,
    initial_height=1,
    validators=(ValidatorUpdate(public_key=b"\x01" * 32, power=10),),
    app_state={
        "upgrades": {"plan": {"name": "v2", "height": str(HEIGHT), "info": "2.0"}}
    },
    block_gas_max=100_000_000,
    block_bytes_max=4_194_304,
)


def migrate(ctx: Context) -> None:
    """Use a store that the software before did not have."""
    store = ctx.store(NEW_STORE)
    count = int(store.get(b"runs") or b"0") + 1
    store.set(b"runs", b"%d" % count)


@contextmanager
def known_upgrades(**migrations: Callable[[Context], None]) -> Iterator[None]:
    """Be software that knows these upgrades."""
    before = dict(upgrades.MIGRATIONS)
    upgrades.MIGRATIONS.update(migrations)
    try:
        yield
    finally:
        upgrades.MIGRATIONS.clear()
        upgrades.MIGRATIONS.update(before)


class Node:
    """A node whose software can be changed; its database stays."""

    def __init__(self, *, is_new: bool = False) -> None:
        self.backend = MemoryBackend()
        self.open(is_new=is_new)
        self.app.init_chain(GENESIS)

    def open(self, *, is_new: bool) -> None:
        """Start the old or the new software on the database."""
        self.is_new = is_new
        names = [*STORE_NAMES, NEW_STORE] if is_new else STORE_NAMES
        module = Module(name="fresh", store=NEW_STORE)
        self.state = MultiStore(self.backend, names, versions_kept=100)
        self.app = Application(
            chain_id=CHAIN,
            modules=[*MODULES, module] if is_new else MODULES,
            authenticator=MemberAuthenticator(),
            consensus=ZoneConsensus(),
            ports=PORTS,
            state=self.state,
        )

    def block(self, height: int) -> bytes:
        """Carry out and commit a block; returns the app hash."""
        request = BlockRequest(
            height=height,
            time_ns=GENESIS_TIME_NS + height * 10**9,
            header_hash=sha256(b"%d" % height),
            proposer_address=bytes(20),
            next_validators_hash=bytes(32),
            txs=(),
        )
        with known_upgrades(**({"v2": migrate} if self.is_new else {})):
            done = self.app.finalize_block(request)
        self.app.commit()
        return done.app_hash

    @property
    def height(self) -> int:
        return self.app.info().last_block_height

    def runs(self) -> bytes | None:
        with self.state.at(self.height) as view:
            return view.store(NEW_STORE).get(b"runs")


def test_two_old_and_two_new_nodes_never_differ() -> None:
    old, new = [Node(), Node()], [Node(), Node()]
    hashes: dict[int, set[bytes]] = {}
    for height in range(1, 3):
        for node in (*old, *new):
            hashes.setdefault(height, set()).add(node.block(height))
    for node in new:  # two are too early with the new software
        node.open(is_new=True)
        with pytest.raises(UpgradeTooEarlyError):
            node.block(3)
    for node in old:
        hashes.setdefault(3, set()).add(node.block(3))
        with pytest.raises(UpgradeNeededError):
            node.block(HEIGHT)
        assert node.height == 3
    for node in new:  # they go back, and lose nothing by it
        node.open(is_new=False)
        hashes[3].add(node.block(3))
    for node in (*old, *new):
        node.open(is_new=True)
        for height in (HEIGHT, HEIGHT + 1):
            hashes.setdefault(height, set()).add(node.block(height))
        assert node.runs() == b"1"
    assert {height: len(found) for height, found in hashes.items()} == dict.fromkeys(
        range(1, HEIGHT + 2), 1
    )


def test_the_migration_runs_once_though_its_block_is_carried_out_twice() -> None:
    node = Node()
    for height in range(1, HEIGHT):
        node.block(height)
    node.open(is_new=True)
    request = BlockRequest(
        height=HEIGHT,
        time_ns=GENESIS_TIME_NS + HEIGHT * 10**9,
        header_hash=sha256(b"4"),
        proposer_address=bytes(20),
        next_validators_hash=bytes(32),
        txs=(),
    )
    with known_upgrades(v2=migrate):
        first = node.app.finalize_block(request)
        node.open(is_new=True)  # killed before the commit
        assert node.app.finalize_block(request) == first
        node.app.commit()
    assert node.runs() == b"1"
    node.block(HEIGHT + 1)
    assert node.runs() == b"1"


def test_the_old_software_makes_no_block_after_the_new_one() -> None:
    node = Node()
    for height in range(1, HEIGHT):
        node.block(height)
    node.open(is_new=True)
    node.block(HEIGHT)
    node.open(is_new=False)
    with pytest.raises(UpgradeNeededError):
        node.block(HEIGHT + 1)
    node.open(is_new=True)
    node.block(HEIGHT + 1)
