"""The definitions of the marts about history once more: slow, plain pandas, sharing nothing with the SQL.

A mart is a data frame with its key as columns. Not here: worlds (`history_worlds.py`), the tests that compare.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Any

import pandas as pd

from tests.dbt_summaries.history_worlds import ACCOUNT_FIGURES, History
from tests.dbt_summaries.reference import START, end
from tests.dbt_summaries.worlds import Post, account_id

FIGURES = ("likes", "comments", "shares", "impressions", "reach", "clicks", "video_views")
SUMMED = ("likes", "comments", "shares", "engagements", "impressions", "clicks", "video_views")
SHOWN = (
    "impressions", "likes", "comments", "shares", "engagements", "clicks", "video_views", "profile_views", "follower_gain",
)  # fmt: skip
TOLD = {"likes": "likes_count", "comments": "comments_count", "shares": "shares_count"}
"""Figures of posts that have another name among the metrics."""
ONE_DAY = timedelta(days=1)
AGES = {"1h": (1, 2), "24h": (24, 48), "7d": (7 * 24, 8 * 24), "30d": (30 * 24, 37 * 24)}
"""From how many hours to how many hours after publication."""

Row = dict[str, Any]


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """The rows of a frame; what it does not know is None."""
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]


@cache
def post_daily_gains(history: History) -> list[Row]:
    """Keys: post_id, observed_on."""
    readings = pd.DataFrame(
        [
            {
                "post_id": key,
                "observed_on": reading.fetched_at.date(),
                "business_id": business,
                "social_account_id": account_id(business, post.platform, post.account),
                "platform": post.platform,
                "published_on": post.published_at.date(),
                **{figure: getattr(reading, figure) for figure in FIGURES},
            }
            for business, posts in history.posts.items()
            for key, post in posts.items()
            for reading in post.readings
        ]
    ).sort_values(["post_id", "observed_on"])
    gains = readings.drop(columns=[*FIGURES])
    for figure in FIGURES:
        known = readings.assign(level=readings[figure].astype("Int64")).dropna(subset="level")
        before = known.groupby("post_id")[["level", "observed_on"]].shift()
        age = (known["observed_on"] - known["published_on"]).map(lambda span: span.days)
        is_new = before["observed_on"].isna() & age.isin([0, 1])  # so that all was gained since it was published
        gains[f"{figure}_gain"] = known["level"] - before["level"].mask(is_new, 0)
        since = before["observed_on"].mask(is_new, known["published_on"] - ONE_DAY)
        days = known["observed_on"] - since.where(since.notna(), known["observed_on"])
        gains[f"{figure}_days"] = days.map(lambda span: span.days).astype("Int64").where(since.notna())
    parts = ["likes", "comments", "shares"]
    gains["engagements_gain"] = gains[[f"{part}_gain" for part in parts]].sum(axis=1, min_count=1)
    gains["engagements_days"] = gains[[f"{part}_days" for part in parts]].max(axis=1)
    return rows_of(gains)


@cache
def activity_summaries(history: History) -> list[Row]:
    """Keys: business_id, platform, period_type, period_start."""
    rows: list[Row] = []
    for row in post_daily_gains(history):
        day: Row = {"readings": 1}
        for figure in SUMMED:
            gain = row[f"{figure}_gain"]
            day[f"{figure}_gain"] = gain
            day[f"{figure}_gain_of_several_days"] = gain if gain is not None and row[f"{figure}_days"] > 1 else None
            day[f"readings_with_{figure}"] = int(gain is not None)
        rows.append(day | {"business_id": row["business_id"], "platform": row["platform"], "day": row["observed_on"]})
    for business, days in history.accounts.items():
        for (platform, _, on), figures in days.items():
            day = {"account_days": 1}
            for figure in SHOWN:
                day[f"account_{figure}"] = figures[figure]
                day[f"account_days_with_{figure}"] = int(figures[figure] is not None)
            rows.append(day | {"business_id": business, "platform": platform, "day": on})
    keys = ["business_id", "platform", "day"]
    frame = pd.DataFrame(rows).set_index(keys).astype("Int64").reset_index()
    scoped = pd.concat([frame, frame.assign(platform="all")])
    counts = [name for name in map(str, frame) if name.startswith(("readings", "account_days"))]
    summaries: list[Row] = []
    for period_type, start in START.items():
        periods = scoped.assign(period_type=period_type, period_start=scoped["day"].map(start))
        groups = periods.drop(columns="day").groupby(["business_id", "platform", "period_type", "period_start"])
        totals = groups.sum(min_count=1).astype(object).reset_index()
        totals[counts] = totals[counts].fillna(0)
        totals["period_end"] = [end(period_type, first) for first in totals["period_start"]]
        summaries += rows_of(totals)
    return summaries


@cache
def platform_coverage(history: History) -> list[Row]:
    """Keys: platform, day, subject, metric; only the metrics that these worlds have."""
    told = [
        (post.platform, reading.fetched_at.date(), "post", TOLD.get(figure, figure), getattr(reading, figure))
        for posts in history.posts.values()
        for post in posts.values()
        for reading in post.readings
        for figure in FIGURES
    ] + [
        (platform, day, "account", figure, figures[figure])
        for days in history.accounts.values()
        for (platform, _, day), figures in days.items()
        for figure in ACCOUNT_FIGURES
    ]
    keys = ["platform", "day", "subject", "metric"]
    groups = pd.DataFrame(told, columns=[*keys, "figure"], dtype=object).groupby(keys)["figure"]
    frame = pd.DataFrame({"readings": groups.size(), "known": groups.count()})
    frame["null_share"] = 100.0 * (1 - frame["known"] / frame["readings"])
    return rows_of(frame.reset_index())


@cache
def account_growth(history: History) -> list[Row]:
    """Keys: social_account_id, day."""
    rows: list[Row] = []
    for business, days in history.accounts.items():
        for platform, account in {(platform, account) for platform, account, _ in days}:
            before: tuple[date, int] | None = None
            for day in sorted(day for *of, day in days if of == [platform, account]):
                followers, gain = (days[platform, account, day][name] for name in ("followers", "follower_gain"))
                if followers is None and gain is None:
                    continue
                row: Row = {"business_id": business, "platform": platform, "day": day, "reported_gain": gain}
                row["social_account_id"] = account_id(business, platform, account)
                row |= {"followers": followers, "followers_change": None, "change_days": None, "growth_rate": None}
                if followers is not None:
                    if before:
                        change = followers - before[1]
                        row |= {"followers_change": change, "change_days": (day - before[0]).days}
                        row["growth_rate"] = 100 * change / before[1] if before[1] else None
                    before = day, followers
                rows.append(row)
    return rows


def _performance(post: Post) -> Row:
    readings = sorted(post.readings, key=lambda reading: reading.fetched_at)
    latest = readings[-1] if readings else None
    row: Row = {figure: getattr(latest, figure, None) for figure in FIGURES}
    row["engagements"] = _sum(row[figure] for figure in ("likes", "comments", "shares"))
    for rate, part in (("engagement_rate", "engagements"), ("click_through_rate", "clicks")):
        known = row[part] is not None and row["impressions"]
        row[rate] = 100 * row[part] / row["impressions"] if known else None
    row["readings"] = len(readings)
    row["first_read_at"] = readings[0].fetched_at if readings else None
    row["last_read_at"] = latest.fetched_at if latest else None
    row["age_hours"] = (latest.fetched_at - post.published_at) / timedelta(hours=1) if latest else None
    for name, (first, last) in AGES.items():
        told = (
            _sum([reading.likes, reading.comments, reading.shares])
            for reading in readings
            if timedelta(hours=first) <= reading.fetched_at - post.published_at <= timedelta(hours=last)
        )
        row[f"engagements_after_{name}"] = next((engagements for engagements in told if engagements is not None), None)
    return row


@cache
def post_performance(history: History) -> list[Row]:
    """Key: post_id."""
    frame = pd.DataFrame(
        [
            {
                "post_id": key,
                "business_id": business,
                "social_account_id": account_id(business, post.platform, post.account),
                "platform": post.platform,
                "post_type": post.post_type,
                "published_at": post.published_at,
                "published_on": post.published_at.date(),
                **_performance(post),
            }
            for business, posts in history.posts.items()
            for key, post in posts.items()
        ],
        dtype=object,
    ).set_index("post_id", drop=False)
    ranks = ["ranked_posts", "engagement_rank", "engagement_percentile", "multiple_of_median"]
    for name in ranks:
        frame[name] = None
    for _, account in frame.groupby("social_account_id"):
        recent = account[account["published_on"] >= account["published_on"].max() - 89 * ONE_DAY]
        engagements = recent["engagements"].dropna().astype("int64")
        frame.loc[engagements.index, "ranked_posts"] = len(engagements)
        frame.loc[engagements.index, "engagement_rank"] = engagements.rank(method="min", ascending=False).astype(
            "int64"
        )
        frame.loc[engagements.index, "engagement_percentile"] = 100 * engagements.rank(method="max", pct=True)
        if engagements.median() > 0:
            frame.loc[engagements.index, "multiple_of_median"] = engagements / engagements.median()
    return rows_of(frame)
