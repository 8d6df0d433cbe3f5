"""The two steps that close a channel (ICS-4): here, then there with a proof.

Either side may begin, if the application of its port agrees. Packets under way can still
be settled: by ``timeout_on_close``, and by acknowledgements no more.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.ids import check_port_id
from huitong.modules.links import state
from huitong.modules.links.checks import (
    check_own_channel_id,
    check_proof,
    get_application,
)
from huitong.modules.links.errors import InvalidChannelStateError
from huitong.modules.links.events import emit_channel_event
from huitong.modules.links.keys import STORE
from huitong.modules.links.proofs import (
    check_client_active,
    expected_channel_end,
    verify_channel_end,
)
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

# --- step 1, here -----------------------------------------------------------------------


def check_close_init(ctx: Context, msg: tx_pb2.MsgChannelCloseInit) -> None:
    """Raise unless the channel may be closed from this side.

    Raises:
        RejectedError: channel/3, 5, 18; connection/3, 6; client/4, 29; port/5; host/2.
    """
    check_port_id(msg.port_id)
    check_own_channel_id(msg.channel_id)
    get_application(ctx, msg.port_id)
    _check_closable(ctx, msg.port_id, msg.channel_id)


def apply_close_init(
    ctx: Context, msg: tx_pb2.MsgChannelCloseInit
) -> tx_pb2.MsgChannelCloseInitResponse:
    """Ask the application and close this end.

    Raises:
        RejectedError: the application refuses.
    """
    try:
        get_application(ctx, msg.port_id).on_chan_close_init(
            ctx, msg.port_id, msg.channel_id
        )
    except RejectedError as refused:
        raise _refused(refused, "init", msg.port_id, msg.channel_id) from None
    _close(ctx, "channel_close_init", msg.port_id, msg.channel_id)
    return tx_pb2.MsgChannelCloseInitResponse()


def close_channel(ctx: Context, port_id: str, channel_id: str) -> None:
    """Close a channel on behalf of the application that owns the port.

    Raises:
        RejectedError: channel/3, 5; connection/3, 6; client/4, 29.
    """
    _check_closable(ctx, port_id, channel_id)
    _close(ctx, "channel_close_init", port_id, channel_id)


# --- step 2, there ----------------------------------------------------------------------


def check_close_confirm(ctx: Context, msg: tx_pb2.MsgChannelCloseConfirm) -> None:
    """Raise unless the counterparty's end is closed.

    Raises:
        RejectedError: channel/3, 5, 18; connection/3, 6; client/4, 29; port/5; host/2;
            commitment/2; and what a proof is refused for.
    """
    check_port_id(msg.port_id)
    check_own_channel_id(msg.channel_id)
    check_proof(msg.proof_init, "init proof")
    get_application(ctx, msg.port_id)
    channel = _get_not_closed(ctx, msg.port_id, msg.channel_id)
    connection = state.get_open_connection(ctx.store(STORE), channel.connection_hops[0])
    verify_channel_end(
        ctx,
        connection,
        proof=msg.proof_init,
        proof_height=msg.proof_height,
        port_id_on_counterparty=channel.counterparty.port_id,
        channel_id_on_counterparty=channel.counterparty.channel_id,
        expected=expected_channel_end(
            connection,
            port_id=msg.port_id,
            channel_id=msg.channel_id,
            state=channel_pb2.STATE_CLOSED,
            ordering=channel.ordering,
            version=channel.version,
            upgrade_sequence=msg.counterparty_upgrade_sequence,
        ),
    )


def apply_close_confirm(
    ctx: Context, msg: tx_pb2.MsgChannelCloseConfirm
) -> tx_pb2.MsgChannelCloseConfirmResponse:
    """Close this end and tell the application.

    Raises:
        RejectedError: the application refuses.
    """
    try:
        get_application(ctx, msg.port_id).on_chan_close_confirm(
            ctx, msg.port_id, msg.channel_id
        )
    except RejectedError as refused:
        raise _refused(refused, "confirm", msg.port_id, msg.channel_id) from None
    _close(ctx, "channel_close_confirm", msg.port_id, msg.channel_id)
    return tx_pb2.MsgChannelCloseConfirmResponse()


# --- common -----------------------------------------------------------------------------


def _check_closable(ctx: Context, port_id: str, channel_id: str) -> None:
    channel = _get_not_closed(ctx, port_id, channel_id)
    connection = state.get_connection(ctx.store(STORE), channel.connection_hops[0])
    check_client_active(ctx, connection.client_id)
    state.check_connection_state(connection, connection_pb2.STATE_OPEN)


def _get_not_closed(ctx: Context, port_id: str, channel_id: str) -> channel_pb2.Channel:
    channel = state.get_channel(ctx.store(STORE), port_id, channel_id)
    if channel.state == channel_pb2.STATE_CLOSED:
        raise InvalidChannelStateError(reason="channel is already CLOSED")
    return channel


def _close(ctx: Context, kind: str, port_id: str, channel_id: str) -> None:
    store = ctx.store(STORE)
    channel = state.get_channel(store, port_id, channel_id)
    channel.state = channel_pb2.STATE_CLOSED
    state.save_channel(store, port_id, channel_id, channel)
    emit_channel_event(ctx, kind, port_id, channel_id, channel)


def _refused(
    refused: RejectedError, step: str, port_id: str, channel_id: str
) -> RejectedError:
    return refused.prefixed(
        f"channel close {step} callback failed for port ID: {port_id}, "
        f"channel ID: {channel_id}"
    )
