"""Alembic's entry: runs the migrations on the connection that `engine.upgrade` hands over.

Not here: URLs, locks, creating databases (`engine.py`).
"""

from alembic import context

from analytics_pipeline.database.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
