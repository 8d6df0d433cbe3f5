"""The service: from ``gateway.toml`` and a home folder to processes that answer.

* ``settings``: what the file says of the service itself.
* ``home``, ``making``: the folder of a gateway, and how ``huitong gateway init`` makes it.
* ``services``: all parts of a running gateway, built once for each process.
* ``lease``, ``loops``: the work in the background, done by one process at a time.
* ``app``: the ASGI application; ``running``: its processes, from start to SIGTERM.
* ``watch``: metrics, health and readiness.
"""
