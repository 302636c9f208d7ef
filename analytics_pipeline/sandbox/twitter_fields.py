"""X's field parameters in both vocabularies (x.md §0, §3): what was asked for, in which words to answer.

Not here: the figures (twitter_posts.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from analytics_pipeline.sandbox.twitter_errors import TwitterError, invalid


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHARED = _words(
    "article attachments card_uri community_id context_annotations conversation_id created_at display_text_range "
    "edit_controls entities geo id lang media_metadata non_public_metrics organic_metrics possibly_sensitive "
    "promoted_metrics public_metrics reply_settings scopes source suggested_source_links text withheld"
)
_TWEET_FIELDS = _SHARED | _words("author_id edit_history_tweet_ids in_reply_to_user_id note_tweet referenced_tweets")
_POST_FIELDS = _SHARED | {"note_post"}
_MEDIA_FIELDS = _words(
    "alt_text duration_ms height media_key non_public_metrics organic_metrics preview_image_url promoted_metrics "
    "public_metrics type url variants width"
)
_USER_FIELDS = _words(
    "created_at description entities id is_identity_verified location most_recent_tweet_id name pinned_tweet_id "
    "profile_image_url protected public_metrics subscription_type url username verified verified_type withheld"
)
_EXPANSIONS = _words(
    "attachments.media_keys attachments.poll_ids author_id edit_history_tweet_ids edit_history_post_ids "
    "entities.mentions.username geo.place_id in_reply_to_user_id referenced_tweets.id referenced_posts.id "
    "referenced_tweets.id.author_id referenced_posts.id.author_id pinned_tweet_id pinned_post_id"
)
SELECTORS = frozenset(
    ["tweet.fields", "post.fields", "media.fields", "user.fields", "poll.fields", "place.fields", "expansions"]
)
_POST_WORDS = {
    "retweet_count": "repost_count",
    "tweet_count": "post_count",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets": "referenced_posts",
    "tweets": "posts",
}


@dataclass(frozen=True)
class Selection:
    """The fields of one request. `new_words`: it said `post.fields`, so the answer says `repost_count` and the like."""

    new_words: bool = False
    post: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    user: frozenset[str] = frozenset()
    expansions: frozenset[str] = field(default_factory=frozenset)

    def word(self, name: str) -> str:
        """`name` of the older vocabulary in the one that was used."""
        return _POST_WORDS.get(name, name) if self.new_words else name

    @property
    def expands_references(self) -> bool:
        return bool(self.expansions & {"referenced_tweets.id", "referenced_posts.id"})


def read_selection(params: dict[str, str], others: frozenset[str], selectors: frozenset[str] = SELECTORS) -> Selection:
    """Raises the 400 for a parameter that is neither one of `selectors` nor of `others`, and for an unknown field."""
    for name in params:
        if name not in selectors and name not in others:
            known = ",".join(sorted(others | selectors))
            raise invalid(name, params[name], f"The query parameter [{name}] is not one of [{known}]")
    if "tweet.fields" in params and "post.fields" in params:
        raise invalid("post.fields", params["post.fields"], "`tweet.fields` and `post.fields` exclude each other")
    new_words = "post.fields" in params
    return Selection(
        new_words=new_words,
        post=_read(params, "post.fields", _POST_FIELDS) if new_words else _read(params, "tweet.fields", _TWEET_FIELDS),
        media=_read(params, "media.fields", _MEDIA_FIELDS),
        user=_read(params, "user.fields", _USER_FIELDS),
        expansions=_read(params, "expansions", _EXPANSIONS),
    )


def refuse_retired(params: dict[str, str], retired: Iterable[str]) -> None:
    """Raises the 400 for a field that is asked for though X does not know it any more (`TwitterSettings.retired_fields`)."""
    for parameter, _, name in (each.partition("=") for each in retired):
        if name in params.get(parameter, "").split(","):
            raise invalid(parameter, name, f"The `{parameter}` query parameter value [{name}] is not one of [id]")


def _read(params: dict[str, str], name: str, known: frozenset[str]) -> frozenset[str]:
    chosen = frozenset(filter(None, params.get(name, "").split(",")))
    for wrong in sorted(chosen - known):
        raise _unknown_field(name, wrong, known)
    return chosen


def _unknown_field(name: str, wrong: str, known: frozenset[str]) -> TwitterError:
    return invalid(
        name, wrong, f"The `{name}` query parameter value [{wrong}] is not one of [{','.join(sorted(known))}]"
    )
