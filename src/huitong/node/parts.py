"""Opens the parts of a node above its home: database, application, chain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from huitong.core.app import Application
from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.core.store.multistore import MultiStore
from huitong.engines.embedded.chain import Chain
from huitong.engines.embedded.replay import ReplayReport, replay
from huitong.engines.errors import BlocksElsewhereError
from huitong.engines.genesis import GenesisDocument, genesis_request
from huitong.engines.validator_key import ValidatorKey
from huitong.modules.zone import STORE_NAMES, build_application
from huitong.node.config import NodeConfig
from huitong.node.errors import NoStateError
from huitong.node.home import Home
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenState:
    """The application above its database."""

    genesis: GenesisDocument
    """The zone's genesis document."""
    backend: LmdbBackend
    """The database."""
    app: Application
    """The state machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenZone:
    """The parts that stand above one database when this process makes the blocks."""

    genesis: GenesisDocument
    """The zone's genesis document."""
    key: ValidatorKey
    """The validator's key."""
    backend: LmdbBackend
    """The database."""
    app: Application
    """The state machine."""
    chain: Chain
    """The blocks."""


#: Databases up to this size are checked as a whole when they are opened, which takes up
#: to a second. Larger ones are checked from the roots down as they are read, and by
#: `huitong node replay`.
CHECKED_SIZE_BYTES_MAX: Final = 134_217_728


def open_application(
    genesis: GenesisDocument, backend: NodeBackend, versions_kept: int
) -> Application:
    """Return the zone's application above a database."""
    state = MultiStore(backend, STORE_NAMES, versions_kept=versions_kept)
    return build_application(chain_id=genesis.chain_id, state=state)


@contextmanager
def open_state(home: Home, config: NodeConfig) -> Iterator[OpenState]:
    """Open the state of a home, checked, whatever engine drives it; and close it again.

    Raises:
        HuitongError: genesis or database cannot be used, or contradict one another.
    """
    genesis = home.load_genesis()
    database = LmdbBackend(LmdbEnvironment(home.data, durable=config.is_durable))
    with (
        closing(database) as backend,
        closing(open_application(genesis, backend, config.versions_kept)) as app,
    ):
        if _size_bytes(home) <= CHECKED_SIZE_BYTES_MAX:
            app.state.check_integrity()
        yield OpenState(genesis=genesis, backend=backend, app=app)


@contextmanager
def open_zone(
    home: Home, config: NodeConfig, passphrase: str | None = None
) -> Iterator[OpenZone]:
    """Open the zone of a home, checked, and close it again.

    Args:
        home: the node's folder.
        config: how it runs.
        passphrase: opens the validator's key if it is sealed.

    Raises:
        HuitongError: genesis, key or database cannot be used, or contradict one another.
    """
    key = home.load_key(passphrase)
    with open_state(home, config) as state:
        chain = Chain(
            genesis=state.genesis,
            app=state.app,
            backend=state.backend,
            key=key,
            blocks_kept=config.blocks_kept,
        )
        yield OpenZone(
            genesis=state.genesis,
            key=key,
            backend=state.backend,
            app=state.app,
            chain=chain,
        )


def _size_bytes(home: Home) -> int:
    return sum(file.stat().st_size for file in home.data.glob("*.mdb"))


def check_genesis(genesis: GenesisDocument) -> None:
    """Check that the modules take the genesis state; nothing is kept.

    Raises:
        RejectedError: a module refuses its part.
    """
    app = open_application(genesis, MemoryBackend(), 1)
    app.init_chain(genesis_request(genesis))


def replay_home(
    home: Home, config: NodeConfig, passphrase: str | None = None
) -> ReplayReport:
    """Carry out all blocks of a home again and compare all hashes.

    Args:
        home: the node's folder.
        config: how it runs.
        passphrase: opens the validator's key if it is sealed.

    Raises:
        BlocksElsewhereError: the blocks are CometBFT's.
        NoStateError: there is no block yet.
        BlocksPrunedError: the first blocks were removed.
        StateDivergedError: a hash differs.
    """
    if config.engine == "cometbft":
        raise BlocksElsewhereError(path=home.path)
    with open_zone(home, config, passphrase) as zone:
        state = zone.chain.state
        if state.commit is None:
            raise NoStateError(path=home.path)
        reader = zone.chain.snapshot()
        try:
            fresh = open_application(zone.genesis, MemoryBackend(), 2)
            return replay(zone.genesis, reader, state.height, fresh, state.app_hash)
        finally:
            reader.close()
