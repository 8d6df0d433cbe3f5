"""Writes ``recorded_rpc.json`` anew from a CometBFT that runs our application."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.conformance.calls import CALLS
from tests.conformance.conftest import Ran
from tests.conformance.nodes import running_node
from tests.conformance.script import run_script
from tests.conformance.test_rpc import RECORDED_FILE, seen


def record() -> None:
    """Ask CometBFT everything once and keep what it said."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_node(Path(folder), "cometbft") as node,
    ):
        ran = Ran(node, run_script(node), node.height())
        told = {call.name: seen(call, ran) for call in CALLS}
    RECORDED_FILE.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    record()
