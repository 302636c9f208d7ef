"""The refresh ladder: how often the figures of a post are read again, by its age.

Here: which units of the ledger are due by it. Not here: its rungs (`settings.py`), when the question is asked
(automation), units that failed or wait (`ledger.py`: they are the retry sensor's).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.settings import Rung

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_PRIVATE_READING = timedelta(days=28)
_PRIVATE_FIGURES_END = timedelta(days=29)
"""X shows private figures for 30 days (platforms/x.md §7): a post between these ages is read, however slow the ladder."""


@dataclass(frozen=True, slots=True)
class Due:
    """What the ladder asks for of one account: publish days to be read, and how far back their posts are listed too.

    `listed_from` is None where no rung asks for anything: then only new posts are looked for.
    """

    days: frozenset[date]
    listed_from: date | None


def by_rung(ladder: Sequence[Rung], newest_post: datetime, last_reading: datetime, now: datetime) -> bool:
    """Whether posts are to be read at `now`: the newest is from `newest_post`, the last reading began at `last_reading`.

    Once in every span of a rung, counted from 1970 on rather than from the last reading: so the posts of a rung, of all
    accounts, are due together, and one run reads them all.
    """
    age = now - newest_post
    every = next((rung.every for rung in ladder if age < rung.younger_than), None)
    return every is not None and (last_reading - _EPOCH) // every < (now - _EPOCH) // every


def is_due(platform: str, ladder: Sequence[Rung], newest_post: datetime, last_reading: datetime, now: datetime) -> bool:
    """As `by_rung`, and once more on X before private figures end."""
    age = now - newest_post
    private_end = platform == "twitter" and bool(ladder) and _LAST_PRIVATE_READING <= age < _PRIVATE_FIGURES_END
    return by_rung(ladder, newest_post, last_reading, now) or (
        private_end and last_reading < newest_post + _LAST_PRIVATE_READING
    )


def due(session: Session, platform: str, ladder: Sequence[Rung], now: datetime) -> dict[int, Due]:
    """By account, for all accounts of the platform with posts on the ladder: what is due.

    Units that were read, and those given up after passing faults: a new span of their rung is a new occasion. What
    waits, or was given up for a lasting reason, is none of the ladder's.
    """
    if not ladder:
        return {}
    oldest_age = max(ladder[-1].younger_than, _PRIVATE_FIGURES_END)
    rows = session.execute(
        select(
            SyncUnit.social_account_id,
            SyncUnit.publish_day,
            SyncUnit.started_at,
            func.max(PublishedPost.published_at),
        )
        .join(SocialAccount, SocialAccount.id == SyncUnit.social_account_id)
        .join(
            PublishedPost,
            (PublishedPost.social_account_id == SyncUnit.social_account_id)
            & (PublishedPost.published_on == SyncUnit.publish_day)
            & (PublishedPost.status != "deleted"),
        )
        .where(
            SyncUnit.platform == platform,
            or_(SyncUnit.state == "done", (SyncUnit.state == "parked") & (SyncUnit.error_class == "transient")),
            SyncUnit.publish_day >= (now - oldest_age).astimezone(UTC).date(),
            SocialAccount.is_active,
            SocialAccount.status == "connected",
        )
        .group_by(SyncUnit.social_account_id, SyncUnit.publish_day)
    )
    days: dict[int, set[date]] = {}
    listed: dict[int, set[date]] = {}
    for account, day, last_reading, newest_post in rows:
        of_account, listed_days = days.setdefault(account, set()), listed.setdefault(account, set())
        last_reading = last_reading or _EPOCH
        if is_due(platform, ladder, newest_post, last_reading, now):
            of_account.add(day)
        if by_rung(ladder, newest_post, last_reading, now):
            listed_days.add(day)
    return {account: Due(frozenset(days[account]), min(listed[account], default=None)) for account in days}


def due_since(session: Session, platform: str, ladder: Sequence[Rung], now: datetime) -> date | None:
    """The oldest publish day of the platform with a unit that is due by the ladder; None if none is."""
    return min((day for each in due(session, platform, ladder, now).values() for day in each.days), default=None)
