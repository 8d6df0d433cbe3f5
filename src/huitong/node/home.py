"""The home folder of a node: where everything lies, making one, keeping it to one process."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huitong.core.ids import check_chain_id
from huitong.engines.cometbft.home import CometBftHome
from huitong.engines.genesis import (
    GenesisDocument,
    GenesisValidator,
    decode_genesis,
    encode_genesis,
)
from huitong.engines.validator_key import (
    ValidatorIdentity,
    ValidatorKey,
    load_validator_identity,
    load_validator_key,
    new_validator_key,
    save_validator_key,
)
from huitong.keys.errors import EmptyPassphraseError
from huitong.node.config import NodeConfig, encode_config
from huitong.node.errors import (
    EngineChangedError,
    HomeExistsError,
    HomeMissingError,
    NodeRunsError,
)

#: Voting power of the validator of a new zone.
GENESIS_POWER = 10
#: Folders of keys in a home; they may be there before it becomes a node's.
KEY_FOLDERS = frozenset({"keyring", "reader-keys"})


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one node."""

    path: Path
    """The folder."""

    @property
    def config_file(self) -> Path:
        """How the node runs."""
        return self.path / "config" / "node.toml"

    @property
    def genesis_file(self) -> Path:
        """What the zone begins with."""
        return self.path / "config" / "genesis.json"

    @property
    def key_file(self) -> Path:
        """The validator's key."""
        return self.path / "config" / "validator_key.json"

    @property
    def data(self) -> Path:
        """The database."""
        return self.path / "data"

    @property
    def sign_state_file(self) -> Path:
        """The highest signed height."""
        return self.data / "validator_state.json"

    @property
    def rpc_address_file(self) -> Path:
        """Where the running node listens."""
        return self.data / "rpc_address"

    @property
    def grpc_address_file(self) -> Path:
        """Where the running node answers gRPC; absent if nowhere."""
        return self.data / "grpc_address"

    @property
    def pid_file(self) -> Path:
        """The process that has the home."""
        return self.path / "node.pid"

    def check(self) -> None:
        """Check that a node was made here.

        Raises:
            HomeMissingError: a file is missing.
        """
        for file in (self.config_file, self.genesis_file, self.key_file):
            if not file.is_file():
                raise HomeMissingError(
                    path=self.path, missing=file.relative_to(self.path)
                )

    @property
    def cometbft(self) -> CometBftHome:
        """CometBFT's part of the home."""
        return CometBftHome(self.path.absolute())

    def has_begun(self) -> bool:
        """Tell whether a block was ever made here."""
        return self.sign_state_file.exists() or self.cometbft.has_blocks()

    def check_engine(self, engine: str) -> None:
        """Check that the blocks here, if any, are of this engine.

        Raises:
            EngineChangedError: they are of another one.
        """
        others = {
            "embedded": self.cometbft.has_blocks(),
            "cometbft": self.sign_state_file.exists(),
        }
        if others[engine]:
            raise EngineChangedError(path=self.path, engine=engine)

    def load_genesis(self) -> GenesisDocument:
        """Read the genesis document.

        Raises:
            HomeMissingError: there is none.
            GenesisFileError: it is malformed.
        """
        try:
            data = self.genesis_file.read_bytes()
        except FileNotFoundError:
            raise HomeMissingError(
                path=self.path, missing="config/genesis.json"
            ) from None
        return decode_genesis(data)

    def save_genesis(self, genesis: GenesisDocument) -> None:
        """Replace the genesis document, wholly or not at all."""
        write_whole(self.genesis_file, encode_genesis(genesis))

    def load_key(self, passphrase: str | None = None) -> ValidatorKey:
        """Read the validator's key.

        Raises:
            ValidatorKeyError: absent or malformed.
            LoosePermissionsError: others than its owner may read or write it.
            PassphraseNeededError: it is sealed and no passphrase was given.
            WrongPassphraseError: the passphrase does not open it.
        """
        return load_validator_key(self.key_file, passphrase)

    def load_identity(self) -> ValidatorIdentity:
        """Read the public part of the validator's key; needs no passphrase.

        Raises:
            ValidatorKeyError: absent or malformed.
            LoosePermissionsError: others than its owner may read or write it.
        """
        return load_validator_identity(self.key_file)


def make_home(
    home: Home, config: NodeConfig, chain_id: str, passphrase: str | None = None
) -> ValidatorKey:
    """Make the home of the one validator of a new zone.

    Args:
        home: where.
        config: how the node runs.
        chain_id: the zone's.
        passphrase: what seals the validator's key; None stores it in clear.

    Raises:
        EmptyPassphraseError: a passphrase of no characters.
        HomeExistsError: something else than keys lies there already.
        InvalidIdentifierError: the chain id is malformed; nothing is made.
    """
    check_chain_id(chain_id)
    if passphrase == "":
        raise EmptyPassphraseError()
    key = new_validator_key()
    genesis = GenesisDocument(
        time_ns=time.time_ns(),
        chain_id=chain_id,
        validators=(
            GenesisValidator(
                public_key=key.public_key, power=GENESIS_POWER, name=config.moniker
            ),
        ),
        app_state={},
    )
    encoded = encode_genesis(genesis)
    decode_genesis(encoded)  # refuses a malformed chain id before anything is written
    if home.path.exists() and any(
        item.name not in KEY_FOLDERS for item in home.path.iterdir()
    ):
        raise HomeExistsError(path=home.path)
    home.path.mkdir(parents=True, exist_ok=True)
    try:
        home.config_file.parent.mkdir()
        home.data.mkdir()
        save_validator_key(key, home.key_file, passphrase)
        save_config(home, config)
        write_whole(home.genesis_file, encoded)
    except OSError:  # half a home would stand in the way of the next attempt
        shutil.rmtree(home.config_file.parent, ignore_errors=True)
        shutil.rmtree(home.data, ignore_errors=True)
        raise
    return key


def save_config(home: Home, config: NodeConfig) -> None:
    """Replace the configuration of a home, wholly or not at all."""
    write_whole(home.config_file, encode_config(config).encode())


@contextmanager
def owned(home: Home) -> Iterator[None]:
    """Keep the home to this process; ``node.pid`` names it meanwhile.

    Raises:
        NodeRunsError: another process has it.
    """
    handle = os.open(home.pid_file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            raise NodeRunsError(path=home.path, pid=pid) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
        home.pid_file.unlink(missing_ok=True)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file so that it is never half-written."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
