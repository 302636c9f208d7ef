"""One account as X shows it in the tests: lookups and the timeline, private figures, edits (platforms/x.md §3–§5).

Not here: tokens, limits, faults (the tests script those), and everything that the sandbox does better.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

USER = "2200000001"
PUBLIC = {
    "retweet_count": 12,
    "reply_count": 4,
    "like_count": 88,
    "quote_count": 3,
    "bookmark_count": 9,
    "impression_count": 7400,
}
PRIVATE = {"impression_count": 7400, "url_link_clicks": 61, "user_profile_clicks": 25, "engagements": 240}

_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657000, UTC)


def post_id(created: datetime, number: int = 0) -> str:
    """An id that tells its time, as real ones do."""
    return str((int((created - _EPOCH) / timedelta(milliseconds=1)) << 22) + number)


def item(resource: str, kind: str, host: str = "api.twitter.com") -> dict[str, Any]:
    """An entry of `errors` about one post."""
    return {
        "value": resource,
        "detail": f"About the tweet with ids: [{resource}].",
        "title": "An Error",
        "resource_type": "tweet",
        "parameter": "ids",
        "resource_id": resource,
        "type": f"https://{host}/2/problems/{kind}",
    }


class XAccount:
    """Posts by id; `problems` are told about ids without a post.

    `own`: the token is the author's. `refused_are_hidden`: whether a post whose private figures are refused is
    missing from `data` or there without them: x.md tells of both.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.posts: dict[str, dict[str, Any]] = {}
        self.media: dict[str, dict[str, Any]] = {}
        self.problems: dict[str, dict[str, Any]] = {}
        self.own = True
        self.refused_are_hidden = False
        self.page_size = 100
        self.empty_pages = 0

    def publish(
        self,
        created: datetime,
        *,
        public: dict[str, int] | None = None,
        media: dict[str, dict[str, Any]] | None = None,
        **more: Any,
    ) -> str:
        """A new post; its id."""
        new = post_id(created, len(self.posts))
        self.posts[new] = {
            "id": new,
            "text": "…",
            "created_at": created.strftime("%Y-%m-%dT%H:%M:%S.") + f"{created.microsecond // 1000:03}Z",
            "edit_history_tweet_ids": [new],
            "public_metrics": PUBLIC if public is None else public,
            **more,
        }
        if media:
            self.posts[new]["attachments"] = {"media_keys": list(media)}
            self.media |= {key: {"media_key": key, **medium} for key, medium in media.items()}
        return new

    def edit(self, first: str, minutes: float = 20) -> list[str]:
        """Another version of a post; the ids of all versions."""
        original = self.posts[first]
        new = self.publish(self.created(first) + timedelta(minutes=minutes))
        chain = [first, new]
        self.posts[new] = {**original, **{key: self.posts[new][key] for key in ("id", "created_at")}}
        for version in chain:
            self.posts[version]["edit_history_tweet_ids"] = chain
        return chain

    def created(self, post: str) -> datetime:
        """When a post was created."""
        return datetime.fromisoformat(self.posts[post]["created_at"])

    def answer(self, request: Request) -> Answer:
        """What X says."""
        if request.path == "/2/tweets":
            return self._reply(request, request.query["ids"].split(","))
        if request.path == "/2/users/me":
            return Answer(json={"data": {"id": "2200000001", "public_metrics": {"followers_count": 5120}}})
        if request.path == "/2/users/2200000001/tweets":
            return self._timeline(request)
        return Answer(404, body=b"")

    def _timeline(self, request: Request) -> Answer:
        query = request.query
        assert query["exclude"] == "retweets"
        since, until = (
            datetime.fromisoformat(query.get(name, default))
            for name, default in (("start_time", "2010-11-06T00:00:00Z"), ("end_time", "2100-01-01T00:00:00Z"))
        )
        assert since < until
        assert since.year >= 2010
        newest = {post["edit_history_tweet_ids"][-1] for post in self.posts.values()}
        private = "non_public_metrics" in query["tweet.fields"]
        found = [
            post
            for post in sorted(newest, key=int, reverse=True)
            if since <= self.created(post) < until
            and not (private and self.created(post) < self.now - timedelta(days=30))
        ]
        token = int(query.get("pagination_token", "-1"))
        if token < self.empty_pages - 1:  # legal: nothing here, but more to come
            return Answer(json={"meta": {"result_count": 0, "next_token": str(token + 1)}})
        start = max(0, token - max(self.empty_pages - 1, 0)) if token >= 0 else 0
        answer = self._reply(request, found[start : start + self.page_size])
        meta: dict[str, Any] = {"result_count": len(answer.json.get("data", []))}
        if start + self.page_size < len(found):
            meta["next_token"] = str(start + self.page_size + max(self.empty_pages - 1, 0))
        answer.json["meta"] = meta
        return answer

    def _reply(self, request: Request, ids: list[str]) -> Answer:
        fields = {"id", "text", "edit_history_tweet_ids", *request.query["tweet.fields"].split(",")}
        rows, errors = [], []
        for asked in ids:
            if asked not in self.posts:
                if asked in self.problems:
                    errors.append(self.problems[asked])
                continue
            row = {key: value for key, value in self.posts[asked].items() if key in fields}
            if "non_public_metrics" in fields:
                if self.own and self.created(asked) >= self.now - timedelta(days=30):
                    row["non_public_metrics"] = PRIVATE
                else:
                    for name in PRIVATE:
                        field = {"field": f"non_public_metrics.{name}", "section": "data"}
                        errors.append({**item(asked, "not-authorized-for-field"), **field})
                    if self.refused_are_hidden:
                        continue
            rows.append(row)
        keys = {key for row in rows for key in row.get("attachments", {}).get("media_keys", [])}
        body: dict[str, Any] = {"data": rows} if rows else {}
        if keys:
            body["includes"] = {"media": [self.media[key] for key in sorted(keys & self.media.keys())]}
        if errors:
            body["errors"] = errors
        return Answer(json=body, headers={"api-version": "2.168"})


@pytest.fixture
def served_account(server: PlatformServer) -> XAccount:
    """An account without posts, which the server answers for."""
    account = XAccount(NOW)
    server.answer = account.answer
    return account


@pytest.fixture
def account_fetcher(server: PlatformServer, slept: list[float]) -> Iterator[TwitterAnalyticsFetcher]:
    """The fetcher of that account."""
    fetcher = TwitterAnalyticsFetcher.for_account(
        TOKEN, USER, base_url=server.url, clock=lambda: NOW, sleep=slept.append
    )
    yield fetcher
    fetcher.close()
