"""The readings of a post are counted within their index: what they told need not be read for it."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """With the moment of the reading in it: PostgreSQL does not take the day of the moment, which is in it, for enough."""
    _replace("INCLUDE (fetched_at)")


def downgrade() -> None:
    """Without it."""
    _replace("")


def _replace(with_columns: str) -> None:
    name = "uq_post_analytics_post_id_observed_on"
    op.execute(f"ALTER INDEX {name} RENAME TO {name}_before")
    op.execute(
        f"CREATE UNIQUE INDEX {name} ON post_analytics"
        f" (post_id, ((fetched_at AT TIME ZONE 'UTC')::date)) {with_columns}"
    )
    op.execute(f"DROP INDEX {name}_before")
