"""Figures of an Instagram account by day: which metrics may be asked for together, and in which windows.

Source: platforms/instagram.md §3.3, §4.3. Not here: media (instagram.py).
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from analytics_pipeline.platform_fetchers.exceptions import MetricError, PlatformAPIError
from analytics_pipeline.platform_fetchers.graph import GraphFetcher
from analytics_pipeline.platform_fetchers.graph_values import day_values, day_window, has_ended, insight_values, url
from analytics_pipeline.platform_fetchers.instagram_errors import culprit_of
from analytics_pipeline.platform_fetchers.instagram_metrics import DAY_SERIES, DAY_TOTALS
from analytics_pipeline.platform_fetchers.metrics import AccountDay

_OF_ACCOUNT: Final = "account"

_log = logging.getLogger(__name__)


class InstagramDays(GraphFetcher):
    """Reads the figures of the account itself."""

    days_kept = 90
    days_per_call = 28
    """At most 30 days between `since` and `until`; one is asked for on top, one may be an hour longer."""

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Figures of the account per finished day, 90 days back at most; the number of followers now on today's.

        The platform's day ends at midnight Pacific time, and has the date that it has there. Raises PlatformAPIError.
        """
        today = self._clock().date()
        days: dict[date, dict[str, int]] = {}
        with self._keeping(days):
            if first <= today <= last:
                self._file_followers(days, today)
            for since, until in self._windows(first, last):
                for metric, day, value in self._series(since, until):
                    if since <= day <= until and metric in DAY_SERIES:
                        self._file(days, day, DAY_SERIES[metric], value)
                span = [since + timedelta(days=n) for n in range((until - since).days + 1)]
                for day, metric, value in self._totals([day for day in span if has_ended(day, self._clock())]):
                    self._file(days, day, DAY_TOTALS[metric], value)
        return [AccountDay(day, figures) for day, figures in sorted(days.items()) if figures]

    def _series(self, since: date, until: date) -> Iterator[tuple[str, date, Any]]:
        # Each alone: with metric_type=total_value, or beside a metric that needs it, follower_count comes back empty.
        # Whether the end is included is not documented: ask one day more.
        edge, window = f"{self._account()}/insights", day_window(since, until + timedelta(days=1))
        urls = [
            url(edge, metric="reach", period="day", metric_type="time_series", **window),
            url(edge, metric="follower_count", period="day", **window),
        ]
        replies = self._ask(urls)
        for reply in replies:
            if isinstance(reply, dict):
                yield from day_values(reply, self._clock())
        if error := self._ends_account(replies):
            raise error
        self._note_lacking(replies)

    def _totals(self, days: Sequence[date]) -> Iterator[tuple[date, str, Any]]:
        """(day, metric, value) of the metrics that only come as the total of a window: one window per day."""
        while days and (alive := self._alive(DAY_TOTALS, _OF_ACCOUNT)):
            # Without batches, the first day alone shows whether a metric is retired.
            asked, later = (days, []) if self.batches else (days[:1], days[1:])
            replies = self._ask([self._total_url(day, alive) for day in asked])
            refused: list[tuple[date, MetricError]] = []
            for day, reply in zip(asked, replies, strict=True):
                if isinstance(reply, MetricError):
                    refused.append((day, reply))
                elif isinstance(reply, PlatformAPIError):
                    _log.warning("instagram: no totals of account %s on %s: %s", self.account_id, day, reply.message)
                else:
                    yield from ((day, m, n) for m, n in insight_values(reply, "day").items() if m in DAY_TOTALS)
            if error := self._ends_account(replies):
                raise error  # after what came before it
            self._note_lacking(replies)
            if refused:
                day, refusal = refused[0]
                if culprit := culprit_of(refusal, alive):
                    self._bury(culprit, _OF_ACCOUNT)
                elif not self._find_dead_on(day, alive):
                    raise refusal
            days = [*(day for day, _ in refused), *later]

    def _find_dead_on(self, day: date, metrics: Sequence[str]) -> bool:
        return bool(self._find_dead(metrics, lambda metric: self._total_url(day, [metric]), _OF_ACCOUNT))

    def _total_url(self, day: date, metrics: Sequence[str]) -> str:
        edge, window = f"{self._account()}/insights", day_window(day, day)
        return url(edge, metric=",".join(metrics), period="day", metric_type="total_value", **window)
