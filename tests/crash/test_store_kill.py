"""A process that is killed leaves the state of a whole block, and loses none it told of."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from huitong.core.store.multistore import MultiStore
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from tests.crash.store_blocks import NAMES, VERSIONS_KEPT, check_whole, expected_roots

REPOSITORY = Path(__file__).parent.parent.parent

_WRITER = """
import sys
from pathlib import Path
from huitong.core.store.multistore import MultiStore
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from tests.crash.store_blocks import NAMES, VERSIONS_KEPT, commit

backend = LmdbBackend(LmdbEnvironment(Path(sys.argv[1])))
store = MultiStore(backend, NAMES, versions_kept=VERSIONS_KEPT)
while True:
    commit(store)
    print(store.version, store.root_hash.hex(), flush=True)
"""


def _write_until_killed(folder: Path, blocks: int) -> tuple[int, str]:
    """Let a process commit, kill it after some blocks; return the last it told of."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(blocks)]
    writer.send_signal(signal.SIGKILL)
    lines += writer.stdout.readlines()
    writer.stdout.close()
    writer.wait()
    told = [line for line in lines if line.endswith("\n")]
    version, root_hash = told[-1].split()
    return int(version), root_hash


@pytest.mark.slow
def test_killed_writer_leaves_whole_blocks_and_all_it_told_of(tmp_path: Path) -> None:
    for blocks in (1, 2, 3, 5, 8, 13, 21, 4, 1, 6):
        told, root_hash = _write_until_killed(tmp_path, blocks)
        backend = LmdbBackend(LmdbEnvironment(tmp_path))
        store = MultiStore(backend, NAMES, versions_kept=VERSIONS_KEPT)
        assert store.version >= told
        roots = expected_roots(store.version)
        assert roots[told].hex() == root_hash
        check_whole(store, roots)
        backend.close()
