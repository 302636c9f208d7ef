"""What the project promises about itself: contract, descriptions, lineage, refusals, and dbt tests that find errors.

Not here: figures.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.worlds import PLATFORMS, Post, Reading, store

COLUMNS = [
    "id",
    "business_id",
    "platform",
    "period_type",
    "period_start",
    "period_end",
    "total_posts",
    "total_likes",
    "total_comments",
    "total_shares",
    "total_engagements",
    "total_impressions",
    "total_reach",
    "total_clicks",
    "total_video_views",
    "avg_engagement_rate",
    "avg_click_through_rate",
    "top_post_id",
    "engagement_growth",
    "updated_at",
]


NUMBER = "count|per cent|seconds|minutes|hours|days|unit|multiple|1 =|0 to"
TIME = "UTC|zone|When"
UNIT = {"bigint": NUMBER, "integer": NUMBER, "smallint": NUMBER, "double precision": NUMBER, "numeric": NUMBER}
UNIT |= {"date": TIME, "timestamp with time zone": TIME}
UNIT |= dict.fromkeys(["text", "uuid", "boolean", "bigint[]"], "")
"""What a description says at least, by the type of its column."""


def raw_assets_above(manifest: dict[str, Any], node: str) -> set[tuple[str, ...]]:
    """Dagster's keys of the sources that a node is built from."""
    if node in manifest["sources"]:
        return {tuple(manifest["sources"][node]["config"]["meta"]["dagster"]["asset_key"])}
    parents = manifest["nodes"][node]["depends_on"]["nodes"]
    return set().union(*(raw_assets_above(manifest, parent) for parent in parents))


def test_contract_descriptions_and_lineage(engine: Engine, dbt: Dbt) -> None:
    anew = dbt("parse", "--no-partial-parse")
    assert (anew.succeeded, anew.messages) == (True, [])
    outcome = dbt("build")  # on an empty database
    assert outcome.succeeded
    assert outcome.messages == []
    assert set(outcome.statuses.values()) == {"success", "pass", "no-op"}

    with engine.connect() as connection:
        assert list(connection.execute(text("SELECT * FROM analytics_summaries")).keys()) == COLUMNS
    documented = dbt("docs", "generate")
    assert (documented.succeeded, documented.messages) == (True, [])
    manifest, catalog = dbt.manifest(), dbt.catalog()
    for name, node in catalog["nodes"].items():
        assert list(node["columns"]) == list(manifest["nodes"][name]["columns"])
    assert raw_assets_above(manifest, "model.dbt_summaries.analytics_summaries") == {
        (platform, table) for platform in PLATFORMS for table in ("published_posts", "post_analytics")
    }


def test_every_table_is_described_owned_and_tested(dbt: Dbt) -> None:
    assert dbt("parse").succeeded
    manifest = dbt.manifest()
    nodes, metrics = manifest["nodes"].values(), manifest["metrics"].values()
    assert [metric["name"] for metric in metrics if not metric["description"] or not metric["label"]] == []
    tested = {name for node in nodes if node["resource_type"] == "test" for name in node["depends_on"]["nodes"]}
    models = [node for node in nodes if node["resource_type"] == "model"]
    marts = [model for model in models if "marts" in model["fqn"]]
    of_bi_tools = manifest["exposures"]["exposure.dbt_summaries.bi_tools"]["depends_on"]["nodes"]
    assert sorted(of_bi_tools) == sorted(mart["unique_id"] for mart in marts)
    assert [mart["name"] for mart in marts if mart["unique_id"] not in tested] == []
    assert [mart["name"] for mart in marts if mart["config"]["materialized"] == "ephemeral"] == []
    for model in models:
        assert model["description"], model["name"]
        assert model["config"]["meta"]["owner"], model["name"]
        if model["config"]["materialized"] == "ephemeral":
            continue
        assert model["config"]["contract"]["enforced"], model["name"]
        for column in model["columns"].values():
            lacks = f"{model['name']}.{column['name']}: {column['description']!r}"
            assert column["description"], lacks
            unit = UNIT[column["data_type"]] if not column["name"].endswith("_id") else ""
            assert re.search(unit, column["description"]), f"no unit in {lacks}"


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2024-01-01", "", "given together"),
        ("", "2024-01-01", "given together"),
        ("2024-01-02", "2024-01-01", "2024-01-01, lies before first_day, 2024-01-02"),
        ("2024-02-30", "2024-03-01", "day is out of range"),
        ("1' or true --", "2024-03-01", "Invalid isoformat string"),
    ],
)
def test_days_that_make_no_range_are_refused(
    dbt: Dbt, monkeypatch: pytest.MonkeyPatch, first: str, last: str, message: str
) -> None:
    monkeypatch.setenv("DBT_FIRST_DAY", first)
    monkeypatch.setenv("DBT_LAST_DAY", last)
    outcome = dbt("run-operation", "changed_range")
    assert not outcome.succeeded
    assert message in outcome.messages[-1]


def test_days_may_be_given_as_vars(dbt: Dbt, tmp_path: Path) -> None:
    """With which the project is parsed anew, and refused where they make no range."""
    outcome = dbt("parse", "--vars", "{first_day: 2024-01-01}", "--target-path", str(tmp_path))
    assert not outcome.succeeded
    assert "given together" in outcome.messages[-1]


def test_dbt_tests_find_errors(engine: Engine, dbt: Dbt) -> None:
    def post(day: int) -> Post:
        at = datetime(2024, 1, day, tzinfo=UTC)
        return Post("twitter", at, (Reading(at, likes=10 * day),))

    others = ("platform_is_known", "coverage_is_of_the_summaries")
    store(engine, {1: {1: post(1), 2: post(2), 3: post(9)}})
    assert set(dbt("build").statuses.values()) == {"success", "pass", "no-op"}
    summaries = "UPDATE analytics_summaries SET "
    for error, found_by in {
        summaries + "total_likes = total_likes + 1 WHERE period_type = 'weekly'": {
            "weeks_and_months_are_sums_of_days": "fail"
        },
        summaries + "total_reach = 0 WHERE platform = 'all'": {
            "all_is_the_sum_of_platforms": "fail",
            "coverage_is_of_the_summaries": "fail",
        },
        summaries + "period_end = period_end + 1 WHERE period_type = 'monthly'": {
            "periods_start_and_end_right": "fail"
        },
        summaries + "engagement_growth = 0 WHERE period_type = 'monthly'": {
            "growth_is_against_the_period_before": "fail"
        },
        summaries + "platform = 'myspace' WHERE platform = 'twitter'": {
            "platform_is_known": "fail",
            "summaries_have_their_posts": "warn",
        },
        "DELETE FROM analytics_summaries WHERE period_type = 'weekly' AND period_start = '2024-01-08'": {
            "coverage_is_of_the_summaries": "fail",
            "weeks_and_months_are_sums_of_days": "fail",
        },
        "DELETE FROM published_posts WHERE id = 3": {"summaries_have_their_posts": "warn"},
    }.items():
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE right_ones AS TABLE analytics_summaries"))
            connection.execute(text(error))
        statuses = dbt("test", "--select", "analytics_summaries,test_type:singular", *others).statuses
        assert len(statuses) == 7
        assert {name: status for name, status in statuses.items() if status != "pass"} == found_by
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE analytics_summaries"))
            connection.execute(text("INSERT INTO analytics_summaries TABLE right_ones"))
            connection.execute(text("DROP TABLE right_ones"))
