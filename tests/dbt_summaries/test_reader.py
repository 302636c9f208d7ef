"""The role `analytics_reader` as it connects: marts are readable, also after dbt made them anew, and nothing else is.

Not here: what the marts hold.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, NullPool, create_engine, inspect, text

from analytics_pipeline.database.engine import DatabaseUnavailableError, libpq_url
from analytics_pipeline.database.reader import READER, grant_reader
from analytics_pipeline.settings import PROJECT_DIR
from tests.dbt_summaries.conftest import Dbt

MARTS = {model.stem for model in (PROJECT_DIR / "dbt_summaries" / "models" / "marts").glob("*.sql")}


@pytest.fixture(autouse=True)
def _no_roles_are_left(engine: Engine) -> Iterator[None]:
    """Roles belong to the server, which serves other tests."""
    yield
    with engine.begin() as connection:
        for role in connection.scalars(
            text("SELECT rolname FROM pg_roles WHERE rolname IN ('plain', :r)"), {"r": READER}
        ):
            connection.execute(text(f"DROP OWNED BY {role} CASCADE"))
            connection.execute(text(f"DROP ROLE {role}"))


def connect_as(engine: Engine, role: str) -> "psycopg.Connection[Any]":
    """A connection of the role's own, not `SET ROLE`."""
    return psycopg.connect(libpq_url(engine.url.set(username=role)), autocommit=True)


def readable(engine: Engine, role: str) -> set[str]:
    """The tables and views that the role is let into, tried one by one."""
    names = {*inspect(engine).get_table_names(), *inspect(engine).get_view_names()}
    assert {"social_accounts", "post_analytics", "alembic_version"} <= names
    refused = set()
    with connect_as(engine, role) as connection:
        for name in names:
            try:
                connection.execute(f"SELECT * FROM {name}")
            except psycopg.errors.InsufficientPrivilege:
                refused.add(name)
    return names - refused


def test_marts_and_nothing_else_also_after_they_are_made_anew(engine: Engine, dbt: Dbt) -> None:
    assert grant_reader(engine) == []
    assert readable(engine, READER) == set()
    for arguments in (), ("--full-refresh",):
        assert dbt("run", *arguments).succeeded
        assert readable(engine, READER) == MARTS
    assert len(MARTS) >= 10
    with engine.begin() as connection:
        connection.execute(text(f"REVOKE SELECT ON analytics_summaries FROM {READER}"))
    assert set(grant_reader(engine)) == MARTS
    assert readable(engine, READER) == MARTS
    with connect_as(engine, READER) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("DELETE FROM posting_times")


def test_a_user_who_may_not_make_roles_is_told_who_may(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE plain LOGIN"))
        connection.execute(text("GRANT USAGE, CREATE ON SCHEMA public TO plain"))
    with connect_as(engine, "plain") as owner:
        owner.execute("CREATE TABLE posting_times AS SELECT 1 AS posts")
    plain = create_engine(engine.url.set(username="plain"), poolclass=NullPool)
    with pytest.raises(DatabaseUnavailableError, match=f"plain may not make it: .* run CREATE ROLE {READER} LOGIN"):
        grant_reader(plain)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {READER} LOGIN"))
    assert grant_reader(plain) == ["posting_times"]
    assert readable(engine, READER) == {"posting_times"}
