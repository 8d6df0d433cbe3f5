"""A zone of several organisations on this machine: homes, genesis, nodes.

::

    zone = LocalZone(folder, "hangzhou-1", validators=4)
    zone.init()
    with zone:                                   # starts, and stops whatever happens
        client = ZoneClient(zone.nodes[0].rpc_url)
        zone.nodes[1].kill()                     # as a power cut would
        zone.nodes[1].start()
        fifth = zone.add_node()                  # replays all blocks, validates none

Each validator belongs to an organisation ``org-0``, ``org-1``, …, with an account of the
same name that votes and acts for it. ``operator`` and ``relayer`` are there as well. All
keys lie in one keyring without passphrases: this is for trials.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from huitong.keys import Keyring
from huitong.localnet.errors import (
    NodeUnknownError,
    ZoneNotRunningError,
    ZoneShapeError,
)
from huitong.localnet.founding import Founding, check_founding, found_zone
from huitong.localnet.joining import join_zone
from huitong.localnet.making import being_made
from huitong.localnet.node import START_TIMEOUT_S, LocalNode
from huitong.localnet.record import NodeRecord, ZoneRecord, load_record, save_record
from huitong.localnet.zone import KEYRING_FOLDER, AccountSpec, MemberSpec
from huitong.node.config import NodeConfig

#: Blocks between two snapshots: a node that joins a trial soon finds one.
SNAPSHOT_EVERY_BLOCKS: Final = 50


class LocalZone:
    """One zone whose nodes are processes of this machine."""

    def __init__(
        self,
        folder: Path,
        chain_id: str,
        *,
        validators: int = 4,
        engine: str = "cometbft",
        block_time: str = "200ms",
        voting_period_s: int | None = None,
        members: Sequence[MemberSpec] = (),
        accounts: Sequence[AccountSpec] = (),
        app_state_changes: Mapping[str, Any] | None = None,
        snapshot_every_blocks: int = SNAPSHOT_EVERY_BLOCKS,
        adjust: Callable[[NodeConfig], NodeConfig] | None = None,
    ) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: where the zone lies; ``init`` makes it.
            chain_id: the zone.
            validators: how many, each of an organisation; 1 for the embedded engine.
            engine: ``cometbft`` or ``embedded``.
            block_time: pause between blocks, for example ``200ms``.
            voting_period_s: seconds in which members vote; None for the zone's default.
            members: further members at genesis.
            accounts: further accounts at genesis.
            app_state_changes: laid over the genesis state of the modules, object by
                object; what is no object replaces what was there.
            snapshot_every_blocks: a snapshot at each height that this divides; 0: none.
            adjust: changes the configuration of each node before it is written.
        """
        self.folder = folder.absolute()
        """Where the zone lies."""
        self.chain_id = chain_id
        """The zone."""
        self.engine = engine
        """``cometbft`` or ``embedded``."""
        self.nodes: list[LocalNode] = []
        """The nodes, in the order of their numbers; none before it is made."""
        self._founding = Founding(
            chain_id=chain_id,
            validators=validators,
            engine=engine,
            block_time=block_time,
            voting_period_s=voting_period_s,
            members=tuple(members),
            accounts=tuple(accounts),
            app_state_changes=app_state_changes or {},
            snapshot_every_blocks=snapshot_every_blocks,
            adjust=adjust,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the zone that was made in ``folder``; nothing is started.

        Raises:
            ZoneMissingError: none was.
            ZoneFolderError: something else lies there, or half a zone.
        """
        record = load_record(folder)
        zone = cls(folder, record.chain_id, engine=record.engine)
        zone._take(record)
        return zone

    # --- setting up -------------------------------------------------------------------

    def init(self) -> None:
        """Make homes, genesis and keys, wholly or not at all.

        What a making that was killed has left in the folder is removed.

        Raises:
            ZoneFolderError: something else lies in the folder already.
            ZoneRunsError: another process makes a zone there.
            ZoneShapeError: no such zone can be.
            RejectedError: a member, an account or a module's state is refused.
        """
        check_founding(self._founding)
        with being_made(self.folder):
            self._take(found_zone(self.folder, self._founding))

    def _take(self, record: ZoneRecord) -> None:
        self.nodes = [
            LocalNode(
                self.folder / item.name,
                rpc_url=item.rpc,
                grpc_address=item.grpc,
                p2p_address=item.p2p,
                is_validator=item.validator,
            )
            for item in record.nodes
        ]

    @property
    def keyring(self) -> Keyring:
        """Keys of the accounts, without passphrases."""
        return Keyring(self.folder / KEYRING_FOLDER)

    def address(self, name: str) -> str:
        """Return the address of the account called ``name``."""
        return self.keyring.get(name).address

    def private_key(self, name: str) -> bytes:
        """Return the 32 bytes of the key called ``name``."""
        return self.keyring.unlock(name)

    def node(self, name: str) -> LocalNode:
        """Return the node called ``name``, or of that number.

        Raises:
            NodeUnknownError: there is none.
        """
        for number, found in enumerate(self.nodes):
            if name in (found.name, str(number)):
                return found
        known = ", ".join(item.name for item in self.nodes)
        raise NodeUnknownError(name=name, known=known)

    # --- running ----------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether any of its nodes runs."""
        return any(node.is_running for node in self.nodes)

    def start(
        self,
        timeout_s: float = START_TIMEOUT_S,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start all nodes and return once all answer and the zone has its first block.

        Args:
            timeout_s: seconds until each must.
            pause: sleeps between two looks; what it raises ends the wait.

        Raises:
            NodeStartError: one ended, or does not answer in time.
        """
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_serving(timeout_s, pause)
        # CometBFT tells of a block before the application has carried it out; with the
        # second one, the state after the first can be asked for.
        first = 2 if self.engine == "cometbft" else 1
        for node in self.nodes:
            node.wait_height(first, timeout_s, pause)

    def stop(self) -> None:
        """Stop all nodes in order; does nothing if none runs.

        Raises:
            NodeStartError: one had to be killed.
        """
        for node in self.nodes:
            node.ask_to_stop()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """Kill all processes of all nodes."""
        for node in self.nodes:
            node.kill()

    def wait_height(self, height: int, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return once every running node has reached ``height``.

        Raises:
            NodeStartError: one does not in time.
        """
        for node in self.nodes:
            if node.is_running:
                node.wait_height(height, timeout_s)

    def add_node(
        self, sync: str = "replay", timeout_s: float = START_TIMEOUT_S
    ) -> LocalNode:
        """Make one more node, which validates nothing; return once it has caught up.

        Args:
            sync: ``replay`` all blocks, or begin from a ``snapshot``.
            timeout_s: seconds until it must have the height that the zone has now.

        Raises:
            ZoneShapeError: a zone of the embedded engine has one node.
            ZoneNotRunningError: nobody is there to learn from.
            NodeStartError: it ended, or does not catch up in time.
        """
        if self.engine != "cometbft":
            raise ZoneShapeError(reason="the embedded engine makes zones of one node")
        if sync not in ("replay", "snapshot"):
            raise ZoneShapeError(reason=f"sync is replay or snapshot, not {sync!r}")
        sources = [node for node in self.nodes if node.find_height()]
        if not sources:
            raise ZoneNotRunningError(path=self.folder)
        height = max(node.find_height() or 0 for node in sources)
        record = join_zone(
            self.folder, self.nodes, sources, is_snapshot=sync != "replay"
        )
        self._remember(record)
        node = self.nodes[-1]
        node.start(timeout_s)
        node.wait_height(height, timeout_s)
        return node

    def _remember(self, record: NodeRecord) -> None:
        present = load_record(self.folder)
        present = replace(present, nodes=(*present.nodes, record))
        save_record(self.folder, present)
        known = {node.name: node for node in self.nodes}
        self._take(present)
        # Those that we started stay the same objects: they know their processes.
        self.nodes = [known.get(node.name, node) for node in self.nodes]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()
