"""A relayer as a real process, which relays the links of its home folder."""

from __future__ import annotations

from pathlib import Path

from huitong.localnet.program import Program


class RelayerProcess(Program):
    """One relayer, whose home has links (``huitong relay init`` and ``relay link``)."""

    def __init__(self, home: Path) -> None:
        """Prepare; nothing is started yet.

        Args:
            home: folder of ``relay.toml`` and the keyring.
        """
        super().__init__(f"relayer in {home}", home / "relayer.log")
        self.home = home
        """Folder of ``relay.toml`` and the keyring."""

    def start(self) -> None:
        """Start it, and return at once: it waits for the zones by itself."""
        self._launch("relay", "start", f"--home={self.home}")
