"""The time zone of a business decides weekdays and hours of its marts: only one that PostgreSQL knows may be stored."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the check. Where a business has an unknown zone, this stops with PostgreSQL's message, which names it."""
    op.execute("""
ALTER TABLE businesses ADD CONSTRAINT ck_businesses_timezone_known
    CHECK ((created_at AT TIME ZONE timezone) IS NOT NULL)
""")


def downgrade() -> None:
    """Remove the check."""
    op.execute("ALTER TABLE businesses DROP CONSTRAINT ck_businesses_timezone_known")
