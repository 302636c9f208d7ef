"""What both Meta platforms share about posts: listings with figures in them, many posts in the fewest calls, paging.

Source: platforms/facebook.md §2–§4. Not here: which figures there are (facebook.py, instagram.py), how a request is
sent (graph_requests.py), the small print of the JSON (graph_values.py).
"""

import logging
import re
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any, ClassVar, Final, Self

from analytics_pipeline.platform_fetchers.exceptions import (
    AccountHiddenError,
    BadDataError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.graph_days import GraphDays
from analytics_pipeline.platform_fetchers.graph_errors import Reply, TooMuchDataError
from analytics_pipeline.platform_fetchers.graph_values import next_position, url, without_paging
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.platform_fetchers.usage import Usage

Ask = Callable[[Sequence[str]], list[Reply]]

MAYBE_OF_ONE: Final = (PermissionDeniedError, PostNotFoundError, TransientError)
"""What may be said of the insights of one post alone, and fails the whole page that it is listed on (facebook.md §4)."""

_log = logging.getLogger(__name__)


class GraphFetcher(GraphDays):
    """Reads the posts of one account; options as for GraphRequests."""

    post_id_form: ClassVar[str]
    """What an id of a post looks like (regular expression)."""
    largest_page: ClassVar[int]
    listing: ClassVar[str]
    """The edge of the account that lists its posts."""
    node_fields: ClassVar[str]
    """What every post has and no permission but that for listings is needed for."""

    def __init__(self, access_token: str, account_id: str | None, **options: Any) -> None:
        super().__init__(access_token, account_id, **options)
        self.page_size = self.largest_page
        """Posts asked for per page of a listing; halves itself when the platform finds the reply too big, and grows
        again where that is past."""
        self._small_for = 0
        """Posts that are listed in small pages before larger ones are tried again."""
        self._patience = 2
        self.expands = True
        """Whether listings carry figures; off once one failed that is good without them, or was too much with one post."""
        self.odd_page = False
        """Whether one post kept the figures out of the last page: the next may carry them again."""

    @classmethod
    def for_account(cls, access_token: str, external_id: str, **options: Any) -> Self:
        """The fetcher for the page or Instagram user with the id `external_id`."""
        return cls(access_token, external_id, **options)

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """The account's posts published in `start <= t < end` (UTC), page by page, with figures where they come free.

        Raises PlatformAPIError. A row without id or time cannot be listed and is logged.
        """
        yield from self._walk(start, end)

    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        """One reading per distinct post. Many posts are read off the account's listing, what is left in batches.

        Raises what ends the account, after the readings that came before it.
        """
        wanted = {ref.platform_post_id: ref for ref in posts}
        for bad in [key for key in wanted if not re.fullmatch(self.post_id_form, key, re.ASCII)]:
            del wanted[bad]
            yield self._failed(bad, self._bad_name(bad))
        for reading in self._completed(self._read_off_listing(list(wanted.values()))):
            del wanted[reading.platform_post_id]
            yield reading
        yield from self._completed(self._counted(self._read_by_id(list(wanted.values()), self._ask)))

    def fetch_post_analytics(self, post_id: str, platform_post_id: str) -> PostAnalytics:
        """Figures of one post, by plain reads without a batch. Raises PlatformAPIError."""
        ref = PostRef(self._checked(platform_post_id, self.post_id_form))
        read = self._counted(self._read_by_id([ref], partial(self._ask_each, vital=PlatformAPIError)))
        reading = next(iter(self._completed(read)))
        # With an error beside them, the figures lack some that are asked for apart.
        return reading.analytics or self._analytics_of(reading, post_id)

    # --- what the platforms do their own way

    @abstractmethod
    def _carried(self, ref: PostRef) -> bool:
        """Whether a listing would carry all figures of this post."""

    @abstractmethod
    def _posts_per_call(self) -> int:
        """Posts that `_read_by_id` reads with one call."""

    @abstractmethod
    def _read_by_id(self, refs: Sequence[PostRef], ask: Ask) -> Iterator[PostReading]:
        """One reading per post, asked for by their ids through `ask`: `_ask` or `_ask_each`."""

    @abstractmethod
    def _read_page(self, position: Mapping[str, str]) -> dict[str, Any]:
        """One page of the account's posts at this position (paging parameters). Raises PlatformAPIError."""

    def _read_bare(self, position: Mapping[str, str]) -> dict[str, Any]:
        """As `_read_page`, without figures."""
        return self._get(url(f"{self._account()}/{self.listing}", fields=self.node_fields, **position))

    def _go_without(self, page: Mapping[str, Any]) -> None:
        """Sees to the posts of a page that is good without figures only: they are read by their ids."""
        self.expands = False

    @abstractmethod
    def _list_row(self, node: Mapping[str, Any]) -> ListedPost | None:
        """The post that a row of the listing stands for; None if it has no id or time."""

    @abstractmethod
    def _figures(self, platform_post_id: str, node: Mapping[str, Any]) -> PostAnalytics:
        """The standard result from a post's node with its insights. Raises BadDataError."""

    def _completed(self, readings: Iterable[PostReading]) -> Iterator[PostReading]:
        """The readings, with the figures that only come by requests of their own."""
        return iter(readings)

    def _detailed(self, page: Sequence[ListedPost], wanted: Collection[str] | None = None) -> list[ListedPost]:
        """A page of the listing, the `wanted` posts (None = all) with the figures that come by further listings."""
        return list(page)

    # --- reading

    def _counted(self, readings: Iterable[PostReading]) -> Iterator[PostReading]:
        for reading in readings:
            self.usage += Usage(posts=reading.raw is not None)
            yield reading

    def _failed(self, platform_post_id: str, error: PlatformAPIError) -> PostReading:
        if isinstance(error, PostNotFoundError):
            error.post_id = platform_post_id
        return PostReading(platform_post_id, None, error)

    def _reading(self, platform_post_id: str, node: Mapping[str, Any]) -> PostReading:
        raw = without_paging(node)
        try:
            return PostReading(platform_post_id, self._figures(platform_post_id, node), None, raw)
        except BadDataError as error:
            bad = BadDataError(f"{self.platform}: post {platform_post_id}: {error.message}", self.platform)
            return PostReading(platform_post_id, None, bad, raw)

    def _read_off_listing(self, refs: Sequence[PostRef]) -> Iterator[PostReading]:
        times = {ref.platform_post_id: ref.published_at for ref in refs if ref.published_at and self._carried(ref)}
        if self.account_id is None or not self.expands or len(times) <= self._posts_per_call():
            return
        try:
            for page in self._walk(min(times.values()), max(times.values()) + timedelta(seconds=1)):
                page = self._detailed(page, times)
                found = [post.reading for post in page if post.reading and times.pop(post.platform_post_id, None)]
                yield from found
                few = len(found) < self._posts_per_call() and not self.odd_page
                # By their ids, the next ones cost no more calls than the next page.
                if few or len(times) <= self._posts_per_call() or not self.expands:
                    return
        except AccountHiddenError:
            raise
        except PermissionDeniedError:
            # Listings need a permission that single posts may do without.
            self.expands = False

    def _walk(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        for rows in self._pages(start, end):
            found = [post for row in rows if (post := self._listed(row))]
            if posts := [post for post in found if start <= post.published_at < end]:
                yield posts
            if found and all(post.published_at < start for post in found):
                return  # the bounds were not heeded, and it only gets older

    def _listed(self, row: Any) -> ListedPost | None:
        node = row if isinstance(row, dict) else {}
        post = self._list_row(node)
        if post is None:
            _log.warning(
                "%s: account %s lists a post without id or time: %r", self.platform, self.account_id, node.get("id")
            )
        return post

    # --- paging

    def _pages(self, start: datetime, end: datetime) -> Iterator[list[Any]]:
        # Whether the ends are included is not documented: ask one second wider, the caller cuts.
        position = {"since": str(int(start.timestamp()) - 1), "until": str(ceil(end.timestamp()))}
        for rows in self._followed(self._page, position):
            self.usage += Usage(posts=len(rows))
            yield rows

    def _followed(
        self, read: Callable[[Mapping[str, str]], Mapping[str, Any]], position: dict[str, str]
    ) -> Iterator[list[Any]]:
        """The rows of all pages that `read` gives from this position (paging parameters) on."""
        while True:
            body = read(position)
            rows = body.get("data")
            if not isinstance(rows, list):
                raise TransientError(f"{self.platform}: a page of posts has no list of posts", self.platform)
            yield rows
            following = next_position(body)
            if following is None:
                return
            if following.items() <= position.items():
                raise TransientError(f"{self.platform}: the list of posts leads back to the same page", self.platform)
            position |= following

    def _asked_twice(
        self, read: Callable[[Mapping[str, str]], dict[str, Any]], position: Mapping[str, str]
    ) -> dict[str, Any]:
        """A page of a list. That there is no such object has been seen as a disguised throttle (facebook.md §5)."""
        try:
            return read(position)
        except PostNotFoundError:
            self._sleep(self.backoff_factor)
        return read(position)

    def _page(self, position: Mapping[str, str]) -> dict[str, Any]:
        try:
            return self._page_that_fits(position)
        except PostNotFoundError as error:
            raise self._hidden(error) from None

    def _page_that_fits(self, position: Mapping[str, str]) -> dict[str, Any]:
        grown = False
        if self.page_size < self.largest_page and self._small_for <= 0:
            self.page_size, grown = min(2 * self.page_size, self.largest_page), True
        while True:
            try:
                page = self._asked_twice(self._read_page, {**position, "limit": str(self.page_size)})
                self._small_for -= self.page_size
                return page
            except TooMuchDataError:
                if self.page_size > 1:
                    if grown:  # it is not one post: where all are heavy, larger pages are tried ever more rarely
                        self._patience, grown = 2 * self._patience, False
                    self._small_for = self._patience * self.page_size
                    self.page_size //= 2
                elif self.expands:
                    # The figures of one post alone are too much: posts are still to be found, and read by their ids.
                    self.expands, self.page_size = False, self.largest_page
                else:
                    raise
            except MAYBE_OF_ONE as error:
                if not self.expands:
                    raise
                with self._trying_once():
                    page = self._read_bare({**position, "limit": str(self.page_size)})
                _log.info("%s: account %s is listed without figures: %s", self.platform, self.account_id, error.message)
                self._go_without(page)
                return page
