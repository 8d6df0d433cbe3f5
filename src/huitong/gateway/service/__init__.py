"""The service: from ``gateway.toml`` and a home folder to processes that answer.

* ``settings``: what the file says of the service itself.
* ``home``, ``making``: the folder of a gateway, and how ``huitong gateway init`` makes it.
* ``services``: all parts of a running gateway, built once for each process.
* ``background``, ``reading``: what goes on without being asked; proven reads of peers.
* ``app``: the ASGI application; ``running``: its processes, from start to SIGTERM.
* ``watch``: metrics, health and readiness.
"""
