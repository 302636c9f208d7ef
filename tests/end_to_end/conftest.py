"""What holds for all tests of whole runs."""

import pytest

from analytics_pipeline.automation import dead_runs


@pytest.fixture(autouse=True)
def _second_look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is killed here is dead: this process need not wait for a sign of life. Processes of their own do wait."""
    monkeypatch.setattr(dead_runs, "sleep", lambda _: None)
