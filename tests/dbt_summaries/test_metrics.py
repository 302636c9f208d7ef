"""Metrics of the semantic layer: by platform and week, as their definitions say, they are the figures of the marts.

Not here: how a BI tool asks for them.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.history_worlds import ACCOUNT_FIGURES, History, store_history
from tests.dbt_summaries.worlds import Post, Reading

OF_SUMMARIES = {
    "posts": "total_posts",
    "likes": "total_likes",
    "comments": "total_comments",
    "shares": "total_shares",
    "engagements": "total_engagements",
    "impressions": "total_impressions",
    "summed_reach": "total_reach",
    "clicks": "total_clicks",
    "video_views": "total_video_views",
    "engagement_rate": "avg_engagement_rate",
    "click_through_rate": "avg_click_through_rate",
}


OF_ACTIVITY = {"engagements_gained": "engagements_gain", "impressions_gained": "impressions_gain"}
OF_COVERAGE = {"engagements_coverage": "posts_with_engagements", "impressions_coverage": "posts_with_impressions"}


def measure_of(manifest: dict[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(semantic model, measure) of a simple metric."""
    ((model, measure),) = (
        (model, measure)
        for model in manifest["semantic_models"].values()
        for measure in model["measures"]
        if measure["name"] == name
    )
    return model, measure


def sql_of(manifest: dict[str, Any], name: str) -> str:
    """The metric as SQL over its semantic model, put together from what dbt has parsed."""
    metric = manifest["metrics"][f"metric.dbt_summaries.{name}"]
    parameters = metric["type_params"]
    if metric["type"] == "ratio":
        parts = [sql_of(manifest, parameters[part]["name"]) for part in ("numerator", "denominator")]
        return f"{parts[0]}::double precision / nullif({parts[1]}, 0)"
    _, measure = measure_of(manifest, parameters["measure"]["name"])
    return f"{measure['agg']}({measure['expr'] or measure['name']})"


def by_week(manifest: dict[str, Any], names: Iterable[str], of: str) -> str:
    """Metrics of the model that has the measure `of`, by platform and week."""
    model, _ = measure_of(manifest, of)
    name = model["defaults"]["agg_time_dimension"]
    (day,) = (each["expr"] or name for each in model["dimensions"] if each["name"] == name)
    columns = ", ".join(f"{sql_of(manifest, name)} AS {name}" for name in names)
    return (
        f"SELECT platform, date_trunc('week', {day})::date AS period_start, {columns}"
        f" FROM {model['node_relation']['relation_name']} GROUP BY 1, 2 ORDER BY 1, 2"
    )


def test_metrics_by_platform_and_week_are_those_of_the_marts(engine: Engine, dbt: Dbt) -> None:
    start = datetime(2024, 1, 3, tzinfo=UTC)
    posts = {}
    for n in range(40):
        at = start + timedelta(days=n // 2)
        likes, impressions, clicks = (None if n % k == 0 else 7 * n + k for k in (3, 5, 7))
        reading = Reading(at, likes, n, -1, impressions, 10, clicks, None if n % 4 else n)
        again = Reading(at + timedelta(days=9), likes and likes - 1, None, 8, impressions, 10, clicks)
        posts[n + 1] = Post("twitter" if n % 2 else "linkedin", at, (reading, again))
    followers = {
        ("linkedin", 1, date(2024, 1, day)): dict.fromkeys(ACCOUNT_FIGURES) | {"followers": 100 + day * (-1) ** day}
        for day in (3, 4, 9, 20)
    }
    store_history(engine, History({1: posts}, {1: followers}))
    assert dbt("run").succeeded
    manifest = dbt.manifest()

    def rows(query: str) -> list[dict[str, Any]]:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    def weekly(mart: str, columns: str) -> list[dict[str, Any]]:
        return rows(
            f"SELECT platform, period_start, {columns} FROM {mart}"
            " WHERE period_type = 'weekly' AND platform <> 'all' ORDER BY 1, 2"
        )

    def assert_same(metrics: list[dict[str, Any]], expected: list[dict[str, Any]], count: int) -> None:
        assert len(expected) == count
        for row, figures in zip(metrics, expected, strict=True):
            assert row == pytest.approx(figures)

    of_summaries = ", ".join(f"{column} AS {name}" for name, column in OF_SUMMARIES.items())
    assert_same(rows(by_week(manifest, OF_SUMMARIES, "posts")), weekly("analytics_summaries", of_summaries), 2 * 4)
    of_coverage = ", ".join(f"100.0::float * {count} / total_posts AS {name}" for name, count in OF_COVERAGE.items())
    assert_same(rows(by_week(manifest, OF_COVERAGE, "posts")), weekly("summary_coverage", of_coverage), 2 * 4)
    gained = ", ".join(f"{column} AS {name}" for name, column in OF_ACTIVITY.items())
    in_weeks_with_readings = [row for row in weekly("activity_summaries", f"{gained}, readings") if row.pop("readings")]
    assert_same(rows(by_week(manifest, OF_ACTIVITY, "impressions_gained")), in_weeks_with_readings, 2 * 5)
    found = rows(by_week(manifest, ["followers_gained"], "followers_gained"))
    # 97 followers on the 3rd, 104, 91, and 120 on the 20th.
    assert [(row["period_start"].day, row["followers_gained"]) for row in found] == [(1, 7), (8, -13), (15, 29)]
    assert rows("SELECT count(*) AS days FROM time_spine WHERE day BETWEEN '2024-02-28' AND '2024-03-01'") == [
        {"days": 3}
    ]
