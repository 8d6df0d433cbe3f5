"""Who vouches for a fact: a connection, or a light client, of this zone.

A source is named by the rule that uses the fact, never found by chain id: whoever relays
may create a light client that claims to follow any chain. Behind a connection stands one
client and the delay that the connection asks for; a bare client asks for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.core.context import Context
from huitong.core.ids import check_client_id
from huitong.light import light_client
from huitong.modules.links.checks import check_own_connection_id
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.modules.links.state import get_open_connection

_CONNECTION: Final = "connection-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What stands behind the name of a source."""

    client_id: str
    """The light client."""
    delay_period_ns: int
    """Time that must have passed since a header arrived before it proves anything."""
    chain_id: str
    """The chain that the client follows."""


def get_source(ctx: Context, name: str) -> Source:
    """Return what stands behind the name of a source.

    Raises:
        InvalidIdentifierError, InvalidConnectionIdentifierError: no name of either kind.
        ConnectionNotFoundError, InvalidConnectionStateError: no open connection.
        ClientNotFoundError: there is no such client.

    Cost: 1 or 2 reads.
    """
    store = ctx.store(LINKS_STORE)
    if name.startswith(_CONNECTION):
        check_own_connection_id(name)
        connection = get_open_connection(store, name)
        client_id, delay_period_ns = connection.client_id, connection.delay_period
    else:
        client_id, delay_period_ns = check_client_id(name), 0
    return Source(
        client_id=client_id,
        delay_period_ns=delay_period_ns,
        chain_id=light_client.chain_id_of(store, client_id),
    )
