"""The refresh ladder: how often the figures of a post are read again, by its age.

Here: how far back the ledger is due by it. Not here: its rungs (`settings.py`), when the question is asked
(automation), units that failed or wait (`ledger.py`: they are the retry sensor's).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.settings import Rung

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_PRIVATE_READING = timedelta(days=28)
_PRIVATE_FIGURES_END = timedelta(days=29)
"""X shows private figures for 30 days (platforms/x.md §7): a post between these ages is read, however slow the ladder."""


def is_due(platform: str, ladder: Sequence[Rung], newest_post: datetime, last_reading: datetime, now: datetime) -> bool:
    """Whether posts are to be read at `now`: the newest is from `newest_post`, the last reading began at `last_reading`.

    Once in every span of a rung, counted from 1970 on rather than from the last reading: so the posts of a rung, of all
    accounts, are due together, and one run reads them all.
    """
    age = now - newest_post
    every = next((rung.every for rung in ladder if age < rung.younger_than), None)
    if every is not None and (last_reading - _EPOCH) // every < (now - _EPOCH) // every:
        return True
    private_end = platform == "twitter" and bool(ladder) and _LAST_PRIVATE_READING <= age < _PRIVATE_FIGURES_END
    return private_end and last_reading < newest_post + _LAST_PRIVATE_READING


def due_since(session: Session, platform: str, ladder: Sequence[Rung], now: datetime) -> date | None:
    """The oldest publish day of the platform with a unit that is due by the ladder; None if none is."""
    if not ladder:
        return None
    oldest_age = max(ladder[-1].younger_than, _PRIVATE_FIGURES_END)
    rows = session.execute(
        select(SyncUnit.publish_day, SyncUnit.started_at, func.max(PublishedPost.published_at))
        .join(SocialAccount, SocialAccount.id == SyncUnit.social_account_id)
        .join(
            PublishedPost,
            (PublishedPost.social_account_id == SyncUnit.social_account_id)
            & (PublishedPost.published_on == SyncUnit.publish_day)
            & (PublishedPost.status != "deleted"),
        )
        .where(
            SyncUnit.platform == platform,
            SyncUnit.state == "done",
            SyncUnit.publish_day >= (now - oldest_age).astimezone(UTC).date(),
            SocialAccount.is_active,
            SocialAccount.status == "connected",
        )
        .group_by(SyncUnit.social_account_id, SyncUnit.publish_day)
    )
    return min(
        (
            day
            for day, last_reading, newest_post in rows
            if last_reading is None or is_due(platform, ladder, newest_post, last_reading, now)
        ),
        default=None,
    )
