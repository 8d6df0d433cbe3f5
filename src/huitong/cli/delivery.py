"""``huitong exchange deliver`` and ``receive``: the payload, from gateway to gateway."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click

from huitong.cli.errors import cli_errors
from huitong.cli.keys import reader_keys_of
from huitong.cli.numbers import Number
from huitong.cli.vault import vault_key_option
from huitong.cli.zones import (
    channel_option,
    hex_bytes,
    outcome_object,
    sequence_option,
    show,
    signing_options,
    timeout_option,
    unlock,
    unlock_key,
    with_zone,
)
from huitong.client import Sender, ZoneClient
from huitong.client.errors import AccountUnknownError, TransactionFailedError
from huitong.core.errors import HuitongError, RejectedError
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.core.grades import GRADES
from huitong.core.limits import BUNDLE_PAYLOAD_SIZE_BYTES_MAX
from huitong.gateway.exchange.errors import ExchangeUndecidedError
from huitong.gateway.exchange.flow import (
    CheckedAnswer,
    Party,
    check_delivery,
    check_grade,
    confirm_receipt,
    seal_granted,
    state_delivery,
    wait_decision,
    wait_settled,
)
from huitong.gateway.vault.folder import open_folder_vault
from huitong.gateway.vault.keys import load_key_of_command
from huitong.gateway.vault.model import SealedPayload
from huitong.keys.new_file import new_file, write_new_file
from huitong.payload.document import join_fields
from huitong.payload.errors import PayloadTooLargeError
from huitong.payload.form import HEAD_SIZE_BYTES_MAX
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

ResultT = TypeVar("ResultT")

#: Bytes of sealed content that `receive` opens: what evidence carries, and what is around.
_SEALED_SIZE_BYTES_MAX: Final = BUNDLE_PAYLOAD_SIZE_BYTES_MAX + HEAD_SIZE_BYTES_MAX
#: Seconds that `receive` waits for the other zone to take the receipt.
WAIT_S: Final = 60
_FILE = click.Path(dir_okay=False, path_type=Path)


class OutputExistsError(
    RejectedError,
    codespace="cli",
    code=5,
    text="{path} exists already and holds something else",
    next_step="Name another file; what was delivered or received is never overwritten. "
    "Sealed bytes that were not stated yet: exchange deliver --sealed-digest with their "
    "SHA-256.",
):
    """A file that a command would have to overwrite."""


@click.command()
@channel_option
@sequence_option
@click.option(
    "--vault",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Vault that holds the payload; its granted fields are sealed to the reader.",
)
@vault_key_option
@click.option("--out", type=_FILE, help="New file for the sealed bytes of --vault.")
@click.option(
    "--sealed-digest",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    help="SHA-256 of bytes that were sealed before, instead of --vault.",
)
@signing_options
@cli_errors
def deliver(
    channel_id: str,
    sequence: int,
    folder: Path | None,
    vault_key: Path | None,
    out: Path | None,
    sealed_digest: bytes,
    **signing: Any,
) -> None:
    """Seal the granted fields to the reader, and state what is handed over.

    OUT then goes to the reader in any way; only the reader can open it.
    """
    if bool(sealed_digest) == (folder is not None) or (folder is None) != (out is None):
        raise click.UsageError("say --vault with --out, or --sealed-digest")
    private_key = _signing_key(**signing)

    def with_party(work: Callable[[Party], Awaitable[ResultT]]) -> ResultT:
        async def run(zone: ZoneClient) -> ResultT:
            # Who may deliver is for the zone to say; it knows the signer's member.
            sender = Sender(zone, private_key)
            return await work(Party(zone=zone, sender=sender, member_id=""))

        return with_zone(signing["node"], run)

    told: dict[str, Any] = {}
    if folder is not None and out is not None:
        if out.exists():
            raise OutputExistsError(path=out)
        key = load_key_of_command(vault_key, os.environ)
        place, target = folder, out

        async def seal(party: Party) -> SealedPayload:
            async with open_folder_vault(place, key) as vault:
                kept = await seal_granted(party, vault, channel_id, sequence)
                with new_file(target) as file:
                    async for piece in await vault.open_sealed(kept.sealed_digest):
                        file.write(piece)
                await vault.drop_sealed(kept.sealed_digest)
                return kept

        sealed = with_party(seal)
        sealed_digest = sealed.sealed_digest
        told = {"out": str(out), "size_bytes": sealed.size}
    with _kept_unless_refused(out, sealed_digest):
        outcome = with_party(
            lambda party: state_delivery(
                party, channel_id, sequence, sealed_digest, gas_limit=signing["gas"]
            )
        )
    shown = outcome_object(outcome) | told | {"sealed_digest": sealed_digest.hex()}
    show(shown, as_json=signing["as_json"])


@contextmanager
def _kept_unless_refused(out: Path | None, digest: bytes) -> Iterator[None]:
    """Drop sealed bytes if the zone has surely not taken their statement."""
    try:
        yield
    except (TransactionFailedError, AccountUnknownError):
        if out is not None:
            out.unlink()
        raise
    except HuitongError as error:
        if out is None:
            raise
        raise error.prefixed(
            f"{out} is sealed, but whether the zone has taken its digest {digest.hex()} "
            "is unknown (`exchange show --side provider` tells; if not, state it with "
            "`exchange deliver --sealed-digest`)"
        ) from None


@click.command()
@click.argument("sealed", type=_FILE)
@channel_option
@sequence_option
@click.option(
    "--reader-key",
    "reader_key",
    metavar="NAME",
    required=True,
    help="Reader key in --home whose public key the request named.",
)
@click.option(
    "--reader-passphrase-file",
    type=click.File(encoding="utf-8"),
    help="Its first line opens the reader key; without it you are asked.",
)
@click.option(
    "--provider",
    metavar="URL",
    required=True,
    help="Any node of the provider's zone; it shows proofs and is not believed.",
)
@click.option(
    "--out",
    type=_FILE,
    required=True,
    help="New file for what was disclosed, as evidence needs it.",
)
@click.option(
    "--document", type=_FILE, help="New file for the fields, for people to read."
)
@click.option(
    "--minimum-grade",
    type=click.Choice(GRADES),
    default=GRADES[0],
    show_default=True,
    help="Refuse an answer of a lower trust grade; what this command cannot prove it "
    "refuses anyway.",
)
@click.option(
    "--wait",
    "wait_s",
    type=Number(min=0),
    default=WAIT_S,
    show_default=True,
    help="Seconds to wait until the provider's zone has taken the receipt.",
)
@timeout_option
@signing_options
@cli_errors
def receive(
    sealed: Path,
    channel_id: str,
    sequence: int,
    reader_key: str,
    reader_passphrase_file: IO[str] | None,
    provider: str,
    out: Path,
    document: Path | None,
    minimum_grade: str,
    wait_s: int,
    timeout_s: int,
    **signing: Any,
) -> None:
    """Open and check what was delivered (file SEALED), and confirm the receipt.

    The record is proven against a header that the light client of your own zone (--node)
    has verified, the fields against the record and the grant, the sealed bytes against
    what the issuer stated. Nothing is written or confirmed unless all of it holds. Again
    after an interruption it goes on where it was.
    """
    data = _read_sealed(sealed)
    private_key = _signing_key(**signing)
    reader = unlock(reader_keys_of(signing["home"]), reader_key, reader_passphrase_file)

    async def run(zone: ZoneClient) -> dict[str, Any]:
        party = Party(zone=zone, sender=Sender(zone, private_key), member_id="")
        found = await wait_decision(party, channel_id, sequence, timeout_s=0)
        party = replace(party, member_id=found.request.requester)
        async with ZoneClient(provider) as zone_a:
            answer = await check_delivery(
                party, zone_a, channel_id, sequence, data, private_key=reader
            )
        check_grade(answer, minimum_grade)
        _keep(out, answer.encoded)
        if document is not None:
            _keep(document, join_fields(answer.disclosure.values())[1])
        told: dict[str, Any] = {"ok": True}
        if found.status != pb.EXCHANGE_STATUS_RECEIVED:
            outcome = await confirm_receipt(
                party,
                channel_id,
                sequence,
                answer,
                timeout_s=timeout_s,
                gas_limit=signing["gas"],
            )
            told = outcome_object(outcome)
        is_settled = await _is_settled(party, channel_id, sequence, wait_s)
        return told | _answer_object(answer) | {"out": str(out), "settled": is_settled}

    show(with_zone(signing["node"], run), as_json=signing["as_json"])


async def _is_settled(
    party: Party, channel_id: str, sequence: int, wait_s: int
) -> bool:
    """Tell whether the provider's zone has taken the receipt in time."""
    try:
        await wait_settled(party, channel_id, sequence, timeout_s=wait_s)
    except ExchangeUndecidedError:
        return False
    return True


def _answer_object(answer: CheckedAnswer) -> dict[str, Any]:
    disclosure = answer.disclosure
    return {
        "grade": answer.grade,
        "proven_at": answer.height_on_a,
        "issuer": answer.record.issuer,
        "record_id": answer.record.record_id,
        "version": answer.record.version,
        "payload_digest": answer.record.payload_digest.hex(),
        "sealed_digest": answer.sealed_digest.hex(),
        "given": sorted(disclosure.values()),
        "withheld": [field.name for field in disclosure.withheld],
    }


def _signing_key(
    *, home: Path, key_name: str, passphrase_file: IO[str] | None, **_: Any
) -> bytes:
    return unlock_key(home, key_name, passphrase_file)


def _read_sealed(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_SEALED_SIZE_BYTES_MAX + 1)
    if len(data) > _SEALED_SIZE_BYTES_MAX:
        raise PayloadTooLargeError(
            path=path, size=path.stat().st_size, maximum=_SEALED_SIZE_BYTES_MAX
        ).prefixed("this command holds it in memory; a gateway receives it in pieces")
    return data


def _keep(path: Path, data: bytes) -> None:
    """Write a file that only its owner reads, unless it is there with this content."""
    try:
        write_new_file(path, data)
    except FileExistsError:
        if path.read_bytes() != data:
            raise OutputExistsError(path=path) from None
