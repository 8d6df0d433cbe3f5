"""Facts under a hostile order of proofs: what is shown never goes back in time.

A record of zone a changes at random; whoever has an account brings proofs of any age, of
records that are there or not, right or bent, over either source. After each step: no fact
shows an older state than it showed before, and what a fact says is what a's state held
at that height.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.core.errors import RejectedError
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.light import light_client
from huitong.modules.facts.state import ABSENT, all_facts
from huitong.modules.facts.use import usable_fact
from huitong.modules.links import keys
from huitong.modules.records import record_key
from huitong.proto.huitong.facts.v1.facts_pb2 import Fact
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.facts import FactPair, height_of, open_facts
from huitong.testing.zones import Proven

RECORDS: Final = ("inv-1", "inv-2")
ACTIONS: Final = (
    "publish",
    "version",
    "suspend",
    "activate",
    "revoke",
    "block",
    "import",
    "import",
    "refresh",
    "refresh",
    "refresh",
    "bend",
    "wait",
)


@dataclass
class History:
    """Both zones, and the newest state that each fact has shown."""

    pair: FactPair = field(default_factory=lambda: open_facts(term_s=120))
    shown: dict[bytes, Fact] = field(default_factory=dict)

    def act(self, action: str, choice: int) -> None:
        # A refusal is an answer; the checks tell whether it left traces.
        with suppress(RejectedError):
            self._act(action, choice)

    def _act(self, action: str, choice: int) -> None:
        pair, record_id = self.pair, RECORDS[choice % 2]
        if action == "publish":
            pair.publish(record_id)
        elif action == "version":
            pair.publish_version(choice % 3 + 1, record_id)
        elif action in ("suspend", "activate", "revoke"):
            words = {"suspend": "suspended", "activate": "active", "revoke": "revoked"}
            pair.set_status(words[action], record_id)
        elif action == "block":
            pair.path.b.catch_up()
        elif action == "wait":
            pair.wait(choice % 60 + 1)
        else:
            self._bring(action, choice, record_id)

    def _bring(self, action: str, choice: int, record_id: str) -> None:
        pair, key = self.pair, record_key("tax", record_id)
        proven = self._proof(key, choice)
        if action == "refresh" and self.shown:
            known = sorted(self.shown)[choice % len(self.shown)]
            proven = self._proof(self.shown[known].key, choice)
            pair.b.deliver(pair.refresh_message(known, proven))
            return
        source = (pair.source, pair.path.b.client_id)[choice % 3 == 0]
        message = pair.import_message(proven, key=key, source=source)
        if action == "bend":
            height = message.proof_height.revision_height + choice % 5 - 2
            message.proof_height.revision_height = max(height, 0)
        pair.b.deliver(message)

    def _proof(self, key: bytes, choice: int) -> Proven:
        """Prove what a held at a height that b's client knows; every other is the newest."""
        known = self._known_heights()
        height = known[-1] if choice % 2 else known[choice // 2 % len(known)]
        return self._proof_at(key, height)

    def _proof_at(self, key: bytes, height: Height) -> Proven:
        return self.pair.a.prove("records", key, version=height.revision_height - 1)

    def _known_heights(self) -> list[Height]:
        store = self.pair.b.context().store(keys.STORE)
        client_id = self.pair.path.b.client_id
        return list(light_client.iterate_consensus_heights(store, client_id))

    def offer_older(self, choice: int) -> None:
        """Bring a true proof of an older state for some fact, as an attacker would."""
        if not self.shown:
            return
        fact = self.shown[sorted(self.shown)[choice % len(self.shown)]]
        older = [height for height in self._known_heights() if height < height_of(fact)]
        if older:
            with suppress(RejectedError):  # also where a's store was still empty
                proven = self._proof_at(fact.key, older[choice % len(older)])
                self.pair.refresh(fact.fact_id, proven)

    def check(self) -> None:
        ctx = self.pair.b.context()
        for fact in all_facts(ctx):
            before = self.shown.get(fact.fact_id)
            if before is not None:
                assert height_of(fact) >= height_of(before)
                assert fact == before or height_of(fact) > height_of(before)
            self._check_true(fact)
            self.shown[fact.fact_id] = fact
            with suppress(RejectedError):
                assert usable_fact(ctx, fact.fact_id) == fact
                assert fact.record.status == records_pb2.RECORD_STATUS_ACTIVE
        assert len(list(all_facts(ctx))) == len(self.shown)

    def _check_true(self, fact: Fact) -> None:
        height = Height.from_proto(fact.source_height)
        version = height.revision_height - 1
        with self.pair.a.state.at(version) as view:
            value = view.prove(fact.store, fact.key).value
        assert (value is None) == (fact.status == ABSENT)
        assert fact.value_digest == (b"" if value is None else sha256(value))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 1_000)),
        min_size=5,
        max_size=40,
    )
)
def test_fact_never_shows_an_older_state_than_before(
    steps: list[tuple[str, int]],
) -> None:
    history = History()
    for action, choice in steps:
        history.act(action, choice)
        history.check()
        history.offer_older(choice)
        history.check()
