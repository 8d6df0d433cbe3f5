"""Moves a validator's key from a node to the home of a signer."""

from __future__ import annotations

from huitong.engines.errors import ValidatorKeyError
from huitong.engines.validator_key import replace_by_public_part
from huitong.keys.new_file import write_new_file
from huitong.node.home import Home


def move_key(node: Home, signer: Home) -> None:
    """Move the key's file and the record of what it signed; the node does not run.

    The record goes first and the key leaves the node last: at no moment are there two
    places that could sign without knowing of each other.

    Args:
        node: keeps the public part.
        signer: a home of a signer, made if need be.

    Raises:
        ValidatorKeyError: the signer has a key already.
        SignStateError: the node has blocks and no record of what was signed.
        OSError: a file cannot be written; the node still has its key.
    """
    if signer.key_file.exists() or signer.cometbft.sign_state_file.exists():
        raise ValidatorKeyError(path=signer.key_file, reason="exists already")
    identity = node.load_identity()
    node.cometbft.ensure_sign_state()
    for source, target in (
        (node.cometbft.sign_state_file, signer.cometbft.sign_state_file),
        (node.key_file, signer.key_file),
    ):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new_file(target, source.read_bytes())
    replace_by_public_part(identity, node.key_file)
    node.cometbft.sign_state_file.unlink()
