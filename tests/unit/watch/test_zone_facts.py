"""What watchers read of a zone's state."""

from __future__ import annotations

import time

import pytest
from prometheus_client.metrics_core import Metric as Family

from huitong.light.tendermint.terms import TRUSTING_PERIOD_NS
from huitong.node.watch import register, slow_values
from huitong.node.watch.zone_facts import (
    Ask,
    find_upgrade,
    read_clients,
    read_open_proposals,
    read_validators,
)
from huitong.testing.embedded import EmbeddedZone
from tests.unit.watch.clients import clients_answers

NOW_NS = 1_800_000_000 * 10**9


def _asking(answers: dict[str, bytes]) -> Ask:
    return lambda path, request: answers.get(path)


def _values(families: list[Family], name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        if family.name == name
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("age_ns", "is_frozen", "active"),
    [
        (0, False, 1),
        (TRUSTING_PERIOD_NS - 1, False, 1),
        (TRUSTING_PERIOD_NS, False, 0),
        (0, True, 0),
    ],
)
def test_clients_are_told_with_their_time_to_expiry(
    age_ns: int, is_frozen: bool, active: int
) -> None:
    answers = dict(clients_answers(NOW_NS - age_ns, is_frozen=is_frozen))
    (client,) = read_clients(_asking(answers))
    assert client.client_id == "07-tendermint-0"
    assert client.is_frozen == is_frozen
    assert client.expires_at_ns == NOW_NS - age_ns + TRUSTING_PERIOD_NS
    families = list(slow_values._clients([client], NOW_NS))
    who = ("07-tendermint-0", "ningbo-1")
    assert _values(families, register.CLIENT_ACTIVE.name) == {who: active}
    expiry_s = (TRUSTING_PERIOD_NS - age_ns) / 1e9
    assert _values(families, register.CLIENT_EXPIRY.name)[who] == pytest.approx(
        expiry_s
    )


def test_client_whose_headers_are_gone_has_expired() -> None:
    answers = dict(clients_answers(NOW_NS))
    del answers["/ibc.core.client.v1.Query/ConsensusState"]
    (client,) = read_clients(_asking(answers))
    assert client.expires_at_ns < NOW_NS


def test_zone_that_answers_nothing_has_no_facts() -> None:
    ask = _asking({})
    assert read_clients(ask) == ()
    assert read_validators(ask) == ()
    assert read_open_proposals(ask) == ()
    assert find_upgrade(ask) is None


def test_facts_of_a_real_zone_are_read() -> None:
    zone = EmbeddedZone("hangzhou-1")
    ask = slow_values.ask_application(zone.app)
    assert read_validators(ask) == ()  # before the first block there is no state
    zone.start()
    (validator,) = read_validators(ask)
    assert validator.public_key == zone.key.public_key
    assert validator.power == 10
    assert not validator.is_suspended
    assert read_clients(ask) == ()
    assert read_open_proposals(ask) == ()
    assert find_upgrade(ask) is None


def test_facts_are_not_read_at_every_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = EmbeddedZone("hangzhou-1")
    zone.start()
    reads: list[float] = []

    def read(_: Ask) -> slow_values._Facts:
        reads.append(time.monotonic())
        return slow_values._Facts()

    monkeypatch.setattr(slow_values, "_read", read)

    class Watched:
        app = zone.app

    values = slow_values.SlowValues(Watched())  # type: ignore[arg-type]
    for _ in range(5):
        values._read_facts()
    assert len(reads) == 1
    values._read_at_s -= slow_values.FACTS_AGE_S_MAX
    values._read_facts()
    assert len(reads) == 2
