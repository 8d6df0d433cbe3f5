"""Queries that only a node can answer: blocks, validators, transactions, sending.

They have the standard names of the Cosmos SDK and stand in the same registry as those of
the state machine, so gRPC and ``abci_query`` answer them. What they tell comes from the
node's own RPC, which is this process or CometBFT: one implementation for both engines.

* ``source``: asks RPC, and says what its refusals mean here.
* ``routes``: the table.
* ``chain``: ``cosmos.base.tendermint.v1beta1.Service`` and ``cosmos.base.node.v1beta1.Service``.
* ``txs``: ``cosmos.tx.v1beta1.Service``.
* ``forms``: what RPC says in JSON, as messages.
"""
