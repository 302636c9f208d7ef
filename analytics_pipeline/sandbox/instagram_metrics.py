"""The insight metrics of Instagram media and accounts: what they apply to, how they are told from the world.

Here: the matrix of instagram.md section 4.1, the dead of 4.2, the account metrics of 4.3.
Not here: error texts, envelopes, windows.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

Figures = Mapping[str, int]
"""Columns of `observations.csv` (or of one account day) by name; a column that is withheld is not in it."""

FEED: Final = "FEED"
REELS: Final = "REELS"
STORY: Final = "STORY"


class MediaMetric(NamedTuple):
    """A living media metric: the product types that have it, and its figure (None = withheld)."""

    products: tuple[str, ...]
    read: Callable[[Figures], int | None]
    facebook_login_only: bool = False
    needs_facebook_share: bool = False


def _column(name: str) -> Callable[[Figures], int | None]:
    return lambda figures: figures.get(name)


def views(figures: Figures) -> int | None:
    """Times displayed or played. A world that only knows video views means the same for a video."""
    return figures.get("impressions", figures.get("video_views"))


def interactions(figures: Figures) -> int | None:
    """likes + saves + comments + shares, of those that are reported."""
    known = [figures[column] for column in ("likes", "bookmarks", "comments", "shares") if column in figures]
    return sum(known) if known else None


def _average_watch_time(figures: Figures) -> int | None:
    plays = views(figures)
    return round(figures["watch_time_ms"] / plays) if plays and "watch_time_ms" in figures else None


def _never(_: Figures) -> int | None:
    """Alive on the platform, but the world keeps no such figure: always withheld."""
    return None


_ALL: Final = (FEED, REELS, STORY)

MEDIA_METRICS: Final[Mapping[str, MediaMetric]] = MappingProxyType(
    {
        "views": MediaMetric(_ALL, views),
        "reach": MediaMetric(_ALL, _column("reach")),
        "likes": MediaMetric((FEED, REELS), _column("likes")),
        "comments": MediaMetric((FEED, REELS), _column("comments")),
        "saved": MediaMetric((FEED, REELS), _column("bookmarks")),
        "shares": MediaMetric(_ALL, _column("shares")),
        "total_interactions": MediaMetric(_ALL, interactions),
        "reposts": MediaMetric(_ALL, _never),
        "follows": MediaMetric((FEED, STORY), _never),
        "profile_visits": MediaMetric((FEED, STORY), _column("profile_clicks")),
        "profile_activity": MediaMetric((FEED, STORY), _column("clicks")),
        "replies": MediaMetric((STORY,), _column("comments")),
        "navigation": MediaMetric((STORY,), _never),
        "ig_reels_avg_watch_time": MediaMetric((REELS,), _average_watch_time),
        "ig_reels_video_view_total_time": MediaMetric((REELS,), _column("watch_time_ms")),
        "reels_skip_rate": MediaMetric((REELS,), _never),
        "crossposted_views": MediaMetric((REELS,), _never, needs_facebook_share=True),
        "facebook_views": MediaMetric(_ALL, _never, needs_facebook_share=True),
        "total_likes": MediaMetric((FEED, REELS), _column("likes"), facebook_login_only=True),
        "total_comments": MediaMetric((FEED, REELS), _column("comments"), facebook_login_only=True),
        "total_views": MediaMetric(_ALL, views, facebook_login_only=True, needs_facebook_share=True),
        # The table leaves open where it applies; the mapping table of 4.4 names STORY and FEED.
        "link_clicks": MediaMetric((FEED, STORY), _column("url_clicks")),
    }
)

DEAD_MEDIA_METRICS: Final = (
    "engagement",
    "impressions",
    "plays",
    "video_views",
    "taps_forward",
    "taps_back",
    "exits",
    "carousel_album_engagement",
    "carousel_album_impressions",
    "carousel_album_reach",
    "carousel_album_saved",
    "carousel_album_video_views",
    "clips_replays_count",
    "ig_reels_aggregated_all_plays_count",
)
"""Names that the enum still lists and that no media answers."""

MEDIA_BREAKDOWNS: Final = MappingProxyType(
    {"profile_activity": "action_type", "navigation": "story_navigation_action_type"}
)
"""The only metrics with a breakdown, and its name."""


class AccountMetric(NamedTuple):
    """An account metric: columns of account days that add up to it, and how it has to be asked for.

    `series` / `total`: the metric types that it answers with figures. `period`: the only period it knows.
    `breakdowns`: those it can be split by; `comes_split`: without one the frame carries no numbers.
    `least_followers`: below, there is nothing at all. `needs_timeframe`: of TIMEFRAMES.
    """

    columns: tuple[str, ...]
    series: bool = False
    total: bool = True
    period: str = "day"
    breakdowns: tuple[str, ...] = ()
    comes_split: bool = False
    least_followers: int = 0
    needs_timeframe: bool = False


def _demographics() -> AccountMetric:
    people = ("age", "city", "country", "gender")
    return AccountMetric((), period="lifetime", breakdowns=people, least_followers=100, needs_timeframe=True)


ACCOUNT_METRICS: Final[Mapping[str, AccountMetric]] = MappingProxyType(
    {
        "reach": AccountMetric(("reach",), series=True, breakdowns=("media_product_type", "follow_type")),
        "follower_count": AccountMetric(("follower_gain",), series=True, total=False, least_followers=100),
        "views": AccountMetric(("impressions",), breakdowns=("follower_type", "media_product_type")),
        "accounts_engaged": AccountMetric(()),
        "total_interactions": AccountMetric(("likes", "bookmarks", "comments", "shares")),
        "likes": AccountMetric(("likes",)),
        "comments": AccountMetric(("comments",)),
        "shares": AccountMetric(("shares",)),
        "saves": AccountMetric(("bookmarks",)),
        "replies": AccountMetric(()),
        "reposts": AccountMetric(()),
        "profile_links_taps": AccountMetric(("clicks",), breakdowns=("contact_button_type",)),
        "follows_and_unfollows": AccountMetric(
            ("follower_gain",), breakdowns=("follow_type",), comes_split=True, least_followers=100
        ),
        # Officially gone as series since 2025-01-08, seen alive as totals in autumn 2026.
        "profile_views": AccountMetric(("profile_views",)),
        "website_clicks": AccountMetric(("url_clicks",)),
        "follower_demographics": _demographics(),
        "engaged_audience_demographics": _demographics(),
        "online_followers": AccountMetric((), series=True, total=False, period="lifetime", least_followers=100),
    }
)

TIMEFRAMES: Final = ("last_14_days", "last_30_days", "last_90_days", "prev_month", "this_month", "this_week")

WHOLE_OF_BREAKDOWN: Final = MappingProxyType(
    {
        "media_product_type": "FEED",
        "follow_type": "FOLLOWER",
        "follower_type": "FOLLOWER",
        "contact_button_type": "CALL",
    }
)
"""Breakdown → the value that a whole figure stands under: the world does not split it."""

UNIQUE_ACCOUNT_METRICS: Final = frozenset({"reach", "accounts_engaged"})
"""Counts of different people: their total over several days is not the sum of the days, and the world has no other."""
