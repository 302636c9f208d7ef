"""Days of which posts or account figures were removed, or moved: nobody reads them again, but their summaries must follow."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Triggers, whoever removes the rows. They write with the owner's rights, as the application's may be fewer."""
    op.execute("""
CREATE TABLE changed_days (
    asset text NOT NULL,
    platform text NOT NULL,
    day date NOT NULL,
    CONSTRAINT pk_changed_days PRIMARY KEY (asset, platform, day)
);

CREATE FUNCTION note_removed_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO %I.changed_days (asset, platform, day) SELECT DISTINCT %L, platform, %I FROM removed ORDER BY 2, 3'
        ' ON CONFLICT DO NOTHING',
        TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_ARGV[0]
    );
    RETURN NULL;
END
$$;

CREATE FUNCTION note_moved_post() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO %I.changed_days (asset, platform, day) SELECT %L, $1, unnest($2) ORDER BY 3 ON CONFLICT DO NOTHING',
        TG_TABLE_SCHEMA, TG_TABLE_NAME
    ) USING NEW.platform, ARRAY[OLD.published_on, NEW.published_on];
    RETURN NULL;
END
$$;

-- Nobody else is to make a trigger of them on a table of his own, which would work with the owner's rights.
REVOKE EXECUTE ON FUNCTION note_removed_rows(), note_moved_post() FROM PUBLIC;

CREATE TRIGGER note_removed_posts AFTER DELETE ON published_posts
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION note_removed_rows('published_on');

CREATE TRIGGER note_removed_account_days AFTER DELETE ON account_analytics
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION note_removed_rows('day');

CREATE TRIGGER note_moved_posts AFTER UPDATE OF published_at, business_id ON published_posts
FOR EACH ROW WHEN ((OLD.published_on, OLD.business_id) IS DISTINCT FROM (NEW.published_on, NEW.business_id))
EXECUTE FUNCTION note_moved_post();
""")


def downgrade() -> None:
    """Days that were not told yet are forgotten."""
    op.execute("""
DROP TRIGGER note_moved_posts ON published_posts;
DROP TRIGGER note_removed_account_days ON account_analytics;
DROP TRIGGER note_removed_posts ON published_posts;
DROP FUNCTION note_moved_post(), note_removed_rows();
DROP TABLE changed_days;
""")
