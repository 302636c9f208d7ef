"""What a person has been told, or is to be told, and since when."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.execute("""
CREATE TABLE alerts (
    cause text NOT NULL,
    message text NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    last_sent timestamptz,
    resolved_at timestamptz,
    CONSTRAINT pk_alerts PRIMARY KEY (cause)
)
""")


def downgrade() -> None:
    """Remove it with what it holds."""
    op.execute("DROP TABLE alerts")
