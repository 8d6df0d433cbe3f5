"""All tables of the gateway, by importing the rooms that declare them."""

from __future__ import annotations

from huitong.gateway.connectors import tables as _connectors
from huitong.gateway.database.base import Base
from huitong.gateway.exchange import tables as exchange_tables
from huitong.gateway.outbox import tables as outbox_tables
from huitong.gateway.reads import tables as reads_tables
from huitong.gateway.vault import tables as vault_tables

#: The rooms that declare tables; importing them is what fills the metadata.
ROOMS = (_connectors,)
METADATA = Base.metadata
__all__ = [
    "METADATA",
    "exchange_tables",
    "outbox_tables",
    "reads_tables",
    "vault_tables",
]
