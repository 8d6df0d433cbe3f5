"""One file for each message; each has a ``check_…`` that raises and an ``apply_…``."""
