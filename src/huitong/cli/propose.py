"""``huitong governance propose``: the common decisions, and any other from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.propose_members import ABOUT_MEMBERS
from huitong.cli.propose_policies import ABOUT_POLICIES
from huitong.cli.proposing import (
    FILE_SIZE_BYTES_MAX,
    key_bytes,
    messages_of_file,
    propose,
    proposing_options,
)
from huitong.cli.zones import hex_bytes
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.core.limits import FACT_TERM_S_MAX, FACT_TERM_S_MIN
from huitong.core.time import NS_PER_SECOND
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.packs.v1 import packs_pb2
from huitong.proto.huitong.transfer.v1 import transfer_pb2
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2

_WEIGHT_RULES = {
    "member": governance_pb2.WEIGHT_RULE_MEMBER,
    "validator-power": governance_pb2.WEIGHT_RULE_VALIDATOR_POWER,
}


@click.group("propose")
def propose_group() -> None:
    """Ask the members to decide; a delegate signs.

    What is proposed must be possible now. If it has the votes at the deadline, it is
    carried out then, all of it or nothing.
    """


for command in (*ABOUT_MEMBERS, *ABOUT_POLICIES):
    propose_group.add_command(command)


@propose_group.command("file")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@proposing_options
@cli_errors
def from_file(file: Path, **options: Any) -> None:
    """Propose the messages in FILE: a JSON list, carried out in this order.

    Each is an object with its type under "@type" and its fields; `--print` of the other
    commands shows the form. Their signer is filled in.
    """
    with file.open("rb") as opened:
        data = opened.read(FILE_SIZE_BYTES_MAX + 1)
    messages = messages_of_file(data, str(file))
    names = ", ".join(type(message).__name__ for message in messages)
    propose(messages, names, **options)


# --- the zone -----------------------------------------------------------------------------


@propose_group.command("set-validator")
@click.argument("public_key", callback=key_bytes)
@click.option("--power", type=Number(min=1), required=True)
@click.option("--member", "member_id", required=True, help="Member that runs it.")
@click.option("--name", default="", help="For people.")
@click.option("--reinstate", is_flag=True, help="It is suspended, and may sign again.")
@proposing_options
@cli_errors
def set_validator(
    public_key: bytes,
    power: int,
    member_id: str,
    name: str,
    reinstate: bool,
    **options: Any,
) -> None:
    """Add the validator PUBLIC_KEY (hex or base64), or change its power.

    `huitong node id --home HOME` shows the key of a node.
    """
    message = consensus_pb2.MsgSetValidator(
        public_key=public_key,
        power=power,
        member_id=member_id,
        name=name,
        reinstate=reinstate,
    )
    propose([message], f"Validator of {member_id} with power {power}", **options)


@propose_group.command("remove-validator")
@click.argument("public_key", callback=key_bytes)
@proposing_options
@cli_errors
def remove_validator(public_key: bytes, **options: Any) -> None:
    """Remove the validator PUBLIC_KEY (hex or base64)."""
    message = consensus_pb2.MsgRemoveValidator(
        public_key=public_key, reason=options["reason"]
    )
    propose([message], "Remove a validator", **options)


@propose_group.command("block-params")
@click.option("--size-bytes-max", type=Number(min=1), required=True)
@click.option("--gas-max", type=Number(min=1), required=True)
@proposing_options
@cli_errors
def block_params(size_bytes_max: int, gas_max: int, **options: Any) -> None:
    """Set how large blocks may be."""
    params = consensus_pb2.BlockParams(size_bytes_max=size_bytes_max, gas_max=gas_max)
    message = consensus_pb2.MsgUpdateBlockParams(params=params)
    propose([message], "Change the limits of blocks", **options)


@propose_group.command("unbonding-time")
@click.argument("seconds", type=Number(min=1))
@proposing_options
@cli_errors
def unbonding_time(seconds: int, **options: Any) -> None:
    """Set how many SECONDS validators answer for what they signed.

    Other chains trust this zone's headers for less than that. Clients that exist keep
    the terms with which they were created.
    """
    message = consensus_pb2.MsgSetUnbondingTime(unbonding_time=seconds * NS_PER_SECOND)
    propose([message], f"Set the unbonding time to {seconds} s", **options)


@propose_group.command("rules")
@click.option("--weight", type=click.Choice(list(_WEIGHT_RULES)), required=True)
@click.option("--voting-period", "period_s", type=int, required=True, help="Seconds.")
@click.option(
    "--quorum-bp", type=int, required=True, help="Basis points of all weight."
)
@click.option(
    "--threshold-bp",
    type=int,
    required=True,
    help="Basis points of yes, no and frozen that yes must exceed.",
)
@proposing_options
@cli_errors
def rules(
    weight: str, period_s: int, quorum_bp: int, threshold_bp: int, **options: Any
) -> None:
    """Set how later proposals are decided."""
    params = governance_pb2.Params(
        weight_rule=_WEIGHT_RULES[weight],
        voting_period_s=period_s,
        quorum_bp=quorum_bp,
        threshold_bp=threshold_bp,
    )
    message = governance_pb2.MsgUpdateParams(params=params)
    propose([message], "Change the rules of voting", **options)


@propose_group.command("schedule-upgrade")
@click.argument("name")
@click.argument("height", type=Number(min=1))
@click.option("--info", required=True, help="Where the new version is to be had.")
@proposing_options
@cli_errors
def schedule_upgrade(name: str, height: int, info: str, **options: Any) -> None:
    """Let all nodes stop at HEIGHT, where the version NAME goes on."""
    message = upgrades_pb2.MsgScheduleUpgrade(name=name, height=height, info=info)
    propose([message], f"Upgrade to {name} at height {height}", **options)


@propose_group.command("cancel-upgrade")
@click.argument("name")
@proposing_options
@cli_errors
def cancel_upgrade(name: str, **options: Any) -> None:
    """Take back the upgrade NAME."""
    message = upgrades_pb2.MsgCancelUpgrade(name=name, reason=options["reason"])
    propose([message], f"Cancel the upgrade {name}", **options)


@propose_group.command("install-pack")
@click.argument("name")
@click.argument("version")
@click.argument("digest", callback=hex_bytes(DIGEST_SIZE_BYTES))
@click.option("--pack-title", required=True, help="Name of the field for people.")
@click.option("--source", default="", help="Where the pack is to be had.")
@proposing_options
@cli_errors
def install_pack(
    name: str, version: str, digest: bytes, pack_title: str, source: str, **options: Any
) -> None:
    """Make VERSION of the field pack NAME, with this SHA-256, the one in force."""
    message = packs_pb2.MsgInstallPack(
        name=name, version=version, digest=digest, title=pack_title, source=source
    )
    propose([message], f"Install {name} {version}", **options)


@propose_group.command("transfer-params")
@click.option(
    "--client", "clients", multiple=True, help="Client that may carry transfers."
)
@click.option("--any-client", is_flag=True, help="Every client may; for trials.")
@click.option("--no-send", is_flag=True, help="No claim may leave.")
@click.option("--no-receive", is_flag=True, help="No voucher may come in.")
@proposing_options
@cli_errors
def transfer_params(
    clients: tuple[str, ...],
    any_client: bool,
    no_send: bool,
    no_receive: bool,
    **options: Any,
) -> None:
    """Set which light clients may carry transfers of claims: all that are named here.

    `huitong query links clients` shows them, `huitong query transfer params` the rules
    that are in force. Over a client that is left out, nothing goes or comes any more;
    what is on its way is still given back.
    """
    params = transfer_pb2.Params(
        allow_any_client=any_client,
        allowed_clients=sorted(clients),
        send_enabled=not no_send,
        receive_enabled=not no_receive,
    )
    message = transfer_pb2.MsgUpdateParams(params=params)
    propose([message], "Change the rules of transfers", **options)


@propose_group.command("fact-params")
@click.option(
    "--term",
    "term_s",
    type=click.IntRange(FACT_TERM_S_MIN, FACT_TERM_S_MAX),
    required=True,
    help="Seconds after the time of the proof for which a fact is usable.",
)
@proposing_options
@cli_errors
def fact_params(term_s: int, **options: Any) -> None:
    """Set how long facts of other zones are usable, those imported from then on."""
    message = facts_pb2.MsgUpdateParams(params=facts_pb2.Params(term=term_s))
    propose([message], f"Facts are usable for {term_s} s", **options)


@propose_group.command("recover-client")
@click.argument("subject")
@click.argument("substitute")
@proposing_options
@cli_errors
def recover_client(subject: str, substitute: str, **options: Any) -> None:
    """Revive the light client SUBJECT with the headers of SUBSTITUTE.

    SUBJECT is frozen or expired; SUBSTITUTE is active, follows the same zone on the same
    terms, and is ahead. `huitong query links clients` shows both. Find out first why the
    client froze: its zone may have signed two histories.
    """
    message = client_tx_pb2.MsgRecoverClient(
        subject_client_id=subject, substitute_client_id=substitute
    )
    propose([message], f"Recover {subject} with {substitute}", **options)
