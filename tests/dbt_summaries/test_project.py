"""What the project promises about itself: contract, descriptions, lineage, refusals.

Not here: figures, what the tests of dbt find (`test_planted_errors.py`).
"""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.worlds import PLATFORMS

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
