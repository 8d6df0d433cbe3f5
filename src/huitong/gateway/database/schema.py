"""All tables of the gateway, by importing the rooms that declare them."""

from __future__ import annotations

from huitong.gateway.connectors import tables as _connectors
from huitong.gateway.database.base import Base

#: The rooms that declare tables; importing them is what fills the metadata.
ROOMS = (_connectors,)
METADATA = Base.metadata
