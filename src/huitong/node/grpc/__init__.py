"""gRPC of a node: the registry behind ``abci_query``, by its other door.

* ``limits``: what one client, and all clients together, may cost.
* ``statuses``: how an error becomes a gRPC status.
* ``door``: lets connections in, so that none keeps others out.
* ``calls``: one call, from its first frame to its last.
* ``server``: listening, starting and stopping.
"""

from __future__ import annotations

import os

# gRPC's library reads these when it is loaded. A node starts programs and never forks to
# go on itself, and what the library logs of strangers' broken frames helps nobody.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
