"""Bringing a database to the newest state, and those that are refused before anything is written."""

import threading

import psycopg
import pytest

from analytics_pipeline.database import embedded
from analytics_pipeline.database import engine as database
from tests.database.urls import as_guest, url_of


def test_two_upgrades_at_once_make_one_database(postgres_server: embedded.EmbeddedServer) -> None:
    url = url_of(postgres_server, "made by two")
    assert database.schema_is_current(url) is False
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def upgrade() -> None:
        start.wait()
        try:
            database.upgrade(url)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert database.schema_is_current(url) is True


def test_a_server_that_is_too_old_is_refused_before_anything_is_written(
    postgres_server: embedded.EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the servers that are tried, none is: here the oldest that will do is one that does not exist yet."""
    monkeypatch.setattr(database, "OLDEST_SERVER", 99)
    url = url_of(postgres_server, "never made")
    with pytest.raises(database.DatabaseUnavailableError, match=r"is PostgreSQL 18, .* needs 99 or newer"):
        database.upgrade(url)
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        assert connection.execute("SELECT FROM pg_database WHERE datname = 'never made'").rowcount == 0


@pytest.mark.parametrize(("version", "works"), [(90624, False), (130023, False), (140000, True), (180004, True)])
def test_which_servers_are_too_old(version: int, works: bool) -> None:
    assert (database.too_old(version) is None) is works


@pytest.mark.parametrize("path", ['"$user", public', "nowhere"])
def test_tables_that_dbt_would_not_find_are_not_made(guarded: embedded.EmbeddedServer, path: str) -> None:
    """A schema of the user's own name is what PostgreSQL's manual advises."""
    with psycopg.connect(guarded.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS own")
        connection.execute("CREATE DATABASE own OWNER guest")
        connection.execute(f"ALTER ROLE guest IN DATABASE own SET search_path = {path}")
    with psycopg.connect(guarded.url("own")) as connection:
        connection.execute("CREATE SCHEMA AUTHORIZATION guest")
    url = as_guest(guarded, "own", "hunter2")
    advice = "ALTER ROLE guest IN DATABASE own SET search_path = public"
    with pytest.raises(database.DatabaseUnavailableError, match=advice):
        database.upgrade(url)
    with psycopg.connect(database.libpq_url(url), autocommit=True) as connection:
        assert connection.execute("SELECT FROM pg_tables WHERE tablename = 'published_posts'").rowcount == 0
        connection.execute(advice)
    database.upgrade(url)
    assert database.schema_is_current(url) is True


def test_a_database_that_the_user_does_not_own(guarded: embedded.EmbeddedServer) -> None:
    """Since PostgreSQL 15 `GRANT ALL ON DATABASE` gives no right to make tables in it."""
    with psycopg.connect(guarded.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE granted")
        connection.execute("GRANT ALL ON DATABASE granted TO guest")
    url = as_guest(guarded, "granted", "hunter2")
    with pytest.raises(database.DatabaseUnavailableError, match="GRANT USAGE, CREATE ON SCHEMA public TO") as caught:
        database.upgrade(url)
    with psycopg.connect(guarded.url("granted"), autocommit=True) as connection:
        connection.execute(str(caught.value).partition("run ")[2])
    database.upgrade(url)
    assert database.schema_is_current(url) is True
    with psycopg.connect(guarded.url("granted"), autocommit=True) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM guest")
    database.upgrade(url)  # there is nothing to make


def test_a_database_without_characters(guarded: embedded.EmbeddedServer) -> None:
    """As a server makes them that was set up where LANG is C: of bytes, of which no text can be read."""
    with psycopg.connect(guarded.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE bytes OWNER guest ENCODING SQL_ASCII TEMPLATE template0")
    with pytest.raises(database.DatabaseUnavailableError, match="ENCODING 'UTF8' TEMPLATE template0") as caught:
        database.upgrade(as_guest(guarded, "bytes", "hunter2"))
    assert "'bytes' has the encoding SQL_ASCII" in str(caught.value)
