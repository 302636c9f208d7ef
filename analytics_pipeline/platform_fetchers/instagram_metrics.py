"""Instagram's figures: the metrics each kind of media has, where each figure is in a reply.

Source: platforms/instagram.md §3, §4. Not here: how they are asked for (instagram.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

NODE_FIELDS: Final = "id,media_type,media_product_type,permalink,timestamp,like_count,comments_count"

FEED: Final = ("views", "reach", "likes", "comments", "saved", "shares")
METRICS: Final[Mapping[str, Sequence[str]]] = {
    "FEED": FEED,
    "REELS": (*FEED, "ig_reels_video_view_total_time"),
    "STORY": ("views", "reach", "replies", "shares"),
    # Single videos from before they all became reels.
    "VIDEO": ("views", "reach", "saved"),
}
"""Kind of media → the metrics it has and we keep. Any other fails the call (instagram.md §4.1)."""

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
}
_KIND_OF_TYPE: Final = {"reel": "REELS", "story": "STORY", "video": "VIDEO"}
_TYPES: Final = {"IMAGE": "image", "VIDEO": "video", "CAROUSEL_ALBUM": "carousel"}


def kind_of_type(name: str | None) -> str | None:
    """The kind of media that a post of this type is, None while unknown."""
    return _KIND_OF_TYPE.get(name, "FEED") if name else None


def kind_of(node: Mapping[str, Any]) -> str:
    """The kind of media that decides on its metrics: a key of METRICS."""
    product = node.get("media_product_type")
    if product in ("REELS", "STORY"):
        return str(product)
    return "VIDEO" if node.get("media_type") == "VIDEO" else "FEED"


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
