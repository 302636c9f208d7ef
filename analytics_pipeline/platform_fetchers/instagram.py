"""Instagram professional accounts: how media, stories and the account itself are asked for their figures.

Source: platforms/instagram.md §1–§4. Not here: which figures there are (instagram_metrics.py), errors
(instagram_errors.py); batches, paging, quota (graph*.py).
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final

from analytics_pipeline.platform_fetchers.exceptions import MetricError, PlatformAPIError
from analytics_pipeline.platform_fetchers.graph import Ask, GraphFetcher
from analytics_pipeline.platform_fetchers.graph_errors import Reply
from analytics_pipeline.platform_fetchers.graph_requests import BATCH_LIMIT
from analytics_pipeline.platform_fetchers.graph_values import (
    day_values,
    day_window,
    insight_values,
    moment,
    url,
    without_paging,
)
from analytics_pipeline.platform_fetchers.instagram_errors import (
    INSTAGRAM_ERRORS,
    NoBatchesError,
    NoInsightsError,
    TooFewViewersError,
)
from analytics_pipeline.platform_fetchers.instagram_metrics import (
    CATALOG,
    CLICKED_KINDS,
    CLICKS,
    CLICKS_BREAKDOWN,
    DAY_SERIES,
    DAY_TOTALS,
    FEED,
    MEDIA_FIGURES,
    METRICS,
    NODE_FIELDS,
    STORY_FIGURES,
    kind_of,
    kind_of_type,
    link_clicks,
    permalink,
    post_type,
)
from analytics_pipeline.platform_fetchers.meta_oauth import InstagramOAuth, is_instagram_login
from analytics_pipeline.platform_fetchers.metrics import (
    AccountDay,
    ListedPost,
    PostAnalytics,
    PostReading,
    PostRef,
    click_through_rate,
)
from analytics_pipeline.settings import get_settings

_OF_ACCOUNT: Final = "account"
_DAYS_PER_CALL: Final = 28
"""At most 30 days between `since` and `until`; one is asked for on top, one may be an hour longer."""
_DAYS_KEPT: Final = 90

_PLACE: Final = re.compile(r"metric\[(\d+)\]")
_SINGLY: Final = 5
"""Media read together where each is a call of its own: few, for what they refuse the next need not be asked."""

_CLICK_BATCHES: Final = 10
"""Most batches for clicks per fetcher, newest media first: each of their entries counts as a call of its own."""

_UNANIMOUS: Final = 3
_RECENT: Final = timedelta(days=30)
"""So many media as young as that must refuse a metric, and none of their kind take it, before it is held to be retired:
old media lack metrics that new ones have."""

_log = logging.getLogger(__name__)


@dataclass
class _Media:
    """One media on its way to a reading. `kind` is None while unknown; `plain` = asked for without insights."""

    key: str
    kind: str | None
    recent: bool
    asked: Sequence[str] = ()
    refused: set[str] = field(default_factory=set)
    plain: bool = False
    reason: MetricError | None = None


class InstagramFetcher(GraphFetcher):
    """Figures of one Instagram professional account and its media. `base_url` defaults to INSTAGRAM_BASE_URL.

    It may be graph.facebook.com (Facebook login) or graph.instagram.com (Instagram login). The latter takes no
    batches: `batches` says so of other hosts, and a host that refuses one is not sent a second. Impressions are views.
    """

    platform = "instagram"
    quota_kind = "instagram"
    errors = INSTAGRAM_ERRORS
    post_id_form = r"\d+"
    largest_page: ClassVar[int] = 100
    catalog = CATALOG
    oauth = InstagramOAuth

    def __init__(
        self,
        access_token: str,
        instagram_account_id: str | None = None,
        *,
        base_url: str | None = None,
        batches: bool | None = None,
        **options: Any,
    ) -> None:
        base_url = base_url or get_settings().instagram_base_url
        if batches is None:
            batches = not is_instagram_login(base_url)
        super().__init__(access_token, instagram_account_id, base_url=base_url, batches=batches, **options)
        self._click_batches = _CLICK_BATCHES

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """As for every Graph account; stories, which live for a day, stand in a list of their own.

        Reels are listed without figures: their watch time would fail the page.
        """
        for page in self._walk(start, end):
            yield self._listed_completely(page)
        if end > self._clock() - timedelta(days=1):
            rows = self._get(url(f"{self._account()}/stories", fields=NODE_FIELDS, limit=100)).get("data")
            found = (self._listed(row) for row in rows) if isinstance(rows, list) else ()
            if stories := [story for story in found if story and start <= story.published_at < end]:
                yield stories

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Figures of the account per finished day, 90 days back at most; the number of followers now on today's.

        The platform's day of a series ends at midnight Pacific time. Raises PlatformAPIError.
        """
        account, today = self._account(), self._clock().date()
        days: dict[date, dict[str, int]] = {}
        since = max(first, today - timedelta(days=_DAYS_KEPT))
        while since <= min(last, today - timedelta(days=1)):
            until = min(last, today - timedelta(days=1), since + timedelta(days=_DAYS_PER_CALL - 1))
            for metric, day, value in self._series(since, until):
                if since <= day <= until and metric in DAY_SERIES:
                    self._file(days, day, DAY_SERIES[metric], value)
            for day, metric, value in self._totals(
                [since + timedelta(days=n) for n in range((until - since).days + 1)]
            ):
                self._file(days, day, DAY_TOTALS[metric], value)
            since = until + timedelta(days=1)
        if first <= today <= last:
            followers = self._get(url(account, fields="followers_count")).get("followers_count")
            if followers is not None:
                self._file(days, today, "followers", followers)
        return [AccountDay(day, figures) for day, figures in sorted(days.items()) if figures]

    # --- clicks

    def _listed_completely(self, page: Sequence[ListedPost]) -> list[ListedPost]:
        readings = self._completed([post.reading for post in page if post.reading])
        completed = {reading.platform_post_id: reading for reading in readings}
        return [replace(post, reading=completed.get(post.platform_post_id)) for post in page]

    def _completed(self, readings: Iterable[PostReading]) -> Iterator[PostReading]:
        """The readings, those of young media with their clicks: a breakdown, which no other metric may stand beside."""
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
        except PlatformAPIError:
            yield from waiting
            raise
        yield from self._with_clicks(waiting)

    def _may_have_clicks(self, reading: PostReading) -> bool:
        if reading.analytics is None or not self.batches or not self._click_batches or not self._alive([CLICKS]):
            return False
        published = moment(reading.raw.get("timestamp"))
        return published is not None and published > self._clock() - _RECENT and kind_of(reading.raw) in CLICKED_KINDS

    def _with_clicks(self, readings: Sequence[PostReading]) -> Iterator[PostReading]:
        urls = [url(f"{r.platform_post_id}/insights", metric=CLICKS, breakdown=CLICKS_BREAKDOWN) for r in readings]
        replies: Sequence[Reply] = []
        try:
            if urls:
                self._click_batches -= 1
                replies = super()._batch(urls)
        except PlatformAPIError as error:
            self.batches = self.batches and not isinstance(error, NoBatchesError)
            _log.info("instagram: no clicks of account %s: %s", self.account_id, error.message)
            replies = [error] * len(urls)
        if len(replies) >= _UNANIMOUS and all(isinstance(reply, MetricError) for reply in replies):
            self._bury(CLICKS)
        for reading, reply in zip(readings, replies, strict=True):
            clicks = link_clicks(reply) if isinstance(reply, dict) else None
            if clicks is not None and reading.analytics is not None:
                reading.analytics["clicks"] = clicks
                reading.analytics["click_through_rate"] = click_through_rate(clicks, reading.analytics["impressions"])
                yield replace(reading, raw={**reading.raw, CLICKS: without_paging(reply)})
            else:
                yield reading

    # --- account

    def _series(self, since: date, until: date) -> list[tuple[str, date, Any]]:
        # Each alone: with metric_type=total_value, or beside a metric that needs it, follower_count comes back empty.
        # Whether the end is included is not documented: ask one day more.
        edge, window = f"{self._account()}/insights", day_window(since, until + timedelta(days=1))
        urls = [
            url(edge, metric="reach", period="day", metric_type="time_series", **window),
            url(edge, metric="follower_count", period="day", **window),
        ]
        replies = self._ask(urls)
        if error := self._ends_account(replies):
            raise error
        return [value for reply in replies if isinstance(reply, dict) for value in day_values(reply)]

    def _totals(self, days: Sequence[date]) -> Iterator[tuple[date, str, Any]]:
        """(day, metric, value) of the metrics that only come as the total of a window: one window per day."""
        while days and (alive := self._alive(DAY_TOTALS, _OF_ACCOUNT)):
            replies = self._ask([self._total_url(day, alive) for day in days])
            if error := self._ends_account(replies):
                raise error
            refused: list[tuple[date, MetricError]] = []
            for day, reply in zip(days, replies, strict=True):
                if isinstance(reply, MetricError):
                    refused.append((day, reply))
                elif isinstance(reply, PlatformAPIError):
                    _log.warning("instagram: no totals of account %s on %s: %s", self.account_id, day, reply.message)
                else:
                    yield from ((day, m, n) for m, n in insight_values(reply, "day").items() if m in DAY_TOTALS)
            if not refused:
                return
            day, refusal = refused[0]
            if culprit := _culprit(refusal, alive):
                self._bury(culprit, _OF_ACCOUNT)
            elif not self._find_dead_on(day, alive):
                raise refusal
            days = [day for day, _ in refused]

    def _find_dead_on(self, day: date, metrics: Sequence[str]) -> bool:
        return self._find_dead(metrics, lambda metric: self._total_url(day, [metric]), _OF_ACCOUNT)

    def _total_url(self, day: date, metrics: Sequence[str]) -> str:
        edge, window = f"{self._account()}/insights", day_window(day, day)
        return url(edge, metric=",".join(metrics), period="day", metric_type="total_value", **window)

    # --- media

    def _carried(self, ref: PostRef) -> bool:
        return ref.post_type not in ("reel", "story")

    def _posts_per_call(self) -> int:
        return BATCH_LIMIT if self.batches else 1

    def _read_page(self, position: Mapping[str, str]) -> dict[str, Any]:
        edge = f"{self._account()}/media"
        alive = [metric for metric in self._alive(FEED, "FEED") if metric in self._alive(FEED, "REELS")]
        if self.expands and alive:
            try:
                return self._get(url(edge, fields=_with_insights(alive), **position))
            except MetricError as error:
                # One media is enough to fail the page (instagram.md §5), and older pages hold more such.
                _log.info("instagram: figures of account %s go by media: %s", self.account_id, error.message)
                self.expands = False
        return self._get(url(edge, fields=NODE_FIELDS, **position))

    def _list_row(self, node: Mapping[str, Any]) -> ListedPost | None:
        key, published = node.get("id"), moment(node.get("timestamp"))
        if not isinstance(key, str) or published is None:
            return None
        kind = kind_of(node)
        reading = self._reading(key, node) if self.expands and kind not in ("REELS", "STORY") else None
        return ListedPost(key, published, permalink(node), post_type(node), reading)

    def _batch(self, urls: Sequence[str]) -> list[Reply]:
        try:
            return super()._batch(urls)
        except NoBatchesError:
            self.batches = False
            return self._ask_each(urls)

    def _read_by_id(self, refs: Sequence[PostRef], ask: Ask) -> Iterator[PostReading]:
        recent = self._clock() - _RECENT
        media = [
            _Media(r.platform_post_id, kind_of_type(r.post_type), bool(r.published_at and r.published_at > recent))
            for r in refs
        ]
        size = BATCH_LIMIT if self.batches else _SINGLY
        for start in range(0, len(media), size):
            pending = media[start : start + size]
            while pending:
                for one in pending:
                    one.asked = self._metrics_of(one)
                replies = ask([url(one.key, fields=_with_insights(one.asked)) for one in pending])
                fatal = self._ends_account(replies)
                self._bury_unanimous(pending, replies)
                again = []
                for one, reply in zip(pending, replies, strict=True):
                    if fatal and isinstance(reply, PlatformAPIError):
                        continue
                    reading = self._settle(one, reply)
                    if reading:
                        yield reading
                    else:
                        again.append(one)
                if fatal:
                    raise fatal
                pending = again

    def _bury_unanimous(self, asked: Sequence[_Media], replies: Sequence[Reply]) -> None:
        """A metric that all media of a kind refuse, new ones too, is retired: a verdict on all, not on each."""
        kinds = Counter(one.kind for one in asked if not one.plain)
        blamed: Counter[tuple[str | None, str | None]] = Counter()
        fresh: Counter[tuple[str | None, str | None]] = Counter()
        for one, reply in zip(asked, replies, strict=True):
            if isinstance(reply, MetricError):
                verdict = (one.kind, _culprit(reply, one.asked))
                blamed[verdict] += 1
                fresh[verdict] += one.recent
        for kind, culprit in blamed:
            if kind and culprit and blamed[kind, culprit] == kinds[kind] and fresh[kind, culprit] >= _UNANIMOUS:
                self._bury(culprit, kind)

    def _metrics_of(self, one: _Media) -> list[str]:
        kind = one.kind or "FEED"
        return [] if one.plain else [m for m in self._alive(METRICS[kind], kind) if m not in one.refused]

    def _settle(self, one: _Media, reply: Reply) -> PostReading | None:
        """The reading that a reply gives; None if the media must be asked again, in another way."""
        if isinstance(reply, MetricError) and not one.plain:
            self._learn(one, reply)
            return None
        if isinstance(reply, PlatformAPIError):
            return self._failed(one.key, reply)
        kind = kind_of(reply)
        if one.reason is None and (one.plain or not set(METRICS[kind]) <= set(METRICS[one.kind or "FEED"])):
            one.kind, one.plain = kind, False
            return None
        known = reply.get("like_count") is not None or reply.get("comments_count") is not None
        if one.reason and not known and not isinstance(one.reason, TooFewViewersError):
            return self._failed(one.key, one.reason)
        return self._reading(one.key, reply)

    def _learn(self, one: _Media, refusal: MetricError) -> None:
        """Takes out of the next request for this media what made this one fail; verdicts differ per media."""
        culprit = _culprit(refusal, one.asked)
        if isinstance(refusal, NoInsightsError):
            one.plain, one.reason = True, refusal
        elif one.kind is None:
            one.plain = True
        elif culprit:
            one.refused.add(culprit)
        elif not self._find_dead(one.asked, lambda metric: url(one.key, fields=_with_insights([metric])), one.kind):
            one.plain, one.reason = True, refusal

    # --- figures

    def _figures(self, platform_post_id: str, node: Mapping[str, Any]) -> PostAnalytics:
        kind = kind_of(node)
        values = self._parse_analytics_response(
            {**node, "insights": insight_values(node)}, STORY_FIGURES if kind == "STORY" else MEDIA_FIGURES
        )
        if kind == "REELS" or node.get("media_type") == "VIDEO":
            values["video_views"] = values["impressions"]
        watched = values.pop("video_watch_ms", None)
        seconds = None if watched is None else watched / 1000
        return self._analytics(platform_post_id, {**values, "video_watch_time": seconds}, permalink(node))


def _with_insights(metrics: Sequence[str]) -> str:
    return f"{NODE_FIELDS},insights.metric({','.join(metrics)})" if metrics else NODE_FIELDS


def _culprit(refusal: MetricError, asked: Sequence[str]) -> str | None:
    """The metric that an error blames, by name or by its place in the list; None if none of those asked for."""
    place = _PLACE.fullmatch(refusal.metric or "")
    if place:
        return asked[int(place[1])] if int(place[1]) < len(asked) else None
    return refusal.metric if refusal.metric in asked else None
