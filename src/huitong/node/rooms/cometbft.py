"""CometBFT's room: the application behind ABCI; the program has blocks, mempool and RPC."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from huitong.core.abci import BlockRequest, FinalizedBlock
from huitong.engines.cometbft.binary import find_binary
from huitong.engines.cometbft.engine import CometBftEngine
from huitong.engines.cometbft.service import ZoneService
from huitong.engines.cometbft.settings import CometBftSettings, StateSync
from huitong.node.answers.source import RpcSource
from huitong.node.config import CometBftConfig, NodeConfig
from huitong.node.grpc.calls import Registry
from huitong.node.home import Home
from huitong.node.parts import open_state
from huitong.node.queries import Queries
from huitong.node.rooms.snapshots import ensure_joined, open_snapshots
from huitong.node.rooms.validator import open_signer, socket_in
from huitong.node.rpc.server import address_of, bind
from huitong.node.watch.watch import NodeWatch


class CometBftRoom:
    """A node whose blocks are decided by CometBFT."""

    def __init__(self, engine: CometBftEngine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry

    @property
    def engine(self) -> CometBftEngine:
        """Serves the application and runs the program."""
        return self._engine

    @property
    def registry(self) -> Registry:
        """What gRPC answers from."""
        return self._registry

    async def serve(self, stop: asyncio.Event) -> None:
        """Wait: CometBFT answers RPC by itself."""
        await stop.wait()

    async def wait_until_serving(self) -> bool:
        """Return True once CometBFT's RPC answers; False if it ended before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._engine.wait_until_serving)


@contextmanager
def open_cometbft(
    home: Home, config: NodeConfig, passphrase: str | None = None
) -> Iterator[CometBftRoom]:
    """Open the room of a home and close it again; nothing is started.

    Args:
        home: the node's folder.
        config: how it runs.
        passphrase: opens the validator's key if it is sealed.

    Raises:
        HuitongError: the home, an address or the program cannot be used.
    """
    binary = find_binary(config.cometbft.binary) if config.cometbft.is_run else None
    with ExitStack() as stack:
        abci = config.cometbft.abci_address or stack.enter_context(
            socket_in(home, "abci.sock")
        )
        state = stack.enter_context(open_state(home, config))
        signer = stack.enter_context(
            open_signer(home, config, state.genesis.chain_id, passphrase)
        )
        snapshots = stack.enter_context(open_snapshots(home, config, state))
        ensure_joined(home, config, state)
        watch = NodeWatch(config=config, app=state.app, backend=state.backend)
        settings = _settings(config, abci, signer)
        source = stack.enter_context(RpcSource(settings.rpc_address))
        queries = Queries(state.app, source)

        def block_committed(request: BlockRequest, finalized: FinalizedBlock) -> None:
            snapshots.maker.block_committed(request.height)
            watch.block_committed(request, finalized, service.block_duration_s)

        service = ZoneService(
            app=state.app,
            genesis=state.genesis,
            answer_query=watch.observed_query(queries.answer),
            snapshots=snapshots.exchange,
            retain_height=snapshots.retain_height,
            on_block=block_committed,
        )
        engine = CometBftEngine(
            genesis=state.genesis,
            app=state.app,
            service=service,
            home=home.cometbft,
            settings=settings,
            binary=binary,
        )
        stack.callback(watch.stop)
        stack.callback(engine.stop)
        watch.start(engine, snapshots=snapshots.exchange)
        yield CometBftRoom(engine, watch.observed_registry(queries))


def _settings(
    config: NodeConfig, abci_address: str, signer_address: str
) -> CometBftSettings:
    wanted = config.cometbft
    # CometBFT does not tell which port it was given, so that one is picked for it.
    pick = _picked if wanted.is_run else str
    return CometBftSettings(
        moniker=config.moniker,
        abci_address=abci_address,
        rpc_address=pick(config.rpc_address),
        p2p_address=pick(wanted.p2p_address),
        external_address=wanted.external_address,
        persistent_peers=wanted.persistent_peers,
        block_time_ns=config.pace.block_time_ns,
        mempool_txs_max=config.mempool.txs_max,
        mempool_size_bytes_max=config.mempool.size_bytes_max,
        log_level=config.log_level,
        state_sync=_state_sync(wanted),
        metrics_address=wanted.metrics_address,
        signer_address=signer_address,
    )


def _state_sync(wanted: CometBftConfig) -> StateSync | None:
    if not wanted.state_sync_rpc:
        return None
    return StateSync(
        rpc_addresses=wanted.state_sync_rpc,
        trust_height=wanted.trust_height,
        trust_hash=wanted.trust_hash,
    )


def _picked(address: str) -> str:
    """Return ``address`` with its port, which is free at this moment.

    Raises:
        PortInUseError, ListenAddressError: CometBFT could not listen there either.
    """
    with closing(bind(address)) as listening:
        return address_of(listening)
