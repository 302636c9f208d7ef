"""Fixtures for every test: one embedded server per session (and xdist worker), a fresh migrated database per test.

Not here: worlds, sandboxes, fakes (they live with the tests that need them).
"""

import gc
import itertools
import json
import logging
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import URL, Engine, make_url
from sqlalchemy.orm import Session

from analytics_pipeline.database import embedded
from analytics_pipeline.database.engine import get_engine, new_session, upgrade
from analytics_pipeline.settings import get_settings

_LONG = {"end_to_end", "test_benchmarks.py", "real_data", "assets", "dbt_summaries"}
_TEMPLATE = "migrated"
_numbers = itertools.count(1)
_used: list[str] = []

# Dagster and dbt leave hundred thousands of objects that stay. Looking through them for garbage was a tenth of the time.
gc.set_threshold(20_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Sizes of tests that have a long variant: the suite runs the short ones."""
    group = parser.getgroup("long variants")
    group.addoption("--week-accounts", type=int, default=2, help="accounts per platform of the virtual week")
    group.addoption("--week-days", type=int, default=1, help="days of the virtual week")
    group.addoption("--week-seed", type=int, default=1, help="seed of the virtual week")
    group.addoption("--rounds", type=int, default=2, help="rounds of random kills")
    group.addoption("--seed", type=int, default=None, help="seed of the first round of random kills")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of long tests come first: at the end, one would keep a worker busy while the other has nothing left to do."""
    items.sort(key=lambda item: not _LONG.intersection(item.path.parts))


def pytest_collection_finish() -> None:
    """What is imported by now stays, and need not be looked through again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _every_line() -> None:
    """No test is spared lines by what another has imported, or called, that set the level of a logger."""
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("analytics_pipeline").setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _zone_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of another time zone is spared it by what imported Dagster's storage before, which asks for UTC."""
    monkeypatch.delenv("PGTZ", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the settings or the data of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANALYTICS_HOME", str(tmp_path_factory.mktemp("analytics_home")))
        patch.setenv("ANALYTICS_ENCRYPTION_KEY", "dGVzdHMgb25seTogdGhpcnR5LXR3byBieXRlcy4uLi4=")
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServer]:
    """A PostgreSQL server that gives up safety for speed."""
    server = embedded.start(tmp_path_factory.mktemp("postgres"), fast=True)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _template(postgres_server: embedded.EmbeddedServer) -> str:
    """The name of a database with all migrations done, to be copied."""
    upgrade(make_url(postgres_server.url(_TEMPLATE)).set(drivername="postgresql+psycopg"))
    return _TEMPLATE


@pytest.fixture
def database_name() -> str:
    """What the test's database is called: as no other, where a folder of tests does not say otherwise."""
    return f"test_{next(_numbers)}"


@pytest.fixture
def database_url(
    postgres_server: embedded.EmbeddedServer, _template: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[URL]:
    """A fresh migrated database, which is also what the settings of the test name."""
    name = database_name
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        if name in _used:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            _used.remove(name)
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_template}" STRATEGY file_copy')
        url = postgres_server.url(name)
        monkeypatch.setenv("DATABASE_URL", url)
        get_settings.cache_clear()
        get_engine.cache_clear()
        yield make_url(url).set(drivername="postgresql+psycopg")
        if get_engine.cache_info().currsize:
            get_engine().dispose()
        get_engine.cache_clear()
        _used.append(name)
        if len(_used) > 2:  # dropping waits 100 ms for connections that were closed just now, so others go first
            for old in (_used[0], f"{_used[0]}_dagster"):
                connection.execute(f'DROP DATABASE IF EXISTS "{old}" WITH (FORCE)')
            del _used[0]
    monkeypatch.delenv("DATABASE_URL")
    get_settings.cache_clear()


@pytest.fixture
def engine(database_url: URL) -> Engine:
    """The process's engine, on the test's database."""
    return get_engine()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on the test's database; what is not committed is lost."""
    with new_session(engine) as session:
        yield session


@pytest.fixture
def marts(session: Session) -> Session:
    """A session on all tables, those of dbt's marts included: empty, with the columns of their contract."""
    from analytics_pipeline.assets.analytics_summaries import manifest_path  # seconds of imports

    nodes = json.loads(manifest_path().read_text())["nodes"].values()
    for mart in (node for node in nodes if "marts" in node["fqn"] and node["resource_type"] == "model"):
        listed = ", ".join(f"{column['name']} {column['data_type']}" for column in mart["columns"].values())
        session.connection().exec_driver_sql(f"create table {mart['name']} ({listed})")
    session.commit()
    return session
