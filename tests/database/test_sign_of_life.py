"""The sign of life of a run, when the database goes away and comes back while the run goes on."""

import threading
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from analytics_pipeline.database import engine as engine_module
from analytics_pipeline.database import locks, sign_of_life


def holders(engine: Engine) -> list[int]:
    """The server's processes whose connections hold a sign of life."""
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = :space"
    with engine.connect() as connection:
        return list(connection.scalars(text(held), {"space": locks.RUNS}))


def test_a_run_that_outlives_its_connection_is_not_taken_for_dead(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_of_life, "_LOOK_SECONDS", 0.01)
    run_id = str(uuid4())
    with sign_of_life.sign_of_life(run_id):
        (lost,) = holders(engine)
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost})
        for _ in range(500):
            if sign_of_life.shows_life(run_id):
                break
            threading.Event().wait(0.01)
        assert sign_of_life.shows_life(run_id)
        assert holders(engine) != [lost]
    assert not sign_of_life.shows_life(run_id)


def test_a_run_shows_life_again_once_a_full_pool_has_room(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_of_life, "_LOOK_SECONDS", 0.01)
    full = create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    run_id, asked = str(uuid4()), threading.Semaphore(0)

    def ask_the_full_one() -> Engine:
        asked.release()
        return full

    with sign_of_life.sign_of_life(run_id), full.connect():
        (lost,) = holders(engine)
        monkeypatch.setattr(engine_module, "get_engine", ask_the_full_one)
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost})
        asked.acquire(timeout=5)
        asked.acquire(timeout=5)
        monkeypatch.setattr(engine_module, "get_engine", lambda: engine)
        for _ in range(500):
            if sign_of_life.shows_life(run_id):
                break
            threading.Event().wait(0.01)
        assert sign_of_life.shows_life(run_id)
    full.dispose()


def test_a_run_ends_while_the_database_is_away(engine: Engine) -> None:
    run_id = str(uuid4())
    with sign_of_life.sign_of_life(run_id), engine.begin() as connection:
        (lost,) = holders(engine)
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost})
    assert not sign_of_life.shows_life(run_id)
