"""Set the parameters of clients and of connections; by vote only."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.modules.links import state
from huitong.modules.links.keys import STORE
from huitong.modules.links.params import check_client_params, check_connection_params
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2


def check_update_client_params(
    ctx: Context, msg: client_tx_pb2.MsgUpdateParams
) -> None:
    """Raise unless the parameters of clients are possible.

    Raises:
        IbcRequestError: they are not.
    """
    check_client_params(msg.params)


def apply_update_client_params(
    ctx: Context, msg: client_tx_pb2.MsgUpdateParams
) -> client_tx_pb2.MsgUpdateParamsResponse:
    """Write the parameters of clients; existing clients are not touched."""
    state.save_client_params(ctx.store(STORE), msg.params)
    return client_tx_pb2.MsgUpdateParamsResponse()


def check_update_connection_params(
    ctx: Context, msg: connection_tx_pb2.MsgUpdateParams
) -> None:
    """Raise unless the parameters of connections are possible.

    Raises:
        IbcRequestError: they are not.
    """
    check_connection_params(msg.params)


def apply_update_connection_params(
    ctx: Context, msg: connection_tx_pb2.MsgUpdateParams
) -> connection_tx_pb2.MsgUpdateParamsResponse:
    """Write the parameters of connections; they act from the next proof on."""
    state.save_connection_params(ctx.store(STORE), msg.params)
    return connection_tx_pb2.MsgUpdateParamsResponse()
