"""X (Twitter): an account's own posts, over API v2 (platforms/x.md).

Here: which calls are made and what their figures mean. Not here: the account itself (twitter_account), wire forms
(twitter_wire), errors, quotas and the bill (twitter_requests), day series and watch time (twitter_extras), OAuth.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Self, Unpack

from analytics_pipeline.platform_fetchers import twitter_wire as wire
from analytics_pipeline.platform_fetchers.base import FetcherOptions
from analytics_pipeline.platform_fetchers.batches import chunks, read_in_halves
from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PlatformAPIError,
    PostAbsentError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.platform_fetchers.twitter_account import MOST_LISTED, TwitterAccount
from analytics_pipeline.platform_fetchers.twitter_errors import FIELD_FAILED, problem_type
from analytics_pipeline.platform_fetchers.twitter_metrics import (
    CATALOG,
    MEDIA_METRICS,
    POST_METRICS,
    sum_of_all,
    sum_of_known,
)
from analytics_pipeline.platform_fetchers.twitter_oauth import TwitterOAuth

MAX_IDS: Final = 100

PRIVATE_AGE: Final = timedelta(days=30) - timedelta(hours=1)
"""X shows private figures of posts up to 30 days old; in a listing that asks for them, older posts are missing.
The hour is for the time that a listing takes, and for clocks that differ."""

MOST_EMPTY_PAGES: Final = 100
"""Pages may be empty though others follow, but not for ever."""

IMPRESSIONS_SINCE: Final = datetime(2022, 12, 15, tzinfo=UTC)
"""X counts impressions since then: a 0 of an older post says nothing (x.md §7)."""

_logger = logging.getLogger(__name__)


class TwitterAnalyticsFetcher(TwitterAccount):
    """Reads the posts of one account with a token that the account's owner gave.

    `user_id` is the account's id; without it the owner of the token is asked for when needed.

    A post that was edited is one post: its figures are the sums over all versions, unknown where one lacks them; its
    id is the first version's, which no edit changes (a listing of X shows the newest). The private figures (url_clicks,
    profile_clicks) exist for 30 days; after that, and with a token that may not see them, they are None. `video_views`
    counts the views of a video in all posts that carry it, so only one of them gets it: the first that was ever read,
    the oldest of a reply; and keeps it when it is deleted, since totals go on counting its last views.
    """

    batch_size: ClassVar[int] = MAX_IDS
    catalog = CATALOG
    oauth = TwitterOAuth

    def __init__(
        self,
        access_token: str,
        *,
        user_id: str | None = None,
        base_url: str | None = None,
        **options: Unpack[FetcherOptions],
    ) -> None:
        super().__init__(access_token, user_id=user_id, base_url=base_url, **options)
        self._sees_private = True

    @classmethod
    def for_account(cls, access_token: str, external_id: str, **options: Any) -> Self:
        """The fetcher for the account whose user id is `external_id`."""
        return cls(access_token, user_id=external_id, **options)

    # --- posts

    def fetch_post_analytics(self, post_id: str, platform_post_id: str) -> PostAnalytics:
        """Figures of one post. Raises PostNotFoundError for a deleted one, PlatformAPIError for any other failure."""
        (reading,) = self.fetch_many([PostRef(platform_post_id)])
        return self._analytics_of(reading, post_id)

    def fetch_multiple_tweets(self, tweet_ids: Sequence[str], max_results: int = MAX_IDS) -> dict[str, PostAnalytics]:
        """Figures by tweet id, `max_results` (1 to 100) tweets per call; what could not be read is left out and logged.

        Raises PlatformAPIError for what ends the whole account, ConfigurationError for a bad `max_results`.
        """
        if not 1 <= max_results <= MAX_IDS:
            raise ConfigurationError(f"twitter: max_results must be 1 to {MAX_IDS}, not {max_results}", self.platform)
        found: dict[str, PostAnalytics] = {}
        for reading in self._read([PostRef(tweet_id) for tweet_id in tweet_ids], max_results):
            if reading.analytics is not None:
                found[reading.platform_post_id] = reading.analytics
            else:
                _logger.warning("%s", reading.error)
        return found

    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        """One reading per post, newest first, 100 posts per call with all groups of figures; edited posts come last.

        Private figures are asked for in calls that hold a post young enough to have them. Posts of the app's own owner
        are read off the timeline, where they cost less.
        """
        wanted = {post.platform_post_id: post for post in posts}
        if self._owns_app and len(wanted) > 1:
            for reading in self._read_off_timeline(wanted.values()):
                del wanted[reading.platform_post_id]
                yield reading
        yield from self._read(list(wanted.values()), self.batch_size)

    @property
    def _owns_app(self) -> bool:
        """Whether the account's own timeline is read at the owner's price: by its own token, of its own app."""
        return self._may_see_private and self._user_id is not None and self._user_id == self._app_owner

    @property
    def _may_see_private(self) -> bool:
        """Whether the token can be that of the author, as far as X has told."""
        return self._sees_private and not self._app_only

    def _read_off_timeline(self, posts: Collection[PostRef]) -> Iterator[PostReading]:
        """Readings of these posts, as long as the pages between them hold enough of them to be the cheaper way."""
        wanted = {post.platform_post_id for post in posts if wire.is_id(post.platform_post_id)}
        times = [post.published_at or wire.time_in_id(p) for post in posts if (p := post.platform_post_id) in wanted]
        if not times:
            return
        for page in self.list_posts(min(times), max(times) + timedelta(seconds=1)):
            found = [post.reading for post in page if post.reading and post.platform_post_id in wanted]
            wanted -= {reading.platform_post_id for reading in found}
            yield from found
            if not wanted or len(found) * self._prices.post_read < len(page) * self._prices.owned_read:
                return

    def _read(self, posts: Sequence[PostRef], size: int) -> Iterator[PostReading]:
        times: dict[str, datetime] = {}
        for post in posts:
            post_id = post.platform_post_id
            if wire.is_id(post_id):
                times[post_id] = post.published_at or wire.time_in_id(post_id)
            else:
                message = f"twitter: {post_id[:80]!r} is no post id: up to 19 digits are expected"
                yield PostReading(post_id, None, ConfigurationError(message, self.platform))
        edited = wire.EditedPosts()

        def read(ids: Sequence[str]) -> list[PostReading]:
            reply = self._lookup(ids, self._private_of(ids, times))
            readings = []
            for post_id in ids:
                versions = wire.versions_of(reply.posts[post_id]) if post_id in reply.posts else [post_id]
                if len(versions) == 1 or reply.posts.keys() >= set(versions):
                    readings.append(self._reading(post_id, versions, reply))
                else:
                    edited.add(post_id, versions, reply)
            return readings

        for batch in chunks(sorted(times, key=times.__getitem__, reverse=True), size):
            readings, fault = read_in_halves(batch, read)
            yield from self._with_extras(readings)
            if fault:
                raise fault
        self._complete(edited)
        yield from self._with_extras([self._reading(*post, edited.reply) for post in edited.versions.items()])

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """The account's own posts with `start <= created_at < end`, each with its reading; edited posts come last.

        Replies are listed, retweets are not. X lists the newest 3,200 posts only: `unlisted` tells when this listing met
        so many. Retweets, and posts after `end`, take up some of them unseen: of those `fetch_account_days` tells.
        """
        user = self._own_id()
        seen: set[str] = set()
        edited = wire.EditedPosts()
        fault: PlatformAPIError | None = None
        now = self._clock()
        border = now - PRIVATE_AGE if self._may_see_private else max(now, end) + PRIVATE_AGE
        self.listed_since = None
        try:
            for since, until, private in wire.windows(start, end, border):
                for reply in self._timeline(user, since, until, private):
                    page = [self._listed([post_id], reply) for post_id in self._unedited(reply, seen, edited)]
                    if fresh := [post for post in page if start <= post.published_at < end]:
                        yield self._listed_with_extras(fresh)
                    times = [at for post in reply.posts.values() if (at := wire.created_at(post))]
                    self.listed_since = min(times, default=self.listed_since)
            self._complete(edited)
        except PlatformAPIError as error:
            fault = error
        if len(seen) >= MOST_LISTED:
            self.unlisted = f"twitter: X lists the newest {MOST_LISTED:,} posts: older ones may never be found"
        last = [self._listed(versions, edited.reply) for versions in edited.versions.values()]
        if fresh := [post for post in last if start <= post.published_at < end]:
            # After a fault, versions may lack: the posts are read by their ids.
            yield [replace(post, reading=None) for post in fresh] if fault else self._listed_with_extras(fresh)
        if fault:
            raise fault

    def _unedited(self, reply: wire.Reply, seen: set[str], edited: wire.EditedPosts) -> list[str]:
        """The ids of what is new in a reply but retweets and edited posts, which join `edited`; all of it joins `seen`."""
        found = []
        for post in reply.posts.values():
            versions = wire.versions_of(post)
            if wire.is_retweet(post) or versions[0] in seen:
                continue
            seen.add(versions[0])
            if len(versions) == 1:
                found.append(versions[0])
            else:
                edited.add(versions[0], versions, reply)
        return found

    def _listed_with_extras(self, posts: Sequence[ListedPost]) -> list[ListedPost]:
        readings = self._with_extras([post.reading for post in posts if post.reading])
        completed = {reading.platform_post_id: reading for reading in readings}
        return [
            post
            if (reading := completed.get(post.platform_post_id)) is post.reading
            else replace(post, reading=reading)
            for post in posts
        ]

    # --- calls

    def _lookup(self, ids: Sequence[str], young: set[str]) -> wire.Reply:
        """What X says about these posts, with private figures if some of them are young.

        A post that is only missing because its private figures were refused is asked for once more without them.
        """
        private = bool(young)
        body = self._make_request("GET", "/2/tweets", params={"ids": ",".join(ids), **wire.fields(private)})
        reply = wire.read_reply(body)
        self._learn_owners(reply)
        self._charge_posts(reply.posts.keys(), self._prices.post_read)
        if reply.unbound and not (reply.posts or reply.problems or reply.refused):
            raise self._problem(reply.unbound[0])
        self._require_figures(reply)
        hidden = [i for i in ids if i in reply.refused and i not in reply.posts and i not in reply.problems]
        answered = young & (reply.posts.keys() | set(hidden))
        if answered and answered <= reply.refused:
            self._sees_private = False  # not the author's token: asking again would only bring more refusals
        if private and hidden:
            try:
                reply.add(self._lookup(hidden, set()), hidden)
            except (RateLimitError, TransientError) as error:
                reply.unanswered |= dict.fromkeys(hidden, error)  # the others are told already, and paid for
        return reply

    def _complete(self, edited: wire.EditedPosts) -> None:
        """Reads the versions that are still missing, of all edited posts together."""
        times = edited.missing()
        for batch in chunks(list(times), MAX_IDS):
            edited.reply.add(self._lookup(batch, self._private_of(batch, times)), batch)

    def _timeline(self, user: str, since: datetime, until: datetime, private: bool) -> Iterator[wire.Reply]:
        """Page by page, by token alone: a page may be empty though others follow."""
        params: dict[str, str | int] = {
            "max_results": MAX_IDS,
            "exclude": "retweets",
            "start_time": wire.format_time(since),
        }
        if until < self._clock():
            params["end_time"] = wire.format_time(until)
        tokens: set[str] = set()
        empty = 0
        bare = False
        while True:
            asks = private and self._may_see_private and not bare
            bare = False
            reply = self._account_call(f"/2/users/{user}/tweets", {**params, **wire.fields(asks)})
            if asks and reply.posts and reply.posts.keys() <= reply.refused:
                self._sees_private = False  # not the author's token
            owned = self._owns_app and user == self._app_owner
            self._charge_posts(reply.posts.keys(), self._prices.owned_read if owned else self._prices.post_read)
            if asks and (hidden := reply.refused - reply.posts.keys()):
                if not reply.posts:
                    self._sees_private = False
                    continue  # the same page without private figures
                try:
                    reply.add(self._lookup(sorted(hidden), set()), hidden)
                except PlatformAPIError as error:
                    _logger.info("%s", error.message)
                    bare = True  # the page itself tells of all of them, without private figures
                    continue
            self._require_figures(reply)
            self._require(reply, "created_at")
            self._learn_owners(reply)
            yield reply
            if reply.next_token is None or reply.next_token in tokens:
                return
            empty = 0 if reply.posts else empty + 1
            if empty == MOST_EMPTY_PAGES:
                raise TransientError(f"twitter: {empty} empty pages in a row, and still more to come", self.platform)
            tokens.add(reply.next_token)
            params["pagination_token"] = reply.next_token

    def _private_of(self, ids: Iterable[str], times: Mapping[str, datetime]) -> set[str]:
        """Those of the posts whose private figures can still be seen."""
        oldest = self._clock() - PRIVATE_AGE
        return {i for i in ids if times[i] >= oldest} if self._may_see_private else set()

    def _learn_owners(self, reply: wire.Reply) -> None:
        """Settles to which post the views of each video go, for good: a deleted post still counts with its last views."""
        for key, oldest in reply.owners.items():
            if reply.media.get(key, {}).get("type") == "video":
                self.media_owners.setdefault(key, oldest)
            reply.owners[key] = self.media_owners.get(key, oldest)

    def _require_figures(self, reply: wire.Reply) -> None:
        if not any(problem_type(problem) == FIELD_FAILED for problem in reply.problems.values()):
            self._require(reply, "public_metrics")

    def _require(self, reply: wire.Reply, field: str) -> None:
        """Every post that is read is billed: stop at once if X has come to ignore the parameter that asks for a field."""
        if len(reply.posts) > 1 and not any(field in post for post in reply.posts.values()):
            message = f"twitter: none of the posts came with {field}: X does not know tweet.fields any more"
            raise ConfigurationError(message, self.platform)

    # --- readings

    def _reading(self, post_id: str, versions: Sequence[str], reply: wire.Reply) -> PostReading:
        try:
            rows = [self._row(version, reply) for version in versions]
            parsed = [self._figures(row) for row in rows]
            media = {key: item for version in versions for key, item in reply.media_of(version).items()}
            videos = [item for item in media.values() if item.get("type") == "video"]
            owned = [item for item in videos if reply.owners[item["media_key"]] == versions[0]]
            views = [self._parse_analytics_response(item, MEDIA_METRICS)["video_views"] for item in owned]
        except PlatformAPIError as error:
            known = [reply.posts[version] for version in versions if version in reply.posts]
            return PostReading(post_id, None, error, {"versions": known} if known else None)
        one = len(parsed) == 1
        values = parsed[0] if one else {name: sum_of_all([row[name] for row in parsed]) for name in POST_METRICS}
        total = sum_of_known if one else sum_of_all
        values["shares_count"] = total([values["retweets_count"], values["quote_tweets_count"]])
        values["reactions_count"] = values["likes_count"]
        values["video_views"] = sum_of_all(views)
        analytics = self._analytics(post_id, values, wire.url_of(versions[-1]))
        # A figure that X could not read this time: there is more to be had, a little later.
        failed = [reply.problems[v] for v in versions if v in reply.problems]
        failed += reply.unread_views(versions)
        passing = self._problem(failed[0]) if failed else None
        return PostReading(post_id, analytics, passing, {"versions": rows, "media": list(media.values())})

    def _row(self, version: str, reply: wire.Reply) -> Mapping[str, Any]:
        row, problem = reply.posts.get(version), reply.problems.get(version)
        if row is None:
            if problem is not None:
                raise self._problem(problem)
            if version in reply.unanswered:
                raise reply.unanswered[version]
            raise PostAbsentError(f"twitter: the answer does not mention the post {version}", self.platform)
        if wire.is_retweet(row):
            raise BadDataError(f"twitter: {version} is a retweet and has no figures of its own", self.platform)
        if not isinstance(row.get("public_metrics"), dict):
            if problem is not None and problem_type(problem) == FIELD_FAILED:
                raise self._problem(problem)
            raise BadDataError(f"twitter: the post {version} came without figures", self.platform)
        return row

    def _figures(self, row: Mapping[str, Any]) -> dict[str, int | None]:
        figures = self._parse_analytics_response(row, POST_METRICS)
        if figures["impressions"] == 0:
            born = wire.created_at(row) or wire.time_in_id(row["id"])
            figures["impressions"] = None if born < IMPRESSIONS_SINCE else 0
        return figures

    def _listed(self, versions: Sequence[str], reply: wire.Reply) -> ListedPost:
        known = [version for version in versions if version in reply.posts]
        published_at = wire.published_at(versions[0], reply.posts[known[0]])
        kind = wire.post_type(reply.posts[known[-1]], reply.media_of(known[-1]).values())
        reading = self._reading(versions[0], versions, reply)
        return ListedPost(versions[0], published_at, wire.url_of(versions[-1]), kind, reading)
