"""The zone's rules of transfers: what they may be, and how members change them."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import check_sorted
from huitong.core.ids import check_client_id
from huitong.core.limits import TRANSFER_CLIENTS_MAX
from huitong.light.errors import ClientNotFoundError
from huitong.light.light_client import latest_height
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.modules.transfer import events
from huitong.modules.transfer.errors import TransferParamsError
from huitong.modules.transfer.state import save_params
from huitong.proto.huitong.transfer.v1 import transfer_pb2 as pb


def check_params(ctx: Context, params: pb.Params) -> None:
    """Raise unless a zone can work by these rules.

    A client on the list must exist: ids are given in order, so a name that is still free
    would fall to whoever creates the next client.

    Raises:
        TransferParamsError: too many clients, out of order, or one that does not exist.
    """
    clients = list(params.allowed_clients)
    if len(clients) > TRANSFER_CLIENTS_MAX:
        raise TransferParamsError(
            reason=f"{len(clients)} allowed clients, at most {TRANSFER_CLIENTS_MAX}"
        )
    try:
        check_sorted(clients, "allowed_clients")
        for client_id in clients:
            latest_height(ctx.store(LINKS_STORE), check_client_id(client_id))
    except ClientNotFoundError as wrong:
        reason = f"client {wrong.fields['client_id']} does not exist"
        raise TransferParamsError(reason=reason) from wrong
    except RejectedError as wrong:
        raise TransferParamsError(reason=str(wrong)) from wrong


def check_update_params(ctx: Context, msg: pb.MsgUpdateParams) -> None:
    """Raise unless these may be the zone's rules.

    Raises:
        TransferParamsError: they may not.
    """
    check_params(ctx, msg.params)


def apply_update_params(
    ctx: Context, msg: pb.MsgUpdateParams
) -> pb.MsgUpdateParamsResponse:
    """Write the rules; they act from the next message on."""
    save_params(ctx, msg.params)
    ctx.emit(events.transfer_params_changed(msg.params))
    return pb.MsgUpdateParamsResponse()
