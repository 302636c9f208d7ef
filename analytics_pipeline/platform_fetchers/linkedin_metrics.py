"""LinkedIn's figures: where each one is in a reply, and what it stands for.

Source: platforms/linkedin.md §4, §7. Not here: how they are asked for (linkedin.py, linkedin_details.py).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analytics_pipeline.platform_fetchers.catalog import MetricSource

POST_FIELDS: Final[Mapping[str, str | Sequence[str]]] = {
    "likes_count": "likeCount",
    "comments_count": "commentCount",
    "shares_count": "shareCount",
    "impressions": "impressionCount",
    "reach": ("uniqueImpressionsCount", "uniqueImpressionsCounts"),
    "clicks": "clickCount",
}
"""Standard name → field of `totalShareStatistics`. Buckets of time spell unique impressions with an s."""

PAGE_FIELDS: Final = {name.removesuffix("_count"): path for name, path in POST_FIELDS.items()}
GAIN_FIELDS: Final = {"organic": "organicFollowerGain", "paid": "paidFollowerGain"}
VIEW_FIELDS: Final = {"profile_views": "views.allPageViews.pageViews"}

REACTIONS: Final = "socialMetadata"
NO_BATCHES: Final = "socialMetadata.BATCH_GET"
"""What is remembered as denied where reactions of many posts may not be asked for in one call."""

VIDEOS: Final = "videoAnalytics"
VIDEO_VIEWS: Final = "VIDEO_VIEW"
WATCH_TIME: Final = "TIME_WATCHED"

_STATISTICS: Final = "GET /rest/organizationalEntityShareStatistics"
_RATIONED: Final = "young posts only, by LINKEDIN_DETAIL_DAYS and LINKEDIN_DETAIL_CALLS"

CATALOG: Final = (
    MetricSource("likes_count", "exact", f"{_STATISTICS} likeCount", "may be negative: unlikes of a sponsored copy"),
    MetricSource("comments_count", "exact", f"{_STATISTICS} commentCount", "lags behind the feed"),
    MetricSource("shares_count", "exact", f"{_STATISTICS} shareCount"),
    MetricSource(
        "reactions_count",
        "by permission",
        "GET /rest/socialMetadata reactionSummaries.*.count",
        f"sum over all types; scope r_organization_social_feed; {_RATIONED}",
        asked=(REACTIONS,),
    ),
    MetricSource("retweets_count", "not offered"),
    MetricSource("quote_tweets_count", "not offered"),
    MetricSource("bookmarks_count", "not offered"),
    MetricSource("impressions", "exact", f"{_STATISTICS} impressionCount", "organic only; posts of the last 12 months"),
    MetricSource("reach", "exact", f"{_STATISTICS} uniqueImpressionsCount", "withheld for some posts"),
    MetricSource("clicks", "exact", f"{_STATISTICS} clickCount", "on content, company name and logo"),
    MetricSource("url_clicks", "not offered"),
    MetricSource("profile_clicks", "not offered"),
    MetricSource(
        "video_views",
        "exact",
        "GET /rest/videoAnalytics VIDEO_VIEW",
        f"plays of 3 s and more; videos posted as ugcPost; {_RATIONED}",
        asked=(VIDEOS, f"{VIDEOS}.{VIDEO_VIEWS}"),
    ),
    MetricSource(
        "video_watch_time",
        "exact",
        "GET /rest/videoAnalytics TIME_WATCHED",
        f"loops count; videos posted as ugcPost; {_RATIONED}",
        asked=(VIDEOS, f"{VIDEOS}.{WATCH_TIME}"),
    ),
    MetricSource("engagement_rate", "derived", note="100 × (likes + comments + shares) / impressions"),
    MetricSource("click_through_rate", "derived", note="100 × clicks / impressions"),
    MetricSource("followers", "exact", "GET /rest/networkSizes firstDegreeSize", "today's level only", "account"),
    MetricSource(
        "follower_gain",
        "derived",
        "GET /rest/organizationalEntityFollowerStatistics followerGains",
        "organic + paid; the last two days are missing",
        "account",
    ),
    MetricSource("impressions", "exact", f"{_STATISTICS} impressionCount by day", "12 months", "account"),
    MetricSource("reach", "exact", f"{_STATISTICS} uniqueImpressionsCounts by day", "12 months", "account"),
    MetricSource("clicks", "exact", f"{_STATISTICS} clickCount by day", "12 months", "account"),
    MetricSource("likes", "exact", f"{_STATISTICS} likeCount by day", "12 months", "account"),
    MetricSource("comments", "exact", f"{_STATISTICS} commentCount by day", "12 months", "account"),
    MetricSource(
        "shares", "exact", f"{_STATISTICS} shareCount by day", "12 months; without instant reposts", "account"
    ),
    MetricSource("engagements", "not offered", level="account"),
    MetricSource(
        "profile_views",
        "exact",
        "GET /rest/organizationPageStatistics totalPageStatistics.views.allPageViews.pageViews",
        "12 months",
        "account",
    ),
    MetricSource("video_views", "not offered", level="account"),
)
