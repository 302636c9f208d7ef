"""Facebook's figures: the fields and metrics asked for, where each figure is in a reply, what kind of post it is.

Source: platforms/facebook.md §2.1, §3, §7. Not here: how they are asked for (facebook.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analytics_pipeline.platform_fetchers.catalog import MetricSource
from analytics_pipeline.platform_fetchers.exceptions import BadDataError
from analytics_pipeline.platform_fetchers.metrics import PostReading

NODE_FIELDS: Final = "id,created_time,permalink_url,status_type,attachments{media_type,type},shares"
SUMMARY_EDGES: Final = ("comments", "reactions", "likes")
SUMMARIES: Final = ",".join(f"{edge}.limit(0).summary(true)" for edge in SUMMARY_EDGES)
"""They need pages_read_user_content and fail their whole request without it: never in a request that must succeed.

Comments are counted by them alone; reactions and likes come from there where insights are withheld (read_insights).
"""

POST_FIGURES: Final[Mapping[str, Sequence[str]]] = {
    "likes_count": ("insights.post_reactions_like_total", "likes.summary.total_count"),
    "comments_count": ("comments.summary.total_count", "insights.post_activity_by_action_type.comment"),
    "shares_count": ("shares.count", "insights.post_activity_by_action_type.share"),
    "reactions_count": ("insights.post_reactions_by_type_total.sum", "reactions.summary.total_count"),
    "impressions": ("insights.post_media_view",),
    "reach": ("insights.post_total_media_view_unique",),
    "clicks": ("insights.post_clicks",),
    "url_clicks": ("insights.post_clicks_by_type.link clicks",),
    "video_views": ("insights.post_video_views",),
    "video_watch_ms": ("insights.post_video_view_time",),
}
REEL_FIGURES: Final[Mapping[str, Sequence[str]]] = {
    "likes_count": (
        "insights.post_video_likes_by_reaction_type.like",
        "insights.post_reactions_like_total",
        "likes.summary.total_count",
    ),
    "comments_count": (
        "comments.summary.total_count",
        "insights.post_activity_by_action_type.comment",
        "insights.post_video_social_actions.comment",
    ),
    "shares_count": (
        "shares.count",
        "insights.post_activity_by_action_type.share",
        "insights.post_video_social_actions.share",
    ),
    "reactions_count": ("insights.post_video_likes_by_reaction_type.sum", "reactions.summary.total_count"),
    "clicks": ("insights.post_clicks",),
    "url_clicks": ("insights.post_clicks_by_type.link clicks",),
    "impressions": ("insights.blue_reels_play_count",),
    "video_views": ("insights.blue_reels_play_count",),
    "video_watch_ms": ("insights.post_video_view_time",),
}
"""Standard name → where the figure is in a node; `.sum` adds up the parts of a metric that is split by type."""

PAGE_DAYS: Final = {
    "page_media_view": "impressions",
    "page_total_media_view_unique": "reach",
    "page_post_engagements": "engagements",
    "page_views_total": "profile_views",
    "page_daily_follows": "follower_gain",
    "page_total_actions": "clicks",
    "page_actions_post_reactions_like_total": "likes",
    "page_follows": "followers",
    "page_video_views": "video_views",
}

BY_TYPE: Final = frozenset(
    {
        "post_reactions_by_type_total",
        "post_activity_by_action_type",
        "post_clicks_by_type",
        "post_video_likes_by_reaction_type",
        "post_video_social_actions",
    }
)
_TYPES: Final = {
    "photo": "image",
    "album": "carousel",
    "video": "video",
    "link": "link",
    "event": "event",
    "added_photos": "image",
    "added_video": "video",
    "shared_story": "link",
    "created_event": "event",
    "mobile_status_update": "text",
}


def _metrics(figures: Mapping[str, Sequence[str]]) -> list[str]:
    paths = [path.split(".") for paths in figures.values() for path in paths]
    return list(dict.fromkeys(path[1] for path in paths if path[0] == "insights"))


POST_METRICS: Final = _metrics(POST_FIGURES)
REEL_POST_METRICS: Final = (
    "post_clicks",
    "post_clicks_by_type",
    "post_activity_by_action_type",
    "post_reactions_like_total",
)
"""What the post of a reel is asked for, besides its video."""
REEL_METRICS: Final = [metric for metric in _metrics(REEL_FIGURES) if metric not in REEL_POST_METRICS]
"""What the video of a reel is asked for."""


def with_insights(fields: str, metrics: Sequence[str]) -> str:
    """These fields of a post, and these insights of it."""
    return f"{fields},insights.metric({','.join(metrics)})" if metrics else fields


def parts(name: str, value: Any) -> dict[str, Any]:
    """A metric split by type, keys as the documents write them: `like`, `comment`, `link clicks`."""
    if value == []:
        return {}
    if not isinstance(value, dict):
        raise BadDataError(f"{name} is not split by type: {str(value)[:40]!r}")
    if name.startswith("post_video_"):  # documented without their exact keys
        return {key.lower().removeprefix("reaction_").removesuffix("s"): part for key, part in value.items()}
    return dict(value)


def add_zeros(values: dict[str, int | None], node: Mapping[str, Any], insights: Mapping[str, Any]) -> None:
    """Facebook leaves out what is 0 (facebook.md §3). It is taken for a 0 only where two statements agree on it."""
    acted = "post_activity_by_action_type" in insights
    if values["shares_count"] is None and "shares" not in node and acted:
        values["shares_count"] = 0
    if values["comments_count"] is None and "post_video_social_actions" in insights and acted:
        values["comments_count"] = 0
    clicks = insights.get("post_clicks_by_type")
    if clicks is not None and values["url_clicks"] is None and clicks["sum"] == values["clicks"]:
        values["url_clicks"] = 0


def summaries_of(reply: Any) -> dict[str, Any]:
    """The summaries in a reply, none of one that failed."""
    return {edge: reply[edge] for edge in SUMMARY_EDGES if edge in reply} if isinstance(reply, dict) else {}


def lacks_summary(reading: PostReading) -> bool:
    """Whether likes or comments are unknown though there are other figures, or could be, and no summary was read."""
    figures = reading.analytics
    unknown = figures is not None and (figures["likes_count"] is None or figures["comments_count"] is None)
    return unknown and not any(edge in reading.raw for edge in SUMMARY_EDGES)


def permalink(node: Mapping[str, Any]) -> str | None:
    """The post's address, None if it has none."""
    link = node.get("permalink_url")
    return link if isinstance(link, str) else None


def post_type(node: Mapping[str, Any]) -> str:
    """Our name for the kind of post (metrics.py, ListedPost)."""
    try:
        attached = node["attachments"]["data"][0]
        kinds = [attached.get("media_type"), attached.get("type")]
    except (KeyError, IndexError, TypeError, AttributeError):
        kinds = []
    if "/reel/" in (permalink(node) or "") or any("reel" in str(kind) for kind in kinds):
        return "reel"
    named = [_TYPES[str(kind)] for kind in (*kinds, node.get("status_type")) if str(kind) in _TYPES]
    return named[0] if named else ("other" if kinds else "text")


_POST: Final = "GET /:page/published_posts, /:post insights"
_VIDEO: Final = "reels: GET /:video/video_insights"
_PAGE: Final = "GET /:page/insights"
_DAYS: Final = "two years; the platform's day: midnight to midnight Pacific time"
_DAY_NOTES: Final = {
    "follower_gain": "follows; those who left are not taken off",
    "clicks": "on contact details and buttons of the Page",
    "engagements": "with posts; without reels",
    "likes": "reactions like to posts; without reels",
}


def _asked(name: str) -> tuple[str, ...]:
    paths = [path.split(".") for path in (*POST_FIGURES.get(name, ()), *REEL_FIGURES.get(name, ()))]
    return tuple(dict.fromkeys(path[1] for path in paths if path[0] == "insights"))


CATALOG: Final = (
    MetricSource(
        "likes_count",
        "exact",
        f"{_POST} post_reactions_like_total; {_VIDEO} post_video_likes_by_reaction_type",
        "the reaction like, care included; where insights are withheld: likes.summary",
        asked=_asked("likes_count"),
    ),
    MetricSource(
        "comments_count",
        "exact",
        "GET /:post comments.summary.total_count",
        "without pages_read_user_content, and of reels: post_activity_by_action_type, of reels else "
        "post_video_social_actions",
        asked=_asked("comments_count"),
    ),
    MetricSource(
        "shares_count",
        "exact",
        "GET /:post shares.count",
        "left out by Facebook when 0; else post_activity_by_action_type, of reels else post_video_social_actions",
        asked=_asked("shares_count"),
    ),
    MetricSource(
        "reactions_count",
        "derived",
        f"{_POST} post_reactions_by_type_total",
        "sum over all types; where insights are withheld: reactions.summary",
        asked=_asked("reactions_count"),
    ),
    MetricSource("retweets_count", "not offered"),
    MetricSource("quote_tweets_count", "not offered"),
    MetricSource("bookmarks_count", "not offered"),
    MetricSource(
        "impressions",
        "exact",
        f"{_POST} post_media_view; {_VIDEO} blue_reels_play_count",
        "views, as Meta counts since 2025-11; reels: plays",
        asked=_asked("impressions"),
    ),
    MetricSource("reach", "exact", f"{_POST} post_total_media_view_unique", "not reels", asked=_asked("reach")),
    MetricSource("clicks", "exact", f"{_POST} post_clicks", asked=_asked("clicks")),
    MetricSource("url_clicks", "exact", f'{_POST} post_clicks_by_type "link clicks"', asked=_asked("url_clicks")),
    MetricSource("profile_clicks", "not offered"),
    MetricSource(
        "video_views",
        "exact",
        f"{_POST} post_video_views; {_VIDEO} blue_reels_play_count",
        "3 s and more; reels: plays",
        asked=_asked("video_views"),
    ),
    MetricSource(
        "video_watch_time",
        "exact",
        f"{_POST} post_video_view_time; {_VIDEO} post_video_view_time",
        "replays included",
        asked=_asked("video_watch_ms"),
    ),
    MetricSource("engagement_rate", "derived", note="100 × (likes + comments + shares) / impressions"),
    MetricSource("click_through_rate", "derived", note="100 × clicks / impressions"),
    *(
        MetricSource(
            name,
            "exact",
            f"{_PAGE} {metric} by day",
            "; ".join(filter(None, (_DAY_NOTES.get(name), _DAYS))),
            "account",
            (metric,),
        )
        for metric, name in PAGE_DAYS.items()
    ),
    *(MetricSource(metric, "not offered", level="account") for metric in ("comments", "shares")),
)
