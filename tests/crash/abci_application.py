"""An ABCI application as a process that ends itself at a chosen point of a chosen block.

    python -m tests.crash.abci_application FOLDER [POINT HEIGHT]

serves the zone of ``FOLDER/genesis.json`` at ``FOLDER/abci.sock`` until it is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huitong.storage.nodes
from huitong.core.app import Application
from huitong.engines.cometbft.abci.server import AbciServer
from huitong.engines.cometbft.service import ZoneService
from huitong.engines.genesis import decode_genesis
from huitong.node.parts import open_application
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend

REPOSITORY = Path(__file__).parent.parent.parent
EXIT_CODE = 77
VERSIONS_KEPT = 1_000
#: Where the process may end, in the order in which a block passes by.
POINTS = (
    "in the middle of FinalizeBlock",
    "before the answer to FinalizeBlock",
    "before Commit",
    "before the write of Commit",
    "in the write of Commit",
    "after the write of Commit",
    "before the answer to Commit",
)


def _die(*_: Any) -> None:
    os._exit(EXIT_CODE)


def _before(call: Callable[..., Any], is_due: Callable[[], bool]) -> Callable[..., Any]:
    def hooked(*args: Any, **named: Any) -> Any:
        if is_due():
            _die()
        return call(*args, **named)

    return hooked


def _after(call: Callable[..., Any], is_due: Callable[[], bool]) -> Callable[..., Any]:
    def hooked(*args: Any, **named: Any) -> Any:
        answer = call(*args, **named)
        if is_due():
            _die()
        return answer

    return hooked


def _arm(service: ZoneService, app: Application, point: str, height: int) -> None:
    """Put the end of the process at one point of one block."""
    seen = {"height": 0, "writes": 0}
    finalize = service.finalize_block

    def noting(request: Any) -> Any:
        seen["height"] = request.height
        return finalize(request)

    def is_due() -> bool:
        return seen["height"] == height

    def is_in_write() -> bool:
        seen["writes"] += is_due()
        return seen["writes"] == 4  # some tables are written, and others are not

    service.finalize_block = noting  # type: ignore[method-assign]
    state, parts = app.state, huitong.storage.nodes
    hooks: dict[str, tuple[Any, str, Any]] = {
        POINTS[0]: (state, "commit_changes", _before(state.commit_changes, is_due)),
        POINTS[1]: (service, "finalize_block", _after(noting, is_due)),
        POINTS[2]: (service, "commit", _before(service.commit, is_due)),
        POINTS[3]: (state, "persist", _before(state.persist, is_due)),
        POINTS[4]: (parts, "_write", _after(parts._write, is_in_write)),
        POINTS[5]: (state, "persist", _after(state.persist, is_due)),
        POINTS[6]: (service, "commit", _after(service.commit, is_due)),
    }
    owner, name, hook = hooks[point]
    setattr(owner, name, hook)


def serve(folder: Path, point: str = "", height: int = 0) -> None:
    """Serve until killed, or until the chosen point."""
    genesis = decode_genesis((folder / "genesis.json").read_bytes())
    (folder / "data").mkdir(exist_ok=True)
    backend = LmdbBackend(LmdbEnvironment(folder / "data"))
    app = open_application(genesis, backend, VERSIONS_KEPT)
    app.state.check_integrity()
    service = ZoneService(
        app=app,
        genesis=genesis,
        answer_query=app.query,
        snapshots=None,
        retain_height=lambda height: 0,
        on_block=lambda request, finalized: None,
    )
    if point:
        _arm(service, app, point, height)
    server = AbciServer(
        address=f"unix://{folder}/abci.sock", service=service, on_failure=_die
    )
    server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


@contextmanager
def running(
    folder: Path, point: str = "", height: int = 0
) -> Iterator[subprocess.Popen[str]]:
    """Run ``serve`` in a process; yield it when it listens, and kill it at the end."""
    arguments = [point, str(height)] if point else []
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.abci_application", str(folder), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), *([sys.argv[2], int(sys.argv[3])] if sys.argv[2:] else []))
