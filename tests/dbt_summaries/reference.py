"""The definitions of `analytics_summaries` once more: slow, plain Python, sharing nothing with the SQL.

Not here: worlds (`worlds.py`), the tests that compare.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.dbt_summaries.worlds import Post, Reading, World

Key = tuple[int, str, str, date]
"""Business, platform, period type, period start."""
Figures = dict[str, Any]

ONE_DAY = timedelta(days=1)


def _monday(day: date) -> date:
    year, week, _ = day.isocalendar()
    return date.fromisocalendar(year, week, 1)


START: dict[str, Callable[[date], date]] = {
    "daily": lambda day: day,
    "weekly": _monday,
    "monthly": lambda day: day.replace(day=1),
}
"""The first day of the period that holds a day."""


def before(period_type: str, start: date) -> date:
    """The start of the period directly before the one that starts at `start`."""
    return START[period_type](start - ONE_DAY)


def end(period_type: str, start: date) -> date:
    """The last day of the period that starts at `start`."""
    day = start
    while START[period_type](day + ONE_DAY) == start:
        day += ONE_DAY
    return day


def _latest(post: Post) -> Reading:
    return max(post.readings, key=lambda reading: reading.fetched_at, default=Reading(datetime.min.replace(tzinfo=UTC)))


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _engagements(reading: Reading) -> int | None:
    return _total([reading.likes, reading.comments, reading.shares])


def _rate(pairs: Iterable[tuple[int | None, int | None]]) -> float | None:
    known = [(part, whole) for part, whole in pairs if part is not None and whole is not None]
    whole = sum(whole for _, whole in known)
    return 100 * sum(part for part, _ in known) / whole if whole else None


def _top(posts: dict[int, Post]) -> int | None:
    ranking = []
    for key, post in posts.items():
        latest = _latest(post)
        engagements = _engagements(latest)
        if engagements is not None:
            impressions = float("-inf") if latest.impressions is None else latest.impressions
            ranking.append((-engagements, -impressions, post.published_at, key))
    return min(ranking)[-1] if ranking else None


def _figures(posts: dict[int, Post]) -> Figures:
    latest = [_latest(post) for post in posts.values()]
    return {
        "total_posts": len(posts),
        "total_likes": _total(reading.likes for reading in latest),
        "total_comments": _total(reading.comments for reading in latest),
        "total_shares": _total(reading.shares for reading in latest),
        "total_engagements": _total(_engagements(reading) for reading in latest),
        "total_impressions": _total(reading.impressions for reading in latest),
        "total_reach": _total(reading.reach for reading in latest),
        "total_clicks": _total(reading.clicks for reading in latest),
        "total_video_views": _total(reading.video_views for reading in latest),
        "avg_engagement_rate": _rate((_engagements(reading), reading.impressions) for reading in latest),
        "avg_click_through_rate": _rate((reading.clicks, reading.impressions) for reading in latest),
        "top_post_id": _top(posts),
    }


def _by_period(world: World) -> dict[Key, dict[int, Post]]:
    groups: dict[Key, dict[int, Post]] = defaultdict(dict)
    for business, posts in world.items():
        for key, post in posts.items():
            for period_type, start_of in START.items():
                for platform in (post.platform, "all"):
                    groups[business, platform, period_type, start_of(post.published_at.date())][key] = post
    return groups


def summaries(world: World) -> dict[Key, Figures]:
    """All rows of `analytics_summaries` without `id` and `updated_at`."""
    rows = {key: _figures(posts) for key, posts in _by_period(world).items()}
    for (business, platform, period_type, start), row in rows.items():
        row["period_end"] = end(period_type, start)
        now = row["total_engagements"]
        then = rows.get((business, platform, period_type, before(period_type, start)), {}).get("total_engagements")
        row["engagement_growth"] = None if now is None or then is None or then <= 0 else 100 * (now - then) / then
    return rows


def coverage(world: World) -> dict[Key, Figures]:
    """All rows of `summary_coverage` without `id`, `updated_at`, and what it has from the summaries."""
    rows = {}
    for key, posts in _by_period(world).items():
        latest = [_latest(post) for post in posts.values() if post.readings]
        engaged = [reading for reading in latest if _engagements(reading) is not None]
        clicked = [reading for reading in latest if reading.clicks is not None]
        rows[key] = {
            "period_end": end(key[2], key[3]),
            "total_posts": len(posts),
            "posts_read": len(latest),
            "posts_with_engagements": len(engaged),
            "posts_with_engagement_rate": sum(reading.impressions is not None for reading in engaged),
            "posts_with_click_through_rate": sum(reading.impressions is not None for reading in clicked),
        }
        for figure in ("likes", "comments", "shares", "impressions", "reach", "clicks", "video_views"):
            rows[key][f"posts_with_{figure}"] = sum(getattr(reading, figure) is not None for reading in latest)
    return rows
