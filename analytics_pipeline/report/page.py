"""The report as one HTML page that opens without a network: no script, no font, no picture from elsewhere.

Here: words and layout (`page.html.j2`). Not here: figures (`tables.py`), pictures (`pictures.py`).
"""

from collections.abc import Hashable, Mapping
from datetime import date, datetime
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from analytics_pipeline.report import pictures
from analytics_pipeline.report.notation import counted, is_over, number, period_name
from analytics_pipeline.report.tables import State, Tables

UNITS = {"daily": "day", "weekly": "week", "monthly": "month"}
FIGURES = {
    "total_posts": "posts",
    "total_engagements": "engagements",
    "total_impressions": "impressions",
    "total_reach": "reach (sum over posts)",
    "total_clicks": "clicks",
    "avg_engagement_rate": "rate %",
    "engagement_growth": "growth %",
}
_OF_POSTS = ("engagements", "multiple_of_median", "impressions", "engagement_rate")
COVERAGE = {
    "total_engagements": "posts_with_engagements",
    "total_impressions": "posts_with_impressions",
    "total_reach": "posts_with_reach",
    "total_clicks": "posts_with_clicks",
    "avg_engagement_rate": "posts_with_engagement_rate",
}
"""Figure → the number of posts that it is of."""


def page(business: str, period: str, tables: Tables, made_at: datetime) -> str:
    """The page on a business; `period` is daily, weekly or monthly, `made_at` UTC."""
    template = Environment(
        loader=PackageLoader("analytics_pipeline", "report"), autoescape=True, trim_blocks=True
    ).get_template("page.html.j2")
    unit = UNITS[period]
    summaries = tables.summaries
    starts = every_start(summaries["period_start"], period)
    return template.render(
        business=business,
        remarks=remarks(tables.state),
        since=tables.since and period_name(tables.since, period),
        period=period,
        unit=unit,
        made_at=f"{made_at:%Y-%m-%d %H:%M}",
        figures=FIGURES.values(),
        rows=_rows(summaries, period, made_at.date()),
        trends=[
            _safe(
                pictures.trend(
                    summaries, starts, column, f"{words} by {unit}", lambda start: period_name(start, period)
                )
            )
            for column, words in (("total_engagements", "Engagements"), ("avg_engagement_rate", "Engagement rate (%)"))
            if starts
        ],
        top_posts=[
            {
                "platform": post["platform"],
                "published": f"{post['published_at']:%Y-%m-%d %H:%M}",
                "id": post["platform_post_id"],
                "status": "" if post["status"] == "published" else post["status"],
                "url": _link(post["platform_post_url"]),
                "type": "–" if pd.isna(post["post_type"]) else post["post_type"],
                "cells": [cell(post[name]) for name in _OF_POSTS],
            }
            for post in tables.top_posts.to_dict("records")
        ],
        posting_times=[_account(str(name), rows) for name, rows in tables.posting_times.groupby("account")],
        followers="" if tables.followers.empty else _safe(pictures.followers(tables.followers)),
    )


def remarks(state: State) -> list[str]:
    """What keeps the summaries from being the whole of what is known, and what can be done about it."""
    found = [
        f"{row['account']} is not read: {row['status']}" + ("" if pd.isna(why := row["status_reason"]) else f" ({why})")
        for row in state.not_read.to_dict("records")
    ]
    if state.not_built:
        found.append(
            f"{counted(state.not_built, 'post')} found or read since these summaries were built: they follow by "
            "themselves where Dagster runs (analytics-pipeline dev), else by analytics-pipeline backfill"
        )
    return found


def cell(value: Any) -> str:
    """A figure for people, – where it is unknown."""
    return "–" if pd.isna(value) else number(value)


def _rows(summaries: pd.DataFrame, period: str, today: date) -> list[dict[str, Any]]:
    newest_first = summaries.sort_values("period_start", ascending=False, kind="stable")
    return [
        {
            "start": period_name(row["period_start"], period),
            "is_over": is_over(row, today),
            "platform": row["platform"],
            "cells": [(cell(row[name]), _of_posts(row, name)) for name in FIGURES],
        }
        for row in newest_first.to_dict("records")
    ]


def part(row: Mapping[Hashable, Any], name: str) -> str | None:
    """Of how many posts the figure is, where that is not all: a count, or `some` for growth, which is of two periods."""
    if pd.isna(row[name]):
        return None
    if name == "engagement_growth":
        return "some" if row["growth_of_some_posts"] else None
    covered = row[COVERAGE[name]] if name in COVERAGE else pd.NA
    return None if pd.isna(covered) or covered == row["total_posts"] else number(covered)


def _of_posts(row: Mapping[Hashable, Any], name: str) -> str:
    covered = part(row, name)
    if covered is None:
        return ""
    return "some posts" if covered == "some" else f"{covered} of {number(row['total_posts'])} posts"


def every_start(starts: "pd.Series[Any]", period: str) -> list[date]:
    """The first days of all periods from the first to the last, those without a post included."""
    if starts.empty:
        return []
    step = {"daily": "D", "weekly": "7D", "monthly": "MS"}[period]
    return [start.date() for start in pd.date_range(starts.min(), starts.max(), freq=step)]


def _account(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    better = rows[rows["recommendation"] == "better than usual"]
    one, posts, rated = rows.iloc[0], int(rows["posts"].sum()), int(rows["rated_posts"].sum())
    said = f"{counted(posts, 'post')} of {one['window_start']} to {one['window_end']}, hours in {one['time_zone']}. "
    if rated < posts:
        said += f"The engagement rate of {'none' if not rated else counted(rated, 'post')} is known. "
    if (rows["recommendation"] == "not enough posts").all():
        said += "Not enough posts for a recommendation."
    elif better.empty:
        said += "No hour is clearly better than the others."
    else:
        hours = [f"{pictures.WEEKDAYS[day - 1]} {hour}:00" for day, hour in zip(*_whole(better), strict=True)]
        said += f"Better than usual: {', '.join(hours)}."
    return {"name": name, "said": said, "picture": _safe(pictures.posting_times(rows))}


def _whole(rows: pd.DataFrame) -> tuple[list[int], list[int]]:
    return rows["weekday"].astype(int).tolist(), rows["hour"].astype(int).tolist()


def _safe(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - matplotlib has escaped the words in it


def _link(url: Any) -> str | None:
    """Only web addresses: the platforms gave it, and a page would run `javascript:`."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None
