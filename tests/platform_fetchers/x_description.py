"""Facts of X's own interface description: which parameters six operations take, and which values.

Extracted from `openapi.json` of github.com/xdevplatform/docs: 2.166 of 2026-07-06, the last in the old vocabulary, which
the fetcher speaks, and 2.167 of 2026-08-22, which says `post` for `tweet`. Parameters that do not concern figures (polls,
places) are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Parameter:
    """What values may be: words, or a pattern, or whole numbers; `most` = values in a comma-separated list."""

    pattern: str = ""
    words: frozenset[str] = frozenset()
    numbers: range | None = None
    most: int = 1
    required: bool = False


def _fields(words: str) -> Parameter:
    """Any number of different words."""
    listed = frozenset(words.split())
    return Parameter(words=listed, most=len(listed))


_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_IDS: Final = Parameter(r"[0-9]{1,19}", most=100, required=True)
_KEYS: Final = Parameter(r"[0-9]+_[0-9]+", most=100, required=True)
_MEDIA: Final = _fields(
    "alt_text duration_ms height media_key non_public_metrics organic_metrics preview_image_url promoted_metrics "
    "public_metrics type url variants width"
)
_TIMELINE: Final = {
    "since_id": Parameter(r"[0-9]{1,19}"),
    "until_id": Parameter(r"[0-9]{1,19}"),
    "max_results": Parameter(numbers=range(5, 101)),
    "pagination_token": Parameter(r".+"),
    "exclude": _fields("replies retweets"),
    "start_time": Parameter(_TIME),
    "end_time": Parameter(_TIME),
}
_SERIES: Final = {"start_time": Parameter(_TIME, required=True), "end_time": Parameter(_TIME, required=True)}
_ANALYTICS: Final = (
    "app_install_attempts app_opens bookmarks detail_expands email_tweet engagements follows hashtag_clicks id "
    "impressions likes media_views permalink_clicks quote_tweets replies retweets shares timestamp unfollows unlikes "
    "url_clicks user_profile_clicks"
)
_MEDIA_ANALYTICS: Final = (
    "cta_url_clicks cta_watch_clicks media_key play_from_tap playback25 playback50 playback75 playback_complete "
    "playback_start timestamp video_views watch_time_ms"
)


def _operations(
    post_fields: tuple[str, str], expansions: str, user_fields: str, user_expansions: str, more: str, required: bool
) -> Mapping[str, Mapping[str, Parameter]]:
    fields_of_posts = {post_fields[0]: _fields(post_fields[1])}
    posts = {
        **fields_of_posts,
        "expansions": _fields(expansions),
        "media.fields": _MEDIA,
        "user.fields": _fields(user_fields),
    }
    users = {**fields_of_posts, "user.fields": _fields(user_fields), "expansions": _fields(user_expansions)}
    every_step = {"granularity": Parameter(words=frozenset(["hourly", "daily", "weekly", "total"]), required=required)}
    no_weeks = {"granularity": Parameter(words=frozenset(["hourly", "daily", "total"]), required=required)}
    return {
        "/2/tweets": {"ids": _IDS, **posts},
        "/2/users/me": users,
        "/2/users/:id": users,
        "/2/users/:id/tweets": {**_TIMELINE, **posts},
        "/2/tweets/analytics": {
            "ids": _IDS, **_SERIES, **every_step, "analytics.fields": _fields(_ANALYTICS + more),
        },
        "/2/media/analytics": {
            "media_keys": _KEYS, **_SERIES, **no_weeks, "media_analytics.fields": _fields(_MEDIA_ANALYTICS + more),
        },
    }  # fmt: skip


V2_166: Final = _operations(
    (
        "tweet.fields",
        "article attachments author_id card_uri community_id context_annotations conversation_id created_at "
        "display_text_range edit_controls edit_history_tweet_ids entities geo id in_reply_to_user_id lang "
        "matched_media_notes media_metadata non_public_metrics note_request_suggestions note_tweet organic_metrics "
        "paid_partnership possibly_sensitive promoted_metrics public_metrics referenced_tweets reply_settings scopes "
        "source suggested_source_links suggested_source_links_with_counts text withheld",
    ),
    "article.cover_media article.media_entities attachments.media_keys attachments.media_source_tweet "
    "attachments.poll_ids author_id edit_history_tweet_ids entities.mentions.username geo.place_id "
    "in_reply_to_user_id entities.note.mentions.username referenced_tweets.id "
    "referenced_tweets.id.attachments.media_keys referenced_tweets.id.author_id",
    "affiliation confirmed_email connection_status created_at description entities id is_identity_verified location "
    "most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected public_metrics "
    "receives_your_dm subscription subscription_type url username verified verified_followers_count verified_type "
    "withheld",
    "affiliation.user_id most_recent_tweet_id pinned_tweet_id",
    "",
    True,
)
V2_167: Final = _operations(
    (
        "post.fields",
        "article article_title attachments card_uri community_id context_annotations conversation_id created_at "
        "display_text_range edit_controls entities geo id lang matched_media_notes media_metadata non_public_metrics "
        "note_post note_request_suggestions organic_metrics paid_partnership possibly_sensitive promoted_metrics "
        "public_metrics reply_settings scopes source suggested_source_links suggested_source_links_with_counts text "
        "withheld",
    ),
    "article.cover_media article.media_entities attachments.media_keys attachments.media_source_tweet "
    "attachments.poll_ids author_id edit_history_post_ids entities.mentions.username geo.place_id "
    "in_reply_to_user_id referenced_posts username",
    "confirmed_email connection_status created_at description entities id is_identity_verified location name parody "
    "profile_banner_url profile_image_url protected public_metrics receives_your_dm subscribes_to_you subscription "
    "subscription_type url username verified verified_followers_count verified_type withheld",
    "affiliation most_recent_post_id pinned_post_id",
    " timestamped_metrics",
    False,
)
