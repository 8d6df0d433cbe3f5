"""``huitong gateway``: the service that a member runs to give and get data."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import IO, Any, Final

import click
import httpx
import orjson

from huitong.cli.errors import EXIT_FAILED, cli_errors
from huitong.cli.gateway_audit import audit as audit_group
from huitong.cli.gateway_connector import connector as connector_group
from huitong.cli.gateway_key import home_option
from huitong.cli.gateway_key import key as key_group
from huitong.cli.gateway_peer import peer as peer_group
from huitong.cli.gateway_secrets import unlock_secrets
from huitong.cli.passphrase import (
    chosen_passphrase,
    find_passphrase,
    passphrase_option,
)
from huitong.cli.zones import json_option, show
from huitong.gateway.database.migrating import check_version
from huitong.gateway.database.migrating import migrate as migrate_database
from huitong.gateway.service.errors import NotReadyError
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.service.making import make_gateway
from huitong.gateway.service.running import run_gateway
from huitong.gateway.service.services import Opening, find_zone
from huitong.gateway.settings import (
    FILE_NAME,
    GatewaySettings,
    load_settings,
    read_settings,
)
from huitong.node.logs import configure_logs

#: Seconds within which a running gateway must say how it is.
_STATUS_TIMEOUT_S: Final = 10.0


@click.group()
def gateway() -> None:
    """Run the service by which a member gives and gets data."""


gateway.add_command(key_group)
gateway.add_command(connector_group)
gateway.add_command(peer_group)
gateway.add_command(audit_group)


@gateway.command()
@home_option
@click.option(
    "--member", required=True, help="Id of the member, in its zone, that runs it."
)
@click.option(
    "--zone",
    metavar="CHAIN_ID=URL",
    required=True,
    help="The member's zone, and the RPC of a node that is trusted.",
)
@click.option(
    "--other-zone",
    "others",
    metavar="CHAIN_ID=URL",
    multiple=True,
    help="Another zone, and any node of it; it shows proofs and is not believed.",
)
@click.option("--key", "key_name", help="Name of the signing key.  [default: gateway]")
@click.option(
    "--key-from",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Home folder whose keyring has the signing key; else a new one is made.",
)
@click.option("--listen", metavar="URL", help="Where /v1 answers, tcp://HOST:PORT.")
@click.option(
    "--peer-listen",
    metavar="URL",
    help="Where the gateways of others are heard, tcp://HOST:PORT.",
)
@click.option(
    "--watch", metavar="URL", help="Serve metrics here, tcp://HOST:PORT; else nowhere."
)
@click.option(
    "--database", metavar="URL", help="sqlite:///PATH, postgresql://… or env:NAME."
)
@passphrase_option("Seal new keys under the first line of this file.")
@click.option(
    "--no-passphrase",
    is_flag=True,
    help="Store new keys unprotected; so it is done where no passphrase is given.",
)
@json_option
@cli_errors
def init(
    folder: Path,
    member: str,
    zone: str,
    others: tuple[str, ...],
    key_name: str | None,
    key_from: Path | None,
    listen: str | None,
    peer_listen: str | None,
    watch: str | None,
    database: str | None,
    passphrase_file: IO[str] | None,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Make the home of a gateway: settings, keys, vault and database.

    What is there already stays as it is, so that an interrupted init is simply run again;
    a home that is another gateway's is refused. The zone must know the account that is
    shown, with the roles publisher, officer and requester as far as they are needed, and
    the reader key. The words of a new signing key and the first API key, which has the role
    security, are shown once.
    """
    home = GatewayHome(folder)
    chain_id, node = _zone_of(zone, "--zone")
    document: dict[str, Any] = {
        "member": member,
        "zone": {"chain_id": chain_id, "node": node},
        "zones": {
            name: {"node": url}
            for name, url in (_zone_of(text, "--other-zone") for text in others)
        },
    }
    for section, entry, value in (
        ("keys", "account", key_name),
        ("service", "listen", listen),
        ("peer", "listen", peer_listen),
        ("watch", "listen", watch),
        ("database", "url", database),
    ):
        if value is not None:
            document[section] = {entry: value}
    wanted = read_settings(document, home.settings_file)
    is_given = passphrase_file is not None or find_passphrase(None) is not None
    passphrase = chosen_passphrase(
        passphrase_file, is_plain=no_passphrase or not is_given
    )
    made = asyncio.run(
        make_gateway(
            home,
            wanted,
            passphrase=passphrase,
            key_from=key_from / "keyring" if key_from else None,
        )
    )
    shown: dict[str, Any] = {
        "ok": True,
        "home": str(folder),
        "settings": str(folder / FILE_NAME),
        "member": made.settings.member,
        "account": made.address,
        "reader_key": made.reader_key.hex(),
        "listen": made.settings.service.listen,
        "peer_certificate": str(home.place(made.settings.peer.certificate)),
        "made": made.is_new,
    }
    if made.mnemonic:
        shown["mnemonic"] = made.mnemonic
    if made.api_key:
        shown["api_key"] = made.api_key
    show(shown, as_json=as_json)


def _zone_of(text: str, option: str) -> tuple[str, str]:
    chain_id, separator, url = text.partition("=")
    if not separator or not chain_id or not url:
        raise click.BadParameter(f"{text!r} is not CHAIN_ID=URL", param_hint=option)
    return chain_id, url


@gateway.command()
@home_option
@click.option("--listen", metavar="URL", help="Answer here instead, tcp://HOST:PORT.")
@click.option("--workers", type=int, help="Processes that answer requests.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option(
    "--no-migrate",
    is_flag=True,
    help="Refuse a database of an older form instead of migrating it.",
)
@passphrase_option("Its first line opens the keys; without it you are asked.")
@cli_errors
def start(
    folder: Path,
    listen: str | None,
    workers: int | None,
    log_level: str | None,
    no_migrate: bool,
    passphrase_file: IO[str] | None,
) -> None:
    """Answer requests and move exchanges until told to stop (Ctrl-C or SIGTERM).

    A node that does not answer yet is waited for.
    """
    home = GatewayHome(folder)
    said = load_settings(folder).model_dump(mode="json", exclude_unset=True)
    for section, entry, value in (
        ("service", "listen", listen),
        ("service", "workers", workers),
        ("log", "level", log_level),
    ):
        if value is not None:
            said.setdefault(section, {})[entry] = value
    settings = read_settings(said, home.settings_file)
    configure_logs(settings.log.level, settings.log.format)
    secrets = unlock_secrets(home, settings, passphrase_file)
    with home.owned():
        asyncio.run(_prepare(home, settings, is_migrated=not no_migrate))
        run_gateway(Opening(home=home, settings=settings, secrets=secrets), _tell)


def _tell(url: str) -> None:
    click.echo(f"serving {url}")
    sys.stdout.flush()


async def _prepare(
    home: GatewayHome, settings: GatewaySettings, *, is_migrated: bool
) -> None:
    """Find out before anything is started what would make it fail."""
    async with open_database(home, settings) as database:
        await (migrate_database if is_migrated else check_version)(database)
    await find_zone(settings)


async def _migrate(home: GatewayHome) -> tuple[str | None, str]:
    async with open_database(home, load_settings(home.path)) as database:
        version = await migrate_database(database)
    return version.found, version.newest


@gateway.command()
@home_option
@json_option
@cli_errors
def migrate(folder: Path, as_json: bool) -> None:
    """Bring the database to the form that this software knows.

    `huitong gateway start` does the same unless it is told not to.
    """
    before, now = asyncio.run(_migrate(GatewayHome(folder)))
    show({"ok": True, "before": before or "", "now": now}, as_json=as_json)


@gateway.command()
@home_option
@json_option
@cli_errors
def status(folder: Path, as_json: bool) -> None:
    """Show whether the gateway runs and what it depends on; the exit code is 1 if not."""
    home = GatewayHome(folder)
    settings = load_settings(folder)
    try:
        url = home.address_file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise NotReadyError(
            what="the gateway", reason=f"it does not run in {folder}"
        ) from None
    answer = _ask_ready(url)
    if as_json:
        click.echo(orjson.dumps({**answer, "url": url, "member": settings.member}))
    else:
        click.echo(f"{settings.member} on {url}")
        for check in answer["checks"]:
            mark = "ok     " if check["ok"] else "WRONG  "
            click.echo(f"{mark}{check['name']}: {check['seen']}")
    if not answer["ok"]:
        sys.exit(EXIT_FAILED)


def _ask_ready(url: str) -> dict[str, Any]:
    try:
        # The certificate names whom others reach; here only this machine is asked.
        response = httpx.get(
            f"{url}/health/ready", timeout=_STATUS_TIMEOUT_S, verify=False
        )
        answer = orjson.loads(response.content)
        return {"ok": answer["ok"], "checks": answer["checks"]}
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
    except (orjson.JSONDecodeError, KeyError, TypeError):
        reason = "something else answers there"
    raise NotReadyError(what=url, reason=reason)
