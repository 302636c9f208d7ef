"""Storing what readings say, whether a listing brought them or a call of their own: figures, raw words, day series.

Here: rows inside the caller's transaction. Not here: what it means for posts and units (`listing.py`, `reading.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from analytics_pipeline.database import day_writes, writes
from analytics_pipeline.platform_fetchers.metrics import PostReading


@dataclass(slots=True)
class ReadPost:
    """A known post with what was said about it."""

    post_id: int
    reading: PostReading


def store(
    session: Session, platform: str, read: Sequence[ReadPost], api_version: str | None, now: datetime
) -> writes.StoredObservations:
    """Keeps the figures of the readings that have some, and what the posts gained day by day."""
    stored = writes.store_observations(
        session,
        [
            writes.ObservationRow(post.post_id, post.reading.analytics, post.reading.raw, api_version)
            for post in read
            if post.reading.analytics is not None
        ],
    )
    day_writes.store_post_days(
        session,
        [
            day_writes.PostDayRow(post.post_id, day, platform, gained, now)
            for post in read
            for day, gained in post.reading.days.items()
        ],
    )
    return stored
