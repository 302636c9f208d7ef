"""A platform that does what a test says: the sync service is under test here, not the wire."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import requests

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError, PostAbsentError
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.sync.plan import Account


@dataclass
class Platform:
    """The posts of a platform by account, their likes, and the faults it shall show. `now` is the present."""

    now: datetime = datetime(2026, 9, 30, 12, tzinfo=UTC)
    posts: dict[str, dict[str, datetime]] = field(default_factory=dict)
    likes: dict[str, int | None] = field(default_factory=dict)
    post_errors: dict[str, PlatformAPIError] = field(default_factory=dict)
    unlisted: dict[str, str] = field(default_factory=dict)
    listing_errors: dict[str, Exception] = field(default_factory=dict)
    reading_errors: dict[str, Exception] = field(default_factory=dict)
    parting_errors: dict[str, Exception] = field(default_factory=dict)
    """What comes after the last reading."""
    listing_carries_figures: bool = False
    incomplete: PlatformAPIError | None = None
    price_usd: dict[str, Decimal] = field(default_factory=dict)
    batch_size: int = 2
    reads: list[str] = field(default_factory=list)
    before_batch: Callable[[int], None] = lambda _n: None

    def publish(self, account: str, post: str, moment: datetime, likes: int | None = 1) -> None:
        """Adds a post."""
        self.posts.setdefault(account, {})[post] = moment
        self.likes[post] = likes

    def fetcher(self, account: Account) -> BasePlatformFetcher:
        """What the service calls to get a fetcher."""
        return _Scripted(self, account.external_id, account.platform)


class _Scripted(BasePlatformFetcher):
    batch_size = 2

    def __init__(self, script: Platform, external_id: str, platform: str) -> None:
        super().__init__("token-of-" + external_id, base_url="http://127.0.0.1:1", clock=lambda: script.now)
        self._script, self._external_id = script, external_id
        self.platform = platform  # type: ignore[misc]  # one class plays every platform

    @classmethod
    def for_account(cls, access_token: str, external_id: str, **options: Any) -> Self:
        raise AssertionError("tests make their fetchers with Platform.fetcher")

    def fetch_post_analytics(self, post_id: str, platform_post_id: str) -> PostAnalytics:
        raise AssertionError("the service reads in batches")

    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        for start in range(0, len(posts), self._script.batch_size):
            self._script.before_batch(start // self._script.batch_size)
            self.usage += Usage(calls=1)
            if error := self._script.reading_errors.get(self._external_id):
                raise error
            for ref in posts[start : start + self._script.batch_size]:
                self._script.reads.append(ref.platform_post_id)
                self._bill(ref.platform_post_id)
                yield self._reading(ref.platform_post_id)
        if error := self._script.parting_errors.get(self._external_id):
            raise error

    def _bill(self, post: str) -> None:
        price = self._script.price_usd.get(self._external_id)
        read = (self._script.now.date(), post)
        self.usage += Usage(posts=1, cost_usd=price and (Decimal(0) if read in self.billed else price))
        self.billed.add(read)

    def _reading(self, post: str) -> PostReading:
        if post in self._script.post_errors:
            return PostReading(post, None, self._script.post_errors[post])
        if post not in self._script.likes:
            return PostReading(post, None, PostAbsentError(f"{post} is not in the reply", self.platform))
        return PostReading(post, self._analytics(post, {"likes_count": self._script.likes[post]}), raw={"id": post})

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        self.usage += Usage(calls=1)
        if error := self._script.listing_errors.get(self._external_id):
            raise error
        found = [
            ListedPost(post, moment, reading=self._reading(post) if self._script.listing_carries_figures else None)
            for post, moment in self._script.posts.get(self._external_id, {}).items()
            if start <= moment < end
        ]
        self.unlisted = self._script.unlisted.get(self._external_id)
        found.sort(key=lambda post: post.published_at, reverse=True)
        yield found

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        self.usage += Usage(calls=1)
        self.incomplete, self.unlisted = self._script.incomplete, self._script.unlisted.get(self._external_id)
        return [AccountDay(first + timedelta(days=n), {"followers": 100 + n}) for n in range((last - first).days + 1)]

    def _error_of(self, response: requests.Response, body: Any) -> PlatformAPIError:
        raise AssertionError("nothing is sent")
