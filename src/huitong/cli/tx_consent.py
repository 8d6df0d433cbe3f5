"""``huitong tx consent``: what data subjects allow, on paper or by their own keys."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import IO, Any, Final

import click
import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.passphrase import passphrase_option
from huitong.cli.proposing import message_to_json
from huitong.cli.tx_grants import permission_options
from huitong.cli.zones import (
    hex_bytes,
    home_option,
    json_option,
    send,
    show,
    signing_options,
    unlock_key,
)
from huitong.core import secp256k1
from huitong.core.codec import type_url_of
from huitong.core.errors import RejectedError
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.core.limits import SALT_BYTES_MAX, SALT_BYTES_MIN
from huitong.keys import Keyring
from huitong.modules.grants.statements import (
    consent_statement,
    pseudonym_of,
    withdrawal_statement,
)
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb
from huitong.proto.pool import Default

_SALT_BYTES: Final = 32
_FILE_BYTES_MAX: Final = 1_048_576
_SIGNED: Final = (pb.MsgSubmitConsent, pb.MsgSubmitWithdrawal)


class SignedFileError(
    RejectedError,
    codespace="cli",
    code=30,
    text="{path}: {reason}",
    next_step="`huitong tx consent sign` and `sign-withdrawal` write such files.",
):
    """The file holds nothing that a data subject has signed."""


def _salt(ctx: click.Context, parameter: click.Parameter, value: str) -> bytes:
    try:
        salt = bytes.fromhex(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not hexadecimal") from None
    if not SALT_BYTES_MIN <= len(salt) <= SALT_BYTES_MAX:
        raise click.BadParameter(
            f"{len(salt)} bytes, expected {SALT_BYTES_MIN} to {SALT_BYTES_MAX}"
        )
    return salt


def _subject_options(command: Any) -> Any:
    """Add what a subject needs to sign, away from any zone."""
    for option in (
        json_option,
        click.option(
            "--out",
            type=click.Path(dir_okay=False, path_type=Path),
            required=True,
            help="File that anybody may bring to the zone.",
        ),
        passphrase_option("Its first line opens the key; without it you are asked."),
        home_option,
        click.option(
            "--salt",
            callback=_salt,
            metavar="HEX",
            required=True,
            help="As in the pseudonym.",
        ),
        click.option("--key", "key_name", required=True, help="Key of the subject."),
        click.option(
            "--zone", "chain_id", required=True, help="Chain id of the records' zone."
        ),
    ):
        command = option(command)
    return command


_replaces_options = (
    click.option(
        "--consent",
        "consent_id",
        type=Number(min=0),
        default=0,
        help="Consent of which this is a new version; 0: a new one.",
    ),
    click.option(
        "--previous",
        type=Number(min=0),
        default=0,
        help="Version that it replaces.",
    ),
)


def _replaces(command: Any) -> Any:
    for option in _replaces_options:
        command = option(command)
    return command


_subject_option = click.option(
    "--subject",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="Pseudonym of the data subject, as in the record.",
)


@click.group()
def consent() -> None:
    """Record, sign and withdraw the consents of data subjects."""


# --- the subject, with a key of its own -----------------------------------------------


@consent.command()
@click.argument("key_name", metavar="KEY")
@click.option(
    "--salt", callback=lambda c, p, v: _salt(c, p, v) if v else b"", metavar="HEX"
)
@home_option
@json_option
@cli_errors
def pseudonym(key_name: str, salt: bytes, home: Path, as_json: bool) -> None:
    """Make the pseudonym of KEY under a salt, a new one unless one is given.

    The issuer puts the pseudonym into the subject's records; the subject keeps key and
    salt, and shows both when it signs. Whoever sees them links what has this pseudonym to
    the key: take another salt for each issuer.
    """
    record = Keyring(home / "keyring").get(key_name)
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    made = pseudonym_of(salt, pb.SUBJECT_KEY_KIND_SECP256K1, record.public_key)
    shown = {
        "pseudonym": made.hex(),
        "salt": salt.hex(),
        "public_key": record.public_key.hex(),
    }
    show(shown, as_json=as_json)


@consent.command()
@permission_options
@_replaces
@click.option("--issuer", required=True, help="Member whose records it is about.")
@_subject_options
@cli_errors
def sign(
    issuer: str,
    reader: str,
    channel_id: str,
    purpose: str,
    fields: tuple[str, ...],
    valid_from: int,
    valid_until: int,
    consent_id: int,
    previous: int,
    chain_id: str,
    key_name: str,
    salt: bytes,
    home: Path,
    passphrase_file: IO[str] | None,
    out: Path,
    as_json: bool,
) -> None:
    """Sign a consent as the data subject; nothing is sent."""
    secret = unlock_key(home, key_name, passphrase_file)
    public_key = secp256k1.public_key_of_private_key(secret)
    message = pb.MsgSubmitConsent(
        recorder=issuer,
        subject=pseudonym_of(salt, pb.SUBJECT_KEY_KIND_SECP256K1, public_key),
        reader=pb.Reader(channel_id=channel_id, member_id=reader),
        purpose=purpose,
        fields=sorted(fields),
        valid_from=valid_from,
        valid_until=valid_until,
        consent_id=consent_id,
        previous_version=previous,
        signed_time=int(time.time()),
    )
    statement = consent_statement(chain_id, message)
    _write_signed(message, statement, secret, salt, out, as_json=as_json)


@consent.command("sign-withdrawal")
@click.argument("consent_id", type=Number(min=1))
@click.option("--reason", default="", help="Everybody in the zone reads it.")
@_subject_options
@cli_errors
def sign_withdrawal(
    consent_id: int,
    reason: str,
    chain_id: str,
    key_name: str,
    salt: bytes,
    home: Path,
    passphrase_file: IO[str] | None,
    out: Path,
    as_json: bool,
) -> None:
    """Sign as the data subject that the consent CONSENT_ID is withdrawn."""
    secret = unlock_key(home, key_name, passphrase_file)
    message = pb.MsgSubmitWithdrawal(
        consent_id=consent_id, reason=reason, signed_time=int(time.time())
    )
    statement = withdrawal_statement(chain_id, consent_id, reason, message.signed_time)
    _write_signed(message, statement, secret, salt, out, as_json=as_json)


def _write_signed(
    message: pb.MsgSubmitConsent | pb.MsgSubmitWithdrawal,
    statement: bytes,
    secret: bytes,
    salt: bytes,
    out: Path,
    *,
    as_json: bool,
) -> None:
    message.signature.CopyFrom(
        pb.SubjectSignature(
            kind=pb.SUBJECT_KEY_KIND_SECP256K1,
            public_key=secp256k1.public_key_of_private_key(secret),
            salt=salt,
            signature=secp256k1.sign(secret, statement),
        )
    )
    out.write_bytes(orjson.dumps(message_to_json(message)))
    shown = {"file": str(out), "statement": statement.decode()}
    show(shown, as_json=as_json)


@consent.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@signing_options
@cli_errors
def submit(file: Path, **signing: Any) -> None:
    """Bring what a data subject has signed, the content of FILE, to the zone."""
    message = _read_signed(file)

    def made(signer: str) -> Message:
        message.signer = signer
        return message

    response = (
        pb.MsgSubmitConsentResponse
        if isinstance(message, pb.MsgSubmitConsent)
        else None
    )
    send(made, response=response, **signing)


def _read_signed(file: Path) -> pb.MsgSubmitConsent | pb.MsgSubmitWithdrawal:
    with file.open("rb") as opened:
        data = opened.read(_FILE_BYTES_MAX + 1)
    try:
        entry = orjson.loads(data[:_FILE_BYTES_MAX])
    except orjson.JSONDecodeError as wrong:
        raise SignedFileError(path=file, reason=str(wrong)) from None
    kind = entry.pop("@type", "") if isinstance(entry, dict) else ""
    for cls in _SIGNED:
        if kind == type_url_of(cls):
            try:
                return json_format.ParseDict(entry, cls(), descriptor_pool=Default())
            except json_format.ParseError as wrong:
                raise SignedFileError(path=file, reason=str(wrong)) from None
    raise SignedFileError(path=file, reason="it is neither consent nor withdrawal")


# --- the recorder ---------------------------------------------------------------------


@consent.command()
@permission_options
@_replaces
@_subject_option
@click.option(
    "--evidence",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="SHA-256 of the signed original.",
)
@signing_options
@cli_errors
def record(
    reader: str,
    channel_id: str,
    purpose: str,
    fields: tuple[str, ...],
    valid_from: int,
    valid_until: int,
    consent_id: int,
    previous: int,
    subject: bytes,
    evidence: bytes,
    **signing: Any,
) -> None:
    """Record a consent that was captured, as who holds the signed original."""
    send(
        lambda signer: pb.MsgRecordConsent(
            signer=signer,
            subject=subject,
            reader=pb.Reader(channel_id=channel_id, member_id=reader),
            purpose=purpose,
            fields=sorted(fields),
            valid_from=valid_from,
            valid_until=valid_until,
            evidence_digest=evidence,
            consent_id=consent_id,
            previous_version=previous,
        ),
        response=pb.MsgRecordConsentResponse,
        **signing,
    )


@consent.command()
@click.argument("consent_id", type=Number(min=1))
@click.option("--reason", required=True)
@signing_options
@cli_errors
def withdraw(consent_id: int, reason: str, **signing: Any) -> None:
    """Withdraw a consent as its recorder, at once, with the grants that hang on it."""
    send(
        lambda signer: pb.MsgWithdrawConsent(
            signer=signer, consent_id=consent_id, reason=reason
        ),
        **signing,
    )
