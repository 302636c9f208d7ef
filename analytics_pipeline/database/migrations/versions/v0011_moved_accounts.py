"""An account that goes to another business takes the figures of its days along: their summaries must follow (see 0008)."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """A trigger, whoever moves the account. It writes with the owner's rights, as the application's may be fewer."""
    op.execute("""
CREATE FUNCTION note_moved_account() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO %1$I.changed_days (asset, platform, day) SELECT $1, platform, day FROM %1$I.account_analytics'
        ' WHERE social_account_id = $2 ORDER BY 2, 3 ON CONFLICT DO NOTHING',
        TG_TABLE_SCHEMA
    ) USING 'account_analytics', NEW.id;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION note_moved_account() FROM PUBLIC;

CREATE TRIGGER note_moved_account AFTER UPDATE OF business_id ON social_accounts
FOR EACH ROW WHEN (OLD.business_id IS DISTINCT FROM NEW.business_id) EXECUTE FUNCTION note_moved_account();
""")


def downgrade() -> None:
    """Accounts are moved without a word."""
    op.execute("DROP TRIGGER note_moved_account ON social_accounts; DROP FUNCTION note_moved_account()")
