"""What an account was charged for on a day becomes one row: a row for every post costs a fifth of storing its figures."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Takes over what is known: else the same reads would be billed once more."""
    op.execute("""
CREATE TEMPORARY TABLE billed_before AS
SELECT social_account_id, billed_on, array_agg(resource_id) FROM billed_reads GROUP BY social_account_id, billed_on;
DROP TABLE billed_reads;
CREATE TABLE billed_reads (
    social_account_id bigint NOT NULL,
    billed_on date NOT NULL,
    resource_ids text[] NOT NULL,
    CONSTRAINT pk_billed_reads PRIMARY KEY (social_account_id, billed_on),
    CONSTRAINT fk_billed_reads_social_account_id FOREIGN KEY (social_account_id)
        REFERENCES social_accounts (id) ON DELETE CASCADE
);
INSERT INTO billed_reads SELECT * FROM billed_before;
DROP TABLE billed_before;
""")


def downgrade() -> None:
    """A row for each again."""
    op.execute("""
CREATE TEMPORARY TABLE billed_before AS
SELECT DISTINCT social_account_id, billed_on, unnest(resource_ids) FROM billed_reads;
DROP TABLE billed_reads;
CREATE TABLE billed_reads (
    social_account_id bigint NOT NULL,
    billed_on date NOT NULL,
    resource_id text NOT NULL,
    CONSTRAINT pk_billed_reads PRIMARY KEY (social_account_id, billed_on, resource_id),
    CONSTRAINT fk_billed_reads_social_account_id FOREIGN KEY (social_account_id)
        REFERENCES social_accounts (id) ON DELETE CASCADE
);
INSERT INTO billed_reads SELECT * FROM billed_before;
DROP TABLE billed_before;
""")
