"""CometBFT's folder in the home of a node, and what must lie there before it starts."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from huitong.engines.cometbft.node_key import ensure_node_key
from huitong.engines.cometbft.settings import CometBftSettings, encode_settings
from huitong.engines.errors import SignStateError


@dataclass(frozen=True, slots=True)
class CometBftHome:
    """Paths of the CometBFT of one node."""

    node_path: Path
    """The home of the node."""

    @property
    def path(self) -> Path:
        """What CometBFT is told as its home."""
        return self.node_path / "cometbft"

    @property
    def config_file(self) -> Path:
        """Its settings; written anew at every start."""
        return self.path / "config" / "config.toml"

    @property
    def node_key_file(self) -> Path:
        """The key that names the node among its peers."""
        return self.path / "config" / "node_key.json"

    @property
    def data(self) -> Path:
        """Its blocks, its state, its record of votes."""
        return self.path / "data"

    @property
    def sign_state_file(self) -> Path:
        """What the validator signed last; guards against signing twice."""
        return self.data / "priv_validator_state.json"

    @property
    def pid_file(self) -> Path:
        """The process that runs; beside the node's own."""
        return self.node_path / "cometbft.pid"

    @property
    def log_file(self) -> Path:
        """What it says, all starts one after the other."""
        return self.node_path / "cometbft.log"

    def has_blocks(self) -> bool:
        """Tell whether CometBFT ever ran here."""
        return (self.data / "blockstore.db").exists()

    def ensure_node_id(self) -> str:
        """Return the id by which peers know the node; its key is made if there is none.

        Raises:
            NodeKeyError: there is one that cannot be used.
        """
        self.node_key_file.parent.mkdir(parents=True, exist_ok=True)
        return ensure_node_key(self.node_key_file)

    def prepare(self, settings: CometBftSettings) -> None:
        """Write everything that CometBFT needs to find.

        Raises:
            NodeKeyError: the node's key cannot be used.
            SignStateError: blocks are here, and the record of what was signed is not.
        """
        self.ensure_node_id()
        self.data.mkdir(parents=True, exist_ok=True)
        if not settings.signer_address:
            self.ensure_sign_state()
        for left in self.config_file.parent.glob("write-file-atomic-*"):
            left.unlink(missing_ok=True)  # CometBFT leaves one at most of its ends
        fresh = self.config_file.with_suffix(".new")
        fresh.write_text(encode_settings(settings), encoding="utf-8")
        fresh.replace(self.config_file)

    def forget_chain(self) -> None:
        """Remove blocks and state, so that CometBFT begins anew; not what was signed.

        For a node that has nothing yet but a snapshot of the state.
        """
        for item in sorted(self.data.glob("*")):
            if item == self.sign_state_file:
                continue
            if item.is_dir():
                shutil.rmtree(item)
            else:
                item.unlink()

    def ensure_sign_state(self) -> None:
        """Make the record of what was signed, if nothing can have been.

        Raises:
            SignStateError: blocks are here, and the record is not.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        if self.sign_state_file.exists():
            return
        if self.has_blocks():
            raise SignStateError(path=self.sign_state_file, reason="is missing")
        document = {"height": "0", "round": 0, "step": 0}
        handle = os.open(
            self.sign_state_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
        )
        with os.fdopen(handle, "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
