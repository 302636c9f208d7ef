"""The raw assets in real Dagster runs, over a real database and a scripted platform."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from analytics_pipeline import logs, run_logger
from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.assets.post_analytics import post_analytics_asset
from analytics_pipeline.assets.published_posts import published_posts_asset
from analytics_pipeline.assets.shared import BACKFILL_POLICY
from analytics_pipeline.automation.jobs import only_due_config
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.database import locks
from analytics_pipeline.database.models import Business
from analytics_pipeline.platform_fetchers.exceptions import InvalidTokenError, RateLimitError, TransientError
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import workers
from analytics_pipeline.sync.accounts import connect
from tests.sync.conftest import at
from tests.sync.scripted import Platform

FIRST = date(2026, 9, 1)
KEY = dg.AssetKey(["linkedin", "post_analytics"])
CHECK = dg.AssetCheckKey(KEY, "day_complete")


@dataclass
class Running:
    """Runs both assets over the first days of September, and looks at what Dagster then knows."""

    platform: Platform
    instance: dg.DagsterInstance

    def run(self, days: int, *others: dg.AssetsDefinition, **config: Any) -> dg.ExecuteInProcessResult:
        """One range run, of other assets too; a failed one is a result."""
        resource = SimpleNamespace(fetcher=self.platform.fetcher, now=lambda: self.platform.now)
        return dg.materialize(
            [published_posts_asset("linkedin"), post_analytics_asset("linkedin"), *others],
            instance=self.instance,
            resources={"database": DatabaseResource(), "linkedin": resource},
            tags=range_tags(FIRST, FIRST + timedelta(days=days - 1)),
            raise_on_error=False,
            **config,
        )

    @property
    def materialized(self) -> set[str]:
        """Days of September that are materialised."""
        return {day[-2:] for day in self.instance.get_materialized_partitions(KEY)}

    @property
    def checks(self) -> dict[str, bool]:
        """Newest evaluation of each day."""
        records = self.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=100)
        return {
            str(record.partition)[-2:]: record.status.value == "SUCCEEDED"
            for record in reversed(records)
            if record.status.value != "PLANNED"
        }

    def newest_check(self, day: date) -> str:
        """What Dagster keeps of the newest run that covered the day: PLANNED, of an ended run, is shown as skipped."""
        records = self.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=100)
        return next(record.status.value for record in records if record.partition == day.isoformat())

    def metadata(self, day: date) -> dict[str, Any]:
        """Metadata of the day's newest materialisation."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=[day.isoformat()]), limit=1
        ).records
        event = records[0].asset_materialization
        assert event is not None
        return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture
def running(engine: Engine) -> Iterator[Running]:
    """Two connected accounts, 10 and 20, and an empty Dagster instance."""
    with Session(engine) as session, session.begin():
        session.add(Business(name="Acme"))
        session.flush()
        for external_id in ("10", "20"):
            connect(
                session, session.get_one(Business, 1), "linkedin", external_id, f"token-of-{external_id}",
                display_name=f"Page {external_id}",
            )  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        yield Running(Platform(), instance)


def test_a_range_of_days_is_materialised_day_by_day(running: Running) -> None:
    for n in range(3):
        running.platform.publish("10", f"p{n}", at(FIRST + timedelta(days=n)), likes=n)
    result = running.run(4)
    assert result.success
    assert running.materialized == {"01", "02", "03", "04"}, "a day without posts is a day"
    assert running.checks == {"01": True, "02": True, "03": True, "04": True}
    metadata = running.metadata(FIRST)
    assert {name: metadata[name] for name in ("state", "posts", "synced", "failed", "rate_limited")} == {
        "state": "complete", "posts": 1, "synced": 1, "failed": 0, "rate_limited": 0,
    }  # fmt: skip
    assert metadata["accounts"].records[0].data["account"] == "Page 10"


def test_what_is_made_of_one_day_follows_in_the_same_run_unless_nothing_of_it_was_stored(running: Running) -> None:
    made: list[str] = []

    @dg.asset(deps=[KEY], partitions_def=PUBLISH_DAYS, backfill_policy=BACKFILL_POLICY)
    def summary(context: dg.AssetExecutionContext) -> None:
        made.append(context.partition_key)

    for account, post in (("10", "p"), ("20", "q")):
        running.platform.publish(account, post, at(FIRST), likes=7)
        running.platform.post_errors[post] = TransientError("HTTP 500 from linkedin", "linkedin", 500)
    assert not running.run(1, summary).success
    assert (made, running.materialized) == ([], set())

    running.platform.post_errors.clear()
    running.platform.now += timedelta(minutes=2)
    assert running.run(1, summary).success
    assert (made, running.checks) == (["2026-09-01"], {"01": True})
    told = running.instance.fetch_materializations(KEY, limit=9).records
    assert [record.partition_key for record in told] == ["2026-09-01"]
    assert (running.metadata(FIRST)["state"], running.metadata(FIRST)["synced"]) == ("complete", 2)


def test_one_bad_day_costs_one_day(running: Running) -> None:
    running.platform.batch_size = 1
    for n in range(3):
        running.platform.publish("10", f"p{n}", at(FIRST + timedelta(days=n)))
    running.platform.publish("20", "q", at(FIRST + timedelta(days=1)))
    running.platform.post_errors["q"] = TransientError("HTTP 500 from linkedin", "linkedin", 500)
    running.platform.post_errors["p1"] = TransientError("HTTP 500 from linkedin", "linkedin", 500)
    result = running.run(3)
    assert not result.success
    assert running.materialized == {"01", "03"}
    assert running.checks == {"01": True, "02": False, "03": True}
    (failure,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert failure.user_failure_data is not None
    assert "1 of 3 days" in str(failure.user_failure_data.description)
    assert "Page 10, 2026-09-02: HTTP 500 from linkedin" in str(failure.user_failure_data.description)

    running.platform.post_errors.clear()
    running.platform.now += timedelta(minutes=2)
    assert running.run(3, run_config=only_due_config("linkedin")).success
    assert running.materialized == {"01", "02", "03"}
    assert running.checks == {"01": True, "02": True, "03": True}


def test_a_partial_day_is_materialised_with_a_failing_check_that_says_why(running: Running) -> None:
    running.platform.publish("10", "a", at(FIRST))
    running.platform.publish("20", "b", at(FIRST))
    running.platform.reading_errors["20"] = RateLimitError("come back later", "linkedin", 429, retry_after=600)
    result = running.run(1)
    assert result.success
    assert running.materialized == {"01"}
    assert running.metadata(FIRST)["state"] == "partial"
    assert running.metadata(FIRST)["rate_limited"] == 1
    assert running.metadata(FIRST)["accounts_failed"] == 1
    (evaluation,) = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and event.asset_check_evaluation_data.check_name == "day_complete"
    ]
    assert evaluation.description == (
        "Page 20, 2026-09-01: come back later. Tried again after 2026-09-30 12:10:00 UTC."
    )
    assert running.checks == {"01": False}

    running.platform.now += timedelta(minutes=1)
    assert running.run(2, run_config=only_due_config("linkedin")).success
    assert running.newest_check(FIRST) == "FAILED", "a day that is not due yet stays what it is"
    assert running.materialized == {"01"}

    running.platform.reading_errors.clear()
    running.platform.now += timedelta(minutes=10)
    assert running.run(1, run_config=only_due_config("linkedin")).success
    assert running.newest_check(FIRST) == "SUCCEEDED"
    metadata = running.metadata(FIRST)
    assert {name: metadata[name] for name in ("state", "posts", "synced", "read_before", "failed")} == {
        "state": "complete", "posts": 2, "synced": 1, "read_before": 1, "failed": 0,
    }  # fmt: skip


def test_a_day_that_another_process_reads_is_not_called_failed(
    running: Running, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.platform.publish("10", "a", at(FIRST))
    assert running.run(1).success
    monkeypatch.setattr(workers, "_LOCK", text(str(workers._LOCK).replace("30s", "10ms")))
    with engine.connect() as other:
        other.execute(text("select pg_advisory_lock(:space, 1)"), {"space": locks.ACCOUNTS})
        other.execute(text("update sync_units set state = 'running', attempt_id = gen_random_uuid()"))
        other.commit()
        assert running.run(2, run_config=only_due_config("linkedin")).success
    assert running.newest_check(FIRST) == "PLANNED"


def test_a_dead_token_is_named_and_costs_no_other_account(running: Running, engine: Engine) -> None:
    running.platform.publish("20", "b", at(FIRST), likes=7)
    running.platform.listing_errors["10"] = InvalidTokenError("the token has expired", "linkedin", 401)
    result = running.run(1)
    assert result.success
    assert running.checks == {"01": False}
    with engine.connect() as connection:
        assert connection.scalar(text("select sum(likes_count) from post_analytics")) == 7
        assert connection.scalar(text("select status_reason from social_accounts where external_id = '10'")) == (
            "the token has expired"
        )


def test_a_day_without_posts_of_the_others_is_partial_not_failed(running: Running) -> None:
    running.platform.publish("10", "a", at(FIRST))
    running.platform.reading_errors["10"] = TransientError("HTTP 500", "linkedin", 500)
    assert running.run(1).success, "account 20 has no posts that day, which is known"
    assert running.materialized == {"01"}
    assert running.checks == {"01": False}


def test_when_no_account_can_be_listed_the_run_fails_and_says_why(running: Running) -> None:
    for account in ("10", "20"):
        running.platform.listing_errors[account] = TransientError("HTTP 503", "linkedin", 503)
    result = running.run(1)
    assert not result.success
    assert running.materialized == set()


def test_figures_are_read_while_every_listing_is_throttled(running: Running) -> None:
    for account in ("10", "20"):
        running.platform.publish(account, f"of {account}", at(FIRST))
    assert running.run(1).success
    running.platform.reads.clear()
    running.platform.now += timedelta(days=1)
    for account in ("10", "20"):
        running.platform.listing_errors[account] = RateLimitError("posts are used up", "linkedin", 429, retry_after=600)
    result = running.run(1)
    assert result.success
    assert sorted(running.platform.reads) == ["of 10", "of 20"]
    checks = {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}
    assert (checks["every_account_listed"], checks["day_complete"]) == (False, True)

    for account in ("10", "20"):
        running.platform.reading_errors[account] = running.platform.listing_errors[account]
    running.platform.now += timedelta(hours=1)
    assert not running.run(1).success, "nothing could be stored"


def test_no_token_reaches_the_events(running: Running) -> None:
    running.platform.publish("10", "a", at(FIRST))
    running.platform.listing_errors["20"] = RuntimeError("GET /x?access_token=token-of-20 failed")
    running.platform.reading_errors["10"] = TransientError("Bearer token-of-10", "linkedin")
    result = running.run(1)
    logs = "".join(str(entry) for entry in running.instance.all_logs(result.run_id))
    assert "Page 20" in logs
    assert "token-of-20" not in logs
    assert "token-of-10" not in logs


def test_two_runs_on_one_day_leave_the_same_rows(running: Running, engine: Engine) -> None:
    running.platform.publish("10", "a", at(FIRST), likes=3)
    rows: list[Any] = []
    for _ in range(2):
        assert running.run(1).success
        with engine.connect() as connection:
            rows.append(connection.execute(text("select post_id, likes_count, fetched_at from post_analytics")).all())
    assert rows[0] == rows[1]
    assert len(rows[0]) == 1


def test_log_lines_tell_run_platform_account_and_day(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    running.platform.publish("10", "a", at(FIRST))
    running.platform.reading_errors["10"] = TransientError("HTTP 500", "linkedin", 500)
    run_logger.write_every_run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOG_FORMAT", "json")
        patch.setenv("LOG_LEVEL", "INFO")
        get_settings.cache_clear()
        logs.configure()
        run = running.run(1)
    get_settings.cache_clear()
    logs.configure()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    about = {
        what: {field: line.get(field) for field in ("run", "platform", "account", "day")}
        for what in ("Page 10: 1 posts, 1 new", f"{FIRST}: Page 10", "waiting, 0 of 1 posts", "1 posts of")
        for line in lines
        if what in line["message"]
    }
    whole = {"run": run.run_id, "platform": "linkedin"}
    assert about == {
        "Page 10: 1 posts, 1 new": {**whole, "account": "Page 10", "day": None},
        "waiting, 0 of 1 posts": {**whole, "account": "Page 10", "day": str(FIRST)},
        f"{FIRST}: Page 10": {**whole, "account": None, "day": str(FIRST)},
        "1 posts of": {**whole, "account": None, "day": None},
    }
