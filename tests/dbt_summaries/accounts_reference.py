"""The definitions of `posting_times`, `content_types` and `benchmarks` once more: plain pandas, nothing of the SQL.

Not here: worlds (`accounts_worlds.py`), the tests that compare.
"""

from collections import defaultdict
from functools import cache
from math import floor, sqrt
from typing import Any

import numpy as np
import pandas as pd

from tests.dbt_summaries.accounts_worlds import AccountsWorld

WEEKS = 16
LEAST_POSTS = 20
NAN = float("nan")


def low_rank(rates: int) -> int:
    """From the rate of this rank to that of the same rank from above reaches the median's 95 % interval; 0: none."""
    return floor((rates + 1) / 2 - 0.98 * sqrt(rates))


@cache
def posts_with_figures(world: AccountsWorld) -> pd.DataFrame:
    """One row per post, with the figures of its latest reading: unknown is NaN."""
    posts = pd.DataFrame(world.published_posts).rename(columns={"id": "post_id"})
    readings = pd.DataFrame(world.post_analytics).sort_values("fetched_at").groupby("post_id").tail(1)
    posts = posts.merge(readings.drop(columns=["platform", "platform_post_id"]), on="post_id", how="left")
    parts = ["likes_count", "comments_count", "shares_count"]
    posts["engagements"] = posts[parts].astype(float).sum(axis=1, min_count=1)
    posts["impressions"] = posts["impressions"].astype(float)
    posts["rate"] = 100 * posts["engagements"] / posts["impressions"].where(posts["impressions"] != 0)
    posts["publish_day"] = posts["published_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
    posts["month_start"] = posts["publish_day"].dt.to_period("M").dt.start_time
    return posts


def group_rate(posts: pd.DataFrame) -> float:
    """Sum by sum over the posts for which both are known."""
    both = posts.dropna(subset=["engagements", "impressions"])
    whole = both["impressions"].sum()
    return float(100 * both["engagements"].sum() / whole) if whole else NAN


def _lift(rate: float, usual: float) -> float:
    return 100 * (rate - usual) / usual if usual > 0 else NAN


def _recommendation(rated_posts: int, low: float, high: float) -> str:
    if rated_posts < LEAST_POSTS:
        return "not enough posts"
    if low > 0:
        return "better than usual"
    return "worse than usual" if high < 0 else "no clear difference"


@cache
def posting_times(world: AccountsWorld) -> pd.DataFrame:
    """All rows without `updated_at`."""
    zones = {business["id"]: business["timezone"] for business in world.businesses}
    rows: list[dict[str, Any]] = []
    for (business, account, platform), posts in posts_with_figures(world).groupby(
        ["business_id", "social_account_id", "platform"]
    ):
        local = posts["published_at"].dt.tz_convert(zones[business]).dt.tz_localize(None)
        end = local.max().normalize()
        start = end - pd.Timedelta(weeks=WEEKS) + pd.Timedelta(days=1)
        in_window = posts[local >= start]
        usual = in_window["rate"].median()
        local = local[local >= start]
        for (weekday, hour), cell in in_window.groupby([local.dt.day_of_week + 1, local.dt.hour]):
            rates = sorted(cell["rate"].dropna())
            rank = low_rank(len(rates))
            low = _lift(rates[rank - 1], usual) if rank else NAN
            high = _lift(rates[-rank], usual) if rank else NAN
            rows.append(
                {
                    "business_id": business,
                    "social_account_id": account,
                    "platform": platform,
                    "time_zone": zones[business],
                    "window_start": start,
                    "window_end": end,
                    "weekday": weekday,
                    "hour": hour,
                    "posts": len(cell),
                    "rated_posts": len(rates),
                    "median_engagement_rate": cell["rate"].median(),
                    "avg_engagement_rate": group_rate(cell),
                    "account_posts": len(in_window),
                    "account_rated_posts": in_window["rate"].count(),
                    "account_median_engagement_rate": usual,
                    "engagement_lift": _lift(cell["rate"].median(), usual),
                    "engagement_lift_low": low,
                    "engagement_lift_high": high,
                    "recommendation": _recommendation(in_window["rate"].count(), low, high),
                }
            )
    return pd.DataFrame(rows)


def _length_class(body: str | float | None) -> str:
    if not isinstance(body, str):
        return "unknown"
    if not body:
        return "none"
    return "short" if len(body) <= 100 else "medium" if len(body) <= 280 else "long"


def _media_class(images: float) -> str:
    if np.isnan(images):
        return "unknown"
    return str(int(images)) if images < 2 else "2 to 4" if images < 5 else "5 or more"


def _gap_class(days: float) -> str:
    return str(int(days)) if days <= 7 else "over 7"


@cache
def content_types(world: AccountsWorld) -> pd.DataFrame:
    """All rows without `updated_at`."""
    content = pd.DataFrame(world.content).rename(columns={"id": "content_id"})[["content_id", "body"]]
    images = pd.DataFrame(world.images)["content_id"].value_counts()
    content["images"] = content["content_id"].map(images).fillna(0)
    posts = posts_with_figures(world).merge(content, on="content_id", how="left")
    posts = posts.sort_values(["published_at", "post_id"])
    gap = posts.groupby("social_account_id")["publish_day"].diff().dt.days
    posts = posts.assign(
        post_type=posts["post_type"].fillna("unknown"),
        text_length=posts["body"].map(_length_class),
        media_count=posts["images"].map(_media_class),
        days_since_last_post=gap.map(_gap_class),
    )
    known = posts.dropna(subset=["engagements", "impressions"])
    posts["rated_engagements"], posts["rated_impressions"] = known["engagements"], known["impressions"]
    tables = []
    for trait in ("post_type", "text_length", "media_count", "days_since_last_post"):
        posts["class"] = posts[trait]
        keys = ["business_id", "social_account_id", "platform", "month_start", "class"]
        groups = posts.groupby(keys)
        sums = groups[["engagements", "impressions", "rated_engagements", "rated_impressions"]].sum(min_count=1)
        table = sums.rename(columns={"engagements": "total_engagements", "impressions": "total_impressions"})
        table["posts"] = groups.size()
        table["posts_with_engagements"] = groups["engagements"].count()
        table["posts_with_impressions"] = groups["impressions"].count()
        table["rated_posts"] = groups["rate"].count()
        whole = table["rated_impressions"]
        table["avg_engagement_rate"] = 100 * table["rated_engagements"] / whole.where(whole != 0)
        table["median_engagement_rate"] = groups["rate"].median()
        tables.append(table.reset_index().assign(trait=trait))
    return pd.concat(tables)


def _size_class(followers: float) -> str | None:
    for limit, name in ((1_000, "under 1,000"), (10_000, "1,000 to 9,999"), (100_000, "10,000 to 99,999")):
        if followers < limit:
            return name
    return None if np.isnan(followers) else "100,000 and over"


@cache
def benchmarks(world: AccountsWorld) -> pd.DataFrame:
    """All rows without `updated_at`."""
    readings = pd.DataFrame(world.account_analytics).dropna(subset="followers").sort_values("day")
    rows: list[dict[str, Any]] = []
    keys = ["business_id", "social_account_id", "platform", "month_start"]
    groups: Any = posts_with_figures(world).groupby(keys)  # its keys have no types of their own
    for (business, account, platform, month), posts in groups:
        before = readings["day"] < (month + pd.DateOffset(months=1)).date()
        followers = [NAN, *readings[(readings["social_account_id"] == account) & before]["followers"]][-1]
        figures = {
            "posts": (len(posts), len(posts)),
            "impressions_per_post": (posts["impressions"].mean(), posts["impressions"].count()),
            "engagement_rate": (group_rate(posts), len(posts.dropna(subset=["engagements", "impressions"]))),
        }
        for metric, (value, covered) in figures.items():
            key = (business, account, platform, month)
            row: dict[str, Any] = dict(zip(keys, key, strict=True)) | {
                "metric": metric,
                "value": value,
                "covered_posts": covered,
            }
            rows.append(row | {"followers": followers, "size_class": _size_class(followers)})
    own = {(row["social_account_id"], row["month_start"], row["metric"]): row["value"] for row in rows}
    peers_of: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in rows:
        if row["size_class"] and not np.isnan(row["value"]):
            peers_of[row["platform"], row["month_start"], row["size_class"], row["metric"]].append(row["value"])
    for row in rows:
        then = own.get((row["social_account_id"], row["month_start"] - pd.DateOffset(years=1), row["metric"]), NAN)
        row["value_last_year"] = then
        row["change_on_last_year"] = 100 * (row["value"] - then) / then if then > 0 else NAN
        peers = peers_of[row["platform"], row["month_start"], row["size_class"], row["metric"]]
        row["peer_accounts"] = len(peers) if row["size_class"] else NAN
        quartiles = np.quantile(peers, [0.25, 0.5, 0.75]) if len(peers) >= 5 else [NAN] * 3
        row["peer_quartile_1"], row["peer_median"], row["peer_quartile_3"] = quartiles
        unknown = np.isnan(row["value"]) or len(peers) < 5
        row["quarter"] = NAN if unknown else 1 + sum(row["value"] > quartile for quartile in quartiles)
    return pd.DataFrame(rows)
