"""CometBFT 0.38's RPC: JSON-RPC over HTTP and WebSocket, in its exact shapes.

* ``params``: arguments from JSON and from query strings.
* ``calls``: JSON-RPC envelopes, single and in batches.
* ``methods``, ``blocks``, ``txs``, ``state``: what each method answers.
* ``subscriptions``: events to WebSocket clients.
* ``asgi``: HTTP and WebSocket in front of all that; ``server`` runs it.
"""
