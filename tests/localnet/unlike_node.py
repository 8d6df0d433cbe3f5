"""Runs ``huitong`` with snapshots in small chunks; with LIAR set it gives wrong ones."""

from __future__ import annotations

import os
import sys

from huitong.cli.main import main
from huitong.storage import snapshot_maker
from huitong.storage.snapshot_files import SnapshotFiles

snapshot_maker.SNAPSHOT_CHUNK_SIZE_BYTES = 200  # type: ignore[misc]

if os.environ.get("LIAR"):
    find_chunk = SnapshotFiles.find_chunk

    def find_wrong_chunk(
        self: SnapshotFiles, height: int, format: int, index: int
    ) -> bytes | None:
        chunk = find_chunk(self, height, format, index)
        return None if chunk is None else chunk[:-1] + bytes((chunk[-1] ^ 1,))

    SnapshotFiles.find_chunk = find_wrong_chunk  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.argv[0] = "huitong"
    main()
