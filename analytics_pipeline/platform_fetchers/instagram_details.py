"""Figures of Instagram media that cost requests of their own: clicks on the link, and the watch time of reels.

Source: platforms/instagram.md §4.4. Here: asking for them, and their ration. Not here: all other figures, and reels where
the host takes batches (instagram.py).
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    MetricError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.graph_errors import ENDS_ACCOUNT, Reply
from analytics_pipeline.platform_fetchers.graph_requests import BATCH_LIMIT
from analytics_pipeline.platform_fetchers.graph_values import moment, url, without_paging
from analytics_pipeline.platform_fetchers.instagram_days import InstagramDays
from analytics_pipeline.platform_fetchers.instagram_errors import NoBatchesError, NoInsightsError, refuses_metric
from analytics_pipeline.platform_fetchers.instagram_metrics import (
    CLICKED_KINDS,
    CLICKS,
    CLICKS_BREAKDOWN,
    WATCH_TIME,
    kind_of,
    link_clicks,
)
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostReading, click_through_rate
from analytics_pipeline.settings import get_settings

_CLICK_BATCHES: Final = 20
"""Most batches for clicks per fetcher, newest media first: each of their entries counts as a call of its own."""

UNANIMOUS: Final = 3
RECENT: Final = timedelta(days=30)
"""So many media as young as that must refuse a metric, and none of their kind take it, before it is held to be retired:
old media lack metrics that new ones have."""

_WIDER: Final = timedelta(seconds=1)

_log = logging.getLogger(__name__)


class InstagramDetails(InstagramDays):
    """Completes readings of media. Where a detail is not to be had, the figure is None; not this time, it has an error."""

    def __init__(self, access_token: str, account_id: str | None, **options: Any) -> None:
        super().__init__(access_token, account_id, **options)
        self._click_batches = _CLICK_BATCHES
        self._detail_calls = get_settings().instagram_detail_calls
        self._refusals = 0
        self._taken: set[tuple[str | None, str]] = set()
        """(kind, metric) that a media was seen to have: however many others refuse it, it is not retired."""
        self._ended = False
        self.unconverted: NoInsightsError | None = None
        """What media from before the account became a business are told; None while none was met."""
        self._converted_after = datetime.min.replace(tzinfo=UTC)

    def before_conversion(self, published: datetime | None) -> bool:
        """Whether a media is known to be from before the account became a business: such have no insights."""
        return published is not None and published <= self._converted_after

    def is_recent(self, published: datetime | None) -> bool:
        """Whether a media is so young that its refusal of a metric tells of the metric."""
        return published is not None and published > self._clock() - RECENT

    def note_unconverted(self, published: datetime, refusal: NoInsightsError) -> None:
        """Keeps that the media of that time, and so all older ones, have no insights."""
        self.unconverted = refusal
        self._converted_after = max(published, self._converted_after)

    # --- watch time, where there are no batches

    def _detailed(self, page: Sequence[ListedPost], wanted: Collection[str] | None = None) -> list[ListedPost]:
        """A page of a listing, its reels with their watch time; of the `wanted` posts only, None = of all.

        Reels that nothing else stands between come with one call. A reel whose call failed for a passing reason, or
        because the account may not be called any more, is left without a reading, to be read by itself.
        """
        if self.batches:
            return list(page)
        done: list[ListedPost] = []
        for is_reel, group in groupby(page, key=self._lacks_watch_time):
            posts = list(group)
            asked = is_reel and any(wanted is None or post.platform_post_id in wanted for post in posts)
            done += self._with_watch_time(posts) if asked else posts
        return done

    def _lacks_watch_time(self, post: ListedPost) -> bool:
        return post.post_type == "reel" and post.reading is not None and not self.before_conversion(post.published_at)

    def _with_watch_time(self, reels: Sequence[ListedPost]) -> Sequence[ListedPost]:
        if self._ended:
            return [replace(reel, reading=None) for reel in reels]
        if not self._detail_calls or not self._alive([WATCH_TIME], "REELS"):
            return reels
        self._detail_calls -= 1
        expansion = f"id,insights.metric({WATCH_TIME})"
        if len(reels) == 1:
            [reply] = self._ask_each([url(reels[0].platform_post_id, fields=expansion)])
            rows = [reply]
        else:
            window = {
                "since": int((reels[-1].published_at - _WIDER).timestamp()),
                "until": int((reels[0].published_at + _WIDER).timestamp()),
            }
            edge = f"{self._account()}/media"
            [reply] = self._ask_each([url(edge, fields=expansion, limit=self.largest_page, **window)])
            rows = reply["data"] if isinstance(reply, dict) and isinstance(reply.get("data"), list) else []
        if isinstance(reply, PlatformAPIError):
            return self._without_watch_time(reels, reply)
        self._taken.add(("REELS", WATCH_TIME))
        nodes = {row.get("id"): row for row in rows if isinstance(row, dict)}
        return [self._merged(reel, nodes.get(reel.platform_post_id)) for reel in reels]

    def _without_watch_time(self, reels: Sequence[ListedPost], error: PlatformAPIError) -> Sequence[ListedPost]:
        _log.info("instagram: no watch time of %d reels of account %s: %s", len(reels), self.account_id, error.message)
        if not isinstance(error, MetricError):
            self._ended = isinstance(error, ENDS_ACCOUNT)
            return [replace(reel, reading=None) for reel in reels]
        if len(reels) > 1:  # one of them may have refused it for all
            half = len(reels) // 2
            return [*self._with_watch_time(reels[:half]), *self._with_watch_time(reels[half:])]
        self._refusals += refuses_metric(error) and self.is_recent(reels[0].published_at)
        if self._refusals >= UNANIMOUS and ("REELS", WATCH_TIME) not in self._taken:
            self._bury(WATCH_TIME, "REELS")
        return reels

    def _merged(self, reel: ListedPost, node: Any) -> ListedPost:
        told = node.get("insights") if isinstance(node, dict) else None
        rows = told.get("data") if isinstance(told, dict) else None
        if not isinstance(rows, list) or reel.reading is None:
            return reel
        raw = reel.reading.raw
        known = raw.get("insights", {}).get("data", []) if isinstance(raw.get("insights"), dict) else []
        return replace(
            reel, reading=self._reading(reel.platform_post_id, {**raw, "insights": {"data": [*known, *rows]}})
        )

    # --- clicks

    def _listed_completely(self, pages: Iterable[Sequence[ListedPost]]) -> Iterator[list[ListedPost]]:
        """The posts of a listing in their order, cut where the batches for their clicks are full rather than by pages."""
        held: list[ListedPost] = []
        clicked = 0
        try:
            for page in map(self._detailed, pages):
                for post in page:
                    held.append(post)
                    clicked += post.reading is not None and self._may_have_clicks(post.reading)
                    if clicked == BATCH_LIMIT:
                        yield self._listed_with_clicks(held)
                        held, clicked = [], 0
                if held and (not clicked or len(held) > self.largest_page):
                    yield self._listed_with_clicks(held)
                    held, clicked = [], 0
            if held:
                yield self._listed_with_clicks(held)
        except PlatformAPIError as error:
            if not isinstance(error, ENDS_ACCOUNT):
                yield from self._listed_completely([held])
            elif held and isinstance(error, AuthenticationError):
                yield [replace(post, reading=None) for post in held]  # to be read with their clicks
            elif held:
                yield held
            raise

    def _listed_with_clicks(self, posts: Sequence[ListedPost]) -> list[ListedPost]:
        readings = self._completed([post.reading for post in posts if post.reading])
        completed = {reading.platform_post_id: reading for reading in readings}
        return [replace(post, reading=completed.get(post.platform_post_id)) for post in posts]

    def _completed(self, readings: Iterable[PostReading]) -> Iterator[PostReading]:
        """The readings with clicks, where there are any: a breakdown, which no other metric may stand beside.

        Of media of any age: what the last reading of a post does not tell is unknown from then on. So where the token dies,
        those that wait for their clicks are left out. A throttle costs them the clicks only: readings that are always too
        many for what is left of the quota would never come to an end. Any other fault need not concern clicks.
        """
        waiting: list[PostReading] = []
        try:
            for reading in readings:
                if not self._may_have_clicks(reading):
                    yield reading
                    continue
                waiting.append(reading)
                if len(waiting) == BATCH_LIMIT:
                    yield from self._with_clicks(waiting)
                    waiting = []
        except PlatformAPIError as error:
            if isinstance(error, RateLimitError):
                yield from waiting
            elif not isinstance(error, AuthenticationError):
                yield from self._with_clicks(waiting)
            raise
        yield from self._with_clicks(waiting)

    def _may_have_clicks(self, reading: PostReading) -> bool:
        if reading.analytics is None or not self.batches or not self._click_batches or not self._alive([CLICKS]):
            return False
        if reading.analytics["impressions"] is None and reading.analytics["reach"] is None:
            return False  # the insights are withheld, as of a story that few have seen
        if kind_of(reading.raw) == "VIDEO" and reading.analytics["shares_count"] is None:
            return False  # one of the old videos that have but a part of what posts have
        return kind_of(reading.raw) in CLICKED_KINDS and not self.before_conversion(
            moment(reading.raw.get("timestamp"))
        )

    def _with_clicks(self, readings: Sequence[PostReading]) -> Iterator[PostReading]:
        urls = [url(f"{r.platform_post_id}/insights", metric=CLICKS, breakdown=CLICKS_BREAKDOWN) for r in readings]
        replies: Sequence[Reply] = []
        try:
            if urls:
                self._click_batches -= 1
                replies = self._tried_again(urls, super()._batch(urls))  # never one by one: that is a call each
        except PlatformAPIError as error:
            self.batches = self.batches and not isinstance(error, NoBatchesError)
            _log.info("instagram: no clicks of account %s: %s", self.account_id, error.message)
            replies = [error] * len(urls)
        if refusal := next((reply for reply in replies if isinstance(reply, AuthenticationError)), None):
            raise refusal
        self._taken |= {(None, CLICKS) for reply in replies if isinstance(reply, dict)}
        young = sum(self.is_recent(moment(reading.raw.get("timestamp"))) for reading in readings)
        if young >= UNANIMOUS and (None, CLICKS) not in self._taken and all(map(refuses_metric, replies)):
            self._bury(CLICKS)
        for reading, reply in zip(readings, replies, strict=True):
            clicks = link_clicks(reply) if isinstance(reply, dict) else None
            if clicks is not None and reading.analytics is not None:
                reading.analytics["clicks"] = clicks
                reading.analytics["click_through_rate"] = click_through_rate(clicks, reading.analytics["impressions"])
                yield replace(reading, raw={**reading.raw, CLICKS: without_paging(reply)})
            elif isinstance(reply, TransientError | RateLimitError):
                yield replace(reading, error=reply)  # the rest of it is read a little later
            else:
                yield reading
