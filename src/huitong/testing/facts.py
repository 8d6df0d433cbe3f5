"""Two zones over a connection: hangzhou-1 holds records, chongqing-1 imports facts.

Facts travel with real proofs over a real light client::

    pair = open_facts()
    pair.publish()
    fact = pair.import_fact()
    pair.set_status("revoked")
    pair.refresh(fact.fact_id)

On hangzhou-1 the member ``tax`` has the account ``publisher``; on chongqing-1 the member
``bank`` has ``requester``, and ``stranger`` is an account of no member and without a role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.modules import facts, links, members, records
from huitong.modules.facts.state import get_fact
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.links import Endpoint, Path
from huitong.testing.mock_application import MockApplication
from huitong.testing.zones import Proven, SimClock, SimZone

PUBLISHER: Final = address_of("publisher")
REQUESTER: Final = address_of("requester")
STRANGER: Final = address_of("stranger")
OPERATOR: Final = address_of("operator")
RECORD_KEY: Final = records.record_key("tax", "inv-1")
_MODULES: Final = (members.MODULE, links.MODULE, records.MODULE, facts.MODULE)
_ACCOUNTS_ON_A: Final = {"publisher": ("tax", "publisher")}
_ACCOUNTS_ON_B: Final = {
    "requester": ("bank", "requester"),
    "officer": ("court", "officer"),
    "operator": ("", "operator"),
    "stranger": ("", ""),
}
_STATUSES: Final = {
    "active": records_pb2.RECORD_STATUS_ACTIVE,
    "suspended": records_pb2.RECORD_STATUS_SUSPENDED,
    "revoked": records_pb2.RECORD_STATUS_REVOKED,
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FactPair:
    """The source zone a and the zone b whose rules use facts."""

    path: Path
    """``path.b`` is the end with the light client of a."""

    @property
    def a(self) -> SimZone:
        """The zone that holds the records."""
        return self.path.a.zone

    @property
    def b(self) -> SimZone:
        """The zone that imports facts."""
        return self.path.b.zone

    @property
    def source(self) -> str:
        """The connection on b that vouches for a."""
        return self.path.b.connection_id

    # --- on a ---------------------------------------------------------------------------

    def publish(self, record_id: str = "inv-1", **changes: Any) -> None:
        """Publish a record of tax."""
        fields: dict[str, Any] = {
            "signer": PUBLISHER,
            "record_id": record_id,
            "record_type": "tax.invoice",
            "payload_digest": bytes(range(32)),
            "fields": ("amount", "buyer"),
            "level": 1,
            "share_class": records_pb2.SHARE_CLASS_OPEN,
        }
        self.a.deliver(records_pb2.MsgPublishRecord(**{**fields, **changes}))

    def publish_version(self, previous: int, record_id: str = "inv-1") -> None:
        """Publish a new version of a record of tax."""
        self.a.deliver(
            records_pb2.MsgPublishVersion(
                signer=PUBLISHER,
                record_id=record_id,
                previous_version=previous,
                payload_digest=bytes([previous]) * 32,
                fields=["amount"],
            )
        )

    def set_status(self, status: str, record_id: str = "inv-1") -> None:
        """Suspend, reactivate or revoke a record of tax."""
        self.a.deliver(
            records_pb2.MsgSetRecordStatus(
                signer=PUBLISHER,
                record_id=record_id,
                status=_STATUSES[status],
                reason="x",
            )
        )

    # --- on b ---------------------------------------------------------------------------

    def prove(self, key: bytes = RECORD_KEY, store: str = "records") -> Proven:
        """End a's block, show its header to b, and prove what a holds under a key."""
        self.path.b.catch_up()
        return self.a.prove(store, key)

    def import_message(
        self, proven: Proven | None = None, **changes: Any
    ) -> facts_pb2.MsgImportFact:
        """Return the message that imports what is proven, record inv-1 by default."""
        shown = self.prove() if proven is None else proven
        fields: dict[str, Any] = {
            "signer": REQUESTER,
            "source": self.source,
            "store": "records",
            "key": RECORD_KEY,
            "value": shown.value or b"",
            "absent": shown.value is None,
            "proof": shown.proof,
            "proof_height": shown.height.to_proto(),
        }
        return facts_pb2.MsgImportFact(**{**fields, **changes})

    def import_fact(
        self, proven: Proven | None = None, **changes: Any
    ) -> facts_pb2.Fact:
        """Import what is proven, record inv-1 by default, and return the fact."""
        answer = self.b.deliver(self.import_message(proven, **changes))
        return self.fact(answer.fact_id)

    def refresh_message(
        self, fact_id: bytes, proven: Proven | None = None, **changes: Any
    ) -> facts_pb2.MsgRefreshFact:
        """Return the message of a stranger with a newer proof for a fact."""
        known = self.fact(fact_id)
        shown = self.prove(known.key, known.store) if proven is None else proven
        fields: dict[str, Any] = {
            "signer": STRANGER,
            "fact_id": fact_id,
            "value": shown.value or b"",
            "absent": shown.value is None,
            "proof": shown.proof,
            "proof_height": shown.height.to_proto(),
        }
        return facts_pb2.MsgRefreshFact(**{**fields, **changes})

    def refresh(
        self, fact_id: bytes, proven: Proven | None = None, **changes: Any
    ) -> facts_pb2.Fact:
        """Bring a newer proof as a stranger, and return the fact."""
        self.b.deliver(self.refresh_message(fact_id, proven, **changes))
        return self.fact(fact_id)

    def fact(self, fact_id: bytes) -> facts_pb2.Fact:
        """Return a fact as b keeps it, from the block under way."""
        return get_fact(self.b.context(), fact_id)

    def wait(self, seconds: int) -> None:
        """Let time pass on both zones, with a header of a shown to b at the end."""
        self.a.next_block(duration_ns=seconds * NS_PER_SECOND)
        self.b.next_block(duration_ns=0)
        self.path.b.catch_up()


def open_facts(*, delay_period_ns: int = 0, term_s: int = 604_800) -> FactPair:
    """Return two zones with an open connection.

    Args:
        delay_period_ns: of the connection.
        term_s: the rule of facts on b.
    """
    clock = SimClock()
    ends = [
        _endpoint(chain_id, accounts, clock, delay_period_ns, term_s)
        for chain_id, accounts in (
            ("hangzhou-1", _ACCOUNTS_ON_A),
            ("chongqing-1", _ACCOUNTS_ON_B),
        )
    ]
    path = Path(a=ends[0], b=ends[1])
    path.a.face(path.b)
    path.b.face(path.a)
    path.open_clients()
    path.open_connection()
    return FactPair(path=path)


def height_of(fact: facts_pb2.Fact) -> Height:
    """Return the height of the header that a fact was proven against."""
    return Height.from_proto(fact.source_height)


def _endpoint(
    chain_id: str,
    accounts: dict[str, tuple[str, str]],
    clock: SimClock,
    delay_period_ns: int,
    term_s: int,
) -> Endpoint:
    zone = SimZone(
        chain_id,
        _MODULES,
        clock=clock,
        genesis={
            "members": members_genesis(accounts),
            "facts": {"params": {"term": str(term_s)}},
        },
    )
    zone.next_block()
    return Endpoint(
        zone=zone, application=MockApplication(), delay_period_ns=delay_period_ns
    )
