"""The form in which a platform's module says where each figure comes from: what `analytics-pipeline platforms` prints.

Here: one row. Not here: the rows (each platform's own module), the table (cli/platforms.py).
"""

from dataclasses import dataclass
from typing import Final, Literal

from analytics_pipeline.platform_fetchers.metrics import ACCOUNT_METRICS, COUNT_METRICS

How = Literal["exact", "derived", "by permission", "not offered"]
"""exact = the platform's own figure; derived = made of its figures by a rule in `note`; by permission = exact or derived,
but only with a scope, a role, a plan or a setting named in `note`; not offered = always NULL."""

POST_METRICS: Final = (*COUNT_METRICS, "video_watch_time", "engagement_rate", "click_through_rate")

__all__ = ["ACCOUNT_METRICS", "POST_METRICS", "How", "MetricSource", "unit_of"]


@dataclass(frozen=True, slots=True)
class MetricSource:
    """Where one standard metric comes from on one platform.

    `metric` is a name of PostAnalytics, or of AccountDay where `level` is account. `source` is endpoint and field, "" if
    not offered. `asked` are the platform's own names that retire together with it, as in `dead_metrics`.
    """

    metric: str
    how: How
    source: str = ""
    note: str = ""
    level: Literal["post", "account"] = "post"
    asked: tuple[str, ...] = ()


def unit_of(metric: str) -> str:
    """The unit of a standard metric: seconds, per cent, else a count."""
    if metric == "video_watch_time":
        return "seconds"
    return "per cent" if metric.endswith("_rate") else "count"
