"""The gateways of the demonstration: homes made here, processes that never outlive us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

import httpx

from huitong.demo.errors import GatewayRefusedError, StageError
from huitong.gateway.access.api_keys import ApiKeys
from huitong.gateway.access.roles import Role
from huitong.gateway.peers.client import HttpPeers
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.service.known_peers import read_peers
from huitong.gateway.service.making import make_gateway
from huitong.gateway.settings import load_settings, read_settings
from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.process import ProcessError

#: Seconds until a gateway must answer.
START_TIMEOUT_S: Final = 60.0
#: Seconds that it may take to stop before it is killed.
STOP_TIMEOUT_S: Final = 5.0
#: Seconds for which one call may wait for what it began.
WAIT_S: Final = 30
_KEY_TERM_S: Final = 86_400
_POLL_S: Final = 0.02
_READER: Final = "reader"


@final
class DemoGateway:
    """The gateway of one member, and a client of it that may ask, publish and decide."""

    def __init__(self, folder: Path, member_id: str) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: its home; ``make`` makes it.
            member_id: whose it is.
        """
        self.member_id = member_id
        """Whose it is."""
        self.home = GatewayHome(folder)
        """Where it lies."""
        self._process = GatewayProcess(folder)
        self._http: httpx.AsyncClient | None = None
        self._api_key = ""

    @property
    def place(self) -> str:
        """What runs, for people."""
        return f"process {self._process.pid}, {self._process.url}"

    @property
    def is_running(self) -> bool:
        """Whether its process is alive."""
        return self._process.is_running

    def make_reader_key(self) -> bytes:
        """Make the key that payloads are sealed to, and return its public part."""
        return self.home.reader_keys.create(_READER, None).public_key

    async def make(
        self,
        document: Mapping[str, Any],
        key_name: str,
        keyring: Path,
    ) -> None:
        """Make the rest of the home.

        Args:
            document: what ``gateway.toml`` says beside member and listen address.
            key_name: key that signs for the member.
            keyring: folder that has it.

        Raises:
            RejectedError: a setting or a key is refused.
        """
        # In a loop of its own, which is let finish: a database that is left in the middle
        # says so in many words.
        making = asyncio.ensure_future(
            asyncio.to_thread(asyncio.run, self._make(document, key_name, keyring))
        )
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            await making
            raise

    async def _make(
        self, document: Mapping[str, Any], key_name: str, keyring: Path
    ) -> None:
        said = {
            "member": self.member_id,
            "keys": {"account": key_name, "reader": _READER},
            "service": {"listen": "tcp://127.0.0.1:0"},
            **document,
        }
        settings = read_settings(said, self.home.settings_file)
        await make_gateway(self.home, settings, key_from=keyring)
        async with open_database(self.home, settings) as database:
            keys = ApiKeys(database, settings.access, clock=time.time_ns)
            made = await keys.create(
                "demo", [Role.INTEGRATOR, Role.OFFICER], term_s=_KEY_TERM_S, by="demo"
            )
        self._api_key = made.key

    async def start(self) -> None:
        """Start it, and return once it answers.

        Raises:
            StageError: it ended, or does not answer in time.
        """
        self._process.launch()
        deadline_s = time.monotonic() + START_TIMEOUT_S
        try:
            while not await asyncio.to_thread(self._process.is_answering):
                if time.monotonic() > deadline_s:
                    reason = f"no answer after {START_TIMEOUT_S:.0f} s"
                    raise StageError(reason=f"gateway of {self.member_id}: {reason}")
                await asyncio.sleep(_POLL_S)
        except ProcessError as error:
            reason = " / ".join(str(error).splitlines())
            raise StageError(reason=reason) from None
        self._http = httpx.AsyncClient(
            base_url=self._process.url,
            headers={"authorization": f"Bearer {self._api_key}"},
            timeout=2 * WAIT_S,
            trust_env=False,
        )

    async def stop(self) -> None:
        """Stop it, and kill it if it does not; none runs when it returns."""
        if self._http is not None:
            await self._http.aclose()
        try:
            self._process.ask_to_stop()
            deadline_s = time.monotonic() + STOP_TIMEOUT_S
            while time.monotonic() < deadline_s:
                if not self._process.is_running:
                    break
                await asyncio.sleep(_POLL_S)
        finally:
            self._process.kill()  # what is still there, also if we are interrupted

    def open_peers(self) -> HttpPeers:
        """Return who brings sealed bytes to the peers of this gateway, by its keys."""
        settings = load_settings(self.home.path)
        private_key = self.home.keyring.unlock(settings.keys.account)
        return read_peers(self.home, settings).client(private_key)

    # --- calls --------------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        """Return what a path shows.

        Raises:
            GatewayRefusedError: it shows a problem.
        """
        return (await self._call("GET", path)).json()

    async def get_bytes(self, path: str) -> bytes:
        """Return the bytes at a path.

        Raises:
            GatewayRefusedError: it shows a problem.
        """
        return (await self._call("GET", path)).content

    async def post(self, path: str, body: Any) -> Any:
        """Order something with a JSON body, and return the answer.

        Raises:
            GatewayRefusedError: it is refused.
        """
        return (await self._call("POST", path, json=body)).json()

    async def order(self, path: str, body: Any) -> Any:
        """Order something and wait for its end.

        Raises:
            GatewayRefusedError: it is refused.
        """
        return await self.post(f"{path}?wait={WAIT_S}", body)

    async def post_file(
        self, path: str, data: bytes, parameters: Mapping[str, str]
    ) -> Any:
        """Publish a file and wait for its end.

        Raises:
            GatewayRefusedError: it is refused.
        """
        answer = await self._call(
            "POST",
            path,
            content=data,
            params={**parameters, "wait": str(WAIT_S)},
            headers={"content-type": "application/octet-stream"},
        )
        return answer.json()

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        assert self._http is not None
        answer = await self._http.request(method, path, **options)
        if answer.is_error:
            problem = answer.json()
            raise GatewayRefusedError(
                member=self.member_id,
                detail=problem["detail"],
                error=f"{problem['codespace']}/{problem['code']}",
            )
        return answer


def check_done(job: Any) -> Any:
    """Return what a job gave, once it is done.

    Raises:
        GatewayRefusedError: it is stuck, or was not done in time.
    """
    if job["state"] in ("done", "published"):
        return job
    problem = job["problem"] or {"detail": f"still {job['state']}", "codespace": "-"}
    raise GatewayRefusedError(
        member=job.get("subject", ""),
        detail=problem["detail"],
        error=f"{problem['codespace']}/{problem.get('code', '')}",
    )
