"""Figures of a Page or Instagram account by day: what both have in common.

Not here: which figures there are, and in which windows they come (facebook.py, instagram_days.py).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, ClassVar

from analytics_pipeline.platform_fetchers.exceptions import BadDataError, PlatformAPIError, TransientError
from analytics_pipeline.platform_fetchers.graph_errors import ENDS_ACCOUNT, Reply
from analytics_pipeline.platform_fetchers.graph_requests import GraphRequests
from analytics_pipeline.platform_fetchers.graph_values import url

_log = logging.getLogger(__name__)


class GraphDays(GraphRequests):
    """Files figures under their days, and keeps what came when something else fails."""

    days_kept: ClassVar[int]
    """How far back the platform tells figures by day."""
    days_per_call: ClassVar[int]

    def _windows(self, first: date, last: date) -> Iterator[tuple[date, date]]:
        """The windows to ask for `first` to `last` in, as far as there are figures: one that is refused costs no newer one."""
        today = self._clock().date()
        # The platform's day begins at midnight Pacific time: of the oldest that is kept, that may be too long ago.
        first = max(first, today - timedelta(days=self.days_kept - 1))
        until = min(last, today - timedelta(days=1))  # today's day is not over, whatever the hour
        while first <= until:
            since = max(first, until - timedelta(days=self.days_per_call - 1))
            yield since, until
            until = since - timedelta(days=1)

    @contextmanager
    def _keeping(self, days: Mapping[date, Mapping[str, int]]) -> Iterator[None]:
        """What fails within is raised only if no figures came before it; else `incomplete` tells it."""
        self.incomplete = None
        try:
            yield
        except PlatformAPIError as error:
            self.incomplete = error
        if self.incomplete and not any(days.values()):
            raise self.incomplete

    def _note_lacking(self, replies: Sequence[Reply]) -> None:
        """As `incomplete`, what failed for a passing reason among replies that were good."""
        passing = (reply for reply in replies if isinstance(reply, TransientError))
        self.incomplete = self.incomplete or next(passing, None)

    def _file_followers(self, days: dict[date, dict[str, int]], today: date) -> None:
        """Of now: there is no history of them, so they are asked for before all that has one."""
        [reply] = self._ask_each([url(self._account(), fields="followers_count")])
        if isinstance(reply, ENDS_ACCOUNT):
            raise reply
        if isinstance(reply, PlatformAPIError):
            self.incomplete = reply
            return
        followers = reply.get("followers_count")
        if followers is not None:
            self._file(days, today, "followers", followers)

    def _file(self, days: dict[date, dict[str, int]], day: date, name: str, value: Any) -> None:
        """Puts a figure under its day; one that is no whole number is logged and left out."""
        try:
            days.setdefault(day, {})[name] = self._count(name, value)
        except BadDataError as error:
            _log.warning("%s on %s left out", error.message, day)
