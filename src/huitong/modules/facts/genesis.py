"""Facts and the zone's rules of facts in the genesis file.

::

    {"params": {"term": "604800"}, "facts": [Fact…]}

A rule that is left out has its default, as shown.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import DIGEST_SIZE_BYTES, check_name, check_size
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.limits import FACT_VALUE_KEPT_BYTES_MAX, STORE_KEY_SIZE_BYTES_MAX
from huitong.modules.facts.handlers import read_record
from huitong.modules.facts.keys import fact_id_of
from huitong.modules.facts.params import check_params
from huitong.modules.facts.sources import get_source
from huitong.modules.facts.state import (
    ABSENT,
    ACTIVE,
    DEFAULT_PARAMS,
    add_fact,
    all_facts,
    find_fact,
    get_params,
    save_params,
)
from huitong.modules.members.state import get_member
from huitong.proto.huitong.facts.v1.facts_pb2 import Fact, Params


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the rules and facts of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or without its source.
    """
    check_known_keys(state, ("params", "facts"), "facts")
    save_params(ctx, _params_from_json(state.get("params", {})))
    where = "facts.facts"
    for index, fact in enumerate(
        messages_from_json(Fact, state.get("facts", []), where)
    ):
        try:
            _init_fact(ctx, fact)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return the rules and all facts."""
    return {
        "params": {"term": str(get_params(ctx).term)},
        "facts": [message_to_json(fact) for fact in all_facts(ctx)],
    }


def _params_from_json(data: object) -> Params:
    where = "facts.params"
    if not isinstance(data, dict):
        raise GenesisError(where=where, reason="expected an object")
    check_known_keys(data, ("term",), where)
    term = integer_from_json(data.get("term", DEFAULT_PARAMS.term), f"{where}.term")
    params = Params(term=term)
    try:
        check_params(params)
    except RejectedError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
    return params


def _init_fact(ctx: Context, fact: Fact) -> None:
    where = fact.fact_id.hex()
    source = get_source(ctx, fact.source)
    get_member(ctx, fact.owner)
    check_name(fact.store, "store")
    if not 0 < len(fact.key) <= STORE_KEY_SIZE_BYTES_MAX:
        raise GenesisError(where=where, reason="the key is empty or too long")
    if fact.fact_id != fact_id_of(fact.source, fact.store, fact.key):
        raise GenesisError(where=where, reason="is not the id of its source and key")
    if fact.client_id != source.client_id:
        raise GenesisError(where=where, reason="its client is not that of its source")
    if Height.from_proto(fact.source_height).is_zero() or fact.source_time <= 0:
        raise GenesisError(
            where=where, reason="height or time of the source is missing"
        )
    _check_content(fact, where)
    if find_fact(ctx, fact.fact_id) is not None:
        raise GenesisError(where=where, reason="stands twice")
    add_fact(ctx, fact)


def _check_content(fact: Fact, where: str) -> None:
    """Check that value, digest, record and status say the same."""
    if fact.status == ABSENT:
        if fact.value or fact.value_digest or fact.record.version:
            raise GenesisError(where=where, reason="is absent and has a value")
        return
    check_size(fact.value_digest, "value_digest", DIGEST_SIZE_BYTES)
    if not fact.value:  # longer than what is kept: the record cannot be read again
        if not fact.status:
            raise GenesisError(where=where, reason="status is missing")
        return
    if len(fact.value) > FACT_VALUE_KEPT_BYTES_MAX:
        raise GenesisError(where=where, reason="keeps too long a value")
    if fact.value_digest != sha256(fact.value):
        raise GenesisError(where=where, reason="the digest is not that of the value")
    again = Fact()
    again.CopyFrom(fact)
    again.ClearField("record")
    again.status = ACTIVE
    read_record(again, fact.value)
    if again != fact:
        raise GenesisError(
            where=where, reason="record or status is not as in the value"
        )
