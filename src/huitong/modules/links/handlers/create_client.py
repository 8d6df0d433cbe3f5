"""Begin to follow another chain (ICS-2 ``CreateClient``).

Rules: the type of client is known and allowed by the zone's parameters; the states are
readable and can be right (the light client says so); the client is active at birth. The
id is given by this chain.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.ids import client_id_of
from huitong.light import light_client
from huitong.modules.links import state
from huitong.modules.links.client_bytes import (
    unpack_client_state,
    unpack_consensus_state,
)
from huitong.modules.links.consensus_states import note_consensus_state_added
from huitong.modules.links.errors import ClientTypeNotAllowedError
from huitong.modules.links.events import emit_client_event
from huitong.modules.links.keys import NEXT_CLIENT_SEQUENCE, STORE
from huitong.modules.links.params import is_client_allowed
from huitong.proto.ibc.core.client.v1 import tx_pb2


def check_create_client(ctx: Context, msg: tx_pb2.MsgCreateClient) -> None:
    """Raise unless the states are readable and their type of client is allowed.

    Raises:
        RejectedError: client/8, 10, 33; ibc/14.
    """
    client_type, _ = unpack_client_state(msg.client_state)
    if not is_client_allowed(state.get_client_params(ctx.store(STORE)), client_type):
        raise ClientTypeNotAllowedError(client_type=client_type)
    unpack_consensus_state(client_type, msg.consensus_state)


def apply_create_client(
    ctx: Context, msg: tx_pb2.MsgCreateClient
) -> tx_pb2.MsgCreateClientResponse:
    """Write the new client.

    Raises:
        RejectedError: the light client refuses its states (07-tendermint/2 to 7, 13, 15;
            client/3, 8) or would not be active (client/29).
    """
    store = ctx.store(STORE)
    client_type, client_state = unpack_client_state(msg.client_state)
    consensus_state = unpack_consensus_state(client_type, msg.consensus_state)
    client_id = client_id_of(
        client_type, state.take_number(store, NEXT_CLIENT_SEQUENCE)
    )
    light_client.initialize(
        store,
        client_id,
        client_state,
        consensus_state,
        block_time_ns=ctx.block.time_ns,
        block_height=ctx.block.height,
    )
    note_consensus_state_added(store, client_id, oldest_before=None)
    height = light_client.latest_height(store, client_id)
    emit_client_event(ctx, "create_client", client_id, client_type, height)
    return tx_pb2.MsgCreateClientResponse()
