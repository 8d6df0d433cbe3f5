"""``huitong proof``: check one layer of a Merkle proof, with nothing but the proof."""

from __future__ import annotations

import click
import orjson

from huitong.core.codec import decode
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.store.ics23 import (
    IAVL_SPEC,
    SMT_SPEC,
    TENDERMINT_SPEC,
    InvalidProofError,
    verify_membership,
    verify_non_membership,
)
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import CommitmentProof, ProofSpec

_SPECS = {"iavl": IAVL_SPEC, "tendermint": TENDERMINT_SPEC, "smt": SMT_SPEC}


@click.group()
def proof() -> None:
    """Check Merkle proofs offline."""


@proof.command()
@click.option("--spec", required=True, help="Kind of tree: iavl, tendermint or smt.")
@click.option("--root", required=True, help="Root hash that you trust, in hex.")
@click.option("--key", required=True, help="Key in the tree, in hex.")
@click.option(
    "--value", help="Value under the key, in hex; left out, absence is checked."
)
@click.option("--proof", "proof_hex", required=True, help="CommitmentProof, in hex.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def verify(
    spec: str, root: str, key: str, value: str | None, proof_hex: str, as_json: bool
) -> None:
    """Check that a tree holds a value under a key, or nothing."""
    try:
        detail = _verify(spec, root, key, value, proof_hex)
    except HuitongError as error:
        _print(as_json, error=f"{error.codespace}/{error.code}", detail=str(error))
        raise click.exceptions.Exit(1) from None
    _print(as_json, error=None, detail=detail)


def _verify(
    spec_name: str, root: str, key: str, value: str | None, proof_hex: str
) -> str:
    """Check the proof and return what it shows."""
    spec = _spec(spec_name)
    root_bytes, key_bytes = _hex("root", root), _hex("key", key)
    value_bytes = None if value is None else _hex("value", value)
    message = decode(CommitmentProof, _hex("proof", proof_hex))
    if value_bytes is None:
        verify_non_membership(spec, root_bytes, message, key_bytes)
        return "the tree holds nothing under the key"
    if not value_bytes:
        raise InvalidProofError(reason="empty value in membership proof")
    verify_membership(spec, root_bytes, message, key_bytes, value_bytes)
    return "the tree holds the value under the key"


def _spec(name: str) -> ProofSpec:
    if name not in _SPECS:
        raise InvalidRequestError(reason=f"--spec {name}: not iavl, tendermint or smt")
    return _SPECS[name]


def _hex(option: str, text: str) -> bytes:
    digits = text.removeprefix("0x")
    try:
        if any(character.isspace() for character in digits):
            raise ValueError
        return bytes.fromhex(digits)
    except ValueError:
        raise InvalidRequestError(reason=f"--{option} is not hexadecimal") from None


def _print(as_json: bool, *, error: str | None, detail: str) -> None:
    if as_json:
        verdict = {"ok": error is None, "error": error, "detail": detail}
        click.echo(orjson.dumps(verdict))
    elif error is None:
        click.echo(f"ok: {detail}")
    else:
        click.echo(f"not proven: {detail} [{error}]", err=True)
