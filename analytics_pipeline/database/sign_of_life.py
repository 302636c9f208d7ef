"""Whether the process of a run still lives: it holds a lock in the database, which is gone when the process is.

Not here: which runs are watched, what becomes of a dead one (`automation/dead_runs.py`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from analytics_pipeline.database import engine, locks

_LOOK_SECONDS = 2.0
"""How soon a lost lock is noticed: within TAKEN_ANEW_SECONDS, the time between two looks at which runs are dead."""
TAKEN_ANEW_SECONDS = 15.0
"""How long a living run may be without its lock once the server can be reached: a look, and an attempt under way to connect."""
_AWAY = (SQLAlchemyError, engine.DatabaseUnavailableError)
"""Also a pool without room: whatever it is, the next look may go well."""


@contextmanager
def sign_of_life(run_id: str) -> Iterator[None]:
    """Shows that the run lives, until the block ends or this process does, however it ends."""
    engine.create_database_if_missing(engine.database_url())
    connection, ended = _locked(run_id), threading.Event()
    keeper = threading.Thread(target=_keep, args=(connection, run_id, ended), name="sign of life", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _locked(run_id: str) -> Connection:
    connection = engine.get_engine().connect()
    try:
        connection.execute(text("SELECT pg_advisory_lock_shared(:space, :run)"), _keys(run_id))
        connection.commit()  # the lock belongs to the connection, not to this transaction
    except BaseException:
        connection.close()
        raise
    return connection


def _keep(connection: Connection, run_id: str, ended: threading.Event) -> None:
    """Takes the lock anew where it went with its connection: a run outlives a server that is started again."""
    held: Connection | None = connection
    while not ended.wait(_LOOK_SECONDS):
        try:
            held = held or _locked(run_id)
            held.execute(text("SELECT 1"))
            held.rollback()
        except _AWAY:
            if held is not None:
                held.close()
            held = None
    if held is not None:
        with suppress(*_AWAY), held:
            held.execute(text("SELECT pg_advisory_unlock_shared(:space, :run)"), _keys(run_id))
            held.commit()


def shows_life(run_id: str) -> bool:
    """Whether some process is within the `sign_of_life` of the run. One that lost its connection shows none for a while."""
    with engine.get_engine().connect() as connection:
        return not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :run)"), _keys(run_id))


def _keys(run_id: str) -> dict[str, int]:
    return {"space": locks.RUNS, "run": UUID(run_id).int % 2**31}
