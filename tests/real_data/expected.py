"""What must be in the database after a set was read, computed with pandas from the set alone; and how it differs.

Here: the rules of design.md §3 and §4 once more, column by column. Not here: which figures a set has.
"""

from typing import Any, TypeAlias

import pandas as pd

from tests.real_data.realset import RealSet

Rows = dict[Any, dict[str, Any]]
Column: TypeAlias = "pd.Series[Any]"

ENGAGEMENTS = ["likes_count", "comments_count", "shares_count"]
COUNTS = [
    *ENGAGEMENTS, "reactions_count", "retweets_count", "quote_tweets_count", "bookmarks_count", "impressions", "reach",
    "clicks", "url_clicks", "profile_clicks", "video_views",
]  # fmt: skip
PERIODS = {"daily": "D", "weekly": "W-SUN", "monthly": "M"}
TOTALS = {
    "total_likes": "likes_count",
    "total_comments": "comments_count",
    "total_shares": "shares_count",
    "total_engagements": "engagements",
    "total_impressions": "impressions",
    "total_reach": "reach",
    "total_clicks": "clicks",
    "total_video_views": "video_views",
}
"""Column of `analytics_summaries` → figure of the posts that it adds up."""


def observations(real: RealSet) -> Rows:
    """(post, moment) → every figure; None for what the set does not say."""
    table = _complete(real.observed).merge(real.posts[["post", "published_at"]], on="post", validate="many_to_one")
    table["engagement_rate"] = _percent(table["engagements"], table["impressions"])
    table["click_through_rate"] = _percent(table["clicks"], table["impressions"])
    table["published_on"] = table["published_at"].dt.date
    columns = [*COUNTS, "engagement_rate", "click_through_rate", "published_on"]
    return _rows(table, ["post", "read_at"], columns)


def summaries(real: RealSet, readings: int) -> Rows:
    """(business, platform, period type, first day) → totals, rates, growth, after the first `readings` readings."""
    latest = _complete(real.observed_by(readings)).sort_values("read_at").drop_duplicates("post", keep="last")
    table = real.known_posts(readings).merge(latest, on="post", how="left", validate="one_to_one")
    rated, clicked = table["engagements"].notna(), table["clicks"].notna()
    shown = table["impressions"].notna()
    table = table.assign(
        rated=table["engagements"].where(shown),
        rated_impressions=table["impressions"].where(rated),
        clicked=table["clicks"].where(shown),
        clicked_impressions=table["impressions"].where(clicked),
    )
    found: Rows = {}
    for period_type, length in PERIODS.items():
        periods = table["published_at"].dt.tz_localize(None).dt.to_period(length).rename("period")
        groups = table.groupby(["business", periods])
        sums = groups[[*TOTALS.values(), "rated", "rated_impressions", "clicked", "clicked_impressions"]].sum(
            min_count=1
        )
        result = sums[list(TOTALS.values())].set_axis(list(TOTALS), axis="columns")
        result["total_posts"] = groups.size()
        result["avg_engagement_rate"] = _percent(sums["rated"], sums["rated_impressions"])
        result["avg_click_through_rate"] = _percent(sums["clicked"], sums["clicked_impressions"])
        following = [(business, period + 1) for business, period in result.index]
        before = result["total_engagements"].set_axis(pd.MultiIndex.from_tuples(following)).reindex(result.index)
        result["engagement_growth"] = _percent(result["total_engagements"] - before, before)
        for (business, period), row in _rows(result.reset_index(), ["business", "period"], result.columns).items():
            for platform in (real.platform, "all"):
                found[business, platform, period_type, period.start_time.date()] = row
    return found


def stored(table: pd.DataFrame, key: list[str], like: Rows) -> Rows:
    """Rows of the database in the form of the expected ones: the same key, the same columns."""
    columns = list(next(iter(like.values())))
    return _rows(table, key, columns)


def differences(expected: Rows, actual: Rows) -> list[str]:
    """What is missing, too much, or another figure, a line each; equal means equal to the last digit."""
    lines = [f"missing: {key}" for key in expected.keys() - actual.keys()]
    lines += [f"too much: {key}" for key in actual.keys() - expected.keys()]
    for key in expected.keys() & actual.keys():
        lines += [
            f"{key}: {name} is {actual[key][name]!r}, expected {value!r}"
            for name, value in expected[key].items()
            if actual[key][name] != value
        ]
    return sorted(lines)


def _complete(observed: pd.DataFrame) -> pd.DataFrame:
    """All figures as nullable whole numbers, with the engagements of each post: those of the three that are known."""
    table = observed.reindex(columns=["post", "read_at", *COUNTS])
    table[COUNTS] = table[COUNTS].astype("Int64")
    table["engagements"] = table[ENGAGEMENTS].sum(axis="columns", min_count=1)
    return table


def _percent(part: Column, whole: Column) -> Column:
    """100 × part / whole; unknown where either is, or the whole is 0."""
    return part.astype("Float64").mul(100.0).div(whole.astype("Float64").where(whole != 0))


def _rows(table: pd.DataFrame, key: list[str], columns: Any) -> Rows:
    names = list(columns)
    found: Rows = {}
    for record in table[[*key, *names]].itertuples(index=False, name=None):
        found[tuple(map(_plain, record[: len(key)]))] = dict(zip(names, map(_plain, record[len(key) :]), strict=True))
    assert len(found) == len(table), f"{key} does not tell rows apart"
    return found


def _plain(value: Any) -> Any:
    """Python's own types, None for unknown, so that rows of pandas and of the database compare."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value
