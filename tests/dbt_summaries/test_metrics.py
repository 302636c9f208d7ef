"""Metrics of the semantic layer: by platform and week, as their definitions say, they are the figures of the summaries.

Not here: how a BI tool asks for them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.worlds import Post, Reading, store

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


def sql_of(manifest: dict[str, Any], name: str) -> str:
    """The metric as SQL over its semantic model, put together from what dbt has parsed."""
    metric = manifest["metrics"][f"metric.dbt_summaries.{name}"]
    parameters = metric["type_params"]
    if metric["type"] == "ratio":
        parts = [sql_of(manifest, parameters[part]["name"]) for part in ("numerator", "denominator")]
        return f"{parts[0]}::double precision / nullif({parts[1]}, 0)"
    (model,) = manifest["semantic_models"].values()
    measure = next(each for each in model["measures"] if each["name"] == parameters["measure"]["name"])
    return f"{measure['agg']}({measure['expr'] or measure['name']})"


def test_metrics_by_platform_and_week_are_those_of_the_summaries(engine: Engine, dbt: Dbt) -> None:
    start = datetime(2024, 1, 3, tzinfo=UTC)
    posts = {}
    for n in range(40):
        at = start + timedelta(days=n // 2)
        likes, impressions, clicks = (None if n % k == 0 else 7 * n + k for k in (3, 5, 7))
        reading = Reading(at, likes, n, -1, impressions, 10, clicks, None if n % 4 else n)
        posts[n + 1] = Post("twitter" if n % 2 else "linkedin", at, (reading,))
    store(engine, {1: posts})
    assert dbt("run").succeeded

    manifest = dbt.manifest()
    columns = ", ".join(f"{sql_of(manifest, metric)} AS {column}" for metric, column in OF_SUMMARIES.items())
    (model,) = manifest["semantic_models"].values()
    by_metrics = text(
        f"SELECT platform, date_trunc('week', published_on)::date AS period_start, {columns}"
        f" FROM {model['node_relation']['relation_name']} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    by_summaries = text(
        f"SELECT platform, period_start, {', '.join(OF_SUMMARIES.values())} FROM analytics_summaries"
        " WHERE period_type = 'weekly' AND platform <> 'all' ORDER BY 1, 2"
    )
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(by_metrics).mappings()]
        expected = [dict(row) for row in connection.execute(by_summaries).mappings()]
        days = connection.scalar(
            text("SELECT count(*) FROM time_spine WHERE day BETWEEN '2024-02-28' AND '2024-03-01'")
        )
    assert len(found) == 2 * 4
    for row, of_summaries in zip(found, expected, strict=True):
        assert row == pytest.approx(of_summaries)
    assert days == 3
