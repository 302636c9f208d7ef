"""Businesses in all time zones with accounts, content and posts, as tables; made by hypothesis, stored for dbt.

Not here: what the marts about accounts make of them (`accounts_reference.py`), nor worlds of periods (`worlds.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, cycle
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert

from analytics_pipeline.database.models import (
    AccountAnalytics,
    Base,
    Business,
    Content,
    Image,
    PostAnalytics,
    PublishedPost,
    SocialAccount,
)

ACCOUNTS = ("linkedin", "twitter", "twitter")
"""The platforms of a business's accounts."""
POST_TYPES = ("text", "image", "video", None)
# From −11 to +14, quarters of hours, half an hour of daylight saving, and both hemispheres.
ZONES = (
    "Pacific/Pago_Pago", "America/St_Johns", "America/New_York", "UTC", "Europe/Berlin", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati",
)  # fmt: skip
# Berlin's clocks change on 27 October 2024, New York's on 3 November, Lord Howe's on 6 October.
FIRST_CHANGED, LAST_CHANGED = date(2024, 10, 26), date(2024, 10, 28)
_NEWEST = (FIRST_CHANGED, LAST_CHANGED, date(2024, 11, 4))
_EDGES = (date(2024, 9, 30), date(2024, 10, 1), date(2024, 10, 31), date(2024, 11, 1))
_LENGTHS = (None, 0, 1, 100, 101, 280, 281)
_FOLLOWERS = (None, 0, 999, 1000, 9_999, 10_000, 99_999, 100_000)

Row = dict[str, Any]


@dataclass(eq=False)  # so that what is computed of one can be kept
class AccountsWorld:
    """Rows by table, with the columns of the tables."""

    businesses: list[Row] = field(default_factory=list)
    social_accounts: list[Row] = field(default_factory=list)
    content: list[Row] = field(default_factory=list)
    images: list[Row] = field(default_factory=list)
    published_posts: list[Row] = field(default_factory=list)
    post_analytics: list[Row] = field(default_factory=list)
    account_analytics: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class _Business:
    """What hypothesis chooses of a business; the rest follows from `seed`."""

    newest: date
    span: int
    """Days over which the posts are spread."""
    posts: int
    hours: tuple[int, ...]
    """Hours of the day (UTC) in which it publishes."""
    unknown: float
    """Share of figures that are unknown."""
    followers: int | None
    likes: int
    """At most so many, in the evening; 0: nobody ever does anything."""
    seed: int


_businesses = st.builds(
    _Business,
    newest=st.sampled_from(_NEWEST),
    span=st.sampled_from([3, 112, 113, 500]),
    posts=st.sampled_from([1, 19, 20, 40]),
    hours=st.sampled_from([(23,), (9, 20), tuple(range(24))]),
    unknown=st.sampled_from([0.0, 0.2, 1.0]),
    followers=st.sampled_from(_FOLLOWERS),
    likes=st.sampled_from([0, 30, 30, 30]),
    seed=st.integers(0, 10**9),
)


def generated_world(businesses: int) -> AccountsWorld:
    """So many businesses, each an example of its own, zone after zone, and the ones by hand that some rules need."""
    world, ids, zones = AccountsWorld(), count(1), cycle(ZONES)

    @settings(max_examples=businesses, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(_businesses)
    def gather(business: _Business) -> None:
        _add(world, ids, next(zones), business)

    gather()
    # By chance are rare: five peers of one size, and hours with rates enough for an interval.
    for seed in range(5):
        _add(world, ids, "Europe/Berlin", _Business(LAST_CHANGED, 500, 40, (23,), 0.05, 5000, 30, seed))
    _add(world, ids, "Europe/Berlin", _Business(LAST_CHANGED, 112, 250, (9, 20), 0.05, 5000, 30, 6))
    return world


def _add(world: AccountsWorld, ids: Iterator[int], zone: str, business: _Business) -> None:
    random, business_id = Random(business.seed), next(ids)
    world.businesses.append({"id": business_id, "name": f"Business {business_id}", "timezone": zone})
    contents = []
    for length in _LENGTHS:
        contents.append(next(ids))
        body = None if length is None else "ä" * length
        world.content.append({"id": contents[-1], "business_id": business_id, "body": body})
        images = range(random.choice([0, 1, 2, 4, 5]))
        world.images.extend({"id": next(ids), "content_id": contents[-1], "url": str(n)} for n in images)
    for platform in ACCOUNTS:
        account = {"id": next(ids), "business_id": business_id, "platform": platform}
        world.social_accounts.append(account | {"external_id": str(account["id"])})
        for month in range(0, 700, 45):
            day = business.newest - timedelta(days=month)
            level = business.followers
            followers = random.choice([level, level and level + random.choice([-1, 0, 3000]), None])
            row = {"social_account_id": account["id"], "day": day, "platform": platform, "followers": followers}
            world.account_analytics.append(row | {"fetched_at": datetime.combine(day, time(), UTC)})
        for n in range(business.posts):
            days = [business.newest - timedelta(days=random.randrange(business.span))] * 6
            edges = [edge for edge in _EDGES if business.span > 3 and edge <= business.newest]
            day = random.choice([*days, *edges]) if n else business.newest
            _add_post(
                world, random, next(ids), account, day, random.choice(business.hours), random.choice([*contents, None])
            )
            _add_readings(world, random, business.unknown, business.likes)


def _add_post(
    world: AccountsWorld, random: Random, post: int, account: Row, day: date, hour: int, content: int | None
) -> None:
    moment = random.choice([time(hour), time(hour, 30), time(hour, 59, 59, 999999)])
    world.published_posts.append(
        {
            "id": post,
            "business_id": account["business_id"],
            "social_account_id": account["id"],
            "content_id": content,
            "platform": account["platform"],
            "platform_post_id": str(post),
            "post_type": random.choice(POST_TYPES),
            "published_at": datetime.combine(day, moment, UTC),
            "status": random.choice(["published", "deleted"]),
        }
    )


def _add_readings(world: AccountsWorld, random: Random, unknown: float, likes: int = 30) -> None:
    """None, one or two readings of the last post. Posts of the morning do better."""
    post = world.published_posts[-1]
    likes *= 100 if post["published_at"].hour < 12 else 1

    def figure(highest: int) -> int | None:
        return None if random.random() < unknown else random.choice([0, *[random.randint(highest // 2, highest)] * 9])

    for age in random.sample(range(30), random.choice([0, 1, 2, 2])):
        engagements: dict[str, int | None] = dict.fromkeys(("likes_count", "comments_count", "shares_count"))
        if random.random() >= unknown / 2:
            told = (figure(likes), figure(likes and 30), figure(likes and 10))
            engagements = dict(zip(engagements, told, strict=True))
        world.post_analytics.append(
            {
                "post_id": post["id"],
                "platform": post["platform"],
                "platform_post_id": post["platform_post_id"],
                "published_on": post["published_at"].date(),
                "fetched_at": post["published_at"] + timedelta(days=age),
                **engagements,
                "impressions": figure(10_000),
            }
        )


def changed(world: AccountsWorld, seed: int) -> AccountsWorld:
    """The world when posts of the changed days went, came, or were read once more; all else is as it was."""
    random, ids = Random(seed), count(10**9)
    later = replace(world, published_posts=[], post_analytics=[])
    readings: dict[int, list[Row]] = {}
    for reading in world.post_analytics:
        readings.setdefault(reading["post_id"], []).append(reading)
    for post in world.published_posts:
        is_changed = FIRST_CHANGED <= post["published_at"].date() <= LAST_CHANGED
        fate = random.choice(["gone", "read", "as it was"]) if is_changed else "as it was"
        if fate == "gone":
            continue
        later.published_posts.append(post)
        if fate == "read":
            _add_readings(later, random, 0.3)
        else:
            later.post_analytics.extend(readings.get(post["id"], []))
    for account in world.social_accounts:
        if random.random() < 0.3:
            _add_post(later, random, next(ids), account, LAST_CHANGED, random.randrange(24), None)
            _add_readings(later, random, 0.3)
    return later


def store_accounts(engine: Engine, world: AccountsWorld) -> None:
    """Make the database hold this world and nothing else."""
    models: list[type[Base]] = [
        Business, SocialAccount, Content, Image, PublishedPost, PostAnalytics, AccountAnalytics,
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(delete(Business))  # cascades
        for model in models:
            rows = getattr(world, model.__tablename__)
            if rows:
                connection.execute(insert(model), rows)
