"""All tables of the gateway, by importing the rooms that declare them."""

from __future__ import annotations

from huitong.gateway.access import tables as _access_tables  # noqa: F401
from huitong.gateway.connectors import tables as _connector_tables  # noqa: F401
from huitong.gateway.database.base import Base
from huitong.gateway.exchange import tables as _exchange_tables  # noqa: F401
from huitong.gateway.http import tables as _http_tables  # noqa: F401
from huitong.gateway.outbox import tables as _outbox_tables  # noqa: F401
from huitong.gateway.vault import tables as _vault_tables  # noqa: F401

METADATA = Base.metadata
