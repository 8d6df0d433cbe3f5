"""All tables of the gateway, by importing the rooms that declare them."""

from __future__ import annotations

from huitong.gateway.database.base import Base
from huitong.gateway.outbox import tables as _outbox_tables  # noqa: F401

METADATA = Base.metadata
