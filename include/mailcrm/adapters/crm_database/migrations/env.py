"""Alembic's entry: runs the versions on the connection that `migrate.upgrade` hands over."""

from alembic import context

from mailcrm.adapters.crm_database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
