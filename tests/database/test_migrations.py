"""The migrations make exactly the tables of the models, from any folder, and can be undone."""

from importlib import import_module
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

from analytics_pipeline.database import engine as database
from analytics_pipeline.database.models import Base


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, Base.metadata))


def migrations_on(connection: Connection) -> Config:
    """Alembic's configuration for commands that go to this connection."""
    config = database._alembic_config()
    config.attributes["connection"] = connection
    return config


def test_the_tables_are_those_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        assert differences(connection) == []


def test_what_a_comparison_does_not_see(engine: Engine) -> None:
    """Checks, computed columns, storage: compared as the server words them, with tables made from the models."""
    questions = (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        "SELECT attrelid::regclass::text, attname, attgenerated, attidentity, pg_get_expr(adbin, adrelid)"
        " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid::regclass::text = ANY(:tables) AND attnum > 0 ORDER BY attrelid::regclass::text, attnum",
        "SELECT indexdef FROM pg_indexes WHERE tablename = ANY(:tables) ORDER BY 1",
        "SELECT relname, reloptions FROM pg_class WHERE relname = ANY(:tables) ORDER BY 1",
    )
    tables = list(Base.metadata.tables)

    def answers(connection: Connection) -> list[list[tuple[object, ...]]]:
        return [
            [tuple(row) for row in connection.execute(text(q), {"tables": tables} if ":tables" in q else {})]
            for q in questions
        ]

    with engine.connect() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        migrated = answers(connection)
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        Base.metadata.create_all(connection)
        assert migrated == answers(connection)


def test_down_and_up_again_from_another_folder(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with engine.connect() as connection:
        config = migrations_on(connection)
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert database.schema_is_current() is False

    database.upgrade()

    assert database.schema_is_current() is True
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_what_was_charged_is_known_after_the_way_down_and_up(engine: Engine) -> None:
    with engine.begin() as connection:
        config = migrations_on(connection)
        command.downgrade(config, "0005")
        connection.execute(
            text("""
            INSERT INTO businesses (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Acme');
            INSERT INTO social_accounts (id, business_id, platform, external_id)
            OVERRIDING SYSTEM VALUE VALUES (7, 1, 'twitter', '20');
            INSERT INTO billed_reads VALUES (7, '2026-09-29', 'a'), (7, '2026-09-30', 'b'), (7, '2026-09-30', 'c');
            """)
        )
        command.upgrade(config, "head")
        of_days = connection.execute(
            text("SELECT billed_on::text, ARRAY(SELECT unnest(resource_ids) ORDER BY 1) FROM billed_reads ORDER BY 1")
        )
        assert [tuple(row) for row in of_days] == [("2026-09-29", ["a"]), ("2026-09-30", ["b", "c"])]
        command.downgrade(config, "0005")
        ids = connection.scalars(text("SELECT resource_id FROM billed_reads ORDER BY 1")).all()
        assert ids == ["a", "b", "c"]


def test_accounts_that_were_synced_are_not_listed_from_the_beginning_again(engine: Engine) -> None:
    with engine.begin() as connection:
        config = migrations_on(connection)
        command.downgrade(config, "0006")
        connection.execute(
            text("""
            INSERT INTO businesses (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Acme');
            INSERT INTO social_accounts (business_id, platform, external_id, last_sync)
            VALUES (1, 'twitter', '20', '2026-09-30 12:00Z'), (1, 'twitter', '30', NULL);
            """)
        )
        command.upgrade(config, "head")
        listed = connection.scalars(text("SELECT listed_at::text FROM social_accounts ORDER BY external_id")).all()
        assert listed == ["2026-09-30 12:00:00+00", None]


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO users (email) VALUES ('a@example.org')"))
    database.upgrade()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM users")) == 1


def test_they_are_part_of_the_package() -> None:
    """Only folders with an `__init__.py` are packed, and only they have a file."""
    for name in ("analytics_pipeline.database.migrations", "analytics_pipeline.database.migrations.versions"):
        assert import_module(name).__file__


def test_tables_of_a_newer_version_are_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(database.DatabaseUnavailableError, match=r"newer version .*\(revision 9999\): update the"):
        database.upgrade(engine.url)
