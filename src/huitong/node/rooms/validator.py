"""Who signs for this node's CometBFT: itself, this process, or another one.

CometBFT reads a key that lies in clear. A sealed one is opened here and stays in this
process, which answers CometBFT over a socket. A key that is not on this machine's disk at
all is used by a signer of its own, ``[cometbft] signer`` in node.toml.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from huitong.engines.cometbft.signer import running_signer, socket_path
from huitong.node.config import NodeConfig
from huitong.node.home import Home

#: Bytes of a Unix socket's path that the kernel takes, less one for the end.
_SOCKET_PATH_BYTES_MAX: Final = 107


@contextmanager
def open_signer(
    home: Home, config: NodeConfig, chain_id: str, passphrase: str | None
) -> Iterator[str]:
    """Give the address where CometBFT is to wait for its signer; empty for none.

    Args:
        home: the node's folder.
        config: how it runs.
        chain_id: the only zone that the key signs for.
        passphrase: opens the validator's key if it is sealed.

    Raises:
        PassphraseNeededError, WrongPassphraseError: the key stays sealed.
        HuitongError: the key or the record of what was signed cannot be used.
    """
    elsewhere = config.cometbft.signer_address
    if elsewhere:
        if elsewhere.startswith("unix://") and config.cometbft.is_run:
            # Left by a CometBFT of before, it would keep the next one from listening.
            Path(socket_path(elsewhere)).unlink(missing_ok=True)
        yield elsewhere
        return
    identity = home.load_identity()
    if not (identity.is_sealed or identity.is_elsewhere):
        yield ""
        return
    key = home.load_key(passphrase)
    home.cometbft.ensure_sign_state()
    with (
        socket_in(home, "signer.sock") as address,
        running_signer(
            key=key,
            chain_id=chain_id,
            state_file=home.cometbft.sign_state_file,
            address=address,
        ),
    ):
        yield address


@contextmanager
def socket_in(home: Home, name: str) -> Iterator[str]:
    """Give the address of a socket in a home; of one elsewhere if its path is too long."""
    place = home.data.absolute() / name
    if len(str(place).encode()) <= _SOCKET_PATH_BYTES_MAX:
        yield f"unix://{place}"
        return
    folder = tempfile.mkdtemp(prefix="huitong-")  # only its owner may enter it
    try:
        yield f"unix://{Path(folder) / name}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
