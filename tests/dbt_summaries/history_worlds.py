"""Worlds in which time matters: posts read at telling ages, gaps, unknown figures, accounts with figures by day.

Not here: posts and readings themselves and their way into the database (`worlds.py`), what the marts should say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from analytics_pipeline.database.models import AccountAnalytics
from tests.dbt_summaries.worlds import (
    ACCOUNTS,
    EDGE_DAYS,
    LAST_MOMENT,
    MOMENT,
    PLATFORMS,
    Post,
    Reading,
    World,
    account_id,
    figures,
    seeds,
    store,
)

ACCOUNT_FIGURES = (
    "followers", "follower_gain", "impressions", "likes", "comments", "shares", "engagements", "clicks", "video_views",
    "profile_views",
)  # fmt: skip

AccountDays = Mapping[tuple[str, int, date], Mapping[str, int | None]]
"""(platform, which of the business's accounts there, day) → figures of that account."""


@dataclass(frozen=True, eq=False)  # so that what is computed of one can be kept
class History:
    """A world of posts, and per business the figures of its accounts."""

    posts: World
    accounts: Mapping[int, AccountDays]


_AGES = [
    age + shift
    for age in (
        *(timedelta(hours=n) for n in (0, 1, 2, 24, 48)),
        *(timedelta(days=n) for n in (7, 8, 30, 37)),
    )
    for shift in (-MOMENT, timedelta(0), MOMENT)
    if age + shift >= timedelta(0)
]
_AROUND = (-91, -90, -89, 89, 90, 91)
"""Days from a post to others that are ranked with it, or just not, when the newer one is the newest of its account."""
_RANKED = (*range(-180, -176), *range(-92, -87), -3, 1)
"""Days from the last changed one to posts that begin or cease to be ranked when posts of the changed days come or go."""
_times = st.sampled_from([time(0), time(22, 30), LAST_MOMENT]) | st.times()


@st.composite
def _readings(draw: st.DrawFn, published_at: datetime) -> tuple[Reading, ...]:
    """In any order; of a UTC day the last one, as the pipeline keeps it."""
    least = draw(st.integers(0, 6))
    ages = draw(
        st.lists(st.sampled_from(_AGES) | st.timedeltas(timedelta(0), timedelta(days=45)), min_size=least, max_size=6)
    )
    moments = sorted(published_at + age for age in ages)
    last_of_day = {moment.date(): moment for moment in moments}
    random = draw(seeds)
    moments = [*last_of_day.values()]
    random.shuffle(moments)
    return tuple(Reading(moment, *figures(random, 7)) for moment in moments)


@st.composite
def _posts(draw: st.DrawFn, platforms: list[str], days: list[date]) -> Post:
    at = datetime.combine(draw(st.sampled_from(days)), draw(_times), UTC)
    account, post_type = draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from([None, "image", "video"]))
    return Post(draw(st.sampled_from(platforms)), at, draw(_readings(at)), account=account, post_type=post_type)


@st.composite
def _account_days(
    draw: st.DrawFn, platforms: list[str], days: list[date]
) -> dict[tuple[str, int, date], dict[str, int | None]]:
    """With many days on which nothing, or little, is known. Changes may be negative, the level of followers never is."""
    accounts = draw(st.sampled_from([ACCOUNTS[:1], ACCOUNTS]))
    keys = st.tuples(st.sampled_from(platforms), st.sampled_from(accounts), st.sampled_from(days))
    least = min(6, len(platforms) * len(days) // 2)
    found = draw(st.lists(keys, min_size=least, max_size=12, unique=True))
    random = draw(seeds)
    told = {key: dict(zip(ACCOUNT_FIGURES, figures(random, len(ACCOUNT_FIGURES)), strict=True)) for key in found}
    return {key: day | {"followers": day["followers"] and abs(day["followers"])} for key, day in told.items()}


def _days_around(first: date, last: date) -> list[date]:
    """Edges of the calendar, and of 90 days before and after the changed ones."""
    return EDGE_DAYS + [day + timedelta(days=n) for n in _AROUND for day in {first, last}]


@st.composite
def changes(draw: st.DrawFn, first: date, last: date) -> tuple[list[Post], list[Post | None], AccountDays, AccountDays]:
    """A business, and what it is later (None = gone) when only posts and account figures of first..last changed.

    Two of five businesses have a few accounts with posts that are ranked together, or just not.
    """
    platforms = draw(st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=3, unique=True))
    changed = [day for day in EDGE_DAYS if first <= day <= last]
    ranked = [*changed, *(last + timedelta(days=n) for n in _RANKED)]
    days = draw(st.sampled_from([EDGE_DAYS, _days_around(first, last), ranked, ranked, changed]))
    if days is ranked:
        platforms = platforms[:1]
    before = draw(st.lists(_posts(platforms, days), min_size=1, max_size=10))
    after: list[Post | None] = []
    for post in before:
        if not first <= post.published_at.date() <= last:
            after.append(post)
            continue
        at = datetime.combine(draw(st.sampled_from(changed)), post.published_at.time(), UTC)
        reread = replace(post, readings=draw(_readings(post.published_at)))
        moved = replace(post, published_at=at, readings=tuple(r for r in post.readings if r.fetched_at >= at))
        after.append(draw(st.sampled_from([None, post, reread, moved])))
    accounts_before = draw(_account_days(platforms, days))
    kept = {key: told for key, told in accounts_before.items() if not first <= key[2] <= last}
    return (
        before,
        after + draw(st.lists(_posts(platforms, changed), max_size=2)),
        accounts_before,
        kept | draw(_account_days(platforms, changed)),
    )


def store_history(engine: Engine, history: History) -> None:
    """Make the database hold this and nothing else."""
    store(engine, history.posts)
    with engine.begin() as connection:
        rows = [
            {
                "social_account_id": account_id(business, platform, account),
                "platform": platform,
                "day": day,
                "fetched_at": datetime.combine(day, time(12), UTC),
                **told,
            }
            for business, days in history.accounts.items()
            for (platform, account, day), told in days.items()
        ]
        if rows:
            connection.execute(insert(AccountAnalytics), rows)
