"""gRPC of a node: the registry behind ``abci_query``, by its other door.

* ``limits``: what one client, and all clients together, may cost.
* ``statuses``: how an error becomes a gRPC status.
* ``calls``: one call, from its first frame to its last.
* ``server``: listening, starting and stopping.
"""
