"""Bringing a database to the newest state, and those that are refused before anything is written."""

import threading

import psycopg
import pytest
from alembic import command
from sqlalchemy import URL, create_engine, text

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
    with pytest.raises(database.DatabaseUnavailableError, match=r"is PostgreSQL \d+, .* needs 99 or newer"):
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


def by_advice_of_an_administrator(guarded: embedded.EmbeddedServer, url: URL, match: str) -> None:
    """Refuses the database with such words, and brings it up to date once an administrator has run what they say."""
    with pytest.raises(database.DatabaseUnavailableError, match=match) as caught:
        database.upgrade(url)
    with psycopg.connect(guarded.url(str(url.database)), autocommit=True) as connection:
        connection.execute(str(caught.value).partition("run ")[2])
    database.upgrade(url)
    assert database.schema_is_current(url) is True


def test_a_database_that_the_user_does_not_own(guarded: embedded.EmbeddedServer) -> None:
    """Since PostgreSQL 15 `GRANT ALL ON DATABASE` gives no right to make tables in it; before, where it was taken away."""
    with psycopg.connect(guarded.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE granted")
        connection.execute("GRANT ALL ON DATABASE granted TO guest")
    with psycopg.connect(guarded.url("granted"), autocommit=True) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    url = as_guest(guarded, "granted", "hunter2")
    by_advice_of_an_administrator(guarded, url, match="GRANT USAGE, CREATE ON SCHEMA public TO")
    with psycopg.connect(guarded.url("granted"), autocommit=True) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM guest")
    database.upgrade(url)  # there is nothing to make


def test_a_database_without_the_schema_public(guarded: embedded.EmbeddedServer) -> None:
    with psycopg.connect(guarded.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE hardened OWNER guest")
    with psycopg.connect(guarded.url("hardened"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public")
    url = as_guest(guarded, "hardened", "hunter2")
    by_advice_of_an_administrator(guarded, url, match="run CREATE SCHEMA public")


def test_what_was_collected_in_another_schema_is_moved_not_left_behind(guarded: embedded.EmbeddedServer) -> None:
    """By those who began with a version that made tables wherever the search_path says."""
    with psycopg.connect(guarded.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE begun OWNER guest")
    with psycopg.connect(guarded.url("begun"), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA mine AUTHORIZATION guest")
    url = as_guest(guarded, "begun", "hunter2")
    there = url.update_query_dict({"options": "-c search_path=mine"})
    engine = create_engine(there)
    with engine.connect() as begun:
        config = database._alembic_config()
        config.attributes["connection"] = begun
        command.upgrade(config, "head")
        command.downgrade(config, "-1")
        begun.execute(text("INSERT INTO businesses (name) VALUES ('Bakery')"))
        begun.commit()
    engine.dispose()

    with psycopg.connect(guarded.url("begun"), autocommit=True) as connection:
        connection.execute("CREATE TABLE public.orders (id int)")
    with pytest.raises(
        database.DatabaseUnavailableError, match="tables of others: move mine into a database of its own"
    ):
        database.upgrade(there)
    with psycopg.connect(guarded.url("begun"), autocommit=True) as connection:
        connection.execute("DROP TABLE public.orders")
    with pytest.raises(database.DatabaseUnavailableError, match="are in the schema mine") as caught:
        database.upgrade(there)
    with psycopg.connect(guarded.url("begun"), autocommit=True) as connection:
        connection.execute(str(caught.value).partition("run ")[2])
    with pytest.raises(database.DatabaseUnavailableError, match="take search_path out of the options of DATABASE_URL"):
        database.upgrade(there)
    database.upgrade(url)

    assert database.schema_is_current(url) is True
    with psycopg.connect(database.libpq_url(url)) as connection:
        assert connection.execute("SELECT name FROM public.businesses").fetchall() == [("Bakery",)]


@pytest.fixture
def of_bytes(guarded: embedded.EmbeddedServer) -> URL:
    """As a server makes databases that was set up where LANG is C."""
    with psycopg.connect(guarded.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bytes")
        connection.execute("CREATE DATABASE bytes OWNER guest ENCODING SQL_ASCII TEMPLATE template0")
    return as_guest(guarded, "bytes", "hunter2")


def test_a_database_of_which_no_text_can_be_read(of_bytes: URL) -> None:
    with pytest.raises(database.DatabaseUnavailableError, match=r"'bytes' is .* SQL_ASCII, of which no text") as caught:
        database.upgrade(of_bytes)
    assert "client_encoding=utf8" in str(caught.value)
    assert "drop" not in str(caught.value)


def test_a_database_of_bytes_is_used_where_its_url_says_how_to_read_them(of_bytes: URL) -> None:
    url = of_bytes.update_query_dict({"client_encoding": "utf8"})
    database.upgrade(url)
    engine = database._engine(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO businesses (name) VALUES ('Bäckerei 🥐')"))
        assert connection.scalar(text("SELECT name FROM businesses")) == "Bäckerei 🥐"
    engine.dispose()


def test_a_database_of_characters_that_is_read_as_bytes(guarded: embedded.EmbeddedServer) -> None:
    engine = database._engine(url_of(guarded, "postgres").update_query_dict({"client_encoding": "SQL_ASCII"}))
    with pytest.raises(database.DatabaseUnavailableError, match="SQL_ASCII, of which no text"):
        engine.connect()
