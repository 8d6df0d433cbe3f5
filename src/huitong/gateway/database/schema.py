"""All tables of the gateway, by importing the rooms that declare them."""

from __future__ import annotations

import huitong.gateway.access.tables
import huitong.gateway.http.tables  # noqa: F401
from huitong.gateway.database.base import Base

METADATA = Base.metadata
