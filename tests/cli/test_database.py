"""`db`: what stands on standard output, for scripts, and how serving ends."""

import signal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from analytics_pipeline.database import embedded
from analytics_pipeline.database import engine as engine_module
from analytics_pipeline.settings import get_settings
from tests.cli.conftest import Call


def test_the_kept_server_ends_with_ctrl_c_and_only_its_url_is_printed(
    call: Call, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(signal, "pause", interrupted)
    url = engine_module.libpq_url(engine_module.database_url())
    assert call("db", "url", "--keep") == (0, url, "Serving until Ctrl-C.")


def test_the_database_of_a_new_installation_is_there_to_restore_a_backup_into(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    embedded.start(tmp_path / "postgres", fast=True).stop()  # a data folder, made without waiting for disks
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path))
    get_settings.cache_clear()
    try:
        status, url, _ = call("db", "url")
        with psycopg.connect(url) as connection:
            assert (status, connection.info.dbname) == (0, "analytics")
    finally:
        engine_module.embedded_server().stop()
        engine_module.embedded_server.cache_clear()
        get_settings.cache_clear()
