"""The standard result of every fetcher, and the small data classes that fetchers give and take.

Here: names, units, shapes, the two rates. Not here: any platform's own names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypedDict

from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError

COUNT_METRICS: Final = (
    "likes_count",
    "comments_count",
    "shares_count",
    "reactions_count",
    "retweets_count",
    "quote_tweets_count",
    "bookmarks_count",
    "impressions",
    "reach",
    "clicks",
    "url_clicks",
    "profile_clicks",
    "video_views",
)
"""Metrics that are whole numbers (bigint)."""

ACCOUNT_METRICS: Final = (
    "followers",
    "follower_gain",
    "impressions",
    "reach",
    "clicks",
    "likes",
    "comments",
    "shares",
    "engagements",
    "profile_views",
    "video_views",
)
"""Metrics of a whole account on one day, all whole numbers; `followers` is the level at the day's end."""


class PostAnalytics(TypedDict):
    """Lifetime figures of one post as read at `fetched_at` (UTC). None = the platform did not say; 0 = it said 0.

    Rates are percentages (5.0 = five per cent). `video_watch_time` is seconds. Instagram's saves are bookmarks.
    """

    likes_count: int | None
    comments_count: int | None
    shares_count: int | None
    reactions_count: int | None
    retweets_count: int | None
    quote_tweets_count: int | None
    bookmarks_count: int | None
    impressions: int | None
    reach: int | None
    clicks: int | None
    url_clicks: int | None
    profile_clicks: int | None
    video_views: int | None
    video_watch_time: float | None
    engagement_rate: float | None
    click_through_rate: float | None
    fetched_at: datetime
    platform: str
    platform_post_id: str
    platform_post_url: str | None


@dataclass(frozen=True, slots=True)
class PostRef:
    """A post to be read: its id on the platform, and what helps to route it."""

    platform_post_id: str
    published_at: datetime | None = None
    post_type: str | None = None


@dataclass(slots=True)
class PostReading:
    """What one call said about one post: `analytics`, or the `error` that stood in its place.

    `raw` is the platform's own words about the post (JSON), kept as raw observation. `days` is its series by UTC day,
    where the platform keeps one and it was asked for: names of COUNT_METRICS, what was gained on that day.
    """

    platform_post_id: str
    analytics: PostAnalytics | None
    error: PlatformAPIError | None = None
    raw: Any = None
    days: Mapping[date, Mapping[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class ListedPost:
    """A post as an account's listing shows it. `reading` is there when the listing already carried the figures.

    `post_type` is one of text, image, video, reel, story, carousel, link, poll, document, event, other.
    """

    platform_post_id: str
    published_at: datetime
    platform_post_url: str | None = None
    post_type: str | None = None
    reading: PostReading | None = None


@dataclass(frozen=True, slots=True)
class AccountDay:
    """Figures of a whole account on one day, by the names of ACCOUNT_METRICS; only those the platform reported.

    A day is the platform's own, under its own date: UTC for LinkedIn and X, midnight to midnight Pacific time for Meta,
    which no figure can be moved out of. What is read as a level of now (`followers`) stands under today's UTC date.
    """

    day: date
    metrics: Mapping[str, int] = field(default_factory=dict)


def engagement_rate(
    likes: int | None, comments: int | None, shares: int | None, impressions: int | None
) -> float | None:
    """100 × (likes + comments + shares) / impressions; None without impressions or without any of the three."""
    known = [n for n in (likes, comments, shares) if n is not None]
    if not impressions or not known:
        return None
    return 100.0 * sum(known) / impressions


def click_through_rate(clicks: int | None, impressions: int | None) -> float | None:
    """100 × clicks / impressions; None without impressions or clicks."""
    if not impressions or clicks is None:
        return None
    return 100.0 * clicks / impressions
