"""The living insight metrics of Facebook posts, videos and Pages, and how each is told from the world's figures.

Here: names, periods, shapes of values (facebook.md section 7). A metric that is not listed is dead or never was: both
look the same on the wire. Not here: envelopes, windows, permissions.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

Figures = Mapping[str, int]
"""Columns of `observations.csv` (or of one account day) by name; a column that is withheld is not in it."""

Value = int | dict[str, int] | None
"""A value on the wire; None = the platform withholds the metric."""

PERIODS: Final = ("day", "week", "days_28", "month", "lifetime", "total_over_range")

REACTION_COLUMNS: Final = {
    "like": "likes",
    "love": "reaction_love",
    "wow": "reaction_wow",
    "haha": "reaction_haha",
    "sorry": "reaction_sad",
    "anger": "reaction_anger",
}
"""Kind of reaction, as the metric names spell it → column of the world. `like` includes care."""


def _column(name: str) -> Callable[[Figures], Value]:
    return lambda figures: figures.get(name)


def _without_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in counts.items() if count}


def reactions_total(figures: Figures) -> int | None:
    """Reactions of all kinds together; None when no kind is reported."""
    known = [figures[column] for column in REACTION_COLUMNS.values() if column in figures]
    return sum(known) if known else None


def _reactions_by_type(figures: Figures) -> Value:
    if reactions_total(figures) is None:
        return None
    return _without_zeros({kind: figures.get(column, 0) for kind, column in REACTION_COLUMNS.items()})


def _activity_by_action_type(figures: Figures) -> Value:
    """Withheld as a whole when a part is withheld: a missing key would otherwise read as the zero it stands for."""
    likes = reactions_total(figures)
    if likes is None or "comments" not in figures or "shares" not in figures:
        return None
    return _without_zeros({"like": likes, "comment": figures["comments"], "share": figures["shares"]})


def _clicks_by_type(figures: Figures) -> Value:
    if "url_clicks" not in figures:
        return None
    links = figures["url_clicks"]
    return _without_zeros({"link clicks": links, "other clicks": max(figures.get("clicks", links) - links, 0)})


def _average_watched(figures: Figures) -> Value:
    views = figures.get("video_views")
    return round(figures["watch_time_ms"] / views) if views and "watch_time_ms" in figures else None


def _plays(figures: Figures) -> Value:
    """A reel's plays are its impressions; a world that only knows video views means the same."""
    return figures.get("impressions", figures.get("video_views"))


def _social_actions(figures: Figures) -> Value:
    if "comments" not in figures or "shares" not in figures:
        return None
    return _without_zeros({"COMMENT": figures["comments"], "SHARE": figures["shares"]})


def _never(_: Figures) -> Value:
    """Alive on the platform, but the world keeps no such figure: always withheld."""
    return None


POST_METRICS: Final[Mapping[str, Callable[[Figures], Value]]] = MappingProxyType(
    {
        "post_media_view": _column("impressions"),
        "post_total_media_view_unique": _column("reach"),
        "post_clicks": _column("clicks"),
        "post_clicks_by_type": _clicks_by_type,
        **{f"post_reactions_{kind}_total": _column(column) for kind, column in REACTION_COLUMNS.items()},
        "post_reactions_by_type_total": _reactions_by_type,
        "post_activity_by_action_type": _activity_by_action_type,
        "post_activity_by_action_type_unique": _never,
        "post_video_views": _column("video_views"),
        "post_video_views_15s": _never,
        "post_video_view_time": _column("watch_time_ms"),
        "post_video_avg_time_watched": _average_watched,
        "post_video_length": _column("duration_ms"),
        "post_video_retention_graph": _never,
    }
)
"""Lifetime metrics of `/{post}/insights`. Milliseconds where the name says time or length."""

DAILY_POST_METRICS: Final = frozenset({"post_video_views", "post_video_view_time"})
"""Those that also come per day, in a frame of their own, unless `period` picks one."""

VIDEO_METRICS: Final[Mapping[str, Callable[[Figures], Value]]] = MappingProxyType(
    {
        "blue_reels_play_count": _plays,
        "fb_reels_total_plays": _plays,
        "fb_reels_replay_count": _never,
        "post_video_avg_time_watched": _average_watched,
        "post_video_view_time": _column("watch_time_ms"),
        "post_video_likes_by_reaction_type": lambda figures: (
            None
            if reactions_total(figures) is None
            else _without_zeros(
                {f"REACTION_{kind.upper()}": figures.get(column, 0) for kind, column in REACTION_COLUMNS.items()}
            )
        ),
        "post_video_social_actions": _social_actions,
        "post_video_followers": _never,
        "post_video_retention_graph": _never,
    }
)
"""Metrics of `/{video}/video_insights`, which is where Reels are read. No reach and no saves there."""


class PageMetric(NamedTuple):
    """How a Page metric is told from account days: the columns that add up to it, and the periods it comes in.

    A level (followers) and a count of different people cannot be added up over days: they come per day only.
    """

    columns: tuple[str, ...]
    periods: tuple[str, ...] = ("day",)


_SUMMABLE: Final = ("day", "week", "days_28")

PAGE_METRICS: Final[Mapping[str, PageMetric]] = MappingProxyType(
    {
        "page_follows": PageMetric(("followers",)),
        "page_follows_city": PageMetric(()),
        "page_follows_country": PageMetric(()),
        "page_daily_follows": PageMetric(("follower_gain",), _SUMMABLE),
        "page_daily_follows_unique": PageMetric(("follower_gain",)),
        "page_daily_unfollows_unique": PageMetric(()),
        "page_media_view": PageMetric(("impressions",), _SUMMABLE),
        "page_total_media_view_unique": PageMetric(("reach",)),
        "page_post_engagements": PageMetric(("likes", "comments", "shares"), _SUMMABLE),
        "page_views_total": PageMetric(("profile_views",), _SUMMABLE),
        "page_total_actions": PageMetric(("clicks",), _SUMMABLE),
        "page_video_views": PageMetric(("video_views",), _SUMMABLE),
        "page_video_view_time": PageMetric(("watch_time_ms",)),
        "page_fan_adds_by_paid_non_paid_unique": PageMetric(()),
        "page_lifetime_engaged_followers_unique": PageMetric(()),
        **{
            f"page_actions_post_reactions_{kind}_total": PageMetric((column,), _SUMMABLE)
            for kind, column in REACTION_COLUMNS.items()
        },
    }
)
"""Metrics of `/{page}/insights`. One without columns is alive, but the world keeps no such figure."""
