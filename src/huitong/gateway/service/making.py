"""How the home of a gateway is made; what is there already stays as it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong.core.address import Address
from huitong.core.time import SECONDS_PER_DAY
from huitong.gateway.access.api_keys import ApiKeys
from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.database.migrating import migrate
from huitong.gateway.peers.certificates import make_certificate
from huitong.gateway.service.errors import GatewayDiffersError, GatewayHomeTakenError
from huitong.gateway.service.home import KEY_FOLDERS, GatewayHome, open_database
from huitong.gateway.settings import GatewaySettings, load_settings, save_settings
from huitong.gateway.vault.keys import make_key_file
from huitong.keys.errors import KeyNotFoundError
from huitong.keys.keyring import KeyRecord, Keyring
from huitong.keys.new_file import replace_file

#: The key that is made first, and for how long it is good.
FIRST_KEY_NAME: Final = "first"
FIRST_KEY_TERM_DAYS: Final = 30
#: Files and folders that may lie in a folder before it becomes a gateway's.
_MAY_BE_THERE: Final = KEY_FOLDERS | {
    "keys",
    "lost+found",
    "peer.crt",
    "peer.key",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeHome:
    """What ``init`` has made, or found."""

    settings: GatewaySettings
    """As ``gateway.toml`` has them."""
    address: Address
    """The account that the gateway signs for."""
    mnemonic: str
    """Words of the account's key if it was made now, to be written down; else empty."""
    reader_key: bytes
    """X25519 public key that payloads for this member are sealed to."""
    api_key: str
    """The first API key, of the role security, if it was made now; else empty."""
    is_new: bool
    """Whether there was no gateway here before."""


async def make_gateway(
    home: GatewayHome,
    wanted: GatewaySettings,
    *,
    passphrase: str | None = None,
    key_from: Path | None = None,
) -> MadeHome:
    """Make settings, keys, vault key and database; what is there already stays.

    Args:
        home: where.
        wanted: how it shall run.
        passphrase: what seals new keys; None stores them in clear.
        key_from: keyring whose key of the account's name is taken; None makes one.

    Raises:
        GatewayHomeTakenError: something else lies in the folder.
        GatewayDiffersError: it is the home of another gateway.
        RejectedError: a key, a URL or a passphrase cannot be used.
        DatabaseDownError: the database does not answer.
    """
    settings, is_new = _settled(home, wanted)
    # Whatever can be refused is refused before the file that says "this is a gateway".
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    record, mnemonic = _account(home, settings, passphrase, key_from)
    reader_key = _reader_key(home, settings, passphrase)
    if not home.vault_key_file.exists():
        make_key_file(home.vault_key_file)
    _make_certificate(home, settings)
    async with open_database(home, settings) as database:
        await migrate(database)
        api_key = await _first_api_key(database, settings)
    if is_new:
        save_settings(home.path, settings)
    return MadeHome(
        settings=settings,
        address=record.address,
        mnemonic=mnemonic,
        reader_key=reader_key,
        api_key=api_key,
        is_new=is_new,
    )


def _settled(
    home: GatewayHome, wanted: GatewaySettings
) -> tuple[GatewaySettings, bool]:
    """Return the settings to work with, and whether the home is a new one."""
    if home.settings_file.exists():
        known = load_settings(home.path)
        _check_same(home, known, wanted)
        return known, False
    if home.path.exists():
        others = {each.name for each in home.path.iterdir()} - _MAY_BE_THERE
        # What an interrupted ``init`` leaves is taken up by the next one.
        others -= {each.name for each in home.path.glob("gateway.db*")}
        if others:
            raise GatewayHomeTakenError(path=home.path, found=min(others))
    return wanted, True


def _check_same(
    home: GatewayHome, known: GatewaySettings, wanted: GatewaySettings
) -> None:
    """Refuse whatever was said on the command line and stands otherwise in the file."""
    for name, actual, said in (
        ("member", known.member, wanted.member),
        ("zone.chain_id", known.zone.chain_id, wanted.zone.chain_id),
        ("zone.node", known.zone.node, wanted.zone.node),
        ("database.url", known.database.url, wanted.database.url),
        ("service.listen", known.service.listen, wanted.service.listen),
    ):
        section, _, entry = name.rpartition(".")
        said_at = getattr(wanted, section) if section else wanted
        if entry in said_at.model_fields_set and said != actual:
            raise GatewayDiffersError(
                path=home.settings_file,
                entry=name,
                actual=_shown(name, actual),
                wanted=_shown(name, said),
            )


def _shown(name: str, value: str) -> str:
    """Hide what may hold a password."""
    return "…" if name == "database.url" and "@" in value else value


def _account(
    home: GatewayHome,
    settings: GatewaySettings,
    passphrase: str | None,
    key_from: Path | None,
) -> tuple[KeyRecord, str]:
    name = settings.keys.account
    try:
        return home.keyring.get(name), ""
    except KeyNotFoundError:
        pass
    if key_from is None:
        return home.keyring.create(name, passphrase=passphrase)
    private_key = Keyring(key_from).unlock(name, passphrase)
    return home.keyring.add(name, private_key, passphrase), ""


def _reader_key(
    home: GatewayHome, settings: GatewaySettings, passphrase: str | None
) -> bytes:
    name = settings.keys.reader
    try:
        return home.reader_keys.get(name).public_key
    except KeyNotFoundError:
        return home.reader_keys.create(name, passphrase).public_key


def _make_certificate(home: GatewayHome, settings: GatewaySettings) -> None:
    """Make the certificate that peers know this gateway by, unless there is one."""
    path, key_path = (
        home.place(settings.peer.certificate),
        home.place(settings.peer.key),
    )
    if key_path.exists() and path.exists():
        return
    certificate, key = make_certificate(settings.member, settings.zone.chain_id)
    # A key without certificate was left by an interruption, and nobody knows it yet.
    replace_file(key_path, key)
    replace_file(path, certificate)


async def _first_api_key(database: Database, settings: GatewaySettings) -> str:
    """Make a key for whoever administers the gateway, unless there are keys already."""
    keys = ApiKeys(database, settings.access, clock=time.time_ns)
    if await keys.page(limit=1):
        return ""
    made = await keys.create(
        FIRST_KEY_NAME,
        [Role.SECURITY],
        term_s=FIRST_KEY_TERM_DAYS * SECONDS_PER_DAY,
        by="command",
    )
    return made.key
