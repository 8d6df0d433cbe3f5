"""The public test kit: chains, links, clocks and faults that a test can order.

Nothing in ``huitong`` imports it; tests and examples do. Whoever writes a module, a
relayer or a light client of their own gets the same opponents as we have.
"""
