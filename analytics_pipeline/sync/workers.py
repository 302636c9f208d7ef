"""Who works on an account: one process at a time. What becomes of the units of one that stopped, died or hangs.

Here: the account's lock, units given back and taken back. Not here: claims and their fencing (`ledger.py`).
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from psycopg.errors import LockNotAvailable
from sqlalchemy import ColumnElement, Connection, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from analytics_pipeline.database import locks
from analytics_pipeline.database.models import SyncUnit
from analytics_pipeline.sync.ledger import Claim, Failure, outcome_of

RUNNING_PATIENCE = timedelta(hours=2)
"""No run is longer (dagster.yaml, run_monitoring.max_runtime_seconds): a worker that ends no unit for so long hangs."""

_LOCK = text("SELECT pg_advisory_lock(:space, :account) FROM set_config('lock_timeout', '30s', true)")
_UNLOCK = text("SELECT pg_advisory_unlock(:space, :account)")
_GONE = Failure("transient", "The process that read the day ended before it was done: killed, or out of memory")


class AccountBusyError(Exception):
    """The account is not to be had at this moment: another process works on it, or the connection was lost."""


@contextmanager
def account_lock(connection: Connection, account_id: int) -> Iterator[None]:
    """Holds the account for this process alone, until the block ends or the process dies.

    Whoever holds it knows that a unit of the account left `running` belongs to a dead worker. Who loses it, with the
    connection, may go on: what others have taken over is no longer stored (`ledger.held`).
    Raises AccountBusyError when another process keeps the account for longer than half a minute, or the connection is lost.
    """
    keys = {"space": locks.ACCOUNTS, "account": account_id}
    try:
        connection.execute(_LOCK, keys)
        connection.commit()  # the lock belongs to the connection, its patience to the transaction
    except OperationalError as error:
        connection.rollback()
        held = isinstance(error.orig, LockNotAvailable)
        why = "is being synced by another process" if held else f"cannot be locked: {type(error.orig).__name__}"
        raise AccountBusyError(f"account {account_id} {why}") from None
    try:
        yield
    finally:
        with suppress(DBAPIError):  # where the connection was lost, so was the lock
            connection.rollback()
            connection.execute(_UNLOCK, keys)
            connection.commit()


def give_back(session: Session, claims: Collection[Claim], failure: Failure | None, now: datetime) -> None:
    """What a worker does with the rest of its claims when it ends early: due again, or as the failure says.

    Without a failure it was told to stop, and the attempt does not count.
    """
    left = session.scalars(
        select(SyncUnit)
        .where(SyncUnit.attempt_id.in_([claim.attempt_id for claim in claims]))
        .order_by(SyncUnit.publish_day)
        .with_for_update()
    ).all()
    if failure is not None:
        _fail(left, failure, now)
        return
    for unit in left:
        unit.state, unit.attempts, unit.attempt_id = "due", unit.attempts - 1, None


def take_back(session: Session, now: datetime) -> int:
    """Takes the units left `running` by workers that died, or that hang, as failed for a passing reason; says how many.

    Counted like any other attempt: what kills its worker again and again ends with a person. Commits.
    """
    last_sign: ColumnElement[datetime] = func.max(func.greatest(SyncUnit.started_at, SyncUnit.finished_at))
    accounts = session.execute(
        select(SyncUnit.social_account_id, last_sign)
        .group_by(SyncUnit.social_account_id)
        .having(func.bool_or(SyncUnit.state == "running"))
        .order_by(SyncUnit.social_account_id)
    ).all()
    taken = 0
    for account_id, seen in accounts:
        keys = {"space": locks.ACCOUNTS, "account": account_id}
        if seen < now - RUNNING_PATIENCE:
            session.execute(_END_HOLDER, keys)
        if session.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :account)"), keys):
            left = session.scalars(
                select(SyncUnit).where(SyncUnit.social_account_id == account_id, SyncUnit.state == "running")
            ).all()
            _fail(left, _GONE, now)
            taken += len(left)
        session.commit()  # frees the lock
    return taken


_END_HOLDER = text("""
SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
WHERE locktype = 'advisory' AND classid = :space AND objid = :account AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
"""A process that is stopped holds its lock as long as its connection lasts. Waits up to 5 s for the end."""


def _fail(units: Iterable[SyncUnit], failure: Failure, now: datetime) -> None:
    for unit in units:
        outcome = outcome_of(failure, unit.attempts, now)
        unit.state, unit.attempt_id, unit.next_attempt_at = outcome.state, None, outcome.next_attempt_at
        unit.error_class, unit.error_message, unit.asked_at = outcome.error_class, outcome.error_message, None
