"""The gateway's own memory: SQLite for one machine, PostgreSQL for many.

Each room of the gateway declares its tables in its own ``tables.py`` on ``Base``;
``schema`` names them all; ``migrations`` brings a database to the newest form.
"""
