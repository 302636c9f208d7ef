"""Until when an account's posts are known: reading figures goes on while listing fails, and must not hide what it lacks."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Takes the last sync for it: to begin anew would list, and on X pay for, all posts again."""
    op.execute("""
ALTER TABLE social_accounts ADD COLUMN listed_at timestamptz;
UPDATE social_accounts SET listed_at = last_sync;
""")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE social_accounts DROP COLUMN listed_at")
