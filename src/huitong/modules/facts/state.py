"""Facts and the zone's rules of facts in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.modules.facts.errors import FactNotFoundError
from huitong.modules.facts.keys import (
    FACT_PREFIX,
    PARAMS_KEY,
    STORE,
    fact_key,
    record_of_key,
    source_key,
    source_prefix,
    subject_key,
    subject_prefix,
)
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.facts.v1.facts_pb2 import Fact, Params

ACTIVE = facts_pb2.FACT_STATUS_ACTIVE
SUSPENDED = facts_pb2.FACT_STATUS_SUSPENDED
REVOKED = facts_pb2.FACT_STATUS_REVOKED
ABSENT = facts_pb2.FACT_STATUS_ABSENT

_LISTED = b"\x01"

#: Rules of a zone whose genesis says nothing else: a week.
DEFAULT_PARAMS = Params(term=604_800)


def status_name(status: int) -> str:
    """Return the status of a fact as one lower-case word, for events and texts."""
    return facts_pb2.FactStatus.Name(status).removeprefix("FACT_STATUS_").lower()


def get_params(ctx: Context) -> Params:
    """Return the zone's rules of facts."""
    value = ctx.store(STORE).get(PARAMS_KEY)
    return DEFAULT_PARAMS if value is None else Params.FromString(value)


def save_params(ctx: Context, params: Params) -> None:
    """Write the zone's rules of facts."""
    ctx.store(STORE).set(PARAMS_KEY, encode(params))


def find_fact(ctx: Context, fact_id: bytes) -> Fact | None:
    """Return a fact as it was last proven, usable or not; None if there is none."""
    value = ctx.store(STORE).get(fact_key(fact_id))
    return None if value is None else Fact.FromString(value)


def get_fact(ctx: Context, fact_id: bytes) -> Fact:
    """Return a fact as it was last proven, usable or not.

    Raises:
        FactNotFoundError: there is none.
    """
    fact = find_fact(ctx, fact_id)
    if fact is None:
        raise FactNotFoundError(fact_id=fact_id)
    return fact


def save_fact(ctx: Context, fact: Fact) -> None:
    """Write a fact that is listed already."""
    ctx.store(STORE).set(fact_key(fact.fact_id), encode(fact))


def add_fact(ctx: Context, fact: Fact) -> None:
    """Write a new fact, and list it for its source and the record that it is about."""
    save_fact(ctx, fact)
    store = ctx.store(STORE)
    store.set(source_key(fact.source, fact.fact_id), _LISTED)
    about = record_of_key(fact.store, fact.key)
    if about is not None:
        store.set(subject_key(*about, fact.fact_id), _LISTED)


def all_facts(ctx: Context) -> Iterator[Fact]:
    """Walk over all facts by ascending id."""
    for _, value in iterate_prefix(ctx.store(STORE), FACT_PREFIX):
        yield Fact.FromString(value)


def facts_of_source(
    ctx: Context, source: str, start_after: bytes
) -> Iterator[tuple[bytes, Fact]]:
    """Walk over the facts of a source, or of all, with the keys to go on from."""
    return _listed(ctx, source_prefix(source), start_after)


def facts_of_record(
    ctx: Context, issuer: str, record_id: str, start_after: bytes
) -> Iterator[tuple[bytes, Fact]]:
    """Walk over the facts about a record, or all of an issuer, with keys to go on from."""
    return _listed(ctx, subject_prefix(issuer, record_id), start_after)


def _listed(
    ctx: Context, prefix: bytes, start_after: bytes
) -> Iterator[tuple[bytes, Fact]]:
    start = max(start_after + b"\x00", prefix) if start_after else prefix
    end = prefix_end(prefix)
    if end is not None and start >= end:
        return
    for key, _ in ctx.store(STORE).iterate(start, end):
        yield key, get_fact(ctx, key[-HASH_SIZE_BYTES:])
