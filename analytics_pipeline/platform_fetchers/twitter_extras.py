"""X's figures beside those of a post: what it gained day by day, and how long its video was watched.

Source: platforms/x.md §3, §4, §7. Here: `/2/tweets/analytics` and `/2/media/analytics`, and when they are asked.
Not here: lifetime figures (twitter.py).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from analytics_pipeline.platform_fetchers import twitter_wire as wire
from analytics_pipeline.platform_fetchers.batches import chunks
from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PermissionDeniedError,
    PlatformAPIError,
    RateLimitError,
    UnknownReplyError,
)
from analytics_pipeline.platform_fetchers.metrics import PostReading
from analytics_pipeline.platform_fetchers.twitter_errors import AppNotEnrolledError
from analytics_pipeline.platform_fetchers.twitter_metrics import DAY_METRICS, MEDIA_SERIES, POST_SERIES, sum_of_all
from analytics_pipeline.platform_fetchers.twitter_requests import TwitterRequests
from analytics_pipeline.settings import get_settings

_MOST: Final = 100
"""Ids or media keys per call."""

_logger = logging.getLogger(__name__)


class TwitterExtras(TwitterRequests):
    """Adds day series and watch time to readings of posts up to TWITTER_ANALYTICS_DAYS old, 100 of each per call.

    Off by default: X publishes neither the price of these endpoints nor which plan has them. What the plan refuses is
    remembered in `dead_metrics`, what this account's token may not see in `denied_metrics`; any other failure leaves the
    figures unknown, and never costs a reading.
    """

    def __init__(self, access_token: str, **options: Any) -> None:
        super().__init__(access_token, **options)
        self._extra_days = get_settings().twitter_analytics_days

    def _with_extras(self, readings: Sequence[PostReading]) -> list[PostReading]:
        oldest = self._clock() - timedelta(days=self._extra_days)
        young = [r for r in readings if self._extra_days and r.analytics and _born(r) >= oldest]
        if not young:
            return list(readings)
        days = self._days_of([version for r in young for version in _versions(r)], min(map(_born, young)))
        watched = self._watch_times([key for r in young for key in self._video_keys(r)], min(map(_born, young)))
        ids = {r.platform_post_id for r in young}
        return [self._completed(r, days, watched) if r.platform_post_id in ids else r for r in readings]

    def _video_keys(self, reading: PostReading) -> list[str]:
        """The videos whose figures are the post's: X counts those of a video over all posts that carry it."""
        owned = self.media_owners
        return [i["media_key"] for i in reading.raw["media"] if owned.get(i["media_key"]) == reading.platform_post_id]

    def _completed(
        self, reading: PostReading, days: Mapping[str, Mapping[date, Mapping[str, int]]], watched: Mapping[str, int]
    ) -> PostReading:
        watch_time = sum_of_all([watched.get(key) for key in self._video_keys(reading)])
        if watch_time is not None and reading.analytics is not None:
            reading.analytics["video_watch_time"] = watch_time / 1000
        # Of an edited post, what every version tells: a part of the day's gain would pass for the whole.
        first, *others = [days.get(version, {}) for version in _versions(reading)]
        total = {
            day: {
                name: count + sum(other[day][name] for other in others)
                for name, count in gained.items()
                if all(name in other.get(day, {}) for other in others)
            }
            for day, gained in first.items()
        }
        return replace(reading, days={day: gained for day, gained in total.items() if gained})

    def _days_of(self, ids: Sequence[str], since: datetime) -> dict[str, dict[date, dict[str, int]]]:
        found: dict[str, dict[date, dict[str, int]]] = {}
        for batch in chunks(ids, _MOST):
            for row in self._series(POST_SERIES, "ids", batch, since, "daily"):
                for day, metrics in wire.buckets(row):
                    if known := self._known(metrics):
                        found.setdefault(str(row.get("id")), {})[day] = known
        return found

    def _known(self, metrics: Mapping[str, Any]) -> dict[str, int]:
        try:
            parsed = self._parse_analytics_response(metrics, DAY_METRICS)
        except BadDataError as error:
            _logger.warning("%s", error.message)
            return {}
        return {name: count for name, count in parsed.items() if count is not None}

    def _watch_times(self, keys: Sequence[str], since: datetime) -> dict[str, int]:
        """Milliseconds by media key, from the first of the posts on."""
        found: dict[str, int] = {}
        for batch in chunks(list(dict.fromkeys(keys)), _MOST):
            for row in self._series(MEDIA_SERIES, "media_keys", batch, since, "total"):
                metrics = [metrics for _, metrics in wire.buckets(row)] or [row]
                try:
                    counts = [
                        self._count("watch_time_ms", m["watch_time_ms"]) for m in metrics if m.get("watch_time_ms")
                    ]
                except BadDataError as error:
                    _logger.warning("%s", error.message)
                    continue
                if counts or any(m.get("watch_time_ms") == 0 for m in metrics):
                    found[str(row.get("media_key"))] = sum(counts)
        return found

    def _series(
        self, endpoint: str, parameter: str, ids: Sequence[str], since: datetime, granularity: str
    ) -> list[Mapping[str, Any]]:
        if endpoint in self.dead_metrics | self.denied_metrics or not self._extra_days or self._app_only:
            return []
        params = {
            parameter: ",".join(ids),
            "start_time": wire.format_time(since.replace(hour=0, minute=0, second=0, microsecond=0)),
            "end_time": wire.format_time(self._clock()),
            "granularity": granularity,
        }
        try:
            body = self._make_request("GET", f"/2/{endpoint}", params=params)
            if rows := wire.rows_of(body):
                return rows
            of_the_call = [item for item in wire.read_reply(body).unbound if not item.get("resource_id")]
            if of_the_call:
                raise self._problem(of_the_call[0])
        except RateLimitError as error:
            self._extra_days = 0
            _logger.info("%s", error.message)
        except PlatformAPIError as error:
            if error.status_code == 404 or isinstance(error, AppNotEnrolledError):
                self.dead_metrics.add(endpoint)  # X answers 404 where its documents are ahead of it (x.md §9)
            elif isinstance(error, PermissionDeniedError | ConfigurationError):
                self.denied_metrics.add(endpoint)
            elif isinstance(error, UnknownReplyError):
                self._extra_days = 0  # in this run, it will be the same of the next batch
            _logger.warning("%s", error.message)
        return []


def _versions(reading: PostReading) -> list[str]:
    return [row["id"] for row in reading.raw["versions"]]


def _born(reading: PostReading) -> datetime:
    first = reading.raw["versions"][0]
    return wire.created_at(first) or wire.time_in_id(first["id"]).astimezone(UTC)
