"""Checks of the validator's key and of the record of what it signed."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from huitong.core.errors import HuitongError
from huitong.engines.genesis import GenesisDocument
from huitong.engines.validator_key import ValidatorIdentity, load_validator_identity
from huitong.node.config import NodeConfig
from huitong.node.doctor.findings import Finding, fine, problem, warning
from huitong.node.doctor.store import standing_of
from huitong.node.doctor.subject import Subject
from huitong.node.home import Home

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
#: Blocks that a validator may have missed before its record looks old.
_BEHIND_BLOCKS_MAX: Final = 100
_SECRETS_FOLDERS: Final = ("keyring", "reader-keys")


def check_key(subject: Subject) -> Iterator[Finding]:
    """Read the public part of the validator's key, and look for its place in the zone."""
    if subject.home is None:
        return
    try:
        identity = load_validator_identity(subject.home.key_file)
    except HuitongError as failure:
        yield problem("key", str(failure), failure.next_step)
        return
    yield _key(subject, subject.home, identity)
    yield _role(subject, identity.public_key)


def _key(subject: Subject, home: Home, identity: ValidatorIdentity) -> Finding:
    name = f"validator key {identity.address.hex().upper()}"
    if identity.is_elsewhere:
        if _signer_of(subject):
            return fine("key", f"{name} is with the signer of {_signer_of(subject)}")
        return problem(
            "key",
            f"{name} is not in this home, and no signer is named",
            "Set [cometbft] signer in node.toml to the address where the signer that "
            "has the key connects.",
        )
    if identity.is_sealed:
        return fine("key", f"{name} is under a passphrase")
    return warning(
        "key",
        f"{name} lies in clear in {home.key_file}",
        "Put it under a passphrase with `huitong node key encrypt`, or keep it with a "
        "signer outside of this machine.",
    )


def _signer_of(subject: Subject) -> str:
    """Return where a signer of its own connects; empty if this home signs."""
    config = subject.config
    if isinstance(config, NodeConfig) and config.engine == "cometbft":
        return config.cometbft.signer_address
    return ""


def _role(subject: Subject, public_key: bytes) -> Finding:
    genesis = subject.genesis
    is_founder = isinstance(genesis, GenesisDocument) and any(
        item.public_key == public_key for item in genesis.validators
    )
    status = subject.status
    if status is not None and status.power:
        return fine("key-role", f"validator with voting power {status.power}")
    if status is None:
        seen = "of a validator of genesis" if is_founder else "of no genesis validator"
        return fine("key-role", f"the key is {seen}; the node does not answer now")
    if is_founder:
        return warning(
            "key-role",
            "a validator of genesis that has no voting power now",
            "If that was not decided by vote: look for a finding on suspended validators "
            "here, or whether its member is frozen; members decide by vote.",
        )
    return fine("key-role", "no validator: the node follows the zone")


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """Look for secret files that others than their owner may read."""
    if subject.home is None:
        return
    loose = [path for path in _secret_files(subject.home) if _is_loose(path)]
    for path in loose:
        yield problem(
            "secret-mode",
            f"others may read or write {path}",
            f"Run `chmod 600 {path}`.",
        )
    if not loose:
        yield fine("secret-mode", "secret files can be read by their owner only")


def _secret_files(home: Home) -> Iterator[Path]:
    yield home.key_file
    yield home.cometbft.node_key_file
    for name in _SECRETS_FOLDERS:
        folder = home.path / name
        if folder.is_dir():
            yield from (path for path in sorted(folder.iterdir()) if path.is_file())


def _is_loose(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False


def check_sign_state(subject: Subject) -> Iterator[Finding]:
    """Compare what was signed with the blocks that are here, while the node is down."""
    if subject.home is None or not isinstance(subject.config, NodeConfig):
        return
    standing = standing_of(subject)
    if standing is None or standing.version == 0 or _signer_of(subject):
        return
    is_embedded = subject.config.engine == "embedded"
    home = subject.home
    path = home.sign_state_file if is_embedded else home.cometbft.sign_state_file
    signed = signed_height(path)
    if signed is None:
        yield problem(
            "sign-state",
            f"{path} is missing or cannot be read, and blocks are here",
            "Do not start the node: it could sign a height twice. Put the newest record "
            "back, from where the key ran last.",
        )
        return
    seen = f"signed up to {signed}, the state stands at {standing.version}"
    if is_embedded and signed > standing.version:
        yield problem(
            "sign-state",
            seen,
            "Do not start the node: the data are older than what was signed. Put back "
            "the newest data folder.",
        )
    elif not is_embedded and signed and signed < standing.version - _BEHIND_BLOCKS_MAX:
        yield warning(
            "sign-state",
            seen,
            "If this key is a validator's: make sure that it ran nowhere else meanwhile, "
            "and that the record was not put back from an old backup.",
        )
    else:
        yield fine("sign-state", seen)


def signed_height(path: Path) -> int | None:
    """Return the highest height that a record of signatures names, or None."""
    try:
        return int(json.loads(path.read_bytes())["height"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
