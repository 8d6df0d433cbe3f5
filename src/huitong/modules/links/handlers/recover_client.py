"""Revive a frozen or expired client from an active one of the same chain (ICS-2).

By vote only: this is where members decide which fork of the other chain, or which header
after a long silence, the zone believes.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.ids import check_client_id, client_type_of
from huitong.light import light_client
from huitong.light.errors import ClientNotFoundError
from huitong.modules.links import keys
from huitong.modules.links.consensus_states import (
    find_oldest_height,
    note_consensus_state_added,
    prune_after_recovery,
)
from huitong.modules.links.errors import ClientTypeMismatchError
from huitong.modules.links.events import emit_recover_client
from huitong.proto.ibc.core.client.v1 import tx_pb2


def check_recover_client(ctx: Context, msg: tx_pb2.MsgRecoverClient) -> None:
    """Raise unless both clients exist and are of one type.

    Raises:
        RejectedError: client/4, 32; host/2.
    """
    store = ctx.store(keys.STORE)
    for client_id in (msg.subject_client_id, msg.substitute_client_id):
        check_client_id(client_id)
        if not store.has(keys.client_state(client_id)):
            raise ClientNotFoundError(client_id=client_id)
    expected = client_type_of(msg.subject_client_id)
    actual = client_type_of(msg.substitute_client_id)
    if actual != expected:
        raise ClientTypeMismatchError(actual=actual, expected=expected)


def apply_recover_client(
    ctx: Context, msg: tx_pb2.MsgRecoverClient
) -> tx_pb2.MsgRecoverClientResponse:
    """Let the subject go on from the substitute's newest header.

    Raises:
        RejectedError: client/24, 26, 27, 29.
    """
    store = ctx.store(keys.STORE)
    subject_id = msg.subject_client_id
    oldest_before = find_oldest_height(store, subject_id)
    light_client.recover_client(
        store, subject_id, msg.substitute_client_id, now_ns=ctx.block.time_ns
    )
    note_consensus_state_added(store, subject_id, oldest_before=oldest_before)
    prune_after_recovery(store, subject_id)
    emit_recover_client(ctx, subject_id, client_type_of(subject_id))
    return tx_pb2.MsgRecoverClientResponse()
