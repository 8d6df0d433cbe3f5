"""Show a client a newer header, or proof that its chain misbehaved (ICS-2).

Order of the rules: the client exists and is active; what is shown is readable and signed
by validators that the client trusts. Then either it proves misbehaviour, and the client
is frozen in this very block; or the header is remembered. A header that is known already
succeeds and changes nothing, so that relayers need not agree among themselves.

``SubmitMisbehaviour`` is the older message for the same; it takes nothing but proof.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.gas import GAS_SIGNATURE, GAS_VALIDATOR
from huitong.core.ids import client_type_of
from huitong.light import light_client
from huitong.light.errors import InvalidMisbehaviourError
from huitong.light.light_client import ClientMessage, Header
from huitong.modules.links import keys
from huitong.modules.links.client_bytes import unpack_client_message
from huitong.modules.links.consensus_states import (
    find_oldest_height,
    note_consensus_state_added,
)
from huitong.modules.links.events import emit_client_event, emit_update_client
from huitong.modules.links.proofs import check_client_active
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.core.client.v1 import tx_pb2

# --- UpdateClient -------------------------------------------------------------------------


def check_update_client(ctx: Context, msg: tx_pb2.MsgUpdateClient) -> None:
    """Raise unless the client message verifies, and teaches or proves something.

    Raises:
        RejectedError: client/4, 13, 29; ibc/14; and what the light client refuses.

    Cost: two signatures for each vote at most, and the hash of each validator shown.
    """
    message = _verify(ctx, msg.client_id, msg.client_message)
    if not isinstance(message, Header):
        _check_misbehaviour(ctx, msg.client_id, message)


def apply_update_client(
    ctx: Context, msg: tx_pb2.MsgUpdateClient
) -> tx_pb2.MsgUpdateClientResponse:
    """Remember the header, or freeze the client."""
    message = unpack_client_message(msg.client_id, msg.client_message)
    if not _freeze_if_misbehaviour(ctx, msg.client_id, message):
        _remember(ctx, msg.client_id, message, msg.client_message)
    return tx_pb2.MsgUpdateClientResponse()


def is_update_redundant(ctx: Context, msg: tx_pb2.MsgUpdateClient) -> bool:
    """Return whether the client knows a header of this height.

    A header that differs from the known one is proof of misbehaviour, not redundant.
    """
    message = unpack_client_message(msg.client_id, msg.client_message)
    if not isinstance(message, Header):
        return False
    store = ctx.store(keys.STORE)
    known = store.has(keys.consensus_state(msg.client_id, str(message.height)))
    return known and not light_client.check_for_misbehaviour(
        store, msg.client_id, message
    )


# --- SubmitMisbehaviour -------------------------------------------------------------------


def check_submit_misbehaviour(ctx: Context, msg: tx_pb2.MsgSubmitMisbehaviour) -> None:
    """Raise unless the message verifies and proves misbehaviour.

    Raises:
        RejectedError: client/4, 13, 29; ibc/14; and what the light client refuses.
    """
    message = _verify(ctx, msg.client_id, msg.misbehaviour)
    _check_misbehaviour(ctx, msg.client_id, message)


def apply_submit_misbehaviour(
    ctx: Context, msg: tx_pb2.MsgSubmitMisbehaviour
) -> tx_pb2.MsgSubmitMisbehaviourResponse:
    """Freeze the client."""
    message = unpack_client_message(msg.client_id, msg.misbehaviour)
    _freeze_if_misbehaviour(ctx, msg.client_id, message)
    return tx_pb2.MsgSubmitMisbehaviourResponse()


# --- common -------------------------------------------------------------------------------


def _verify(ctx: Context, client_id: str, packed: Any) -> ClientMessage:
    check_client_active(ctx, client_id)
    message = unpack_client_message(client_id, packed)
    ctx.gas.consume(_work(message), "client message")
    light_client.verify_client_message(
        ctx.store(keys.STORE), client_id, message, now_ns=ctx.block.time_ns
    )
    return message


def _check_misbehaviour(ctx: Context, client_id: str, message: ClientMessage) -> None:
    store = ctx.store(keys.STORE)
    if not light_client.check_for_misbehaviour(store, client_id, message):
        raise InvalidMisbehaviourError(reason="nothing contradicts anything")


def _work(message: ClientMessage) -> int:
    """Return the gas for what a client verifies at most."""
    if isinstance(message, Header):
        shown = message.validators.validators, message.trusted_validators.validators
        return 2 * GAS_SIGNATURE * len(
            message.signed_header.commit.signatures
        ) + GAS_VALIDATOR * sum(map(len, shown))
    return _work(message.header_1) + _work(message.header_2)


def _freeze_if_misbehaviour(
    ctx: Context, client_id: str, message: ClientMessage
) -> bool:
    store = ctx.store(keys.STORE)
    if not light_client.check_for_misbehaviour(store, client_id, message):
        return False
    light_client.freeze(store, client_id)
    height = light_client.latest_height(store, client_id)
    client_type = client_type_of(client_id)
    emit_client_event(ctx, "client_misbehaviour", client_id, client_type, height)
    return True


def _remember(
    ctx: Context, client_id: str, message: ClientMessage, packed: Any
) -> None:
    store = ctx.store(keys.STORE)
    known = isinstance(message, Header) and store.has(
        keys.consensus_state(client_id, str(message.height))
    )
    oldest_before = find_oldest_height(store, client_id)
    heights = light_client.update_state(
        store,
        client_id,
        message,
        now_ns=ctx.block.time_ns,
        self_height=ctx.block.height,
    )
    if heights and not known:
        note_consensus_state_added(store, client_id, oldest_before=oldest_before)
    emit_update_client(
        ctx, client_id, client_type_of(client_id), heights, packed.SerializeToString()
    )
