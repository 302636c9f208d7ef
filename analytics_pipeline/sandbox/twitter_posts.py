"""X's posts, media and users as JSON, with their figures and the items that say what was withheld.

Source: x.md §4, §7. Not here: endpoints, limits, billing (twitter.py), figures per day (twitter_analytics.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox.model import Account, Observation, Post, World
from analytics_pipeline.sandbox.twitter_errors import Item, field_item
from analytics_pipeline.sandbox.twitter_fields import Selection

_PUBLIC = {
    "retweet_count": "shares",
    "reply_count": "comments",
    "like_count": "likes",
    "quote_count": "quotes",
    "bookmark_count": "bookmarks",
    "impression_count": "impressions",
}
_NON_PUBLIC = {
    "impression_count": "impressions",
    "url_link_clicks": "url_clicks",
    "user_profile_clicks": "profile_clicks",
    "engagements": "engagements",
}
_ORGANIC = {
    "impression_count": "impressions",
    "like_count": "likes",
    "reply_count": "comments",
    "retweet_count": "shares",
    "url_link_clicks": "url_clicks",
    "user_profile_clicks": "profile_clicks",
}
_PRIVATE: dict[str, Iterable[str]] = {
    "non_public_metrics": _NON_PUBLIC,
    "organic_metrics": _ORGANIC,
    "promoted_metrics": _ORGANIC,
}
PLAYBACK_SHARES = {"0": 1.0, "25": 0.7, "50": 0.5, "75": 0.35, "100": 0.25}
"""The world knows video views only; quartiles are these fixed shares of them."""
_PLAYBACKS = [f"playback_{mark}_count" for mark in PLAYBACK_SHARES]
_PRIVATE_OF_MEDIA: dict[str, Iterable[str]] = {
    "non_public_metrics": _PLAYBACKS,
    "organic_metrics": ["view_count", *_PLAYBACKS],
    "promoted_metrics": ["view_count", *_PLAYBACKS],
}


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass
class Shaper:
    """Shapes the posts of one answer and gathers `includes` and `errors`. `reader` None = an app-only token."""

    world: World
    at: datetime
    reader: Account | None
    selection: Selection
    parameter: str = "ids"
    errors: list[Item] = field(default_factory=list)
    includes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def posts(self, posts: Iterable[Post]) -> list[dict[str, Any]]:
        """Those of the posts that are handed out."""
        return [shaped for post in posts if (shaped := self.post(post)) is not None]

    def post(self, post: Post) -> dict[str, Any] | None:
        """None for a post that is dropped because its private figures are refused."""
        refused = self._refuse(post, self.selection.post, _PRIVATE, ("tweet", post.post_id, self.parameter), "data")
        if refused and self.world.twitter.refused_private == "drop":
            return None
        shaped = self._bare(post)
        if not refused:
            groups = {"non_public_metrics": _NON_PUBLIC, "organic_metrics": _ORGANIC, "promoted_metrics": {}}
            shaped |= {group: self._figures(post, groups[group]) for group in groups if group in self.selection.post}
        if "attachments.media_keys" in self.selection.expansions and post.media_id:
            media = self.media(post, "includes")
            if media is not None:
                self.includes.setdefault("media", {})[post.media_id] = media
        if "author_id" in self.selection.expansions:
            author = self.world.account("twitter", post.external_id)
            if author is not None:
                self.includes.setdefault("users", {})[author.external_id] = self.user(author)
        if self.selection.expands_references and post.reshare_of:
            self._reference(post.reshare_of)
        return shaped

    def _bare(self, post: Post) -> dict[str, Any]:
        asked, word = self.selection.post, self.selection.word
        versions = [each.post_id for each in self.world.edit_chain(post, self.at)]
        shaped: dict[str, Any] = {"id": post.post_id, "text": post.text, word("edit_history_tweet_ids"): versions}
        if "author_id" in asked or "author_id" in self.selection.expansions or self.selection.new_words:
            shaped["author_id"] = post.external_id
        if "created_at" in asked:
            shaped["created_at"] = timestamp(post.published_at)
        if "conversation_id" in asked:
            shaped["conversation_id"] = versions[0]
        if post.media_id and ("attachments" in asked or "attachments.media_keys" in self.selection.expansions):
            shaped["attachments"] = {"media_keys": [post.media_id]}
        if post.reshare_of and ("referenced_tweets" in asked or self.selection.new_words):
            shaped[word("referenced_tweets")] = [{"type": "retweeted", "id": post.reshare_of}]
        if "public_metrics" in asked:
            shaped["public_metrics"] = self._public(post)
        return shaped

    def _public(self, post: Post) -> dict[str, int]:
        if not post.reshare_of:
            return self._figures(post, _PUBLIC)
        original = self.world.post("twitter", post.reshare_of, self.at)
        reading = self.world.observation(original or post, self.at)
        reposts = (reading.shares or 0) if reading else 0
        return {self.selection.word(name): reposts if name == "retweet_count" else 0 for name in _PUBLIC}

    def _figures(self, post: Post, figures: dict[str, str]) -> dict[str, int]:
        """What the world reports; a figure that it leaves blank has no key. No reading yet = all zero."""
        reading = self.world.observation(post, self.at) or NOTHING_YET
        values = ((name, getattr(reading, column)) for name, column in figures.items())
        return {self.selection.word(name): value for name, value in values if value is not None}

    def _may_read_private(self, post: Post) -> bool:
        young = self.at - post.published_at <= timedelta(days=self.world.twitter.private_days)
        return young and self.reader is not None and self.reader.external_id == post.external_id

    def _refuse(
        self,
        post: Post,
        asked: frozenset[str],
        groups: Mapping[str, Iterable[str]],
        resource: tuple[str, str, str],
        section: str,
    ) -> bool:
        """Whether private figures are asked for that only the author of `post` may see; adds an item for each of them.

        `resource`: what they are figures of (`tweet` or `media`), its id, and the parameter that holds such ids.
        """
        refused = [group for group in groups if group in asked]
        if not refused or self._may_read_private(post):
            return False
        kind, key, parameter = resource
        for group in refused:
            for name in groups[group]:
                field_name = f"{group}.{self.selection.word(name)}"
                self.errors.append(field_item(self.world.twitter, parameter, field_name, key, section, kind))
        return True

    def _reference(self, post_id: str) -> None:
        """A referenced post goes to `includes`, unless private figures were asked and it is somebody else's."""
        post = self.world.post("twitter", post_id, self.at)
        if post is None:
            return
        resource = ("tweet", post_id, self.parameter)
        if not self._refuse(post, self.selection.post, _PRIVATE, resource, "includes"):
            self.includes.setdefault(self.selection.word("tweets"), {})[post_id] = self._bare(post)

    def media(self, post: Post, section: str) -> dict[str, Any] | None:
        """The media object of a post, for `data` or `includes`. Its views are those of all posts that carry it.

        None for one that is dropped because its private figures are refused.
        """
        asked = self.selection.media
        video = post.post_type in ("video", "reel")
        shaped: dict[str, Any] = {"media_key": post.media_id, "type": "video" if video else "photo"}
        if not video:
            return shaped
        refused = self._refuse(post, asked, _PRIVATE_OF_MEDIA, ("media", post.media_id, "media_keys"), section)
        if refused and self.world.twitter.refused_private == "drop":
            return None
        if "duration_ms" in asked and post.duration_s is not None:
            shaped["duration_ms"] = round(post.duration_s * 1000)
        views = media_figure(self.world, post.media_id, "video_views", self.at)
        if views is None:
            return shaped
        playbacks = {name: int(views * share) for name, share in zip(_PLAYBACKS, PLAYBACK_SHARES.values(), strict=True)}
        groups: dict[str, dict[str, int]] = {"public_metrics": {"view_count": views}}
        if not refused:
            groups |= {
                "non_public_metrics": playbacks,
                "organic_metrics": {"view_count": views, **playbacks},
                "promoted_metrics": {},
            }
        return shaped | {group: figures for group, figures in groups.items() if group in asked}

    def user(self, account: Account) -> dict[str, Any]:
        name = account.display_name or account.external_id
        shaped: dict[str, Any] = {
            "id": account.external_id,
            "name": name,
            "username": account.username or name.lower().replace(" ", "_")[:15],
        }
        if "created_at" in self.selection.user:
            shaped["created_at"] = "2015-03-01T09:00:00.000Z"
        if "verified_type" in self.selection.user:
            shaped["verified_type"] = "business"
        if "public_metrics" in self.selection.user:
            shaped["public_metrics"] = {
                "followers_count": self.world.followers(account, self.at) or 0,
                "following_count": 0,
                self.selection.word("tweet_count"): len(self.world.posts_of(account, self.at)),
                "listed_count": 0,
                "like_count": 0,
            }
        return shaped

    def body(self, data: Any) -> dict[str, Any]:
        """The envelope: `data` unless empty, `includes` and `errors` when there are any."""
        body: dict[str, Any] = {"data": data} if data else {}
        if self.includes:
            body["includes"] = {kind: list(things.values()) for kind, things in self.includes.items()}
        if self.errors:
            body["errors"] = self.errors
        return body


NOTHING_YET = Observation(
    "twitter",
    "",
    datetime.min.replace(tzinfo=UTC),
    likes=0,
    comments=0,
    shares=0,
    quotes=0,
    bookmarks=0,
    impressions=0,
    url_clicks=0,
    profile_clicks=0,
    engagements=0,
)
"""The figures of a post that nobody has read yet."""


def media_figure(world: World, media_key: str, figure: str, at: datetime) -> int | None:
    """A figure of one media over all visible posts that carry it; None when none of them reports it."""
    readings = [
        world.observation(post, at) for post in world.posts_with_media("twitter", media_key) if world.visible(post, at)
    ]
    values = [getattr(reading, figure) for reading in readings if reading is not None]
    known = [value for value in values if value is not None]
    return sum(known) if known else None
