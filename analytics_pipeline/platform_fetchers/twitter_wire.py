"""X's wire forms (platforms/x.md §0, §3, §4): ids, times, and what one reply says about which post.

Here: pure functions from JSON to plain values, both vocabularies (tweet/post, retweet/repost). Not here: calls, errors.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError
from analytics_pipeline.platform_fetchers.http import LONGEST_WAIT, parse_retry_after
from analytics_pipeline.platform_fetchers.quota import Scope
from analytics_pipeline.platform_fetchers.twitter_errors import FIELD_FAILED, FIELD_REFUSED, problem_type
from analytics_pipeline.platform_fetchers.twitter_metrics import MEDIA, PRIVATE

_ID: Final = re.compile(r"[0-9]{1,19}")
_ID_EPOCH: Final = datetime(2010, 11, 4, 1, 42, 54, 657000, UTC)

_OLDEST_TIME: Final = datetime(2010, 11, 6, tzinfo=UTC)
_EDIT_WINDOW: Final = timedelta(hours=1)
_FIELDS: Final = "created_at,public_metrics,attachments,edit_history_tweet_ids,referenced_tweets"
_RETIRABLE: Final = {PRIVATE: ("tweet.fields", "non_public_metrics"), MEDIA: ("media.fields", "public_metrics")}
"""The parameter and the field that ask for a group of metrics."""
_BUCKETS: Final[Mapping[str, Scope]] = {
    "x-rate-limit": "account",
    "x-user-limit-24hour": "account",
    "x-app-limit-24hour": "app",
}
_MEDIA_TYPES: Final = {"video": "video", "photo": "image", "animated_gif": "image"}


def is_id(value: object) -> bool:
    """Whether `value` is an id of X: up to 19 digits."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def time_in_id(post_id: str) -> datetime:
    """When a post was created, as its id tells: milliseconds in all but the lowest 22 bits."""
    return _ID_EPOCH + timedelta(milliseconds=int(post_id) >> 22)


def published_at(first: str, known: Mapping[str, Any]) -> datetime:
    """When a post was published whose first version is `first`, and whose oldest version that was read is `known`.

    That of a later version is the time of an edit: the id tells better where it fits. A post that lacks its time is
    listed all the same, so that what else it lacks is seen as its error.
    """
    told, born = created_at(known), time_in_id(first)
    edited = told is not None and known["id"] != first and timedelta(0) <= told - born <= _EDIT_WINDOW
    return born if told is None or edited else told


def url_of(post_id: str) -> str:
    """Where people see the post, whoever wrote it."""
    return f"https://x.com/i/status/{post_id}"


def fields(private: bool) -> dict[str, str]:
    """The parameters that ask for figures and media, in the older vocabulary: all that was seen understands it."""
    return {
        "tweet.fields": f"{_FIELDS},non_public_metrics" if private else _FIELDS,
        "expansions": "attachments.media_keys",
        "media.fields": "type,public_metrics",
    }


def asked_by(parameters: Collection[str], params: Mapping[str, str | int]) -> set[str]:
    """The retirable metrics that `params` ask for by one of these parameters."""
    return {
        metric
        for metric, (parameter, field_name) in _RETIRABLE.items()
        if parameter in parameters and field_name in str(params.get(parameter, "")).split(",")
    }


def without(params: Mapping[str, str | int], metrics: Collection[str]) -> dict[str, str | int]:
    """The parameters, but for what asks for these metrics."""
    kept = dict(params)
    for parameter, field_name in (_RETIRABLE[metric] for metric in metrics if metric in _RETIRABLE):
        if parameter in kept:
            kept[parameter] = ",".join(name for name in str(kept[parameter]).split(",") if name != field_name)
    return kept


def windows(start: datetime, end: datetime, border: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
    """What to list for posts of `start <= t < end`: from, to, and whether it is young enough for private figures.

    Whole seconds, newest first. The end is later than asked for: an edit moves a post's time by up to an hour.
    """
    start, border = max(start, _OLDEST_TIME).replace(microsecond=0), border.replace(microsecond=0)
    end = end + _EDIT_WINDOW + timedelta(seconds=1)
    if max(start, border) < end:
        yield max(start, border), end, True
    if start < min(end, border):
        yield start, min(end, border), False


def format_time(moment: datetime) -> str:
    """A moment as X takes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reset_of(headers: Mapping[str, str]) -> int | None:
    """The Unix second at which the last exhausted quota bucket is full again, None if the headers do not say."""
    resets = {bucket: reset for bucket in _BUCKETS if (reset := _reset(headers, bucket)) is not None}
    exhausted = [reset for bucket, reset in resets.items() if headers.get(f"{bucket}-remaining", "0") == "0"]
    return max(exhausted or resets.values(), default=None)


def _reset(headers: Mapping[str, str], bucket: str) -> int | None:
    said = str(headers.get(f"{bucket}-reset"))
    return int(said) if re.fullmatch(r"[0-9]{1,10}", said) else None


def seconds_until(reset: int, now: datetime) -> float:
    """From X's own time `now` to a Unix second that it named, at most LONGEST_WAIT."""
    # Both clocks show whole seconds: without one more, the call could come a moment too early.
    return min(LONGEST_WAIT, max(0.0, reset - now.timestamp()) + 1.0)


def wait_of(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a throttled reply asks for: its Retry-After, else until its buckets are full again, by X's own time
    `now`; None if it does not say."""
    asked, reset = parse_retry_after(headers.get("Retry-After"), now), reset_of(headers)
    return asked if asked is not None or reset is None else seconds_until(reset, now)


def exhausted(headers: Mapping[str, str]) -> list[tuple[Scope, int]]:
    """The quota buckets with no call left, each with the Unix second at which it is full again."""
    return [
        (scope, reset)
        for bucket, scope in _BUCKETS.items()
        if headers.get(f"{bucket}-remaining") == "0" and (reset := _reset(headers, bucket)) is not None
    ]


@dataclass(slots=True)
class Reply:
    """What X said, sorted by post. Several replies can be added up.

    `problems` holds error items by post, `media_problems` those of media that X could not read, by media key;
    `unanswered` why a post was asked about in vain; `refused` posts with private fields that this token may not see;
    `unbound` the error items that name no post; `owners` the post that a medium's figures are given to, by media key:
    the oldest that carries it, unless the caller knows better.
    """

    posts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    media: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    problems: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    media_problems: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unanswered: dict[str, PlatformAPIError] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    unbound: list[Mapping[str, Any]] = field(default_factory=list)
    next_token: str | None = None

    def add(self, other: "Reply", post_ids: Iterable[str]) -> None:
        """Takes over what another reply says about these posts."""
        for post_id in post_ids:
            if post_id in other.problems:
                self.problems[post_id] = other.problems[post_id]
            if post_id in other.unanswered:
                self.unanswered[post_id] = other.unanswered[post_id]
            if post_id in other.posts:
                self.posts[post_id] = other.posts[post_id]
                for key in media_keys_of(other.posts[post_id]):
                    if key in other.media:
                        self.media[key] = other.media[key]
                    if key in other.media_problems:
                        self.media_problems[key] = other.media_problems[key]
                    elif key in other.media:
                        self.media_problems.pop(key, None)  # read after all
                    self.owners[key] = min(other.owners[key], self.owners.get(key, other.owners[key]), key=int)

    def media_of(self, post_id: str) -> dict[str, Mapping[str, Any]]:
        """The media attached to a post, by key, as far as the reply includes them."""
        return {key: self.media[key] for key in media_keys_of(self.posts[post_id]) if key in self.media}

    def unread_views(self, versions: Sequence[str]) -> list[Mapping[str, Any]]:
        """The error items of media whose views are given to the post with these versions, and could not be read.

        A medium that is known to be no video has no views.
        """
        keys = set().union(*(media_keys_of(self.posts[version]) for version in versions if version in self.posts))
        return [
            self.media_problems[key]
            for key in sorted(keys & self.media_problems.keys())
            if self.media.get(key, {}).get("type") in ("video", None) and self.owners[key] == versions[0]
        ]


@dataclass(slots=True)
class EditedPosts:
    """Posts with several versions, each an id with figures of its own, until all versions have been read."""

    versions: dict[str, list[str]] = field(default_factory=dict)
    """By the id that the post is known by."""
    reply: Reply = field(default_factory=Reply)

    def add(self, post_id: str, versions: list[str], reply: Reply) -> None:
        """Remembers a post and what the reply says about its versions."""
        self.versions[post_id] = versions
        self.reply.add(reply, versions)

    def missing(self) -> dict[str, datetime]:
        """The versions that have not been read, with their time as far as a version that has been read tells it."""
        found: dict[str, datetime] = {}
        for versions in self.versions.values():
            known = [at for v in versions if v in self.reply.posts and (at := created_at(self.reply.posts[v]))]
            found |= {v: known[0] if known else time_in_id(v) for v in versions if v not in self.reply.posts}
        return found


def read_reply(body: Any) -> Reply:
    """A reply with one post or many, partial or empty. Rows without an id are nobody's and are left out."""
    reply = Reply()
    if not isinstance(body, dict):
        return reply
    data = body.get("data")
    for row in _objects(data if isinstance(data, list) else [data]):
        if is_id(row.get("id")):
            reply.posts[row["id"]] = row
            first = versions_of(row)[0]
            for key in media_keys_of(row):
                reply.owners[key] = min(first, reply.owners.get(key, first), key=int)
    includes = body.get("includes")
    for item in _objects(includes.get("media") if isinstance(includes, dict) else None):
        if isinstance(item.get("media_key"), str):
            reply.media[item["media_key"]] = item
    for item in _objects(body.get("errors")):
        resource = item.get("resource_id")
        post_id = next((v for v in (resource, item.get("value")) if is_id(v)), None)
        if item.get("resource_type") == "media" and problem_type(item) == FIELD_FAILED and isinstance(resource, str):
            reply.media_problems[resource] = item
        elif post_id is None or item.get("resource_type", "tweet") not in ("tweet", "post"):
            reply.unbound.append(item)
        elif problem_type(item) == FIELD_REFUSED:
            reply.refused.add(post_id)
        elif problem_type(item) != FIELD_FAILED or post_id not in reply.problems:
            reply.problems[post_id] = item
    meta = body.get("meta")
    token = meta.get("next_token") if isinstance(meta, dict) else None
    reply.next_token = token if isinstance(token, str) and token else None
    return reply


def rows_of(body: Any) -> list[Mapping[str, Any]]:
    """The rows of an analytics reply: `data` is a list, or an object that holds it (x.md §4)."""
    data = body.get("data") if isinstance(body, dict) else None
    return _objects(data.get("data") if isinstance(data, dict) else data)


def buckets(row: Mapping[str, Any]) -> list[tuple[date, Mapping[str, Any]]]:
    """The buckets of time in a row of an analytics reply, each with the UTC day it begins on."""
    found: list[tuple[date, Mapping[str, Any]]] = []
    for bucket in _objects(row.get("timestamped_metrics")):
        moment, metrics = _moment(bucket.get("timestamp")), bucket.get("metrics")
        if moment is not None and isinstance(metrics, dict):
            found.append((moment.date(), metrics))
    return found


def versions_of(post: Mapping[str, Any]) -> list[str]:
    """The ids of a post's versions, oldest first; the first one is what the post keeps through all edits."""
    history = post.get("edit_history_tweet_ids") or post.get("edit_history_post_ids")
    if history == [post["id"]]:
        return [post["id"]]  # of nearly every post
    versions = list(dict.fromkeys(filter(is_id, history))) if isinstance(history, list) else []
    return versions if post["id"] in versions else [post["id"]]


def media_keys_of(post: Mapping[str, Any]) -> set[str]:
    """The keys of the media attached to a post."""
    attachments = post.get("attachments")
    keys = attachments.get("media_keys") if isinstance(attachments, dict) else None
    return {key for key in keys if isinstance(key, str)} if isinstance(keys, list) else set()


def is_retweet(post: Mapping[str, Any]) -> bool:
    """Whether the row only repeats another post, with that one's retweet count and no figures of its own."""
    references = post.get("referenced_tweets") or post.get("referenced_posts")
    return bool(references) and any(item.get("type") in ("retweeted", "reposted") for item in _objects(references))


def created_at(post: Mapping[str, Any]) -> datetime | None:
    """The row's `created_at` in UTC, None if there is none that can be read."""
    return _moment(post.get("created_at"))


def post_type(post: Mapping[str, Any], media: Iterable[Mapping[str, Any]]) -> str:
    """video, image, poll or text."""
    kinds = {_MEDIA_TYPES.get(str(item.get("type"))) for item in media}
    attachments = post.get("attachments")
    if isinstance(attachments, dict) and attachments.get("poll_ids"):
        return "poll"
    return next((kind for kind in ("video", "image") if kind in kinds), "text")


def _objects(rows: Any) -> list[Mapping[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):  # the first and last days of all times have none in UTC
        return None
