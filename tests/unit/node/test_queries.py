"""Proven answers are kept for their version, and for no other."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.node import queries as subject
from huitong.node.queries import Queries
from huitong.testing.embedded import EmbeddedZone

ABSENT = b"clients/none/clientState"


@pytest.fixture
def zone() -> EmbeddedZone:
    made = EmbeddedZone("hangzhou-1")
    made.start()
    return made


def _queries(zone: EmbeddedZone) -> Queries:
    return Queries(zone.app, _NoSource())


class _NoSource:
    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        raise AssertionError(f"proofs come from the state, not from {method}")


def _path(zone: EmbeddedZone) -> str:
    (name,) = [name for name in zone.app.state.store_names if name == "ibc"]
    return f"store/{name}/key"


def test_proven_answer_is_given_again_without_another_look(zone: EmbeddedZone) -> None:
    queries, path = _queries(zone), _path(zone)
    assert queries.find_proven(path, ABSENT, 0) is None
    first = queries.answer(path, ABSENT, 0, True)
    assert first.code == 0
    assert first.proof_ops
    assert queries.find_proven(path, ABSENT, 0) is first
    assert queries.answer(path, ABSENT, first.height, True) is first


def test_newest_answer_is_that_of_the_newest_block(zone: EmbeddedZone) -> None:
    queries, path = _queries(zone), _path(zone)
    first = queries.answer(path, ABSENT, 0, True)
    zone.work()
    assert queries.find_proven(path, ABSENT, 0) is None
    second = queries.answer(path, ABSENT, 0, True)
    assert second.height == first.height + 1
    assert queries.answer(path, ABSENT, first.height, True) is first


def test_answer_without_proof_and_refusal_are_not_kept(zone: EmbeddedZone) -> None:
    queries, path = _queries(zone), _path(zone)
    queries.answer(path, ABSENT, 0, False)
    assert queries.answer(path, ABSENT, 99, True).code != 0
    assert queries.find_proven(path, ABSENT, 0) is None
    assert queries.find_proven(path, ABSENT, 99) is None


def test_only_the_newest_answers_are_kept(
    zone: EmbeddedZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PROVEN_KEPT", 2)
    queries, path = _queries(zone), _path(zone)
    for key in (b"clients/a", b"clients/b", b"clients/c"):
        queries.answer(path, key, 0, True)
    kept = [queries.find_proven(path, key, 0) for key in (b"clients/a", b"clients/c")]
    assert kept[0] is None
    assert kept[1] is not None


def test_answer_of_a_pruned_version_is_not_given_from_memory(
    zone: EmbeddedZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries, path = _queries(zone), _path(zone)
    first = queries.answer(path, ABSENT, 0, True)
    monkeypatch.setattr(zone.app.state, "oldest_version", first.height + 1)
    assert queries.find_proven(path, ABSENT, first.height) is None


def test_large_answers_are_not_kept(zone: EmbeddedZone) -> None:
    queries, path = _queries(zone), _path(zone)
    long = b"clients/" + bytes(range(256)) * 64
    assert queries.answer(path, long, 0, True).proof_ops
    assert queries.find_proven(path, long, 0) is None
