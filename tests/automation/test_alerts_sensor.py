"""The alerts sensor on a real ledger and real runs."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.storage.tags import WILL_RETRY_TAG
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from analytics_pipeline.automation.alerts_sensor import TOLD_FOR, alerts_sensor, failed_runs
from analytics_pipeline.database.models import Business, SocialAccount
from analytics_pipeline.definitions import defs
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings
from tests.alerts.receiver import receiving


@dg.job
def breaks() -> None:
    @dg.op
    def breaking() -> None:
        raise ValueError("broken")

    breaking()


def test_a_failed_run_is_a_cause_for_a_day_unless_dagster_starts_it_again() -> None:
    now = datetime.now(UTC)
    with dg.instance_for_test() as instance:
        failed = breaks.execute_in_process(instance=instance, raise_on_error=False)
        breaks.execute_in_process(instance=instance, raise_on_error=False, tags={WILL_RETRY_TAG: "true"})
        (cause,) = failed_runs(instance, now)
        assert cause.key == "runs of breaks"
        assert cause.message.startswith(f"The run {failed.run_id[:8]} of breaks failed.")
        assert list(failed_runs(instance, now + TOLD_FOR + timedelta(minutes=5))) == []

        again = breaks.execute_in_process(instance=instance, raise_on_error=False)
        (same,) = failed_runs(instance, now)
        assert same.key == cause.key, "a job that fails every hour is told once"
        assert same.message.startswith(f"2 runs of breaks failed within a day, the last one is {again.run_id[:8]}. Its")


def test_failed_runs_of_assets_are_causes_by_what_they_were_to_materialise() -> None:
    """Dagster has one job for all that is materialised in the UI, by backfills, and by the automation of summaries."""
    job = defs.resolve_implicit_global_asset_job_def()
    likes, day = dg.AssetKey(["linkedin", "post_analytics"]), dg.AssetKey("analytics_summaries")
    with dg.instance_for_test() as instance:
        made = [
            instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE, asset_selection=frozenset(keys))
            for keys in ([likes], [day], [likes, day])
        ]
        told = {cause.key: cause.message for cause in failed_runs(instance, datetime.now(UTC))}
    assert list(told) == ["runs of linkedin, summaries", "runs of summaries", "runs of linkedin"]
    assert told["runs of summaries"].startswith(f"The run {made[1].run_id[:8]} of summaries failed. Its page")


def test_the_sensor_tells_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with Session(engine) as session, session.begin():
        session.add(Business(name="Acme"))
        session.flush()
        session.add(
            SocialAccount(
                business_id=1, platform="twitter", external_id="1", access_token="t", status="needs_reauth",
                status_reason="the token was revoked",
            )
        )  # fmt: skip
    ticks = []
    with dg.instance_for_test() as instance:
        for _ in range(2):
            context = dg.build_sensor_context(instance, resources={"database": DatabaseResource()})
            ticks.append(alerts_sensor(context))
    assert [tick.skip_message for tick in ticks if isinstance(tick, dg.SkipReason)] == [
        "1 things need a person, 1 of them told now",
        "1 things need a person, 0 of them told now",
    ]
    (told,) = [record.message for record in caplog.records if record.name == "analytics_pipeline.alerts.channels"]
    assert told.startswith("Analytics pipeline: 1 thing needs a person\n- twitter account 1 (Acme) cannot be read: the")


def test_it_reaches_people_through_a_channel_once_per_cause(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with Session(engine) as session, session.begin():
        session.add(Business(name="Acme"))
    with receiving() as receiver, dg.instance_for_test() as instance:
        monkeypatch.setenv("ALERT_URLS", receiver.url)
        get_settings.cache_clear()

        def tick() -> None:
            alerts_sensor(dg.build_sensor_context(instance, resources={"database": DatabaseResource()}))

        tick()
        assert receiver.received == [], "all is well"
        for number in ("1", "2"):
            with Session(engine) as session, session.begin():
                session.add(
                    SocialAccount(
                        business_id=1, platform="facebook", external_id=number, access_token="t", status="needs_reauth",
                    )
                )  # fmt: skip
            tick()
            tick()
        breaks.execute_in_process(instance=instance, raise_on_error=False)
        receiver.status = 500
        tick()
        receiver.status = 200
        tick()
    told = [message["message"] for message in receiver.received]
    assert ["facebook account 1" in told[0], "facebook account 2" in told[1]] == [True, True]
    assert "facebook account 1" not in told[1]
    assert told[2:] == [told[2]] * 2, "what no channel took is told again"
    assert "of breaks failed" in told[2]
    assert {message["title"] for message in receiver.received} == {"Analytics pipeline: 1 thing needs a person"}
