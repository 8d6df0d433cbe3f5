"""What every HTTP answer of the gateway has in common, whatever it is about.

* ``errors``: refusals that HTTP itself asks for; ``problems`` gives every refusal the form
  of RFC 9457, ``error_page`` explains the codes to people.
* ``request_id``, ``security_headers``, ``body_limit``, ``idempotency``, ``rate_limit``:
  middleware, in the order in which ``access.edge`` puts them around an application.
* ``strict_json``: bodies read once and strictly; ``cursor``: pages of long lists.
"""
