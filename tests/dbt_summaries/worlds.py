"""Businesses with posts and readings: as data, as hypothesis strategies, and their way into the database.

Not here: what their summaries should be (`reference.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert

from analytics_pipeline.database.models import POST_STATUSES, Business, PostAnalytics, PublishedPost, SocialAccount

PLATFORMS = ("linkedin", "twitter", "facebook", "instagram")
ACCOUNTS = (1, 2)
"""Every business has so many on each platform."""
LAST_MOMENT = time(23, 59, 59, 999999)
MOMENT = timedelta(microseconds=1)
EDGE_DAYS = [
    first + timedelta(days=n)
    # ISO week 1 of 2020 begins in 2019; leap day; ISO week 53 of 2020 ends in 2021.
    for first, days in ((date(2019, 12, 27), 12), (date(2020, 2, 27), 5), (date(2020, 12, 26), 11))
    for n in range(days)
]


@dataclass(frozen=True)
class Reading:
    """An observation; None = not reported."""

    fetched_at: datetime
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    impressions: int | None = None
    reach: int | None = None
    clicks: int | None = None
    video_views: int | None = None


@dataclass(frozen=True)
class Post:
    """A published post with its readings, in the order in which they are stored."""

    platform: str
    published_at: datetime
    readings: tuple[Reading, ...] = ()
    status: str = "published"
    account: int = 1
    """Which of the business's accounts on the platform."""
    post_type: str | None = None


World = Mapping[int, Mapping[int, Post]]
"""Business id → post id → post."""


def account_id(business: int, platform: str, account: int) -> int:
    """The id of a social account, as it is stored."""
    return business * 100 + PLATFORMS.index(platform) * 10 + account


# --- strategies

seeds = st.integers(0, 2**32).map(Random)
"""For figures, of which there are many: drawn one by one by hypothesis they would cost more than all else."""
_times = st.sampled_from([time(0), LAST_MOMENT]) | st.times()


def figures(random: Random, count: int) -> list[int | None]:
    """So many, each unknown, nothing, small or large; of some, the first three are unknown together."""
    kinds = (lambda: None, lambda: 0, lambda: random.randint(-2, 9), lambda: random.randint(0, 10**10))
    unknown = random.choice([0, 0, 0, 3])
    return [random.choice(kinds)() if place >= unknown else None for place in range(count)]


@st.composite
def _readings(draw: st.DrawFn, published_on: date) -> tuple[Reading, ...]:
    """None, one or several, on different days, stored in any order."""
    ages = draw(st.lists(st.integers(0, 40), max_size=3, unique=True))
    random = draw(seeds)
    return tuple(
        Reading(datetime.combine(published_on + timedelta(days=age), draw(_times), UTC), *figures(random, 7))
        for age in ages
    )


@st.composite
def _posts(draw: st.DrawFn, platforms: list[str], days: list[date]) -> Post:
    day = draw(st.sampled_from(days))
    return Post(
        draw(st.sampled_from(platforms)),
        datetime.combine(day, draw(_times), UTC),
        draw(_readings(day)),
        draw(st.sampled_from(POST_STATUSES)),
        draw(st.sampled_from(ACCOUNTS)),
    )


@st.composite
def changes(draw: st.DrawFn, first: date, last: date) -> tuple[list[Post], list[Post | None]]:
    """The posts of a business, and what they are later (None = gone) when only publish days first..last changed.

    Half of the businesses crowd theirs on a platform or two and on few days, so that a day has many posts.
    """
    changed = [day for day in EDGE_DAYS if first <= day <= last]
    month = first.replace(day=1)
    month_before = (month - timedelta(days=1)).replace(day=1)
    few = [
        month_before,
        month,
        first - timedelta(days=1),
        *changed,
        last + timedelta(days=1),
        last + timedelta(days=31),
    ]
    platforms = draw(st.lists(st.sampled_from(PLATFORMS), min_size=1, unique=True))
    before = draw(st.lists(_posts(platforms, draw(st.sampled_from([EDGE_DAYS, few]))), min_size=1, max_size=12))
    after: list[Post | None] = []
    for post in before:
        day = post.published_at.date()
        if first <= day <= last:
            readings = draw(_readings(day))
            after.append(draw(st.sampled_from([None, post, replace(post, readings=readings)])))
        else:
            after.append(post)
    return before, after + draw(st.lists(_posts(platforms, changed), max_size=2))


def posts_at_the_edges() -> list[Post]:
    """In the last and in the first moment of years, of ISO years, of February and of a leap day."""
    midnights = [
        date(2019, 12, 30),
        date(2020, 1, 1),
        date(2020, 2, 29),
        date(2020, 3, 1),
        date(2021, 1, 1),
        date(2021, 1, 4),
    ]
    moments = [datetime.combine(day, time(), UTC) + shift for day in midnights for shift in (-MOMENT, timedelta())]
    return [Post("facebook", at, (Reading(at, 10**n, impressions=7),)) for n, at in enumerate(moments)]


# --- into the database


def store(engine: Engine, world: World) -> None:
    """Make the database hold this world and nothing else."""
    posts = [(business, key, post) for business, posts in world.items() for key, post in posts.items()]
    accounts = [(b, p, account_id(b, p, n)) for b in world for p in PLATFORMS for n in ACCOUNTS]
    with engine.begin() as connection:
        connection.execute(delete(Business))  # cascades
        connection.execute(insert(Business), [{"id": business, "name": f"Business {business}"} for business in world])
        connection.execute(
            insert(SocialAccount),
            [
                {"id": key, "business_id": business, "platform": platform, "external_id": str(key)}
                for business, platform, key in accounts
            ],
        )
        connection.execute(
            insert(PublishedPost),
            [
                {
                    "id": key,
                    "business_id": business,
                    "social_account_id": account_id(business, post.platform, post.account),
                    "platform": post.platform,
                    "platform_post_id": str(key),
                    "post_type": post.post_type,
                    "published_at": post.published_at,
                    "status": post.status,
                }
                for business, key, post in posts
            ],
        )
        readings = [
            {
                "post_id": key,
                "platform": post.platform,
                "platform_post_id": str(key),
                "published_on": post.published_at.date(),
                "fetched_at": reading.fetched_at,
                "likes_count": reading.likes,
                "comments_count": reading.comments,
                "shares_count": reading.shares,
                "impressions": reading.impressions,
                "reach": reading.reach,
                "clicks": reading.clicks,
                "video_views": reading.video_views,
            }
            for _, key, post in posts
            for reading in post.readings
        ]
        if readings:
            connection.execute(insert(PostAnalytics), readings)
