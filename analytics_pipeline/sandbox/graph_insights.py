"""What insights of Facebook and Instagram have in common: frames, the metrics asked for, windows of Pacific days.

Not here: which metrics there are, and what they read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from analytics_pipeline.sandbox.graph import Call
from analytics_pipeline.sandbox.graph_errors import PACIFIC, GraphError, bad_parameter, no_metric, unknown_field
from analytics_pipeline.sandbox.graph_paging import read_moment
from analytics_pipeline.sandbox.graph_presets import days_of
from analytics_pipeline.sandbox.model import Post

_RESULT_FIELDS = frozenset({
    "id", "name", "period", "title", "description", "description_from_api_doc", "values", "total_value",
})  # fmt: skip


def frame(object_id: str, metric: str, period: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """One element of an insights answer; `content` holds `values`, on Instagram also `total_value`."""
    title = _title(metric)
    return {
        "name": metric,
        "period": period,
        **content,
        "title": title,
        "description": f"{title} ({period})",
        "id": f"{object_id}/insights/{metric}/{period}",
    }


@lru_cache(maxsize=1024)
def _title(metric: str) -> str:
    return metric.replace("_", " ").capitalize()


def named(params: Mapping[str, str], name: str) -> list[str]:
    """The values of a parameter that may be one word, a comma list or a JSON array; empty without it."""
    return [value.strip(' []"') for value in params.get(name, "").split(",") if value.strip(' []"')]


def require_readable(post: Post) -> None:
    """Raises GraphError #10 for a post whose insights are refused to a token that may read all others."""
    if "insights_refused" in post.flags:
        raise GraphError(10, "(#10) Application does not have permission for this action")


def wanted_metrics(call: Call) -> list[str]:
    """The names in `metric`. Raises GraphError 3001 when there are none."""
    for wanted in call.fields:
        if wanted.name not in _RESULT_FIELDS:
            raise unknown_field(wanted.name, "InsightsResult")
    metrics = named(call.params, "metric")
    if not metrics:
        raise no_metric()
    return metrics


@dataclass(frozen=True, slots=True)
class Window:
    """The Pacific days that an insights call asks for: from `first` up to but not including `end`."""

    first: date
    end: date

    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.end - self.first).days)]


def read_window(params: Mapping[str, str], now: datetime, default_days: int, longest: int) -> Window:
    """`since` (its day is in the first value) and `until`, else `date_preset`.

    Raises GraphError #100 for a window over `longest` days.
    """
    if (preset := params.get("date_preset")) and not ("since" in params or "until" in params):
        return Window(*days_of(preset, now.astimezone(PACIFIC).date()))
    since, until = read_moment(params, "since", PACIFIC), read_moment(params, "until", PACIFIC)
    end = until if until is not None else now
    start = since if since is not None else end - timedelta(days=default_days)
    if start > end:
        raise bad_parameter("since param must be before until param")
    if end - start > timedelta(days=longest, hours=1):  # the hour that a change to winter time adds
        raise bad_parameter(f"There cannot be more than {longest} days ({longest * 86400} s) between since and until")
    return Window(start.astimezone(PACIFIC).date(), end.astimezone(PACIFIC).date())


@lru_cache(maxsize=4096)
def end_of_day(day: date) -> datetime:
    """The midnight, Pacific time, that ends a day: 07:00 UTC in summer, 08:00 UTC in winter."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=PACIFIC).astimezone(UTC)


def sliding_paging(params: Mapping[str, str], link: str, window: Window) -> dict[str, str]:
    """The `paging` of insights: the windows before and behind, without end. It is there for lifetime figures as well."""
    rest = _query(tuple((name, value) for name, value in params.items() if name not in ("since", "until")))
    before, behind = _slid(window)
    return {"previous": f"{link}?{rest}&{before}", "next": f"{link}?{rest}&{behind}"}


# Both are the same for every post of a page.
@lru_cache(maxsize=1024)
def _slid(window: Window) -> tuple[str, str]:
    length = window.end - window.first
    first, end, far = map(_start_of_day, (window.first, window.end, window.end + length))
    return f"since={_start_of_day(window.first - length)}&until={first}", f"since={end}&until={far}"


@lru_cache(maxsize=1024)
def _query(params: tuple[tuple[str, str], ...]) -> str:
    return urlencode(params)


def _start_of_day(day: date) -> int:
    return int(end_of_day(day - timedelta(days=1)).timestamp())
