"""From a platform's JSON to the standard result: whole numbers by a field mapping, the two rates.

Here: what every fetcher makes of its figures. Not here: calls (base.py), names and units (metrics.py), any field's name.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final, cast

from analytics_pipeline.platform_fetchers import metrics
from analytics_pipeline.platform_fetchers.exceptions import BadDataError, PostNotFoundError
from analytics_pipeline.platform_fetchers.metrics import PostAnalytics, PostReading

_MAX_COUNT: Final = 10**15  # more than all views of everything: an absurd figure, which would also overflow sums
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_NOTHING_KNOWN: Final[dict[str, int | float | None]] = dict.fromkeys((*metrics.COUNT_METRICS, "video_watch_time"))


class FigureReader(ABC):
    """The part of a fetcher that reads figures."""

    platform: ClassVar[str]
    _clock: Callable[[], datetime]

    @abstractmethod
    def _redact(self, text: str) -> str:
        """`text` without secrets."""

    def _analytics_of(self, reading: PostReading, post_id: str) -> PostAnalytics:
        """The figures of a reading, or its error raised with our id of the post in front."""
        if reading.error is not None:
            if isinstance(reading.error, PostNotFoundError):
                reading.error.post_id = reading.platform_post_id
            reading.error.message = f"post {post_id}: {reading.error.message}"
            reading.error.args = (reading.error.message,)
            raise reading.error
        return cast(PostAnalytics, reading.analytics)

    def _parse_analytics_response(
        self, raw_data: Mapping[str, Any], field_mapping: Mapping[str, str | Sequence[str]]
    ) -> dict[str, int | None]:
        """Whole-number metrics out of `raw_data`. `field_mapping`: standard name → dotted path, or several, first wins.

        An absent or null field is None. Raises BadDataError for a value that is no whole number within bigint:
        a wrong figure must never look like a right one.
        """
        parsed: dict[str, int | None] = {}
        for name, paths in field_mapping.items():
            value: Any = None
            for keys in _keys_of(paths if isinstance(paths, str) else tuple(paths)):
                value = raw_data
                for key in keys:
                    # Every object of JSON is a dict; to ask for Mapping takes ten times as long.
                    value = value.get(key) if type(value) is dict else None
                if value is not None:
                    break
            parsed[name] = None if value is None else self._count(name, value)
        return parsed

    def _count(self, name: str, value: Any) -> int:
        if type(value) is int and -_MAX_COUNT <= value <= _MAX_COUNT:
            return value  # this runs for every figure of every post
        number: object = value
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            number = int(value)
        if isinstance(value, float) and value.is_integer():
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int) or abs(number) > _MAX_COUNT:
            shown = self._redact(repr(value))[:40]
            raise BadDataError(f"{self.platform}: {name} is no whole number: {shown}", self.platform)
        return number

    def _calculate_engagement_rate(
        self, likes: int | None, comments: int | None, shares: int | None, impressions: int | None
    ) -> float | None:
        """100 × (likes + comments + shares) / impressions; None without impressions."""
        return metrics.engagement_rate(likes, comments, shares, impressions)

    def _analytics(
        self,
        platform_post_id: str,
        values: Mapping[str, int | float | None],
        platform_post_url: str | None = None,
    ) -> PostAnalytics:
        """The standard result from what is known; metrics not in `values` are None, the two rates are derived."""

        known: dict[str, Any] = {**_NOTHING_KNOWN, **values}
        result = known | {
            "engagement_rate": self._calculate_engagement_rate(
                known["likes_count"], known["comments_count"], known["shares_count"], known["impressions"]
            ),
            "click_through_rate": metrics.click_through_rate(known["clicks"], known["impressions"]),
            "fetched_at": self._clock(),
            "platform": self.platform,
            "platform_post_id": platform_post_id,
            "platform_post_url": platform_post_url,
        }
        return cast(PostAnalytics, result)


@cache
def _keys_of(paths: str | tuple[str, ...]) -> Sequence[Sequence[str]]:
    """The keys on the way to a field, for each of its paths."""
    return [path.split(".") for path in ((paths,) if isinstance(paths, str) else paths)]
