"""The four steps that open a channel between two ports over a connection (ICS-4).

INIT here → TRYOPEN there → OPEN here → OPEN there. Each step after the first proves the
end that the other chain wrote in the step before; the application of the port agrees
to each step and settles the version. Rules, as in ibc-go's ``handshake.go``:

* exactly one connection, whose version allows the ordering; from the second step on it
  is open;
* an application is bound to the port;
* an id for this end is given by this chain; none may be asked for;
* sequences begin at 1.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.ids import channel_id_of, check_channel_id, check_port_id
from huitong.core.ports import ChannelOpening
from huitong.modules.links import state
from huitong.modules.links.checks import (
    check_channel_form,
    check_channel_state,
    check_channel_version,
    check_own_channel_id,
    check_proof,
    get_application,
)
from huitong.modules.links.errors import (
    InvalidChannelCounterpartyError,
    InvalidChannelIdentifierError,
)
from huitong.modules.links.events import emit_channel_event
from huitong.modules.links.keys import NEXT_CHANNEL_SEQUENCE, STORE
from huitong.modules.links.proofs import (
    check_client_active,
    expected_channel_end,
    verify_channel_end,
)
from huitong.modules.links.versions import check_ordering_allowed
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2

# --- step 1, here: INIT -----------------------------------------------------------------


def check_open_init(ctx: Context, msg: tx_pb2.MsgChannelOpenInit) -> None:
    """Raise unless a channel may begin on this port and connection.

    Raises:
        RejectedError: channel/5, 6, 7, 15, 24; connection/3, 9; client/4, 29; port/5;
            host/2.
    """
    proposed = msg.channel
    check_port_id(msg.port_id)
    if proposed.counterparty.channel_id:
        raise InvalidChannelCounterpartyError(
            reason="counterparty channel identifier must be empty"
        )
    check_channel_form(proposed, channel_pb2.STATE_INIT)
    get_application(ctx, msg.port_id)
    connection = state.get_connection(ctx.store(STORE), proposed.connection_hops[0])
    check_ordering_allowed(connection, proposed.ordering)
    check_client_active(ctx, connection.client_id)


def apply_open_init(
    ctx: Context, msg: tx_pb2.MsgChannelOpenInit
) -> tx_pb2.MsgChannelOpenInitResponse:
    """Ask the application and write the new end in state INIT.

    Raises:
        RejectedError: the application refuses.
    """
    channel_id = _take_channel_id(ctx)
    opening = _opening(msg.port_id, channel_id, msg.channel, msg.channel.version)
    try:
        version = get_application(ctx, msg.port_id).on_chan_open_init(ctx, opening)
    except RejectedError as refused:
        raise _refused(refused, "init", msg.port_id, channel_id) from None
    end = _new_end(msg.channel, channel_pb2.STATE_INIT, version)
    _save_new(ctx, "channel_open_init", msg.port_id, channel_id, end)
    return tx_pb2.MsgChannelOpenInitResponse(channel_id=channel_id, version=version)


# --- step 2, there: TRYOPEN -------------------------------------------------------------


def check_open_try(ctx: Context, msg: tx_pb2.MsgChannelOpenTry) -> None:
    """Raise unless the counterparty has an end in INIT that waits for this one.

    Raises:
        RejectedError: channel/5, 6, 15, 18, 24; connection/3, 6, 9; port/5; client/4, 29;
            host/2; commitment/2; and what a proof is refused for.
    """
    proposed = msg.channel
    check_port_id(msg.port_id)
    if msg.previous_channel_id:
        raise InvalidChannelIdentifierError(
            reason="previous channel identifier must be empty"
        )
    check_proof(msg.proof_init, "init proof")
    check_channel_form(proposed, channel_pb2.STATE_TRYOPEN)
    check_channel_id(proposed.counterparty.channel_id)
    check_channel_version(msg.counterparty_version)
    get_application(ctx, msg.port_id)
    connection = state.get_open_connection(
        ctx.store(STORE), proposed.connection_hops[0]
    )
    check_ordering_allowed(connection, proposed.ordering)
    verify_channel_end(
        ctx,
        connection,
        proof=msg.proof_init,
        proof_height=msg.proof_height,
        port_id_on_counterparty=proposed.counterparty.port_id,
        channel_id_on_counterparty=proposed.counterparty.channel_id,
        expected=expected_channel_end(
            connection,
            port_id=msg.port_id,
            channel_id="",
            state=channel_pb2.STATE_INIT,
            ordering=proposed.ordering,
            version=msg.counterparty_version,
        ),
    )


def apply_open_try(
    ctx: Context, msg: tx_pb2.MsgChannelOpenTry
) -> tx_pb2.MsgChannelOpenTryResponse:
    """Ask the application and write the new end in state TRYOPEN.

    Raises:
        RejectedError: the application refuses.
    """
    channel_id = _take_channel_id(ctx)
    opening = _opening(msg.port_id, channel_id, msg.channel, msg.counterparty_version)
    try:
        version = get_application(ctx, msg.port_id).on_chan_open_try(ctx, opening)
    except RejectedError as refused:
        raise _refused(refused, "try", msg.port_id, channel_id) from None
    end = _new_end(msg.channel, channel_pb2.STATE_TRYOPEN, version)
    _save_new(ctx, "channel_open_try", msg.port_id, channel_id, end)
    return tx_pb2.MsgChannelOpenTryResponse(version=version, channel_id=channel_id)


# --- step 3, here: OPEN -----------------------------------------------------------------


def check_open_ack(ctx: Context, msg: tx_pb2.MsgChannelOpenAck) -> None:
    """Raise unless the counterparty has an end in TRYOPEN that answers this one.

    Raises:
        RejectedError: channel/3, 5, 18, 24; connection/3, 6; port/5; client/4, 29;
            host/2; commitment/2; and what a proof is refused for.
    """
    check_port_id(msg.port_id)
    check_own_channel_id(msg.channel_id)
    check_channel_id(msg.counterparty_channel_id)
    check_channel_version(msg.counterparty_version)
    check_proof(msg.proof_try, "try proof")
    channel = state.get_channel(ctx.store(STORE), msg.port_id, msg.channel_id)
    check_channel_state(channel, channel_pb2.STATE_INIT)
    _verify_answer(
        ctx,
        msg.port_id,
        msg.channel_id,
        channel,
        proof=msg.proof_try,
        proof_height=msg.proof_height,
        channel_id_on_counterparty=msg.counterparty_channel_id,
        expected_state=channel_pb2.STATE_TRYOPEN,
        version=msg.counterparty_version,
    )


def apply_open_ack(
    ctx: Context, msg: tx_pb2.MsgChannelOpenAck
) -> tx_pb2.MsgChannelOpenAckResponse:
    """Open this end with the version that the counterparty settled, tell the application.

    Raises:
        RejectedError: the application refuses.
    """
    store = ctx.store(STORE)
    channel = state.get_channel(store, msg.port_id, msg.channel_id)
    channel.state = channel_pb2.STATE_OPEN
    channel.version = msg.counterparty_version
    channel.counterparty.channel_id = msg.counterparty_channel_id
    state.save_channel(store, msg.port_id, msg.channel_id, channel)
    emit_channel_event(ctx, "channel_open_ack", msg.port_id, msg.channel_id, channel)
    try:
        get_application(ctx, msg.port_id).on_chan_open_ack(
            ctx, msg.port_id, msg.channel_id, msg.counterparty_version
        )
    except RejectedError as refused:
        raise _refused(refused, "ack", msg.port_id, msg.channel_id) from None
    return tx_pb2.MsgChannelOpenAckResponse()


# --- step 4, there: OPEN ----------------------------------------------------------------


def check_open_confirm(ctx: Context, msg: tx_pb2.MsgChannelOpenConfirm) -> None:
    """Raise unless the counterparty's end is open.

    Raises:
        RejectedError: channel/3, 5, 18; connection/3, 6; port/5; client/4, 29; host/2;
            commitment/2; and what a proof is refused for.
    """
    check_port_id(msg.port_id)
    check_own_channel_id(msg.channel_id)
    check_proof(msg.proof_ack, "acknowledgement proof")
    channel = state.get_channel(ctx.store(STORE), msg.port_id, msg.channel_id)
    check_channel_state(channel, channel_pb2.STATE_TRYOPEN)
    _verify_answer(
        ctx,
        msg.port_id,
        msg.channel_id,
        channel,
        proof=msg.proof_ack,
        proof_height=msg.proof_height,
        channel_id_on_counterparty=channel.counterparty.channel_id,
        expected_state=channel_pb2.STATE_OPEN,
        version=channel.version,
    )


def apply_open_confirm(
    ctx: Context, msg: tx_pb2.MsgChannelOpenConfirm
) -> tx_pb2.MsgChannelOpenConfirmResponse:
    """Open this end and tell the application.

    Raises:
        RejectedError: the application refuses.
    """
    store = ctx.store(STORE)
    channel = state.get_channel(store, msg.port_id, msg.channel_id)
    channel.state = channel_pb2.STATE_OPEN
    state.save_channel(store, msg.port_id, msg.channel_id, channel)
    emit_channel_event(
        ctx, "channel_open_confirm", msg.port_id, msg.channel_id, channel
    )
    try:
        get_application(ctx, msg.port_id).on_chan_open_confirm(
            ctx, msg.port_id, msg.channel_id
        )
    except RejectedError as refused:
        raise _refused(refused, "confirm", msg.port_id, msg.channel_id) from None
    return tx_pb2.MsgChannelOpenConfirmResponse()


# --- common -----------------------------------------------------------------------------


def _verify_answer(
    ctx: Context,
    port_id: str,
    channel_id: str,
    channel: channel_pb2.Channel,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    channel_id_on_counterparty: str,
    expected_state: channel_pb2.State,
    version: str,
) -> None:
    get_application(ctx, port_id)
    connection = state.get_open_connection(ctx.store(STORE), channel.connection_hops[0])
    verify_channel_end(
        ctx,
        connection,
        proof=proof,
        proof_height=proof_height,
        port_id_on_counterparty=channel.counterparty.port_id,
        channel_id_on_counterparty=channel_id_on_counterparty,
        expected=expected_channel_end(
            connection,
            port_id=port_id,
            channel_id=channel_id,
            state=expected_state,
            ordering=channel.ordering,
            version=version,
        ),
    )


def _take_channel_id(ctx: Context) -> str:
    return channel_id_of(state.take_number(ctx.store(STORE), NEXT_CHANNEL_SEQUENCE))


def _opening(
    port_id: str, channel_id: str, proposed: channel_pb2.Channel, version: str
) -> ChannelOpening:
    return ChannelOpening(
        ordering=proposed.ordering,
        connection_hops=tuple(proposed.connection_hops),
        port_id=port_id,
        channel_id=channel_id,
        counterparty_port_id=proposed.counterparty.port_id,
        counterparty_channel_id=proposed.counterparty.channel_id,
        version=version,
    )


def _new_end(
    proposed: channel_pb2.Channel, new_state: channel_pb2.State, version: str
) -> channel_pb2.Channel:
    return channel_pb2.Channel(
        state=new_state,
        ordering=proposed.ordering,
        counterparty=proposed.counterparty,
        connection_hops=proposed.connection_hops,
        version=version,
    )


def _save_new(
    ctx: Context, kind: str, port_id: str, channel_id: str, end: channel_pb2.Channel
) -> None:
    store = ctx.store(STORE)
    state.start_sequences(store, port_id, channel_id)
    state.save_channel(store, port_id, channel_id, end)
    emit_channel_event(ctx, kind, port_id, channel_id, end)


def _refused(
    refused: RejectedError, step: str, port_id: str, channel_id: str
) -> RejectedError:
    return refused.prefixed(
        f"channel open {step} callback failed for port ID: {port_id}, "
        f"channel ID: {channel_id}"
    )
