"""The server of the connections between gateways, with TLS that asks for certificates."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from huitong.gateway.peers.certificates import spki_digest_of
from huitong.gateway.peers.senders import CERTIFICATE_STATE
from huitong.gateway.peers.server import PeerServer
from huitong.node.rpc.server import address_of, bind

#: Connections at one time; more are told 503.
CONCURRENCY_MAX: Final = 512
KEEP_ALIVE_S: Final = 75
STOP_TIMEOUT_S: Final = 10


class PeerProtocol(HttpToolsProtocol):
    """HTTP that knows which certificate the other side has shown."""

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Remember the digest of the key in the peer's certificate."""
        super().connection_made(transport)
        tls: Any = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        if der:
            digest = spki_digest_of(der)
            self.app_state = {**self.app_state, CERTIFICATE_STATE: digest}

    def shutdown(self) -> None:
        """End the connection, or let the answer that is under way be its last.

        A peer that keeps an idle connection open does not read it, so that it would not
        answer the farewell of TLS, and the gateway would wait for it to no end.
        """
        super().shutdown()
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.transport.get_write_buffer_size() == 0:
            self.transport.abort()


class PeerService(uvicorn.Server):
    """Serves until it is cancelled or told to stop; signals are for who runs it."""

    def __init__(
        self,
        server: PeerServer,
        listen: str | socket.socket,
        context: ssl.SSLContext | None,
    ) -> None:
        """Bind the address; nothing is answered yet.

        Args:
            server: what answers.
            listen: ``tcp://HOST:PORT``, where port 0 takes a free one; or a socket that
                listens, which several processes may share.
            context: TLS; None for plain HTTP on this machine.

        Raises:
            ListenAddressError: not an address of this machine.
            PortInUseError: another process listens there.
        """
        self._listening = bind(listen) if isinstance(listen, str) else listen
        scheme = "https" if context else "http"
        self.url = address_of(self._listening).replace("tcp", scheme, 1)
        """Where it answers."""
        config = uvicorn.Config(
            server.app(),
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONCURRENCY_MAX,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
        )
        config.load()
        config.ssl = context
        super().__init__(config)

    async def run_until_cancelled(self) -> None:
        """Answer until cancelled; then let open requests finish."""
        serving = asyncio.create_task(self.serve([self._listening]))
        try:
            await asyncio.shield(serving)
        finally:
            self.should_exit = True
            await asyncio.wait([serving])
            self._listening.close()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program around this."""
        yield
