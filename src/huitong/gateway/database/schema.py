"""All tables of the gateway, by importing the rooms that declare them."""

from __future__ import annotations

from huitong.gateway.database.base import Base

METADATA = Base.metadata
