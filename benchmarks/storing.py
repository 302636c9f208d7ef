"""Storing alone: `database.writes` next to the least that PostgreSQL needs for the same rows.

Not here: fetching. Both write to the same database, one after the other, into tables that are empty of readings.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from analytics_pipeline.database import engine, writes
from analytics_pipeline.database.models import SocialAccount
from analytics_pipeline.database.rows import ANALYTICS_COLUMNS, RAW_COLUMNS, observation_values
from analytics_pipeline.platform_fetchers.metrics import COUNT_METRICS, engagement_rate
from benchmarks.syncing import connect_accounts

_FETCHED_AT = datetime(2026, 9, 20, 12, tzinfo=UTC)
_FIGURES = {**ANALYTICS_COLUMNS, "published_on": "date"}
_COLUMNS = {**ANALYTICS_COLUMNS, **RAW_COLUMNS, "published_on": "date"}
_ROUNDS = 3
TOGETHER = 100
"""Readings that a sync stores in one transaction: those of a page, or of a batch."""


@dataclass(frozen=True, slots=True)
class Storing:
    """Rows per second, the best of some rounds each: stored as a sync does, in one transaction, and bare.

    Bare are the figures alone, or what a sync stores of each reading: the figures and the platform's reply.
    """

    rows: int
    stored_per_second: float
    at_once_per_second: float
    bare_figures_per_second: float
    bare_per_second: float


def compare(rows: int) -> Storing:
    """Stores `rows` readings of as many posts in both ways. The rows are made before the clock starts."""
    connect_accounts("twitter", 1)
    current = engine.get_engine()
    with Session(current) as session, session.begin():
        account = session.query(SocialAccount).one()
        posts = [
            writes.PostRow(account.business_id, account.id, "twitter", str(n), _FETCHED_AT, None, "text")
            for n in range(rows)
        ]
        ids = sorted(writes.upsert_posts(session, posts).ids.values())
    readings = [_reading(post_id) for post_id in ids]
    ready = [(*observation_values(row), _FETCHED_AT.date()) for row in readings]

    def ours(session: Session, together: int = TOGETHER) -> None:
        for start in range(0, rows, together):
            assert not writes.store_observations(session, readings[start : start + together]).refused
            session.commit()

    def at_once(session: Session) -> None:
        ours(session, rows)

    def bare_figures(session: Session) -> None:
        _copy_and_merge(session.connection(), ready, _MERGE_FIGURES)

    def bare(session: Session) -> None:
        _copy_and_merge(session.connection(), ready, f"WITH figures AS ({_MERGE_FIGURES}) {_MERGE_REPLIES}")

    return Storing(rows, *(rows / _best(work) for work in (ours, at_once, bare_figures, bare)))


def _best(work: Callable[[Session], None]) -> float:
    seconds = []
    for _ in range(_ROUNDS):
        with Session(engine.get_engine()) as session:
            session.execute(text("TRUNCATE post_analytics, raw_observations"))
            session.execute(text("UPDATE published_posts SET last_synced_at = NULL"))
            session.commit()
            started = time.perf_counter()
            work(session)
            session.commit()
            seconds.append(time.perf_counter() - started)
    return min(seconds)


_NAMES = ", ".join(_FIGURES)
_ASSIGNED = ", ".join(f"{name} = excluded.{name}" for name in _FIGURES if name != "post_id")
_MERGE_FIGURES = f"""
INSERT INTO post_analytics ({_NAMES}) SELECT {_NAMES} FROM bare
ON CONFLICT (post_id, ((fetched_at AT TIME ZONE 'UTC')::date)) DO UPDATE SET {_ASSIGNED}
"""  # noqa: S608 - names of columns only
_MERGE_REPLIES = """
INSERT INTO raw_observations (post_id, platform, api_version, payload, fetched_at)
SELECT post_id, platform, api_version, payload::jsonb, fetched_at FROM bare
ON CONFLICT (post_id, observed_on) DO UPDATE
SET api_version = excluded.api_version, payload = excluded.payload, fetched_at = excluded.fetched_at
"""


def _copy_and_merge(connection: Connection, rows: Sequence[tuple[Any, ...]], merge: str) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE bare ({columns}) ON COMMIT DROP")
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    with driver_connection.cursor().copy("COPY bare FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    connection.exec_driver_sql(merge)


def _reading(post_id: int) -> writes.ObservationRow:
    impressions = 200 + post_id * 7_919 % 50_000
    counts: dict[str, int | None] = {name: impressions // (n + 2) for n, name in enumerate(COUNT_METRICS)}
    said = {"id": str(post_id), "public_metrics": counts, "created_at": "2026-09-01T12:00:00.000Z"}
    figures = counts | {
        "platform": "twitter",
        "platform_post_id": str(post_id),
        "platform_post_url": f"https://x.com/i/status/{post_id}",
        "fetched_at": _FETCHED_AT,
        "video_watch_time": None,
        "engagement_rate": engagement_rate(
            counts["likes_count"], counts["comments_count"], counts["shares_count"], counts["impressions"]
        ),
        "click_through_rate": 1.5,
    }
    return writes.ObservationRow(post_id, figures, {"versions": [said], "media": []}, "2")
