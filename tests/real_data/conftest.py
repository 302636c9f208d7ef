"""One database per test module, since replaying real sets takes seconds, and skipping where their data is not there."""

from collections.abc import Iterator

import psycopg
import pytest

from analytics_pipeline.database import embedded
from analytics_pipeline.database.engine import get_engine
from analytics_pipeline.settings import get_settings
from tests.real_data.realset import DATA


@pytest.fixture(scope="module")
def database(
    request: pytest.FixtureRequest, postgres_server: embedded.EmbeddedServer, _template: str
) -> Iterator[None]:
    """A fresh migrated database, which is also what the settings name, until the module ends."""
    if not DATA.is_dir():
        pytest.skip(f"the real data is not here: {DATA} (a folder beside the project, which is not part of it)")
    name = request.module.__name__.rpartition(".")[2]
    with (
        psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection,
        pytest.MonkeyPatch.context() as patch,
    ):
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_template}" STRATEGY file_copy')
        patch.setenv("DATABASE_URL", postgres_server.url(name))
        get_settings.cache_clear()
        get_engine.cache_clear()
        yield
        get_engine().dispose()
        get_engine.cache_clear()
    get_settings.cache_clear()
