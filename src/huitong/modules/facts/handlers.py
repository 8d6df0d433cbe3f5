"""Import what another chain's state holds, and replace it by what is newer.

Rules: [FACTS.1] nothing is stored that the zone's own light client did not verify, over
an active client and after the delay of the connection; [FACTS.2] a fact is never replaced
by an older or equally old state; [FACTS.3] its term runs from the time of the source's
header, so an old proof is no way to make a fact last; [FACTS.4] whoever has an account may
bring a newer proof, so that nobody can keep a revocation from the zone; [FACTS.5] facts
are never removed: an older state could be imported again.
"""

from __future__ import annotations

from dataclasses import dataclass

from huitong.core.codec import DecodeError, decode
from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import DIGEST_SIZE_BYTES, check_name, check_size
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.limits import (
    FACT_VALUE_KEPT_BYTES_MAX,
    FACT_VALUE_SIZE_BYTES_MAX,
    STORE_KEY_SIZE_BYTES_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.light import light_client
from huitong.modules.facts import events
from huitong.modules.facts.errors import FactNotNewerError, FactPastError
from huitong.modules.facts.keys import fact_id_of, record_of_key
from huitong.modules.facts.sources import get_source
from huitong.modules.facts.state import (
    ABSENT,
    ACTIVE,
    REVOKED,
    SUSPENDED,
    add_fact,
    find_fact,
    get_fact,
    get_params,
    save_fact,
)
from huitong.modules.links.checks import check_proof
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.modules.links.proofs import verify_absence, verify_value
from huitong.modules.members.state import get_member_id
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2

_STATUS_OF_RECORD = {
    records_pb2.RECORD_STATUS_ACTIVE: ACTIVE,
    records_pb2.RECORD_STATUS_SUSPENDED: SUSPENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What a message says that another chain holds."""

    source: str
    store: str
    key: bytes
    value: bytes
    absent: bool
    proof: bytes
    proof_height: client_pb2.Height

    @property
    def fact_id(self) -> bytes:
        return fact_id_of(self.source, self.store, self.key)


def check_import_fact(ctx: Context, msg: pb.MsgImportFact) -> None:
    """Raise unless the other chain is proven to hold what the message says.

    Raises:
        InvalidRequestError: a field is malformed.
        NoMemberError: the signer acts for no member.
        InvalidProofError: the proof is missing or too long.
        FactNotNewerError: the zone knows a state that is as new.
        FactPastError: the fact would never be usable.
        RejectedError: what ``get_source`` and the light client refuse.

    Cost: 10 reads, one proof.
    """
    get_member_id(ctx, msg.signer)
    _check_form(msg.value, msg.absent, msg.proof)
    check_name(msg.store, "store")
    if not 0 < len(msg.key) <= STORE_KEY_SIZE_BYTES_MAX:
        raise InvalidRequestError(
            reason=f"key has {len(msg.key)} bytes, expected 1 to "
            f"{STORE_KEY_SIZE_BYTES_MAX}"
        )
    _check_shown(ctx, _imported(msg))


def apply_import_fact(ctx: Context, msg: pb.MsgImportFact) -> pb.MsgImportFactResponse:
    """Write the fact, new or instead of an older state. Cost: 1 to 3 writes."""
    fact = _take(ctx, msg.signer, _imported(msg))
    return pb.MsgImportFactResponse(
        fact_id=fact.fact_id, status=fact.status, valid_until=fact.valid_until
    )


def check_refresh_fact(ctx: Context, msg: pb.MsgRefreshFact) -> None:
    """Raise unless the proof shows a newer state of a fact that is here.

    Raises:
        InvalidRequestError: a field is malformed.
        FactNotFoundError: there is no such fact.
        RejectedError: what ``check_import_fact`` raises.

    Cost: 10 reads, one proof.
    """
    check_size(msg.fact_id, "fact_id", DIGEST_SIZE_BYTES)
    _check_form(msg.value, msg.absent, msg.proof)
    _check_shown(ctx, _refreshed(ctx, msg))


def apply_refresh_fact(
    ctx: Context, msg: pb.MsgRefreshFact
) -> pb.MsgRefreshFactResponse:
    """Write the newer state. Cost: 1 write."""
    fact = _take(ctx, msg.signer, _refreshed(ctx, msg))
    return pb.MsgRefreshFactResponse(status=fact.status, valid_until=fact.valid_until)


def _imported(msg: pb.MsgImportFact) -> _Shown:
    return _Shown(
        source=msg.source,
        store=msg.store,
        key=msg.key,
        value=msg.value,
        absent=msg.absent,
        proof=msg.proof,
        proof_height=msg.proof_height,
    )


def _refreshed(ctx: Context, msg: pb.MsgRefreshFact) -> _Shown:
    known = get_fact(ctx, msg.fact_id)
    return _Shown(
        source=known.source,
        store=known.store,
        key=known.key,
        value=msg.value,
        absent=msg.absent,
        proof=msg.proof,
        proof_height=msg.proof_height,
    )


def _check_form(value: bytes, absent: bool, proof: bytes) -> None:
    if absent == bool(value):
        raise InvalidRequestError(
            reason="a value and absent" if absent else "neither a value nor absent"
        )
    if len(value) > FACT_VALUE_SIZE_BYTES_MAX:
        raise InvalidRequestError(
            reason=f"value has {len(value)} bytes, at most {FACT_VALUE_SIZE_BYTES_MAX}"
        )
    check_proof(proof, "proof of a fact")


def _check_shown(ctx: Context, shown: _Shown) -> None:
    source = get_source(ctx, shown.source)
    height = Height.from_proto(shown.proof_height)
    known = find_fact(ctx, shown.fact_id)
    if known is not None and height <= Height.from_proto(known.source_height):
        raise FactNotNewerError(  # [FACTS.2]
            fact_id=shown.fact_id,
            known=Height.from_proto(known.source_height),
            actual=height,
        )
    path = (shown.store.encode(), shown.key)
    if shown.absent:  # [FACTS.1]
        verify_absence(
            ctx,
            source.client_id,
            proof=shown.proof,
            proof_height=shown.proof_height,
            path=path,
            delay_period_ns=source.delay_period_ns,
            what="fact absence",
        )
    else:
        verify_value(
            ctx,
            source.client_id,
            proof=shown.proof,
            proof_height=shown.proof_height,
            path=path,
            value=shown.value,
            delay_period_ns=source.delay_period_ns,
            what="fact",
        )
    _check_term(ctx, source.client_id, height)


def _check_term(ctx: Context, client_id: str, height: Height) -> None:
    time_ns = light_client.timestamp_at_height(
        ctx.store(LINKS_STORE), client_id, height
    )
    valid_until = _valid_until(ctx, time_ns)
    now_s = ctx.block.time_ns // NS_PER_SECOND
    if valid_until <= now_s:
        raise FactPastError(
            source_time=time_ns // NS_PER_SECOND, valid_until=valid_until, now=now_s
        )


def _valid_until(ctx: Context, source_time_ns: int) -> int:
    return source_time_ns // NS_PER_SECOND + get_params(ctx).term  # [FACTS.3]


def _take(ctx: Context, signer: str, shown: _Shown) -> pb.Fact:
    known = find_fact(ctx, shown.fact_id)
    fact = _made(ctx, signer, shown)
    if known is None:
        fact.owner = get_member_id(ctx, signer)
        add_fact(ctx, fact)
        ctx.emit(events.fact_imported(fact))
        return fact
    fact.owner = known.owner
    fact.refreshed = known.refreshed + 1
    save_fact(ctx, fact)
    ctx.emit(events.fact_refreshed(fact, previous=known))
    if fact.status != known.status:
        ctx.emit(events.fact_status_changed(fact, previous=known.status))
    return fact


def _made(ctx: Context, signer: str, shown: _Shown) -> pb.Fact:
    source = get_source(ctx, shown.source)
    height = Height.from_proto(shown.proof_height)
    time_ns = light_client.timestamp_at_height(
        ctx.store(LINKS_STORE), source.client_id, height
    )
    fact = pb.Fact(
        fact_id=shown.fact_id,
        source=shown.source,
        client_id=source.client_id,
        chain_id=source.chain_id,
        store=shown.store,
        key=shown.key,
        status=ABSENT if shown.absent else ACTIVE,
        source_height=shown.proof_height,
        source_time=time_ns,
        imported_height=ctx.block.height.revision_height,
        imported_time=ctx.block.time_ns,
        imported_by=signer,
        valid_until=_valid_until(ctx, time_ns),
    )
    if not shown.absent:
        fact.value_digest = sha256(shown.value)
        if len(shown.value) <= FACT_VALUE_KEPT_BYTES_MAX:
            fact.value = shown.value
    read_record(fact, shown.value)
    return fact


def read_record(fact: pb.Fact, value: bytes) -> None:
    """Write into a fact what its value says of a record, and the status that follows.

    A fact under the key of a record's head names the record even where it is absent; a
    value there that is no header of it names the record without a version.
    """
    about = record_of_key(fact.store, fact.key)
    if about is None:
        return
    fact.record.issuer, fact.record.record_id = about
    if fact.status == ABSENT:
        return
    try:
        header = decode(records_pb2.RecordHeader, value)
    except DecodeError:
        return
    if (header.issuer, header.record_id) != about:
        return
    fact.record.version = header.version
    fact.record.record_type = header.record_type
    fact.record.subject = header.subject
    fact.record.payload_digest = header.payload_digest
    fact.record.status = header.status
    fact.record.valid_from = header.valid_from
    fact.record.valid_until = header.valid_until
    fact.status = _STATUS_OF_RECORD.get(header.status, REVOKED)  # unknown: closed
