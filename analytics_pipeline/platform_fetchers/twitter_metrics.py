"""X's figures: where each one is in a reply, and what it stands for.

Source: platforms/x.md §4, §7. Not here: how they are asked for (twitter.py, twitter_extras.py).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analytics_pipeline.platform_fetchers.catalog import MetricSource

POST_METRICS: Final[Mapping[str, str | Sequence[str]]] = {
    "likes_count": "public_metrics.like_count",
    "comments_count": "public_metrics.reply_count",
    "retweets_count": ("public_metrics.retweet_count", "public_metrics.repost_count"),
    "quote_tweets_count": "public_metrics.quote_count",
    "bookmarks_count": "public_metrics.bookmark_count",
    "impressions": "public_metrics.impression_count",
    "url_clicks": "non_public_metrics.url_link_clicks",
    "profile_clicks": "non_public_metrics.user_profile_clicks",
}
"""Standard name → field of a post, in both vocabularies."""

MEDIA_METRICS: Final[Mapping[str, str | Sequence[str]]] = {"video_views": "public_metrics.view_count"}
USER_METRICS: Final[Mapping[str, str | Sequence[str]]] = {
    "followers_count": "public_metrics.followers_count",
    "following_count": "public_metrics.following_count",
    "tweet_count": ("public_metrics.tweet_count", "public_metrics.post_count"),
    "listed_count": "public_metrics.listed_count",
    "like_count": "public_metrics.like_count",
}
DAY_METRICS: Final[Mapping[str, str | Sequence[str]]] = {
    "likes_count": "likes",
    "comments_count": "replies",
    "retweets_count": ("retweets", "reposts"),
    "quote_tweets_count": ("quote_tweets", "quotes"),
    "bookmarks_count": "bookmarks",
    "impressions": "impressions",
    "url_clicks": ("url_clicks", "link_clicks"),
    "profile_clicks": ("user_profile_clicks", "profile_visits"),
}
"""Standard name → counter of a bucket of `/2/tweets/analytics`. Its own `shares` are no reposts, and left alone."""

PRIVATE: Final = "non_public_metrics"
MEDIA: Final = "media.public_metrics"
"""What is remembered as retired where X does not know these groups any more: calls can do without them."""

POST_SERIES: Final = "tweets/analytics"
MEDIA_SERIES: Final = "media/analytics"

_POSTS: Final = "GET /2/tweets, /2/users/:id/tweets"
_OWNERS: Final = "token of the account's owner; posts of the last 30 days"

CATALOG: Final = (
    MetricSource(
        "likes_count",
        "exact",
        f"{_POSTS} public_metrics.like_count",
        "of an edited post: all versions, as every figure; unknown where one lacks it",
    ),
    MetricSource("comments_count", "exact", f"{_POSTS} public_metrics.reply_count", "direct replies"),
    MetricSource("shares_count", "derived", f"{_POSTS} public_metrics", "reposts + quotes"),
    MetricSource("reactions_count", "derived", f"{_POSTS} public_metrics.like_count", "the likes: X has no other"),
    MetricSource("retweets_count", "exact", f"{_POSTS} public_metrics.retweet_count", "without quotes"),
    MetricSource("quote_tweets_count", "exact", f"{_POSTS} public_metrics.quote_count"),
    MetricSource("bookmarks_count", "exact", f"{_POSTS} public_metrics.bookmark_count"),
    MetricSource(
        "impressions", "exact", f"{_POSTS} public_metrics.impression_count", "unknown for posts before 2022-12-15"
    ),
    MetricSource("reach", "not offered"),
    MetricSource("clicks", "not offered"),
    MetricSource(
        "url_clicks", "by permission", f"{_POSTS} non_public_metrics.url_link_clicks", _OWNERS, asked=(PRIVATE,)
    ),
    MetricSource(
        "profile_clicks",
        "by permission",
        f"{_POSTS} non_public_metrics.user_profile_clicks",
        _OWNERS,
        asked=(PRIVATE,),
    ),
    MetricSource(
        "video_views",
        "exact",
        f"{_POSTS} includes.media.public_metrics.view_count",
        "over all posts with the video; given to the first one read",
        asked=(MEDIA,),
    ),
    MetricSource(
        "video_watch_time",
        "by permission",
        "GET /2/media/analytics watch_time_ms",
        "setting TWITTER_ANALYTICS_DAYS and a plan that allows it; over all posts with the video",
        asked=(MEDIA_SERIES,),
    ),
    MetricSource("engagement_rate", "derived", note="100 × (likes + comments + shares) / impressions"),
    MetricSource("click_through_rate", "not offered"),
    MetricSource(
        "followers",
        "exact",
        "GET /2/users/:id public_metrics.followers_count",
        "today's level only: history by daily snapshots",
        "account",
    ),
    *(
        MetricSource(metric, "not offered", level="account")
        for metric in (
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
    ),
)


def sum_of_known(values: Sequence[int | None]) -> int | None:
    """The sum of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def sum_of_all(values: Sequence[int | None]) -> int | None:
    """The sum, unknown where a part of it is: what one version lacks would pass for a fall of the post's figure."""
    return None if None in values else sum_of_known(values)
