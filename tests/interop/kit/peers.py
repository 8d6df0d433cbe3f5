"""Which programs of others are on this machine, and the reason where one is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from huitong.bench.hermes import find_hermes
from huitong.bench.simd import find_simd
from huitong.core.errors import HuitongError
from huitong.engines.cometbft.binary import find_binary

COSMJS_FOLDER: Final = Path(__file__).parents[2] / "peers" / "cosmjs"


def why_missing(peer: str) -> str:
    """Return why a peer cannot be run; nothing if it can."""
    return _WHY[peer]()


def _program(find: Callable[[], Path], name: str, target: str) -> Callable[[], str]:
    def why() -> str:
        try:
            find()
        except HuitongError:
            return f"{name} is not installed; make {target}"
        return ""

    return why


def _cosmjs() -> str:
    if shutil.which("node") is None:
        return "node is not installed"
    wanted = json.loads((COSMJS_FOLDER / "package.json").read_text())["dependencies"]
    for package, version in wanted.items():
        manifest = COSMJS_FOLDER / "node_modules" / package / "package.json"
        if not manifest.is_file():
            return f"{package} is not installed; make peers"
        found = json.loads(manifest.read_text())["version"]
        if found != version.rsplit("@", 1)[-1]:
            return f"{package} is of version {found}; make peers"
    return ""


_WHY: Final = {
    "hermes": _program(find_hermes, "hermes", "peers-hermes"),
    "simd": _program(find_simd, "simd", "peers"),
    "cometbft": _program(find_binary, "cometbft", "peers"),
    "cosmjs": _cosmjs,
}
