"""Why a platform allows no calls, where it said so: an account that waits for credits says that to whoever asks later."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Of present holds nobody knows it."""
    op.execute("ALTER TABLE api_quotas ADD COLUMN held_because text")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE api_quotas DROP COLUMN held_because")
