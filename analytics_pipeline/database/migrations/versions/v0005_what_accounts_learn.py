"""Two things that fetchers learn of an account: what its token may not see, and whose a video in several posts is."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Whose metric it is becomes part of the key; what is known by now was left out for everybody. A table for videos."""
    op.execute("""
ALTER TABLE retired_metrics ADD COLUMN scope text NOT NULL DEFAULT 'app';
ALTER TABLE retired_metrics ALTER COLUMN scope DROP DEFAULT;
ALTER TABLE retired_metrics DROP CONSTRAINT pk_retired_metrics;
ALTER TABLE retired_metrics ADD CONSTRAINT pk_retired_metrics PRIMARY KEY (platform, metric, scope);

CREATE TABLE media_owners (
    social_account_id bigint NOT NULL,
    media_key text NOT NULL,
    platform_post_id text NOT NULL,
    CONSTRAINT pk_media_owners PRIMARY KEY (social_account_id, media_key),
    CONSTRAINT fk_media_owners_social_account_id FOREIGN KEY (social_account_id)
        REFERENCES social_accounts (id) ON DELETE CASCADE
);
""")


def downgrade() -> None:
    """Forget both; what single accounts may not see is found anew within a day."""
    op.execute("""
DROP TABLE media_owners;
DELETE FROM retired_metrics WHERE scope <> 'app';
ALTER TABLE retired_metrics DROP CONSTRAINT pk_retired_metrics;
ALTER TABLE retired_metrics DROP COLUMN scope;
ALTER TABLE retired_metrics ADD CONSTRAINT pk_retired_metrics PRIMARY KEY (platform, metric);
""")
