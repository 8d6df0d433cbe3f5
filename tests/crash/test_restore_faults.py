"""A disk that fails amid a restore leaves a node that begins from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.core.store.backend import MemoryBackend, NodeBackend
from huitong.core.store.errors import StorageFullError
from huitong.engines.cometbft.snapshots import ApplyResult, OfferAnswer
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from tests.crash.test_store_faults import FailingBackend
from tests.unit.snapshots.sources import Source, Target, open_source, open_target


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return open_source(tmp_path_factory.mktemp("source"))


def _take(target: Target, source: Source) -> bool:
    """Offer and give everything; tell whether the node stands on the snapshot."""
    if target.exchange.offer(source.info, source.app_hash) is not OfferAnswer.ACCEPT:
        return False
    answers = target.take_all(source)
    return {answer.result for answer in answers} == {ApplyResult.ACCEPT}


def _backend(kind: str, folder: Path) -> NodeBackend:
    if kind == "memory":
        return MemoryBackend()
    return LmdbBackend(LmdbEnvironment(folder, durable=False))


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_failure_at_any_row_of_a_restore_leaves_nothing(
    kind: str, source: Source, tmp_path: Path
) -> None:
    counted = FailingBackend(MemoryBackend())
    counted.rows_until_failure = 10**9
    counting = open_target(tmp_path / "t", source.zone.genesis, backend=counted)
    assert _take(counting, source)
    row_count = 10**9 - counted.rows_until_failure
    assert row_count > 100
    for number in [*range(1, row_count, 9), row_count]:
        database = _backend(kind, tmp_path / str(number))
        failing = FailingBackend(database)
        target = open_target(tmp_path / "t", source.zone.genesis, backend=failing)
        failing.rows_until_failure = number
        with pytest.raises(StorageFullError, match="injected"):
            _take(target, source)
        target.app.close()
        opened = open_target(tmp_path / "t", source.zone.genesis, backend=database)
        assert opened.app.info().last_block_height == 0
        assert opened.row_count() == 0
        assert _take(opened, source)
        assert opened.app.state.check_integrity()
        opened.app.close()
        database.close()
