"""One process, one validator: real CometBFT blocks without a network.

* ``chain_state``: what the next block needs to know of the ones before.
* ``blocks``: headers, votes and commits, byte for byte in CometBFT's format.
* ``mempool``: transactions that wait.
* ``schedule``: when the next block is due.
* ``sign_guard``: never two blocks at one height.
* ``engine``: the thread that makes blocks.
* ``replay``: the same blocks again, from genesis.
"""
