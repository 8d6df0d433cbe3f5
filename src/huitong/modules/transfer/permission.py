"""Which light clients may carry transfers: those that the members have put on a list.

A channel stands for the chain whose light client vouches for it. Anybody who relays can
create clients; so a channel alone says nothing, and the list is of clients. It is asked
when a channel opens, and again for each packet: a client that is taken off the list
carries nothing more, but what is on its way is still given back.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.modules.links.state import get_channel, get_connection
from huitong.modules.transfer.errors import ClientNotAllowedError
from huitong.modules.transfer.state import get_params


def check_connection_allowed(ctx: Context, connection_id: str) -> None:
    """Raise unless the client below a connection may carry transfers.

    Raises:
        ConnectionNotFoundError: there is no such connection.
        ClientNotAllowedError: it may not.

    Cost: 2 reads.
    """
    params = get_params(ctx)
    client_id = get_connection(ctx.store(LINKS_STORE), connection_id).client_id
    if not params.allow_any_client and client_id not in params.allowed_clients:
        raise ClientNotAllowedError(client_id=client_id)


def check_channel_allowed(ctx: Context, port_id: str, channel_id: str) -> None:
    """Raise unless the client below a channel may carry transfers.

    Raises:
        ChannelNotFoundError: there is no such channel.
        ClientNotAllowedError: it may not.

    Cost: 3 reads.
    """
    channel = get_channel(ctx.store(LINKS_STORE), port_id, channel_id)
    check_connection_allowed(ctx, channel.connection_hops[0])
