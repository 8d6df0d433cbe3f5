"""An RPC server that answers what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

STATUS: dict[str, Any] = {
    "node_info": {"network": "hangzhou-1", "moniker": "a", "version": "0.38.25"},
    "sync_info": {
        "latest_block_height": "12",
        "latest_app_hash": "AB" * 32,
        "latest_block_time": "2026-01-02T03:04:05Z",
        "earliest_block_height": "3",
        "catching_up": False,
    },
    "validator_info": {"address": "CD" * 20, "voting_power": "10"},
}
NET_INFO: dict[str, Any] = {"n_peers": "2", "peers": []}
WAITING = {"total": "7", "total_bytes": "700"}


class FakeRpc:
    """What it answers may be changed while it runs."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {
            "status": STATUS,
            "net_info": NET_INFO,
            "num_unconfirmed_txs": WAITING,
        }
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.address = ""
        self.body: bytes | None = None

    def answer(self, call: dict[str, Any]) -> dict[str, Any]:
        method = call["method"]
        made = self.answers.get(method)
        result = made(call["params"]) if made else self.results.get(method)
        if result is None:
            return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601}}
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}


@contextmanager
def fake_rpc() -> Iterator[FakeRpc]:
    """Serve until the block ends."""
    fake = FakeRpc()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            calls = orjson.loads(self.rfile.read(length))
            body = orjson.dumps([fake.answer(call) for call in calls])
            body = body if fake.body is None else fake.body
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    fake.address = f"tcp://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
