"""Each new version reaches its subscriber: gateways as processes, on every ground."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huitong.core.time import format_rfc3339
from huitong.sdk import ProblemError
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.pair_kit import Ground, Side, command, pair_of_gateways

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_PATIENCE_S = 120
_SUBJECT = "5e" * 32
_SINK = """
connector: inbox
sink: {{kind: folder, path: {path}}}
record_types: [tax.invoice]
"""


def test_versions_arrive_over_stops_until_the_consent_is_withdrawn(
    tmp_path: Path, ground: Ground
) -> None:
    inbox = tmp_path / "inbox"
    with pair_of_gateways(tmp_path, ground) as (bureau, bank):
        bank.define("inbox", _SINK.format(path=inbox))
        consent = _prepare(bureau, bank)
        begun = _subscribe(bank, bureau, consent)
        assert (begun.stage, begun.side) == ("active", "requester"), begun
        _publish_version(bureau, 2)
        _until(lambda: _versions(inbox) == [2])

        bank.process.kill()  # whoever is down gets later what was missed
        _publish_version(bureau, 3)
        bank.process.start()
        _until(lambda: _versions(inbox) == [2, 3])

        _publish_version(bureau, 4, wait=0)
        bureau.process.kill()
        bureau.process.start()
        _until(lambda: _versions(inbox) == [2, 3, 4])
        _check_both_sides(bureau, bank, begun.id)
        _check_commands(bank, begun.id)

        with bureau.client() as gateway:
            gateway.withdraw_consent(consent, reason="no longer", wait=30)
        for side in (bureau, bank):
            over = _until(lambda side=side: _over(side))
            assert (over.stage, over.end.reason_code) == ("withdrawn", "consent")
            assert over.end.by == "provider"
        _publish_version(bureau, 5)
        with bureau.client() as gateway, pytest.raises(ProblemError) as refused:
            gateway.end_subscription(_over(bureau).id)
        problem = refused.value.problem
        assert (problem.codespace, problem.code) == ("subscription", 4)
        assert _versions(inbox) == [2, 3, 4]


def _prepare(bureau: Side, bank: Side) -> int:
    """Publish a record, let the bank have it, and return the subject's consent."""
    with bureau.client() as gateway:
        gateway.publish_record(
            record="INV-1",
            record_type="tax.invoice",
            subject=_SUBJECT,
            document={"number": "1", "version": 1},
            wait=30,
        )
        asked: dict[str, Any] = {
            "reader": bank.member_id,
            "channel": bureau.channel_id,
            "purpose": PURPOSE,
            "wait": 30,
        }
        given = gateway.give_grant(record_type="tax.invoice", **asked)
        assert given.state == "done"
        done = gateway.record_consent(
            subject=_SUBJECT, evidence_digest="ab" * 32, **asked
        )
        (consent,) = gateway.list_consents(subject=_SUBJECT)
        assert done.result == {"consent_id": consent.id}
        return consent.id


def _subscribe(bank: Side, bureau: Side, consent: int) -> Any:
    until = format_rfc3339((int(time.time()) + 3_600) * 10**9)
    with bank.client() as gateway:
        made = [
            gateway.create_subscription(
                channel=bank.channel_id,
                issuer=bureau.member_id,
                record="INV-1",
                purpose=PURPOSE,
                legal_basis="contract",
                consent=consent,
                until=until,
                wait=60,
                idempotency_key="the-same",
            )
            for _ in range(2)
        ]
    assert made[0].id == made[1].id
    return made[1]


def _publish_version(bureau: Side, version: int, wait: int = 30) -> None:
    with bureau.client() as gateway:
        gateway.publish_version(
            "INV-1",
            previous_version=version - 1,
            document={"number": "1", "version": version},
            wait=wait,
        )


def _versions(inbox: Path) -> list[int]:
    """Return the versions in a folder, and check that each is what it says."""
    found = []
    for beside in inbox.glob("*.exchange.json"):
        facts = json.loads(beside.read_text())
        document = json.loads((inbox / facts["file"]).read_text())
        assert document["version"] == facts["version"]
        assert facts["grade"] == "proven"
        found.append(facts["version"])
    return sorted(found)


def _check_both_sides(bureau: Side, bank: Side, subscription: str) -> None:
    with bank.client() as gateway:
        pushed = list(gateway.list_exchanges(subscription=subscription))
        assert [each.push for each in pushed] == [1, 2, 3]
        assert gateway.get_subscription(subscription).pushes == 3
    _until(lambda: [each.stage for each in _pushes(bureau)] == ["settled"] * 3)


def _check_commands(bank: Side, subscription: str) -> None:
    environment = {"HUITONG_GW_URL": bank.url, "HUITONG_GW_KEY": bank.api_key}

    def answer(*arguments: str) -> Any:
        return command("gw", "subscriptions", *arguments, environment=environment)

    (listed,) = answer("list", "--side=requester", "--stage=active")["subscriptions"]
    assert listed == answer("show", subscription)
    pushed = answer("pushes", subscription)["exchanges"]
    assert [each["version"] for each in pushed] == [2, 3, 4]


def _pushes(bureau: Side) -> list[Any]:
    with bureau.client() as gateway:
        (found,) = gateway.list_subscriptions(side="provider", stage=["active"])
        return list(gateway.list_exchanges(subscription=found.id))


def _over(side: Side) -> Any:
    with side.client() as gateway:
        (found,) = gateway.list_subscriptions()
    return found if found.is_over else None


def _until(look: Callable[[], Any]) -> Any:
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen")
