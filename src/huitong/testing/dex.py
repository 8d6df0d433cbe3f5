"""Dex, a real identity provider, on a port of this machine for a while.

::

    with DexServer() as dex:
        token = await dex.password_token("officer@bank.example")

Its users have the password ``PASSWORD``; tokens that came by a browser's way (``code_token``)
also have the groups of Dex's own example user. Its keys are made anew at every start.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, final
from urllib.parse import parse_qs, urlsplit

import httpx
import yaml

from huitong.localnet.ports import free_ports

PASSWORD: Final = "correct horse"
#: bcrypt of ``PASSWORD``, of the least cost that Dex takes.
_PASSWORD_HASH: Final = "$2b$10$huitonghuitonghuitongu3ResPNZ8iDy/fa4t/lPSqxPvkNzKxAm"
CLIENT: Final = "huitong-gateway"
OTHER_CLIENT: Final = "another-service"
_CLIENT_SECRET: Final = "of-the-test-only"
_REDIRECT: Final = "http://127.0.0.1/callback"
USERS: Final = (
    "officer@bank.example",
    "integrator@bank.example",
    "security@bank.example",
    "auditor@bank.example",
    "system@bank.example",
    "guest@bank.example",
)
_SCOPE: Final = "openid profile email groups"
_START_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.02


class DexMissingError(Exception):
    """The program is not installed."""


@final
class DexServer:
    """One Dex; ``stop`` and ``start`` let it be away for a while, at the same URL."""

    def __init__(self, users: Sequence[str] = USERS) -> None:
        """Prepare; nothing is started yet.

        Raises:
            DexMissingError: there is no program to run.
        """
        self._program = find_dex()
        (port,) = free_ports(1)
        self.issuer = f"http://127.0.0.1:{port}/dex"
        """URL as in the tokens' ``iss``."""
        self._folder = Path()
        self._users = tuple(users)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="huitong-dex-"))
        config = _config(self.issuer, self._users)
        (self._folder / "dex.yaml").write_text(yaml.safe_dump(config))
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, with new keys, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "serve", self._folder / "dex.yaml"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                httpx.get(f"{self.issuer}/healthz").raise_for_status()
                return
            except httpx.HTTPError:
                if time.monotonic() > deadline_s or self._process.poll() is not None:
                    raise
                time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop it; its keys are gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def password_token(self, user: str, client: str = CLIENT) -> str:
        """Return the ID token of a user, by the password grant."""
        form = {"grant_type": "password", "username": user, "password": PASSWORD}
        return await self._ask_token(client, {**form, "scope": _SCOPE})

    async def code_token(self, client: str = CLIENT) -> str:
        """Return the ID token of the example user, by way of a browser's redirects."""
        asked = {
            "client_id": client,
            "redirect_uri": _REDIRECT,
            "response_type": "code",
            "scope": _SCOPE,
            "state": "of-this-test",
            "connector_id": "mock",
        }
        url = f"{self.issuer}/auth"
        params: Mapping[str, str] | None = asked
        async with httpx.AsyncClient() as browser:
            while not url.startswith(_REDIRECT):
                answer = await browser.get(url, params=params)
                url, params = str(answer.next_request.url), None  # type: ignore[union-attr]
        (code,) = parse_qs(urlsplit(url).query)["code"]
        form = {"grant_type": "authorization_code", "code": code}
        return await self._ask_token(client, {**form, "redirect_uri": _REDIRECT})

    async def _ask_token(self, client: str, form: Mapping[str, str]) -> str:
        async with httpx.AsyncClient(auth=(client, _CLIENT_SECRET)) as asking:
            answer = await asking.post(f"{self.issuer}/token", data=dict(form))
        answer.raise_for_status()
        return str(answer.json()["id_token"])


def find_dex() -> Path:
    """Return the program.

    Raises:
        DexMissingError: there is none.
    """
    for found in (shutil.which("dex"), Path.home() / "go" / "bin" / "dex"):
        if found is not None and Path(found).is_file():
            return Path(found)
    raise DexMissingError("dex is not installed; `make services` builds it")


def _config(issuer: str, users: Sequence[str]) -> dict[str, Any]:
    clients = [
        {
            "id": name,
            "name": name,
            "secret": _CLIENT_SECRET,
            "redirectURIs": [_REDIRECT],
        }
        for name in (CLIENT, OTHER_CLIENT)
    ]
    passwords = [
        {
            "email": user,
            "username": user.partition("@")[0],
            "userID": f"user-{number}",
            "hash": _PASSWORD_HASH,
        }
        for number, user in enumerate(users)
    ]
    return {
        "issuer": issuer,
        "storage": {"type": "memory"},
        "web": {"http": urlsplit(issuer).netloc},
        "logger": {"level": "error"},
        "oauth2": {"skipApprovalScreen": True, "passwordConnector": "local"},
        "staticClients": clients,
        "connectors": [{"type": "mockCallback", "id": "mock", "name": "Example"}],
        "enablePasswordDB": True,
        "staticPasswords": passwords,
    }
