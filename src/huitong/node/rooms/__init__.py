"""One room for each engine: everything of a node that depends on which one drives it.

* ``room``: what the node needs of either.
* ``embedded``: blocks, mempool and RPC of this process.
* ``cometbft``: the application behind ABCI; blocks, mempool and RPC of the program.
"""
