"""Metrics that failed a call: left out for a day, by every run and process.

Here: rows of `retired_metrics`, one search at a time. Not here: how a culprit is found (platform_fetchers).
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from analytics_pipeline.database import locks
from analytics_pipeline.database.models import RetiredMetric

RETIRED_FOR = timedelta(days=1)
"""So long a metric that failed a call is not asked for again."""

APP = "app"
"""The scope of what a platform has retired for everybody; other scopes are ids of accounts."""


@contextmanager
def search(
    engine: Engine, platform: str, metrics: set[str], remembered: set[str], clock: Callable[[], datetime]
) -> Iterator[None]:
    """A search for a retired metric of the platform, by one account at a time, over all processes.

    It begins with what others have found, in `metrics`; what it adds to them is kept as soon as it ends. Both are then
    `remembered`.
    """
    with Session(engine) as session, session.begin():
        session.execute(select(func.pg_advisory_xact_lock(locks.SEARCHES, func.hashtext(platform))))
        remembered |= known(session, platform, [APP], clock())[APP]
        metrics |= remembered
        yield
        remember(session, platform, APP, metrics - remembered, clock())
        remembered |= metrics


def known(session: Session, platform: str, scopes: Collection[str], now: datetime) -> dict[str, set[str]]:
    """By scope: metrics of the platform that failed a call within the last day."""
    failed: dict[str, set[str]] = {scope: set() for scope in scopes}
    for row in left_out(session, [platform], now):
        if row.scope in failed:
            failed[row.scope].add(row.metric)
    return failed


def left_out(session: Session, platforms: Collection[str], now: datetime) -> list[RetiredMetric]:
    """What failed a call within the last day, of all scopes, in order."""
    return list(
        session.scalars(
            select(RetiredMetric)
            .where(RetiredMetric.platform.in_(platforms), RetiredMetric.found_at > now - RETIRED_FOR)
            .order_by(RetiredMetric.platform, RetiredMetric.metric, RetiredMetric.scope)
        )
    )


def remember(session: Session, platform: str, scope: str, metrics: Collection[str], now: datetime) -> None:
    """Keeps which metrics failed a call just now."""
    if not metrics:
        return
    statement = upsert(RetiredMetric).values(
        [{"platform": platform, "scope": scope, "metric": metric, "found_at": now} for metric in sorted(metrics)]
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["platform", "metric", "scope"], set_={"found_at": statement.excluded.found_at}
        )
    )


def forget(session: Session, account_id: int) -> None:
    """Has the account asked again for what its token might not see: it was given another one."""
    session.execute(delete(RetiredMetric).where(RetiredMetric.scope == str(account_id)))
