"""A node that took a snapshot and no block after it joins once more; others never."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from huitong.core.store.backend import Batch
from huitong.core.store.tables import META, RESTORED_KEY, version_key
from huitong.node.config import CometBftConfig, NodeConfig
from huitong.node.home import Home
from huitong.node.parts import OpenState, open_application
from huitong.node.rooms.snapshots import ensure_joined
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from tests.unit.snapshots.sources import open_source

SYNCING = CometBftConfig(
    state_sync_rpc=("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"),
    trust_height=1,
    trust_hash="00" * 32,
)


@pytest.mark.parametrize(
    ("cometbft", "restored", "is_forgotten"),
    [
        (SYNCING, 20, True),
        (SYNCING, 19, False),  # a block followed
        (SYNCING, None, False),  # it began with genesis
        (CometBftConfig(), 20, False),  # it would replay, and has all it needs
        (replace(SYNCING, is_run=False), 20, False),  # not ours to touch
    ],
)
def test_only_a_node_with_nothing_but_a_snapshot_forgets_its_chain(
    tmp_path: Path, cometbft: CometBftConfig, restored: int | None, is_forgotten: bool
) -> None:
    source = open_source(tmp_path).zone
    backend = LmdbBackend(LmdbEnvironment(tmp_path / "db", durable=False))
    batch = Batch()
    reader = source.backend.snapshot()
    for table in (META, b"nodes", b"roots"):
        backend.declare_tables([table])
        batch.write(table, list(reader.iterate(table, b"", None)))
    reader.close()
    if restored is not None:
        batch.write(META, [(RESTORED_KEY, version_key(restored))])
    backend.apply_batch(batch)
    app = open_application(source.genesis, backend, 10)
    home = Home(tmp_path / "home")
    data = home.cometbft.data
    (data / "state.db").mkdir(parents=True)
    for name in ("state.db/1", "priv_validator_state.json"):
        (data / name).write_text("{}")
    config = NodeConfig(moniker="a", engine="cometbft", cometbft=cometbft)
    ensure_joined(
        home, config, OpenState(genesis=source.genesis, backend=backend, app=app)
    )
    left = sorted(item.name for item in data.iterdir())
    signed = ["priv_validator_state.json"]
    assert left == (signed if is_forgotten else [*signed, "state.db"])
    app.close()
    backend.close()
