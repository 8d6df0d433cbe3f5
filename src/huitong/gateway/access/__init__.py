"""Who may call the gateway, what they may do, and the log of what they did.

* ``roles``, ``permissions``: the roles, and one table of all operations.
* ``api_keys``, ``oidc`` (with ``key_sets``): how a caller proves who it is;
  ``authentication`` chooses between them, ``callers`` is what handlers see.
* ``routes``: routes that ask the table before anything else.
* ``audit``: the hash-chained log; ``anchoring`` puts its head on chain.
* ``edge``: all middleware of ``http`` and of this room, in the right order.
"""
