"""The key that names a node among its peers, in the JSON form of CometBFT."""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path

from huitong.engines.cometbft.errors import NodeKeyError
from huitong.engines.validator_key import (
    PRIVATE_KEY_TYPE,
    ValidatorKey,
    new_validator_key,
    validator_key_from_seed,
)


def ensure_node_key(path: Path) -> str:
    """Return the node's id, 40 hexadecimal characters; make its key if there is none.

    Raises:
        NodeKeyError: the file is there and cannot be used.
    """
    if not path.exists():
        _save(new_validator_key(), path)
    return load_node_id(path)


def load_node_id(path: Path) -> str:
    """Return the id of the key in ``path``.

    Raises:
        NodeKeyError: absent or malformed.
    """
    try:
        document = json.loads(path.read_bytes())
        entry = document["priv_key"]
        secret = base64.b64decode(entry["value"], validate=True)
    except OSError as error:
        raise NodeKeyError(path=path, reason=error.strerror) from None
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise NodeKeyError(path=path, reason="not CometBFT's JSON of a key") from None
    if entry.get("type") != PRIVATE_KEY_TYPE or len(secret) != 64:
        raise NodeKeyError(path=path, reason="not an ed25519 key")
    key = validator_key_from_seed(secret[:32])
    if key.public_key != secret[32:]:
        raise NodeKeyError(path=path, reason="its halves do not belong together")
    return key.address.hex()


def _save(key: ValidatorKey, path: Path) -> None:
    value = base64.b64encode(key.seed + key.public_key).decode()
    document = {"priv_key": {"type": PRIVATE_KEY_TYPE, "value": value}}
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
