"""Insights of Instagram media and accounts on the wire: which metric is refused in which words, frames, windows.

Here: instagram.md sections 3.2, 3.3, 4 and 5. Not here: the matrix itself (instagram_metrics.py).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox.graph import Call, version_number
from analytics_pipeline.sandbox.graph_errors import GraphError, bad_parameter
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
from analytics_pipeline.sandbox.instagram_metrics import (
    ACCOUNT_METRICS,
    DEAD_MEDIA_METRICS,
    MEDIA_BREAKDOWNS,
    MEDIA_METRICS,
    STORY,
    TIMEFRAMES,
    UNIQUE_ACCOUNT_METRICS,
    WHOLE_OF_BREAKDOWN,
    AccountMetric,
    Figures,
)
from analytics_pipeline.sandbox.instagram_scopes import require_insights_scope
from analytics_pipeline.sandbox.model import Account, Post

LONGEST_WINDOW_DAYS = 30
KEPT_DAYS = 90
"""Account figures older than this are gone."""
SETTLING = timedelta(hours=3)
"""A day that has just ended is not there yet."""
MEDIA_KEPT = timedelta(days=730)
"""Insights of media older than this are gone."""
LEAST_VIEWERS = 5
IMPRESSIONS_END = datetime(2024, 7, 2, tzinfo=UTC)
"""Media from then on have no `impressions`; older ones have them up to v21.0."""

_METRIC_TYPES = (None, "default", "time_series", "total_value")


def media_insights(call: Call, post: Post, owner: Account, product: str) -> dict[str, Any]:
    """`/{media}/insights`: lifetime figures whatever `period` says. One refused metric refuses them all."""
    metrics = wanted_metrics(call)
    require_insights_scope(owner)
    require_readable(post)
    _refuse_unknown(metrics, _media_enum(owner))
    if post.parent_id:
        raise _not_for_media_type(metrics[0])
    if "pre_conversion" in post.flags:
        raise _before_conversion()
    for metric in metrics:
        _refuse_inapplicable(call, metric, post, product)
    breakdown = ",".join(named(call.params, "breakdown"))
    if breakdown and any(MEDIA_BREAKDOWNS.get(metric) != breakdown for metric in metrics):
        raise GraphError(1, "An unknown error has occurred.", status=500)
    if call.now - post.published_at > MEDIA_KEPT:
        return {"data": []}
    figures = call.figures(post)
    if product == STORY and figures.get("reach", LEAST_VIEWERS if figures else 0) < LEAST_VIEWERS:
        raise GraphError(10, "(#10) Not enough viewers for the media to show insights")
    data = []
    for metric in dict.fromkeys(metrics):
        value = figures.get("impressions") if metric == "impressions" else MEDIA_METRICS[metric].read(figures)
        if value is not None:
            content: dict[str, Any] = {"values": [{"value": value}]}
            if breakdown:
                content["total_value"] = _broken_down(breakdown, value, figures)
            data.append(frame(post.post_id, metric, "lifetime", content))
    return {"data": data}


def _media_enum(owner: Account) -> list[str]:
    living = [
        name
        for name, metric in MEDIA_METRICS.items()
        if not (metric.facebook_login_only and owner.login == "instagram")
    ]
    return [*living, *DEAD_MEDIA_METRICS]


def _refuse_unknown(metrics: list[str], known: list[str]) -> None:
    for place, metric in enumerate(metrics):
        if metric not in known:
            raise bad_parameter(f"metric[{place}] must be one of the following values: {', '.join(known)}")


def _refuse_inapplicable(call: Call, metric: str, post: Post, product: str) -> None:
    known = MEDIA_METRICS.get(metric)
    if metric == "impressions" and version_number(call.version) <= (21, 0) and post.published_at < IMPRESSIONS_END:
        return
    if known is None or product not in known.products or metric in call.world.instagram.retired_metrics:
        raise bad_parameter(f"The Media Insights API does not support the {metric} metric for this media product type.")
    if metric == "shares" and "no_shares" in post.flags:
        raise _not_for_media_type(metric)
    if known.needs_facebook_share and "shared_to_facebook" not in post.flags:
        if metric == "total_views":
            raise GraphError(200, "(#200) The media is not shared to Facebook", status=403)
        raise GraphError(100, f"(#100) The {metric} metric needs media shared to Facebook", subcode=2207086)


def _not_for_media_type(metric: str) -> GraphError:
    return bad_parameter(f"The metric {metric} is not supported for this media type")


def _before_conversion() -> GraphError:
    return GraphError(
        100,
        "Invalid parameter",
        subcode=2108006,
        extra={
            "error_data": {"blame_field_specs": [[""]]},
            "is_transient": False,
            "error_user_title": "Media posted before business account conversion",
            "error_user_msg": "The media was posted before the most recent time that the user's account was converted "
            "to a business account from a personal account.",
        },
    )


def _broken_down(breakdown: str, value: int, figures: Figures) -> dict[str, Any]:
    results = []
    if "url_clicks" in figures:
        links = figures["url_clicks"]
        results = [
            {"dimension_values": ["bio_link_clicked"], "value": links},
            {"dimension_values": ["other"], "value": max(value - links, 0)},
        ]
    return {"value": value, "breakdowns": [{"dimension_keys": [breakdown], "results": results}]}


def account_insights(call: Call, account: Account) -> dict[str, Any]:
    """`/{ig-user}/insights`: a series of days or one total, as `metric_type` says; the wrong one gives a bare frame."""
    metrics = wanted_metrics(call)
    require_insights_scope(account)
    if "impressions" in metrics:
        raise bad_parameter(
            "Starting from version 22 and above, the impressions metric is no longer supported for the queried user. "
            "Please use the views metric instead."
        )
    _refuse_unknown(metrics, [name for name in ACCOUNT_METRICS if name not in call.world.instagram.retired_metrics])
    periods, metric_type = named(call.params, "period"), call.params.get("metric_type")
    if not periods:
        raise bad_parameter("The parameter period is required")
    if metric_type not in _METRIC_TYPES:
        raise bad_parameter("metric_type must be one of the following values: default, time_series, total_value")
    window = read_window(call.params, call.now, default_days=1, longest=LONGEST_WINDOW_DAYS)
    breakdown = named(call.params, "breakdown")
    followers = call.world.followers(account, call.now)
    data = []
    for name in dict.fromkeys(metrics):
        metric = ACCOUNT_METRICS[name]
        if metric.period not in periods:
            raise bad_parameter(f"Incompatible metrics ({name}) with period {', '.join(periods)}")
        if not set(breakdown) <= set(metric.breakdowns):
            raise bad_parameter(f"Incompatible breakdowns ({','.join(breakdown)}) with metric {name}")
        if metric.needs_timeframe and call.params.get("timeframe") not in TIMEFRAMES:
            raise bad_parameter(f"timeframe must be one of the following values: {', '.join(TIMEFRAMES)}")
        if followers is not None and followers < metric.least_followers:
            continue
        content = _account_figures(call, account, name, metric, window)
        if content is not None:
            data.append(frame(account.external_id, name, metric.period, content))
    return {"data": data, "paging": sliding_paging(call.params, call.link, window)}


def _account_figures(
    call: Call, account: Account, name: str, metric: AccountMetric, window: Window
) -> Mapping[str, Any] | None:
    as_total = call.params.get("metric_type") == "total_value"
    if not (metric.total if as_total else metric.series):
        return {}
    breakdown = named(call.params, "breakdown")
    if metric.comes_split and not breakdown:
        return {}
    columns = [call.world.days(account, column) for column in metric.columns]
    oldest = call.now - timedelta(days=KEPT_DAYS)
    days = [
        day
        for day in window.days()
        if oldest <= end_of_day(day) <= call.now - SETTLING and any(day in column for column in columns)
    ]
    values = [sum(column.get(day, 0) for column in columns) for day in days]
    if not values:
        return None
    if not as_total:
        ends = [wire_time(end_of_day(day)) for day in days]
        return {"values": [{"value": value, "end_time": end} for value, end in zip(values, ends, strict=True)]}
    if name in UNIQUE_ACCOUNT_METRICS and len(values) > 1:
        return {}
    return {"total_value": _total(metric, breakdown, values)}


def _total(metric: AccountMetric, breakdown: list[str], values: list[int]) -> dict[str, Any]:
    """The sum of the days, and its rows where a breakdown was asked for."""
    whole = [WHOLE_OF_BREAKDOWN[name] for name in breakdown]
    total: dict[str, Any] = {}
    if metric.comes_split:
        rows = [
            {"dimension_values": whole, "value": sum(value for value in values if value > 0)},
            {"dimension_values": ["NON_FOLLOWER"], "value": -sum(value for value in values if value < 0)},
        ]
    else:
        rows = [{"dimension_values": whole, "value": sum(values)}]
        total["value"] = sum(values)
    if breakdown:
        total["breakdowns"] = [{"dimension_keys": breakdown, "results": rows}]
    return total
