"""URLs for every driver, creating databases, connections, and errors that a person can act on."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, create_engine, inspect, make_url, text

from analytics_pipeline.database import embedded
from analytics_pipeline.database import engine as database
from analytics_pipeline.dbt_project import DBT_PROJECT, dbt_executable
from analytics_pipeline.settings import get_settings
from tests.database.urls import as_guest


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings of this test only."""
    yield monkeypatch
    get_settings.cache_clear()


def point_to(patch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        patch.setenv(name, value)
    get_settings.cache_clear()


# --- URLs


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_any_spelling_of_postgresql_gets_our_driver(configure: pytest.MonkeyPatch, scheme: str) -> None:
    point_to(configure, DATABASE_URL=f"{scheme}://me:s%40crt@db.example:6543/figures?sslmode=require")

    assert database.database_url() == make_url(
        "postgresql+psycopg://me:s%40crt@db.example:6543/figures?sslmode=require"
    )
    assert database.dbt_environment() == {
        "DBT_HOST": "db.example",
        "DBT_PORT": "6543",
        "DBT_USER": "me",
        "DBT_PASSWORD": "s@crt",
        "DBT_DATABASE": "figures",
        "DBT_PGSSLMODE": "require",
    }


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("db.example/figures?password=hunter2", "DATABASE_URL is no URL of a database"),
        ("postgresql://me:hunter2@db.example:port/figures", "DATABASE_URL is no URL of a database"),
        ("mysql://me:hunter2@db.example/figures", "begins with mysql://, but only PostgreSQL is supported"),
        ("postgresql://me:hunter2@db.example", "DATABASE_URL names no database"),
    ],
)
def test_a_useless_url_is_refused_without_repeating_it(
    configure: pytest.MonkeyPatch, given: str, complaint: str
) -> None:
    point_to(configure, DATABASE_URL=given)
    with pytest.raises(database.DatabaseUnavailableError, match=complaint) as caught:
        database.database_url()
    assert "hunter2" not in str(caught.value)


def test_dbt_connects_as_the_url_says(configure: pytest.MonkeyPatch) -> None:
    """With a client's certificate, to the server of two that takes writes: else the summaries alone would fail.

    By names that only `analytics-dbt` knows: the process of a run has connections to Dagster's server too.
    """
    options = {"sslcert": "/c.pem", "sslkey": "/k.pem", "sslrootcert": "/r.pem", "target_session_attrs": "read-write"}
    url = URL.create("postgresql", "me", None, None, None, "figures", options | {"host": ("a.example", "b.example")})
    point_to(configure, DATABASE_URL=url.render_as_string(False))
    environment = database.dbt_environment()
    assert environment == {
        "DBT_HOST": "a.example,b.example",
        "DBT_PORT": "5432",
        "DBT_USER": "me",
        "DBT_PASSWORD": "",
        "DBT_DATABASE": "figures",
        "DBT_PGSSLCERT": "/c.pem",
        "DBT_PGSSLKEY": "/k.pem",
        "DBT_PGSSLROOTCERT": "/r.pem",
        "DBT_PGTARGETSESSIONATTRS": "read-write",
    }


def test_an_option_of_the_url_reaches_the_server_by_dbt(
    configure: pytest.MonkeyPatch, database_url: URL, tmp_path: Path
) -> None:
    url = database_url.update_query_dict({"options": "-c work_mem=nonsense"})
    point_to(configure, DATABASE_URL=url.render_as_string(False))
    refused = subprocess.run(
        [dbt_executable(), "debug", "--connection"],
        cwd=DBT_PROJECT.project_dir,
        env=os.environ
        | database.dbt_environment()
        | {"DBT_TARGET_PATH": str(tmp_path), "DBT_LOG_PATH": str(tmp_path), "DBT_PROFILES_DIR": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'invalid value for parameter "work_mem": "nonsense"' in refused.stdout


@pytest.mark.parametrize(
    ("hosts", "port"),
    [
        (("a:6543", "b:6543"), "6543"),
        (("a:5432", "b"), "5432"),
        (("a", "b:5432"), "5432"),
    ],
)
def test_several_hosts_have_one_port_for_dbt(configure: pytest.MonkeyPatch, hosts: tuple[str, ...], port: str) -> None:
    url = URL.create("postgresql", "me", database="figures", query={"host": hosts})
    point_to(configure, DATABASE_URL=url.render_as_string(False))
    environment = database.dbt_environment()
    assert (environment["DBT_HOST"], environment["DBT_PORT"]) == ("a,b", port)


def test_dbt_cannot_use_hosts_of_different_ports(configure: pytest.MonkeyPatch) -> None:
    point_to(configure, DATABASE_URL="postgresql://me:hunter2@/figures?host=a:5432&host=b:5433")
    with pytest.raises(database.DatabaseUnavailableError, match=r"several ports \(5432, 5433\)") as caught:
        database.dbt_environment()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("password", ["a+b", "a b", "a%2Bb", "p@ss/w?rd#1", "ü+ "])
def test_psql_is_given_the_password_as_it_is(password: str) -> None:
    url = URL.create("postgresql", "my+ user", password, "db.example", 6543, "the+ figures", {"options": "-c a=1+2"})
    given = database.libpq_url(url)
    assert not re.search(r"\s", given), "libpq refuses spaces"
    assert conninfo_to_dict(given) == {
        "user": "my+ user",
        "password": password,
        "host": "db.example",
        "port": "6543",
        "dbname": "the+ figures",
        "options": "-c a=1+2",
    }


def test_without_settings_the_embedded_server_in_analytics_home_is_used(
    configure: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    embedded.start(tmp_path / "my home" / "postgres", fast=True).stop()  # a data folder, made without waiting for disks
    point_to(configure, ANALYTICS_HOME=str(tmp_path / "my home"))
    try:
        url = database.database_url()
        assert (url.drivername, url.database) == ("postgresql+psycopg", "analytics")
        assert database.embedded_server().status().data_folder == tmp_path / "my home" / "postgres" / "data"
        assert database.dbt_environment()["DBT_HOST"] == str(database.embedded_server().socket_folder)
        assert database.schema_is_current() is False
        database.upgrade()
        assert database.schema_is_current() is True
        with psycopg.connect(database.libpq_url(url)) as connection:
            assert connection.info.dbname == "analytics"
    finally:
        database.embedded_server().stop()
        database.embedded_server.cache_clear()


def test_dagster_has_a_database_of_its_own_which_is_made(database_url: URL) -> None:
    url = database.dagster_database_url()

    assert (url.drivername, url.database) == ("postgresql+psycopg2", f"{database_url.database}_dagster")
    assert database.dagster_database_url() == url
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_dagsters_database_may_be_anywhere(configure: pytest.MonkeyPatch, database_url: URL) -> None:
    elsewhere = f"{database_url.database}_dagster"  # the one that the fixture drops
    point_to(configure, DAGSTER_DATABASE_URL=database_url.set(database=elsewhere).render_as_string(False))

    assert database.dagster_database_url().database == elsewhere


# --- connections


def test_moments_are_read_whatever_style_the_server_writes_them_in(engine: Engine) -> None:
    with engine.begin() as connection:
        name = connection.scalar(text("SELECT quote_ident(current_database())"))
        connection.execute(text(f"ALTER DATABASE {name} SET datestyle = 'German'"))
    engine.dispose()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT timestamptz '2026-02-01 10:00Z'")) == datetime(2026, 2, 1, 10, tzinfo=UTC)


def test_two_that_change_a_row_wait_for_each_other_whatever_the_server_prefers(engine: Engine) -> None:
    with engine.begin() as connection:
        name = connection.scalar(text("SELECT quote_ident(current_database())"))
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"))
        connection.execute(text("INSERT INTO businesses (name) VALUES ('Acme')"))
    engine.dispose()
    change = text("UPDATE businesses SET name = name || '!'")
    with engine.begin() as late:
        assert late.scalar(text("SELECT name FROM businesses")) == "Acme"
        with engine.begin() as early:
            early.execute(change)
        late.execute(change)
        assert late.scalar(text("SELECT name FROM businesses")) == "Acme!!"


def test_a_server_that_cannot_look_for_its_clients(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows it refuses any interval but 0, as every server refuses a negative one."""
    monkeypatch.setattr(database, "_LOOK_FOR_CLIENT", "SET client_connection_check_interval = '-1s'")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT current_setting('DateStyle')")) == "ISO, MDY"


def test_connections_survive_a_restart_of_the_server(engine: Engine) -> None:
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        assert connection.scalar(text("SELECT current_setting('application_name')")) == "analytics_pipeline"
    with psycopg.connect(database.libpq_url(engine.url)) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


# --- errors


def test_a_wrong_password(guarded: embedded.EmbeddedServer) -> None:
    with pytest.raises(database.DatabaseUnavailableError, match="check user and password") as caught:
        database.upgrade(as_guest(guarded, "postgres", "wr0ng"))
    assert f"database 'postgres' on {guarded.socket_folder} as guest" in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_a_missing_database_without_the_right_to_create_it(guarded: embedded.EmbeddedServer) -> None:
    url = as_guest(guarded, "missing", "hunter2")
    assert database.schema_is_current(url) is False

    with pytest.raises(database.DatabaseUnavailableError, match='CREATE DATABASE "missing" OWNER "guest"') as caught:
        database.upgrade(url)

    assert "'missing' on" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_database_at_the_address_for_readers(configure: pytest.MonkeyPatch, database_url: URL) -> None:
    url = database_url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    point_to(configure, DATABASE_URL=url.render_as_string(False))
    with pytest.raises(database.DatabaseUnavailableError, match="takes no writes") as caught:
        database.dagster_database_url()
    assert f"database '{database_url.database}_dagster' on" in str(caught.value)


def test_a_missing_database_is_named_when_it_is_used(guarded: embedded.EmbeddedServer) -> None:
    engine = database._engine(as_guest(guarded, "missing", "hunter2"))
    with pytest.raises(database.DatabaseMissingError, match=r"'missing' on .* as guest does not exist"):
        engine.connect()


@pytest.mark.parametrize("where", ["me:hunter2@127.0.0.1:1/x", "me:hunter2@/x?host=/no/such/folder"])
def test_a_server_that_does_not_answer(where: str) -> None:
    url = make_url(f"postgresql+psycopg://{where}")
    with pytest.raises(database.DatabaseUnavailableError, match="check that the server runs") as caught:
        database.upgrade(url)
    assert f"database 'x' on {url.host or '/no/such/folder'} as me" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_server_notices_that_the_machine_of_a_worker_is_gone(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW client_connection_check_interval")) == "10s"
        connection.rollback()  # what was set belongs to the connection, not to a transaction
        assert connection.scalar(text("SHOW client_connection_check_interval")) == "10s"
