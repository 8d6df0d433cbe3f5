"""The evidence desk: bundles of what this gateway took part in, and their verification.

* ``making``: bundles, collected from the zones in threads, a few at a time.
* ``verifying``: bundles of anybody, for anybody.
* ``page``: the page on which people without an account verify.

A bundle is made anew each time and never kept: it may hold a payload in the clear, and
what the vault has erased must not live on elsewhere.
"""
