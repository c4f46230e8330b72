"""How alembic reaches the database: over the connection that ``migrate.upgrade`` holds, in its transaction."""

from alembic import context

from lxbc_graph.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
