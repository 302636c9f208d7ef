"""The sensor that keeps tokens alive: one tick as the daemon makes it, against a sandbox."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine

from analytics_pipeline.automation.token_sensor import token_sensor
from analytics_pipeline.definitions import defs
from analytics_pipeline.resources import DatabaseResource
from tests.sync.token_world import X, running


def tick() -> str:
    """What one evaluation says. It asks for no run."""
    with dg.build_sensor_context(resources={"database": DatabaseResource()}) as context:
        ticked = token_sensor.evaluate_tick(context)
    assert ticked.run_requests == []
    return str(ticked.skip_message)


def test_a_tick_refreshes_what_ends_soon_and_says_so(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(engine, monkeypatch) as world:
        now = datetime.now(UTC)
        world.sandbox.clock.set(now)
        assert tick() == "no token ends soon"
        world.change(X, token_expires_at=now + timedelta(minutes=14))
        assert tick() == "twitter 2200000001: refreshed"
        world.change(X, token_expires_at=now, refresh_token="CANARY-spent")
        said = tick()
        assert said.startswith("twitter 2200000001: twitter: X refused the refresh token")
        assert "CANARY" not in said
        assert tick() == "no token ends soon"


def test_it_runs_by_itself() -> None:
    sensor = defs.get_repository_def().get_sensor_def("refresh_tokens")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 240, "several ticks in the quarter of an hour before a token's end"
