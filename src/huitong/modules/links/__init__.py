"""Links to other zones: IBC core (ICS-02, 03, 04, 05, 24, 26).

A link is a light client of the other chain, a connection above it and channels above
that; packets run over channels between applications. The wire is that of ibc-go, so that
its chains and relayers understand us.

For applications: ``send_packet``, ``write_acknowledgement``, ``close_channel``, and the
standard acknowledgements.
"""

from __future__ import annotations

from huitong.core.module import Module
from huitong.modules.links.acknowledgements import (
    error_acknowledgement,
    error_acknowledgement_of,
    find_error,
    find_result,
    result_acknowledgement,
)
from huitong.modules.links.genesis import export_genesis, init_genesis
from huitong.modules.links.handlers.close_channel import close_channel
from huitong.modules.links.keys import STORE
from huitong.modules.links.packets import send_packet, write_acknowledgement
from huitong.modules.links.queries import QUERIES
from huitong.modules.links.routes import MESSAGES

MODULE = Module(
    name="links",
    store=STORE,
    messages=MESSAGES,
    queries=QUERIES,
    init_genesis=init_genesis,
    export_genesis=export_genesis,
)

__all__ = [
    "MODULE",
    "close_channel",
    "error_acknowledgement",
    "error_acknowledgement_of",
    "find_error",
    "find_result",
    "result_acknowledgement",
    "send_packet",
    "write_acknowledgement",
]
