"""What a rule asks: may this fact be used now?

Rules of packs and policies call these functions and nothing else. Each refusal has a code
of its own, in this order:

=============  ======================================================================
code           why
=============  ======================================================================
``facts/2``    nobody imported it
``facts/6``    the light client behind it is frozen or expired
``facts/7``    the client was recovered since, and nothing from before is trusted
``facts/4``    the zone's term has passed since the time of the source's header
``facts/5``    the rule asks for a younger proof
``facts/8``    nothing stands there (or ``facts/13``: something does)
``facts/9``    the issuer revoked the record
``facts/10``   the issuer suspended the record
``facts/11``   the value is no record's header
``facts/12``   the record's own validity has not begun or has ended
=============  ======================================================================

All of them read the state of the block and nothing else.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import is_within_period
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.light import light_client
from huitong.light.status import Status
from huitong.modules.facts.errors import (
    FactAbsentError,
    FactExpiredError,
    FactNotRecordError,
    FactNotTrustedError,
    FactPeriodError,
    FactPresentError,
    FactRevokedError,
    FactSourceNotActiveError,
    FactSuspendedError,
    FactTooOldError,
)
from huitong.modules.facts.keys import record_fact_id
from huitong.modules.facts.state import ABSENT, REVOKED, SUSPENDED, get_fact
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.proto.huitong.facts.v1.facts_pb2 import Fact, FactRecord


def usable_fact(ctx: Context, fact_id: bytes, *, age_max_s: int = 0) -> Fact:
    """Return a fact that a rule may use in this block: the value stands there.

    Args:
        ctx: the state and the block.
        fact_id: see ``fact_id_of``; it names the source that the rule trusts.
        age_max_s: seconds since the time of the source's header at most; 0: the zone's
            term alone.

    Raises:
        RejectedError: one of those above, each with its code.

    Cost: 5 reads.
    """
    fact = get_fact(ctx, fact_id)
    check_proven_lately(ctx, fact, age_max_s)
    _check_stands(ctx, fact)
    return fact


def usable_record(
    ctx: Context, source: str, issuer: str, record_id: str, *, age_max_s: int = 0
) -> FactRecord:
    """Return what is proven of a record of another zone: its head, active and in force.

    Args:
        ctx: the state and the block.
        source: the connection or light client that the rule trusts.
        issuer: member id over there.
        record_id: the issuer's id of the record.
        age_max_s: as in ``usable_fact``.

    Raises:
        RejectedError: one of those above, each with its code.
    """
    fact_id = record_fact_id(source, issuer, record_id)
    return usable_fact(ctx, fact_id, age_max_s=age_max_s).record


def usable_absence(ctx: Context, fact_id: bytes, *, age_max_s: int = 0) -> Fact:
    """Return a fact that a rule may use in this block: nothing stands there.

    Arguments are those of ``usable_fact``.

    Raises:
        RejectedError: one of those above, each with its code.
    """
    fact = get_fact(ctx, fact_id)
    check_proven_lately(ctx, fact, age_max_s)
    if fact.status != ABSENT:
        raise FactPresentError(fact_id=fact_id, height=_height(fact))
    return fact


def check_proven_lately(ctx: Context, fact: Fact, age_max_s: int = 0) -> None:
    """Raise unless what a fact says is still vouched for, whatever it says.

    Raises:
        FactSourceNotActiveError, FactNotTrustedError: its light client does not.
        FactExpiredError, FactTooOldError: it was proven too long ago.
    """
    store, now_ns = ctx.store(LINKS_STORE), ctx.block.time_ns
    status = light_client.client_status(store, fact.client_id, now_ns=now_ns)
    if status is not Status.ACTIVE:
        raise FactSourceNotActiveError(
            fact_id=fact.fact_id, client_id=fact.client_id, status=status
        )
    floor = light_client.recovery_floor(store, fact.client_id)
    if _height(fact) <= floor:
        raise FactNotTrustedError(
            fact_id=fact.fact_id,
            height=_height(fact),
            client_id=fact.client_id,
            floor=floor,
        )
    now_s = now_ns // NS_PER_SECOND
    if now_s >= fact.valid_until:
        raise FactExpiredError(
            fact_id=fact.fact_id, valid_until=fact.valid_until, now=now_s
        )
    age = now_s - fact.source_time // NS_PER_SECOND
    if age_max_s and age > age_max_s:
        raise FactTooOldError(fact_id=fact.fact_id, age=age, age_max=age_max_s)


def _check_stands(ctx: Context, fact: Fact) -> None:
    if fact.status == ABSENT:
        raise FactAbsentError(fact_id=fact.fact_id, height=_height(fact))
    if not fact.HasField("record"):
        return
    record = fact.record
    for status, error in ((REVOKED, FactRevokedError), (SUSPENDED, FactSuspendedError)):
        if fact.status == status:
            raise error(
                fact_id=fact.fact_id, record_id=record.record_id, issuer=record.issuer
            )
    if not record.version:
        raise FactNotRecordError(fact_id=fact.fact_id)
    now_s = ctx.block.time_ns // NS_PER_SECOND
    if not is_within_period(record.valid_from, record.valid_until, now_s):
        raise FactPeriodError(
            fact_id=fact.fact_id,
            valid_from=record.valid_from,
            valid_until=record.valid_until,
            now=now_s,
        )


def _height(fact: Fact) -> Height:
    return Height.from_proto(fact.source_height)
