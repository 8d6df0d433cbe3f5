"""What the module ``facts`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.core.height import Height
from huitong.modules.facts.state import status_name
from huitong.proto.huitong.facts.v1.facts_pb2 import Fact, Params


def fact_imported(fact: Fact) -> Event:
    """A value of another chain was proven to the zone for the first time."""
    return event(
        "fact_imported",
        fact_id=fact.fact_id.hex(),
        source=fact.source,
        chain_id=fact.chain_id,
        store=fact.store,
        key=fact.key.hex(),
        status=status_name(fact.status),
        value_digest=fact.value_digest.hex(),
        issuer=fact.record.issuer,
        record_id=fact.record.record_id,
        version=fact.record.version,
        source_height=str(Height.from_proto(fact.source_height)),
        source_time=fact.source_time,
        valid_until=fact.valid_until,
        owner=fact.owner,
        imported_by=fact.imported_by,
    )


def fact_refreshed(fact: Fact, *, previous: Fact) -> Event:
    """A newer proof replaced what was known."""
    return event(
        "fact_refreshed",
        fact_id=fact.fact_id.hex(),
        source=fact.source,
        chain_id=fact.chain_id,
        status=status_name(fact.status),
        previous_status=status_name(previous.status),
        value_digest=fact.value_digest.hex(),
        previous_value_digest=previous.value_digest.hex(),
        issuer=fact.record.issuer,
        record_id=fact.record.record_id,
        version=fact.record.version,
        source_height=str(Height.from_proto(fact.source_height)),
        source_time=fact.source_time,
        valid_until=fact.valid_until,
        imported_by=fact.imported_by,
    )


def fact_status_changed(fact: Fact, *, previous: int) -> Event:
    """The source gave, suspended or took back what the fact says."""
    return event(
        "fact_status_changed",
        fact_id=fact.fact_id.hex(),
        source=fact.source,
        chain_id=fact.chain_id,
        issuer=fact.record.issuer,
        record_id=fact.record.record_id,
        status=status_name(fact.status),
        previous_status=status_name(previous),
    )


def fact_params_changed(params: Params) -> Event:
    """The members changed how long facts are usable."""
    return event("fact_params_changed", term=params.term)
