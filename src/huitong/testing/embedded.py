"""A whole zone on the embedded engine, in memory and without a thread or a clock.

::

    zone = EmbeddedZone("hangzhou-1", accounts={"tax": ("hz-tax", "publisher")})
    zone.start()
    zone.send("tax", MsgPublishRecord(...))     # CheckTx
    block = zone.work()                         # the block with it

Everything is real but time, disk and thread: application, chain, mempool, signatures.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from google.protobuf.message import Message

from huitong.core.abci import CheckResult
from huitong.core.address import address_of_public_key
from huitong.core.app import Application
from huitong.core.codec import pack_any
from huitong.core.hashing import sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.core.time import NS_PER_SECOND
from huitong.core.tx import build_transaction
from huitong.engines.embedded.chain import Chain, CommittedBlock
from huitong.engines.embedded.engine import BLOCKS_AT_START, Clocks, EmbeddedEngine
from huitong.engines.embedded.mempool import MempoolLimits
from huitong.engines.embedded.schedule import Due, Pace
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.engines.genesis import ConsensusParams, GenesisDocument, GenesisValidator
from huitong.engines.validator_key import validator_key_from_seed
from huitong.node.parts import open_application
from huitong.testing.headers import GENESIS_TIME_NS

GAS_LIMIT: Final = 200_000
_VERSIONS_KEPT: Final = 100


@final
class ManualClock:
    """Time that only moves when it is told to."""

    def __init__(self, now_ns: int = GENESIS_TIME_NS) -> None:
        self.now_ns = now_ns
        """The time, for both of the engine's clocks."""

    def read(self) -> int:
        """Return the time, nanoseconds."""
        return self.now_ns

    def advance(self, duration_ns: int) -> None:
        """Let time pass."""
        self.now_ns += duration_ns


@final
class EmbeddedZone:
    """One zone with one validator, in memory."""

    def __init__(
        self,
        chain_id: str = "hangzhou-1",
        *,
        accounts: Mapping[str, tuple[str, str]] | None = None,
        backend: NodeBackend | None = None,
        folder: Path | None = None,
        clock: ManualClock | None = None,
        params: ConsensusParams | None = None,
        pace: Pace | None = None,
        limits: MempoolLimits | None = None,
        blocks_kept: int = 0,
    ) -> None:
        """Open the zone; a backend that was used before goes on where it ended.

        Args:
            chain_id: the zone's chain id.
            accounts: per account its member, or an empty text, and its roles, separated
                by blanks.
            backend: where the state lies; new memory if None.
            folder: where the record of signed heights lies; a new one if None.
            clock: the time.
            params: consensus parameters.
            pace: how fast blocks follow one another.
            limits: bounds of the mempool.
            blocks_kept: how many newest blocks stay; 0 for all.
        """
        self._accounts = accounts or {}
        self.chain_id = chain_id
        """The zone's chain id."""
        self.clock = clock or ManualClock()
        """The time."""
        self.key = validator_key_from_seed(sha256(f"validator of {chain_id}".encode()))
        """The validator's key."""
        self.genesis = self._genesis(params or ConsensusParams())
        """The genesis document."""
        self.backend: NodeBackend = backend or MemoryBackend()
        """Where the state lies."""
        self.folder = folder or self._own_folder()
        """Where the record of signed heights lies."""
        self.app: Application = open_application(
            self.genesis, self.backend, _VERSIONS_KEPT
        )
        """The state machine."""
        self.chain = Chain(
            genesis=self.genesis,
            app=self.app,
            backend=self.backend,
            key=self.key,
            blocks_kept=blocks_kept,
        )
        """The blocks."""
        self.engine = EmbeddedEngine(
            chain=self.chain,
            app=self.app,
            key=self.key,
            guard=SignGuard(self.folder / "validator_state.json"),
            pace=pace or Pace(),
            limits=limits or MempoolLimits(),
            clocks=Clocks(wall_ns=self.clock.read, monotonic_ns=self.clock.read),
        )
        """What makes blocks."""
        self._sequences: dict[str, int] = {}

    def _own_folder(self) -> Path:
        """Make a folder that goes when the zone goes."""
        made = Path(tempfile.mkdtemp(prefix="huitong-"))
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return made

    def start(self) -> None:
        """Make the blocks with which every process begins."""
        for _ in range(BLOCKS_AT_START):
            self.engine.step()

    def private_key(self, name: str) -> bytes:
        """Return the secp256k1 key of an account."""
        return sha256(f"account {name}".encode())

    def address(self, name: str) -> str:
        """Return the address of an account."""
        return address_of_public_key(public_key_of_private_key(self.private_key(name)))

    def sign(
        self,
        name: str,
        *messages: Message,
        sequence: int | None = None,
        gas_limit: int = GAS_LIMIT,
    ) -> bytes:
        """Return a signed transaction; counts the sequence unless one is given."""
        if sequence is None:
            sequence = self._sequences.get(name, 0)
            self._sequences[name] = sequence + 1
        return build_transaction(
            [pack_any(message) for message in messages],
            private_key=self.private_key(name),
            chain_id=self.chain_id,
            account_number=list(self._accounts).index(name),
            sequence=sequence,
            gas_limit=gas_limit,
        )

    def send(self, name: str, *messages: Message) -> CheckResult:
        """Sign messages and hand them to the mempool."""
        return self.engine.mempool.add(self.sign(name, *messages))[1]

    def work(self) -> CommittedBlock:
        """Make a block with what waits in the mempool."""
        self.clock.advance(NS_PER_SECOND)
        return self.engine.make_block(Due.WORK)

    def empty(self) -> CommittedBlock:
        """Make an empty block, such as commits to the state of the one before."""
        self.clock.advance(NS_PER_SECOND)
        return self.engine.make_block(Due.PROOF)

    def _genesis(self, params: ConsensusParams) -> GenesisDocument:
        member_ids = sorted({member for member, _ in self._accounts.values() if member})
        state = {
            "members": [
                {"member_id": member_id, "name": member_id} for member_id in member_ids
            ],
            "accounts": [
                {
                    "address": self.address(name),
                    "member_id": member_id,
                    "roles": sorted(roles.split()),
                }
                for name, (member_id, roles) in self._accounts.items()
            ],
        }
        return GenesisDocument(
            time_ns=GENESIS_TIME_NS,
            chain_id=self.chain_id,
            params=params,
            validators=(GenesisValidator(public_key=self.key.public_key, power=10),),
            app_state={"members": state},
        )
