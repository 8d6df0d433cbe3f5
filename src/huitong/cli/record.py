"""``huitong record``: publish records, new versions and status changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.vault import vault_key_option, with_vault
from huitong.cli.zones import (
    height_option,
    hex_bytes,
    json_option,
    limit_option,
    message_object,
    node_option,
    send,
    show,
    show_many,
    signing_options,
    with_zone,
)
from huitong.client import ZoneClient
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.limits import LEVEL_MAX
from huitong.payload.document import document_pieces
from huitong.proto.huitong.records.v1 import records_pb2 as pb

_QUERY = "/huitong.records.v1.Query/"
_SHARE_CLASSES = {
    "open": pb.SHARE_CLASS_OPEN,
    "conditional": pb.SHARE_CLASS_CONDITIONAL,
    "closed": pb.SHARE_CLASS_CLOSED,
}
_STATUSES = {
    "active": pb.RECORD_STATUS_ACTIVE,
    "suspended": pb.RECORD_STATUS_SUSPENDED,
    "revoked": pb.RECORD_STATUS_REVOKED,
}


def _payload_options(command: Any) -> Any:
    """Add the two ways of saying what a version holds."""
    for option in (
        vault_key_option,
        click.option(
            "--vault",
            type=click.Path(file_okay=False, path_type=Path),
            help="Vault that keeps the payload of --file.",
        ),
        click.option("--field", "fields", multiple=True, help="Field of --digest."),
        click.option(
            "--digest",
            callback=hex_bytes(HASH_SIZE_BYTES),
            metavar="HEX",
            help="Digest of a payload that is kept elsewhere.",
        ),
        click.option(
            "--file",
            "document",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Document to commit to and to put into --vault.",
        ),
    ):
        command = option(command)
    return command


def _levels(names: list[str], given: tuple[str, ...], default: int) -> list[int]:
    """Return the level of each field; none if all have the same."""
    levels = dict.fromkeys(names, default)
    for text in given:
        name, _, level = text.rpartition("=")
        if not level.isascii() or not level.isdigit():
            raise click.BadParameter(
                f"{text!r} is not NAME=LEVEL", param_hint="--field-level"
            )
        if name not in levels:
            raise click.BadParameter(f"no field {name!r}", param_hint="--field-level")
        levels[name] = int(level)
    return [levels[name] for name in names] if given else []


def _commitment(
    document: Path | None,
    digest: bytes,
    fields: tuple[str, ...],
    vault: Path | None,
    vault_key: Path | None,
    subject: bytes,
) -> tuple[bytes, list[str]]:
    """Return digest and field names of what is to be published."""
    if (document is None) == (not digest):
        raise click.UsageError("say either --file with --vault, or --digest")
    if document is None:
        return digest, sorted(fields)
    if vault is None or fields:
        raise click.UsageError("--file goes with --vault and without --field")
    stored = with_vault(
        vault,
        vault_key,
        lambda opened: opened.put(document_pieces(document), subject=subject),
    )
    return stored.digest, list(stored.fields)


@click.group()
def record() -> None:
    """Publish records, new versions and status changes."""


@record.command()
@click.argument("record_id")
@click.option("--type", "record_type", required=True, help="For example tax.invoice.")
@_payload_options
@click.option(
    "--subject",
    callback=hex_bytes(HASH_SIZE_BYTES),
    metavar="HEX",
    help="Salted pseudonym of the data subject.",
)
@click.option(
    "--level", type=click.IntRange(1, LEVEL_MAX), default=2, show_default=True
)
@click.option(
    "--field-level",
    "field_levels",
    multiple=True,
    metavar="NAME=LEVEL",
    help="Level of one field; the others have --level.",
)
@click.option(
    "--share",
    type=click.Choice(list(_SHARE_CLASSES)),
    default="conditional",
    show_default=True,
)
@click.option("--valid-from", type=int, default=0, help="Seconds since the epoch.")
@click.option("--valid-until", type=int, default=0, help="Seconds since the epoch.")
@click.option("--title", default="", help="Puts the record into the catalogue.")
@click.option("--terms", default="", help="Terms in the catalogue.")
@signing_options
@cli_errors
def publish(
    record_id: str,
    record_type: str,
    document: Path | None,
    digest: bytes,
    fields: tuple[str, ...],
    vault: Path | None,
    vault_key: Path | None,
    subject: bytes,
    level: int,
    field_levels: tuple[str, ...],
    share: str,
    valid_from: int,
    valid_until: int,
    title: str,
    terms: str,
    **signing: Any,
) -> None:
    """Publish the record RECORD_ID in the name of the signer's member."""
    root, names = _commitment(document, digest, fields, vault, vault_key, subject)
    levels = _levels(names, field_levels, level)
    send(
        lambda signer: pb.MsgPublishRecord(
            signer=signer,
            record_id=record_id,
            record_type=record_type,
            subject=subject,
            payload_digest=root,
            fields=names,
            level=max(levels, default=level),
            field_levels=levels,
            share_class=_SHARE_CLASSES[share],
            valid_from=valid_from,
            valid_until=valid_until,
            title=title,
            terms=terms,
        ),
        response=pb.MsgPublishRecordResponse,
        **signing,
    )


@record.command()
@click.argument("record_id")
@click.option("--previous", type=Number(min=1), required=True)
@_payload_options
@click.option(
    "--field-level",
    "field_levels",
    multiple=True,
    metavar="NAME=LEVEL",
    help=f"Level of one field; the others have {LEVEL_MAX}.",
)
@click.option(
    "--subject",
    callback=hex_bytes(HASH_SIZE_BYTES),
    metavar="HEX",
    help="Data subject of the record, whose key protects --file in the vault.",
)
@click.option("--valid-from", type=int, default=0, help="Seconds since the epoch.")
@click.option("--valid-until", type=int, default=0, help="Seconds since the epoch.")
@signing_options
@cli_errors
def version(
    record_id: str,
    previous: int,
    document: Path | None,
    digest: bytes,
    fields: tuple[str, ...],
    vault: Path | None,
    vault_key: Path | None,
    field_levels: tuple[str, ...],
    subject: bytes,
    valid_from: int,
    valid_until: int,
    **signing: Any,
) -> None:
    """Publish a version of RECORD_ID that replaces version --previous."""
    root, names = _commitment(document, digest, fields, vault, vault_key, subject)
    levels = _levels(names, field_levels, LEVEL_MAX)
    send(
        lambda signer: pb.MsgPublishVersion(
            signer=signer,
            record_id=record_id,
            previous_version=previous,
            payload_digest=root,
            fields=names,
            field_levels=levels,
            valid_from=valid_from,
            valid_until=valid_until,
        ),
        response=pb.MsgPublishVersionResponse,
        **signing,
    )


@record.command()
@click.argument("record_id")
@click.argument("new_status", type=click.Choice(list(_STATUSES)))
@click.option("--reason", required=True)
@signing_options
@cli_errors
def status(record_id: str, new_status: str, reason: str, **signing: Any) -> None:
    """Suspend, reactivate or revoke RECORD_ID; revocation is final."""
    send(
        lambda signer: pb.MsgSetRecordStatus(
            signer=signer,
            record_id=record_id,
            status=_STATUSES[new_status],
            reason=reason,
        ),
        **signing,
    )


@record.command("show")
@click.argument("issuer")
@click.argument("record_id")
@click.option("--version", "number", type=Number(min=0), default=0)
@height_option
@node_option
@json_option
@cli_errors
def show_record(
    issuer: str, record_id: str, number: int, height: int, node: str, as_json: bool
) -> None:
    """Show the header of a record, its head unless --version says another."""
    request = pb.QueryRecordRequest(issuer=issuer, record_id=record_id, version=number)

    async def ask(client: ZoneClient) -> pb.QueryRecordResponse:
        return await client.query(
            _QUERY + "Record", request, pb.QueryRecordResponse, height
        )

    show(message_object(with_zone(node, ask).record), as_json=as_json)


@record.command("list")
@click.argument("issuer")
@click.option("--after", default="", help="Begin behind this record.")
@limit_option
@node_option
@json_option
@cli_errors
def list_records(issuer: str, after: str, limit: int, node: str, as_json: bool) -> None:
    """List the records of ISSUER."""
    request = pb.QueryRecordsRequest(issuer=issuer, start_after=after, limit=limit)

    async def ask(client: ZoneClient) -> pb.QueryRecordsResponse:
        return await client.query(_QUERY + "Records", request, pb.QueryRecordsResponse)

    found = [message_object(item) for item in with_zone(node, ask).records]
    show_many("records", found, as_json=as_json)


@record.command()
@click.option("--type", "record_type", default="", help="Only this record type.")
@limit_option
@node_option
@json_option
@cli_errors
def catalogue(record_type: str, limit: int, node: str, as_json: bool) -> None:
    """List what members of the zone offer to others."""
    request = pb.QueryCatalogueRequest(record_type=record_type, limit=limit)

    async def ask(client: ZoneClient) -> pb.QueryCatalogueResponse:
        return await client.query(
            _QUERY + "Catalogue", request, pb.QueryCatalogueResponse
        )

    found = [message_object(item) for item in with_zone(node, ask).entries]
    show_many("entries", found, as_json=as_json)
