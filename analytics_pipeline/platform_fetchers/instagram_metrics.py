"""Instagram's figures: the metrics each kind of media has, where each figure is in a reply.

Source: platforms/instagram.md §3, §4. Not here: how they are asked for (instagram.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analytics_pipeline.platform_fetchers.catalog import MetricSource

NODE_FIELDS: Final = "id,media_type,media_product_type,permalink,timestamp,like_count,comments_count"

FEED: Final = ("views", "reach", "likes", "comments", "saved", "shares")
WATCH_TIME: Final = "ig_reels_video_view_total_time"
METRICS: Final[Mapping[str, Sequence[str]]] = {
    "FEED": FEED,
    "REELS": (*FEED, WATCH_TIME),
    "STORY": ("views", "reach", "replies", "shares", "profile_visits", "link_clicks"),
    # Single videos from before they all became reels: verdicts on one are none on other posts.
    "VIDEO": FEED,
}
"""Kind of media → the metrics it has and we keep. Any other fails the call (instagram.md §4.1)."""

OLD_VIDEO: Final = ("views", "reach", "saved")
"""What is left of FEED where an old video refuses a part of it (instagram.md §4.1)."""

UNSURE: Final = frozenset({"link_clicks"})
"""Metrics of which the documents do not say which media have them: one refusal is enough not to ask for a day."""

MEDIA_FIGURES: Final[Mapping[str, Sequence[str]]] = {
    "likes_count": ("insights.likes", "like_count"),
    "comments_count": ("insights.comments", "comments_count"),
    "shares_count": ("insights.shares",),
    "bookmarks_count": ("insights.saved",),
    "impressions": ("insights.views",),
    "reach": ("insights.reach",),
    "video_watch_ms": ("insights.ig_reels_video_view_total_time",),
}
STORY_FIGURES: Final[Mapping[str, Sequence[str]]] = {
    "comments_count": ("insights.replies",),
    "shares_count": ("insights.shares",),
    "impressions": ("insights.views",),
    "reach": ("insights.reach",),
    "url_clicks": ("insights.link_clicks",),
    "profile_clicks": ("insights.profile_visits",),
}
"""Standard name → where the figure is in a node; of several places the first that has it."""

DAY_SERIES: Final = {"reach": "reach", "follower_count": "follower_gain"}
DAY_TOTALS: Final = {
    "views": "impressions",
    "total_interactions": "engagements",
    "likes": "likes",
    "comments": "comments",
    "shares": "shares",
    "profile_links_taps": "clicks",
    "profile_views": "profile_views",  # gone as a series, seen alive as a total: it may end any day
}
CLICKS: Final = "profile_activity"
CLICKS_BREAKDOWN: Final = "action_type"
CLICKED_KINDS: Final = ("FEED", "STORY", "VIDEO")
_LINK_CLICKED: Final = "bio_link_clicked"
_KIND_OF_TYPE: Final = {"reel": "REELS", "story": "STORY", "video": "VIDEO"}
_TYPES: Final = {"IMAGE": "image", "VIDEO": "video", "CAROUSEL_ALBUM": "carousel"}


def link_clicks(insights: Mapping[str, Any]) -> int | None:
    """Clicks on the link in the profile that a media brought, out of its broken down profile activity; None = withheld.

    The names of the breakdown are documented in capitals and seen in small letters (instagram.md §3.2).
    """
    try:
        (metric,) = insights["data"]
        total = metric["total_value"]
        results = [row for part in total.get("breakdowns", ()) for row in part.get("results", ())]
        if not results and total.get("value") != 0:
            return None
        return sum(int(row["value"]) for row in results if row["dimension_values"][0].lower() == _LINK_CLICKED)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        return None


def with_insights(metrics: Sequence[str]) -> str:
    """The fields of a media, and these insights of it."""
    return f"{NODE_FIELDS},insights.metric({','.join(metrics)})" if metrics else NODE_FIELDS


def kind_of_type(name: str | None) -> str | None:
    """The kind of media that a post of this type is, None while unknown."""
    return _KIND_OF_TYPE.get(name, "FEED") if name else None


def kind_of(node: Mapping[str, Any]) -> str:
    """The kind of media that decides on its metrics: a key of METRICS."""
    product = node.get("media_product_type")
    if product in ("REELS", "STORY"):
        return str(product)
    return "VIDEO" if node.get("media_type") == "VIDEO" else "FEED"


def with_product(told: Any, kind: str | None) -> Any:
    """What was told of a media of this `kind`, with its product where it names none, as has been seen of stories."""
    if not isinstance(told, dict) or told.get("media_product_type") or kind not in ("REELS", "STORY"):
        return told
    return {**told, "media_product_type": kind}


def post_type(node: Mapping[str, Any]) -> str:
    """Our name for the kind of media (metrics.py, ListedPost)."""
    kind = kind_of(node)
    if kind in ("REELS", "STORY"):
        return "reel" if kind == "REELS" else "story"
    return _TYPES.get(str(node.get("media_type")), "other")


def permalink(node: Mapping[str, Any]) -> str | None:
    """The media's address, None if it has none."""
    link = node.get("permalink")
    return link if isinstance(link, str) else None


_MEDIA: Final = "GET /:media/insights, /:user/media"
_ACCOUNT: Final = "GET /:user/insights"
_DAYS: Final = "the last 90 days; the platform's day: midnight to midnight Pacific time"

CATALOG: Final = (
    MetricSource("likes_count", "exact", f"{_MEDIA} likes", "without ads; not stories", asked=("likes",)),
    MetricSource("comments_count", "exact", f"{_MEDIA} comments", "stories: replies", asked=("comments", "replies")),
    MetricSource("shares_count", "exact", f"{_MEDIA} shares", "not videos from before reels", asked=("shares",)),
    MetricSource("reactions_count", "not offered"),
    MetricSource("retweets_count", "not offered"),
    MetricSource("quote_tweets_count", "not offered"),
    MetricSource("bookmarks_count", "exact", f"{_MEDIA} saved", "not stories", asked=("saved",)),
    MetricSource("impressions", "exact", f"{_MEDIA} views", "views: times displayed or played", asked=("views",)),
    MetricSource("reach", "exact", f"{_MEDIA} reach", "estimated; settles within 48 h", asked=("reach",)),
    MetricSource(
        "clicks",
        "exact",
        "GET /:media/insights profile_activity by action_type: bio_link_clicked",
        "on the link in the profile; not reels; the newest 1,000 media of a run; Facebook login only",
        asked=(CLICKS,),
    ),
    MetricSource(
        "url_clicks",
        "exact",
        "GET /:media/insights link_clicks",
        "stories, where Instagram has it",
        asked=("link_clicks",),
    ),
    MetricSource(
        "profile_clicks",
        "exact",
        "GET /:media/insights profile_visits",
        "stories; for other media it would fail the list",
        asked=("profile_visits",),
    ),
    MetricSource("video_views", "exact", f"{_MEDIA} views", "reels and videos", asked=("views",)),
    MetricSource(
        "video_watch_time",
        "exact",
        f"{_MEDIA} ig_reels_video_view_total_time",
        "reels; replays included; with Instagram login the newest, by INSTAGRAM_DETAIL_CALLS",
        asked=("ig_reels_video_view_total_time",),
    ),
    MetricSource("engagement_rate", "derived", note="100 × (likes + comments + shares) / impressions"),
    MetricSource("click_through_rate", "derived", note="100 × clicks / impressions"),
    MetricSource("followers", "exact", "GET /:user followers_count", "today's level only", "account"),
    MetricSource("follower_gain", "exact", f"{_ACCOUNT} follower_count", f"from 100 followers on; {_DAYS}", "account"),
    MetricSource("reach", "exact", f"{_ACCOUNT} reach", _DAYS, "account"),
    *(
        MetricSource(name, "exact", f"{_ACCOUNT} {metric}", _DAYS, "account", (metric,))
        for metric, name in DAY_TOTALS.items()
    ),
    MetricSource("video_views", "not offered", level="account"),
)
