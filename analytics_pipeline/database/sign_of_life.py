"""Whether the process of a run still lives: it holds a lock in the database, which is gone when the process is.

Not here: which runs are watched, what becomes of a dead one (`automation/dead_runs.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from analytics_pipeline.database import engine, locks


@contextmanager
def sign_of_life(run_id: str) -> Iterator[None]:
    """Shows that the run lives, until the block ends or this process does, however it ends."""
    engine.create_database_if_missing(engine.database_url())
    keys = _keys(run_id)
    with engine.get_engine().connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock_shared(:space, :run)"), keys)
        connection.commit()  # the lock belongs to the connection, not to this transaction
        try:
            yield
        finally:
            with suppress(DBAPIError):  # where the connection was lost, so was the lock
                connection.execute(text("SELECT pg_advisory_unlock_shared(:space, :run)"), keys)
                connection.commit()


def shows_life(run_id: str) -> bool:
    """Whether some process is within the `sign_of_life` of the run."""
    with engine.get_engine().connect() as connection:
        return not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :run)"), _keys(run_id))


def _keys(run_id: str) -> dict[str, int]:
    return {"space": locks.RUNS, "run": UUID(run_id).int % 2**31}
