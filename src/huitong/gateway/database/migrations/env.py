"""How Alembic runs our steps: on the connection that the gateway gives it."""

from __future__ import annotations

from alembic import context

from huitong.gateway.database.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    # SQLite cannot change a column in place; the table is copied instead.
    render_as_batch=True,
)
context.run_migrations()
