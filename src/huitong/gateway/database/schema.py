"""All tables of the gateway, by importing the rooms that declare them."""

from __future__ import annotations

from huitong.gateway.access import tables as _access
from huitong.gateway.connectors import tables as _connectors
from huitong.gateway.database.base import Base
from huitong.gateway.events import tables as _events
from huitong.gateway.exchange import tables as _exchange
from huitong.gateway.facts import tables as _facts
from huitong.gateway.hand_over import tables as _hand_over
from huitong.gateway.http import tables as _http
from huitong.gateway.outbox import tables as _outbox
from huitong.gateway.reads import tables as _reads
from huitong.gateway.vault import tables as _vault
from huitong.gateway.webhooks import tables as _webhooks

#: The rooms that declare tables; importing them is what fills the metadata.
ROOMS = (
    _access,
    _connectors,
    _events,
    _exchange,
    _facts,
    _hand_over,
    _http,
    _outbox,
    _reads,
    _vault,
    _webhooks,
)
METADATA = Base.metadata
