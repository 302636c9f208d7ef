"""Insights of Facebook posts, videos and Pages on the wire: frames, windows, and the three answers that look alike.

Here: facebook.md section 3.2. Not here: which metrics live and what they read (facebook_metrics.py).
"""

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox.facebook_metrics import (
    DAILY_POST_METRICS,
    PAGE_METRICS,
    PERIODS,
    POST_METRICS,
    VIDEO_METRICS,
    Figures,
    Value,
)
from analytics_pipeline.sandbox.graph import Call
from analytics_pipeline.sandbox.graph_errors import PACIFIC, bad_parameter, insights_need_page_token
from analytics_pipeline.sandbox.graph_insights import (
    Window,
    end_of_day,
    frame,
    named,
    read_window,
    require_readable,
    sliding_paging,
    wanted_metrics,
)
from analytics_pipeline.sandbox.graph_paging import wire_time
from analytics_pipeline.sandbox.graph_session import granted
from analytics_pipeline.sandbox.model import Account, Post

LONGEST_WINDOW_DAYS = 90
KEPT = timedelta(days=730)
"""Days, and insights of posts, older than this are gone."""
LEAST_LIKES = 100
"""A Page with fewer has no insights, nor have its posts."""
BREAKDOWNS = ("is_from_ads", "is_from_followers")

_DAYS_OF_PERIOD = {"day": 1, "week": 7, "days_28": 28}


def post_insights(call: Call, post: Post, owner: Account, object_id: str) -> dict[str, Any]:
    """`/{post}/insights`: lifetime figures, and the newest finished day of the metrics that come per day as well."""
    _require_page_token(call)
    require_readable(post)
    window = _read_window(call)
    metrics, period = _living(call, wanted_metrics(call), POST_METRICS), _period(call)
    data: list[dict[str, Any]] = []
    if _are_shown(call, owner) and _is_kept(call, post):
        figures = _post_figures(call, post)
        day = _newest_day(call, post, metrics) if period in (None, "day") else {}
        for metric in metrics:
            value = POST_METRICS[metric](figures)
            if metric in day:
                data.append(frame(object_id, metric, "day", {"values": [day[metric]]}))
            if value is not None and period in (None, "lifetime"):
                data.append(frame(object_id, metric, "lifetime", {"values": [{"value": value}]}))
    return {"data": data, "paging": sliding_paging(call.params, call.link, window)}


def video_insights(call: Call, post: Post, owner: Account, video_id: str) -> dict[str, Any]:
    """`/{video}/video_insights`: lifetime figures; without `metric` all that there are."""
    _require_page_token(call)
    window = _read_window(call)
    asked = wanted_metrics(call) if call.params.get("metric") else [*VIDEO_METRICS]
    retired = call.world.facebook.retired_metrics
    metrics = _living(
        call, asked if call.params.get("metric") else [m for m in asked if m not in retired], VIDEO_METRICS
    )
    data: list[dict[str, Any]] = []
    if _are_shown(call, owner) and _is_kept(call, post):
        figures = _post_figures(call, post)
        values = {metric: VIDEO_METRICS[metric](figures) for metric in metrics}
        data = [
            frame(video_id, metric, "lifetime", {"values": [{"value": value}]})
            | {"id": f"{video_id}/video_insights/{metric}/lifetime"}
            for metric, value in values.items()
            if value is not None
        ]
    return {"data": data, "paging": sliding_paging(call.params, call.link, window)}


def _require_page_token(call: Call) -> None:
    """Raises GraphError 190 for the token of a person."""
    if call.session.kind != "page":
        raise insights_need_page_token()


def _read_window(call: Call) -> Window:
    """Raises GraphError #100 for one over 90 days, also where figures are lifetime ones."""
    return read_window(call.params, call.now, default_days=2, longest=LONGEST_WINDOW_DAYS)


def _are_shown(call: Call, page: Account) -> bool:
    """Whether a Page's insights, and those of its posts, are told; else there is `data: []`."""
    likes = call.world.followers(page, call.now)
    return granted(page, "read_insights", "pages_read_engagement") and (likes is None or likes >= LEAST_LIKES)


def _is_kept(call: Call, post: Post) -> bool:
    return call.now - post.published_at <= KEPT


def page_insights(call: Call, page: Account) -> dict[str, Any]:
    """`/{page}/insights`: a value per day, filed under the midnight (Pacific) that ends it; at most 90 days a call."""
    _require_page_token(call)
    metrics, period = _living(call, wanted_metrics(call), PAGE_METRICS), _period(call)
    window = _read_window(call)
    breakdown = ",".join(named(call.params, "breakdown"))
    if breakdown and breakdown not in BREAKDOWNS:
        raise bad_parameter(f"breakdown must be one of the following values: {', '.join(BREAKDOWNS)}")
    data = []
    if _are_shown(call, page):
        for metric in metrics:
            for each in PAGE_METRICS[metric].periods:
                if period in (None, each) and (values := _page_values(call, page, metric, each, window)):
                    content = _split(values, breakdown) if breakdown else values
                    data.append(frame(page.external_id, metric, each, {"values": content}))
    return {"data": data, "paging": sliding_paging(call.params, call.link, window)}


def _page_values(call: Call, page: Account, metric: str, period: str, window: Window) -> list[dict[str, Any]]:
    columns = [call.world.days(page, column) for column in PAGE_METRICS[metric].columns]
    values = []
    for day in window.days():
        span = [day - timedelta(days=n) for n in range(_DAYS_OF_PERIOD[period])]
        end = end_of_day(day)
        if (
            columns
            and call.now - KEPT <= end <= call.now
            and all(each in column for column in columns for each in span)
        ):
            total = sum(column[each] for column in columns for each in span)
            values.append({"value": total, "end_time": wire_time(end)})
    return values


def _split(values: list[dict[str, Any]], breakdown: str) -> list[dict[str, Any]]:
    """The world has no advertising and knows nobody who views: nothing counts as from ads, nor from followers."""
    return [part for value in values for part in (value | {breakdown: "0"}, value | {"value": 0, breakdown: "1"})]


def _living(call: Call, metrics: list[str], living: Collection[str]) -> list[str]:
    """Raises GraphError #100 for the whole call, without naming the culprit, when one metric is dead or unknown."""
    retired = call.world.facebook.retired_metrics
    if any(metric not in living or metric in retired for metric in metrics):
        raise bad_parameter("The value must be a valid insights metric")
    return list(dict.fromkeys(metrics))


def _period(call: Call) -> str | None:
    period = call.params.get("period")
    if period is not None and period not in PERIODS:
        raise bad_parameter(f"period must be one of the following values: {', '.join(PERIODS)}")
    return period


def _post_figures(call: Call, post: Post, at: datetime | None = None) -> Figures:
    figures = call.figures(post, at)
    if post.post_type == "reel":
        figures.pop("reach", None)  # Reels have no reach
    if figures and post.duration_s is not None:
        figures["duration_ms"] = round(post.duration_s * 1000)
    return figures


def _newest_day(call: Call, post: Post, metrics: Collection[str]) -> dict[str, dict[str, Any]]:
    """Metric → what was gained in the newest finished day; without those whose figures before it are unknown."""
    daily = DAILY_POST_METRICS.intersection(metrics)
    if not daily:
        return {}
    end = end_of_day(_today(call) - timedelta(days=1))
    start = end_of_day(_today(call) - timedelta(days=2))
    after = _post_figures(call, post, end)
    before = _post_figures(call, post, start) if post.published_at < start else None
    values: dict[str, dict[str, Any]] = {}
    for metric in daily:
        read: Callable[[Figures], Value] = POST_METRICS[metric]
        now, then = read(after), 0 if before is None else read(before)
        if isinstance(now, int) and isinstance(then, int):
            values[metric] = {"value": now - then, "end_time": wire_time(end)}
    return values


def _today(call: Call) -> date:
    return call.now.astimezone(PACIFIC).date()
