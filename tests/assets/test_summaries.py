"""The dbt assets in a Dagster run: tests of dbt as checks that block or only tell, rows and column lineage in the UI; and
no run parses the project, whichever days it is for, or leaves anything behind.

Not here: figures (`tests/dbt_summaries`), when the run happens (`tests/automation`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from analytics_pipeline.assets.analytics_summaries import parsed_for_runs, summaries_assets
from analytics_pipeline.assets.checks import summaries_equal_raw
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.dbt_project import dbt_resource
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.resources import DatabaseResource
from tests.dbt_summaries.worlds import Post, Reading, store

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
POST = Post("twitter", AT, (Reading(AT, likes=2716, impressions=9000),))
A_MONTH_BEFORE = Post("twitter", AT - timedelta(days=28))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def build(instance: dg.DagsterInstance, days: int, *models: str) -> dg.ExecuteInProcessResult:
    """One run over so many days from the day of the posts on, as the sensor asks for; of all models if none is named."""
    return dg.materialize(
        [summaries_assets()],
        selection=dg.AssetSelection.assets(*models) if models else None,
        instance=instance,
        tags=range_tags(AT.date(), AT.date() + timedelta(days=days - 1)),
        resources={
            "database": DatabaseResource(),
            "dbt": dbt_resource(),
        },
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def check(instance: dg.DagsterInstance, *names: str) -> dict[str, bool]:
    """Whether these checks of `analytics_summaries` pass when they are run alone, as the UI does: for no day."""
    keys = [dg.AssetCheckKey(dg.AssetKey("analytics_summaries"), name) for name in names]
    definitions = dg.Definitions(
        assets=[summaries_assets()],
        asset_checks=[summaries_equal_raw],
        jobs=[dg.define_asset_job("alone", selection=dg.AssetSelection.checks(*keys))],
        resources={"database": DatabaseResource(), "dbt": dbt_resource()},
    )
    result = definitions.resolve_job_def("alone").execute_in_process(instance=instance, raise_on_error=False)
    assert materialized(result) == {}
    return {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """By the name of the model."""
    events = result.get_asset_materialization_events()
    return {str(event.asset_key and event.asset_key.path[-1]): event.materialization for event in events}


def sources_of(materialization: dg.AssetMaterialization, column: str) -> set[tuple[str, str]]:
    """(asset, column) that a column is made of."""
    lineage = materialization.metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    return {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage.deps_by_column[column]}


GAINS = "SELECT to_jsonb(gains) - 'updated_at' FROM post_daily_gains AS gains ORDER BY post_id, observed_on"


def test_rows_lineage_and_checks_that_block_or_tell(
    engine: Engine, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    store(engine, {1: {1: POST, 2: POST, 3: A_MONTH_BEFORE}})
    parsed = parsed_for_runs()  # as `dev` and `db upgrade` do
    at = (parsed / "manifest.json").stat().st_mtime_ns
    first = build(instance, days=1)
    assert first.success
    assert [path.name for path in parsed.iterdir() if path.is_dir()] == []
    assert {check.passed for check in first.get_asset_check_evaluations()} == {True}
    built = materialized(first)
    rows = {name: materialization.metadata["dagster/row_count"].value for name, materialization in built.items()}
    with engine.connect() as connection:
        assert rows == {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in rows}
    assert (rows["analytics_summaries"], rows["post_performance"]) == (12, 3)
    assert sources_of(built["analytics_summaries"], "total_likes") == {("int_publish_days", "likes")}
    assert sources_of(built["int_publish_days"], "likes") == {
        (f"{name}/post_analytics", "likes_count") for name in FETCHERS
    }
    assert sources_of(built["post_performance"], "likes") == {("int_posts", "likes")}
    assert sources_of(built["activity_summaries"], "account_clicks") == {("int_account_days", "clicks")}
    assert sources_of(built["int_account_days"], "clicks") == {
        (f"{name}/account_analytics", "clicks") for name in FETCHERS
    }
    for name, materialization in built.items():
        lineage = materialization.metadata["dagster/column_lineage"].value
        assert isinstance(lineage, dg.TableColumnLineage)
        with engine.connect() as connection:
            columns = list(connection.execute(text(f"SELECT * FROM {name}")).keys())
        assert sorted(lineage.deps_by_column) == sorted(columns), name

    # As a version before would have left them; what is made of them is built anew, and is as it was.
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE int_reading_days DROP COLUMN digest"))
        connection.execute(text("ALTER TABLE content_types DROP CONSTRAINT content_types_pkey"))
        connection.execute(text("ALTER TABLE post_performance ALTER COLUMN readings TYPE integer"))
        whole = connection.execute(text(GAINS)).all()
    upgraded = build(instance, 1, "int_reading_days")
    assert upgraded.success
    assert capfd.readouterr().out.count("Finished running 6 incremental models in") == 1
    with engine.connect() as connection:
        assert connection.execute(text(GAINS)).all() == whole
        assert connection.scalar(text("SELECT count(digest) FROM int_reading_days")) == rows["int_reading_days"]

    # From now on gains come out wrong, which must not reach what is made of them; a summary of another day is wrong too.
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN NEW.likes_days := 0; RETURN NEW; END'"
            )
        )
        connection.execute(
            text("CREATE TRIGGER spoil BEFORE INSERT ON post_daily_gains FOR EACH ROW EXECUTE FUNCTION spoil()")
        )
        connection.execute(
            text(
                "UPDATE analytics_summaries SET top_post_id = 1"
                " WHERE period_type = 'daily' AND platform = 'twitter' AND period_start = '2026-02-02'"
            )
        )
        connection.execute(text("UPDATE post_analytics SET likes_count = likes_count + 1"))
        activity = connection.execute(text("SELECT * FROM activity_summaries ORDER BY id")).all()
    second = build(instance, days=4)
    assert not second.success
    said = capfd.readouterr().out
    assert said.count("Finished running") == 1
    assert "Unable to do partial parsing" not in said
    assert (parsed / "manifest.json").stat().st_mtime_ns == at
    failed = {check.check_name: check for check in second.get_asset_check_evaluations() if not check.passed}
    assert failed["gains_have_their_days"].severity == dg.AssetCheckSeverity.ERROR
    assert failed["summaries_have_their_posts"].severity == dg.AssetCheckSeverity.WARN
    built = materialized(second)
    assert {"post_daily_gains", "analytics_summaries"} <= built.keys()
    assert "activity_summaries" not in built
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM activity_summaries ORDER BY id")).all() == activity

    alone = check(instance, "equals_raw", "summaries_have_their_posts", "platform_is_known")
    assert alone == {"equals_raw": False, "summaries_have_their_posts": False, "platform_is_known": True}
