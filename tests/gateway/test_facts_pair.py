"""Facts through a gateway that runs: imported, looked after, revoked at their source."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result

from huitong.evidence.verify import verify_bundle
from huitong.modules.records import record_key
from huitong.sdk import ProblemError
from huitong.sdk.models import Fact
from tests.gateway.modes_kit import (
    answer_of,
    connection_of,
    gw,
    nudge,
    publish,
    set_up,
    until,
)
from tests.gateway.pair_kit import Side, pair_of_gateways

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """The source's gateway, and one that looks after facts every second."""
    with pair_of_gateways(tmp_path_factory.mktemp("pair")) as (source, taker):
        set_up(taker, "facts", "look_s = 1")
        yield source, taker


def import_fact(source: Side, taker: Side, record: str, **said: Any) -> Fact:
    """Publish a record, let a header show it, and import it."""
    publish(source, record)
    nudge(source, taker)
    with taker.client() as gateway:
        made = gateway.import_fact(
            source=connection_of(taker),
            issuer=source.member_id,
            record=record,
            wait=60,
            **said,
        )
    assert (made.state, made.problem) == ("known", None)
    return made


def import_key(taker: Side, store: str, key: bytes) -> Result:
    """Import by command what stands under a key of a store, or that nothing does."""
    place = (connection_of(taker), f"--store={store}", f"--key={key.hex()}")
    return gw(taker, "facts", "import", *place, "--wait=60")


def look(taker: Side, fact: Fact) -> Fact:
    """Return a fact as it is now."""
    with taker.client() as gateway:
        return gateway.get_fact(fact.id)


def revoke(source: Side, record: str) -> None:
    """Revoke a record."""
    with source.client() as gateway:
        done = gateway.set_record_status(
            record, status="revoked", reason="withdrawn", wait=60
        )
    assert done.state == "done"


def test_record_of_another_zone_is_imported_with_proof(
    pair: tuple[Side, Side],
) -> None:
    source, taker = pair
    made = import_fact(source, taker, "F-1")
    proven = made.proven
    assert proven is not None
    assert proven.about is not None
    assert (proven.status, proven.is_usable, proven.refusal) == ("active", True, None)
    assert (proven.about.issuer, proven.about.record, proven.about.version) == (
        source.member_id,
        "F-1",
        1,
    )
    assert (proven.zone, proven.owner) == ("hangzhou-1", taker.member_id)
    assert bytes.fromhex(made.key) == record_key(source.member_id, "F-1")
    assert made.is_watched
    with taker.client() as gateway:
        for wanted in (
            {"issuer": source.member_id, "record": "F-1"},
            {"source": made.source, "limit": 1},
        ):
            assert made.id in [each.id for each in gateway.list_facts(**wanted)]
        assert list(gateway.list_facts(source="connection-99")) == []


def test_evidence_of_a_fact_verifies_by_itself(pair: tuple[Side, Side]) -> None:
    source, taker = pair
    made = import_fact(source, taker, "F-6")
    with taker.client() as gateway:
        bundle = b"".join(gateway.make_evidence(kind="fact", fact=made.id))
        verdict = verify_bundle(bundle, None, now_ns=time.time_ns())
        assert (verdict.grade, verdict.failed) == ("unverified", None)
        shown = [check.detail for check in verdict.checks if check.name == "fact"]
        assert shown[0].startswith("active in hangzhou-1 as of 1-")
        with pytest.raises(ProblemError) as refused:
            b"".join(gateway.make_evidence(kind="fact"))
        assert refused.value.problem.status == 422


def test_revocation_at_the_source_acts_as_soon_as_a_header_proves_it(
    pair: tuple[Side, Side],
) -> None:
    source, taker = pair
    made = import_fact(source, taker, "F-2")
    revoke(source, "F-2")
    # The watch sees it, and says what is missing to prove it.
    waiting = until(lambda: _with_problem(taker, made))
    assert waiting.problem is not None
    code = f"{waiting.problem.codespace}/{waiting.problem.code}"
    assert (code, waiting.state) == ("fact_import/2", "known")
    nudge(source, taker)
    revoked = until(lambda: _with_status(taker, made, "revoked"))
    assert revoked.proven is not None
    assert revoked.proven.refusal is not None
    refusal = revoked.proven.refusal
    assert (refusal.codespace, refusal.code) == ("facts", 9)
    assert (revoked.proven.is_usable, revoked.proven.refreshed) == (False, 1)
    assert until(lambda: look(taker, made).looked)
    assert look(taker, made).problem is None


def _with_problem(taker: Side, fact: Fact) -> Fact | None:
    found = look(taker, fact)
    return found if found.problem else None


def _with_status(taker: Side, fact: Fact, status: str) -> Fact | None:
    found = look(taker, fact)
    return found if found.proven and found.proven.status == status else None


def test_fact_that_nobody_watches_stays_until_it_is_refreshed(
    pair: tuple[Side, Side],
) -> None:
    source, taker = pair
    made = import_fact(source, taker, "F-3", watch=False)
    revoke(source, "F-3")
    nudge(source, taker)
    assert (look(taker, made).looked, look(taker, made).is_watched) == (None, False)
    still = look(taker, made).proven
    assert still is not None
    assert still.status == "active"
    done = gw(taker, "facts", "refresh", made.id, "--wait=60")
    assert done.exit_code == 0, done.output
    assert answer_of(done)["proven"]["status"] == "revoked"


def test_absence_is_a_fact_until_something_stands_there(
    pair: tuple[Side, Side],
) -> None:
    source, taker = pair
    publish(source, "F-7")  # an empty store has nothing to prove an absence against
    nudge(source, taker)
    done = import_key(taker, "records", record_key(source.member_id, "F-4"))
    assert done.exit_code == 0, done.output
    made = Fact.model_validate(answer_of(done))
    assert made.proven is not None
    assert (made.proven.status, made.proven.is_usable) == ("absent", False)
    publish(source, "F-4")
    nudge(source, taker)
    until(lambda: _with_status(taker, made, "active"))


def test_absence_in_an_empty_store_is_refused_with_the_code_of_its_zone(
    pair: tuple[Side, Side],
) -> None:
    source, taker = pair
    nudge(source, taker)
    done = import_key(taker, "claims", b"\x01")  # nobody claims anything here
    assert done.exit_code == 1, done.output
    made = Fact.model_validate(answer_of(done))
    assert made.problem is not None
    code = f"{made.problem.codespace}/{made.problem.code}"
    assert (code, made.state, made.proven) == ("store/5", "stuck", None)
    with taker.client() as gateway:
        gateway.cancel_job(made.job or 0)


def test_kill_neither_loses_nor_doubles_an_import(pair: tuple[Side, Side]) -> None:
    source, taker = pair
    connection = connection_of(taker)
    for number in range(5):
        publish(source, f"K-{number}")
    nudge(source, taker)
    with taker.client() as gateway:
        made = [
            gateway.import_fact(
                source=connection,
                issuer=source.member_id,
                record=f"K-{number}",
                idempotency_key=f"import-of-k-{number}",
            )
            for number in range(5)
        ]
    taker.process.kill()
    taker.process.start()
    with taker.client() as gateway:
        again = gateway.import_fact(
            source=connection,
            issuer=source.member_id,
            record="K-0",
            idempotency_key="import-of-k-0",
        )
        assert again.id == made[0].id
        for each in made:
            known = gateway.get_fact(each.id, wait=60)
            assert (known.state, known.problem) == ("known", None)
            assert known.proven is not None
            assert known.proven.refreshed == 0


def test_import_that_cannot_succeed_waits_for_a_person_and_hinders_nothing(
    pair: tuple[Side, Side],
) -> None:
    source, taker = pair
    with taker.client() as gateway:
        stuck = gateway.import_fact(
            source="connection-77", issuer=source.member_id, record="X", wait=60
        )
        assert (stuck.state, stuck.proven) == ("stuck", None)
        assert stuck.problem is not None
        assert stuck.job in [each.id for each in gateway.list_undelivered()]
        gateway.cancel_job(stuck.job or 0)
        assert gateway.get_fact(stuck.id).state == "cancelled"
    import_fact(source, taker, "F-5")


@pytest.mark.parametrize(
    "body",
    [
        {"source": "connection-0"},
        {"source": "connection-0", "issuer": "a"},
        {"source": "connection-0", "issuer": "aa", "record": "R", "store": "records"},
        {"source": "connection-0", "store": "records", "key": "0"},
        {"source": "connection-0", "store": "../x", "key": "00"},
        {"source": "connection-0", "store": "records", "key": "00" * 501},
        {"source": "connection", "issuer": "aa", "record": "R"},
        {"source": "connection-0", "issuer": "aa", "record": "R", "watch": "yes"},
    ],
)
def test_import_that_says_nothing_clear_is_refused(
    pair: tuple[Side, Side], body: dict[str, Any]
) -> None:
    _, taker = pair
    with taker.client() as gateway, pytest.raises(ProblemError) as refused:
        gateway.import_fact(**body)
    assert refused.value.problem.status == 422


def test_fact_that_nobody_knows_is_absent(pair: tuple[Side, Side]) -> None:
    _, taker = pair
    with taker.client() as gateway:
        for call in (
            gateway.get_fact,
            gateway.refresh_fact,
            lambda fact: gateway.watch_fact(fact, watch=True),
        ):
            with pytest.raises(ProblemError) as refused:
                call("00" * 32)
            assert refused.value.problem.status == 404
