"""`backfill`: what it asks Dagster for."""

from types import SimpleNamespace

import pytest
from sqlalchemy.orm import Session

from analytics_pipeline import runs
from tests.cli.conftest import Call


def test_a_platform_named_twice_is_read_once(call: Call, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    for name in ("run_days", "run_account_days", "run_summaries"):

        def run(_: object, platform: object, *__: object, only_due: bool = False, name: str = name) -> object:
            asked.append((name, platform))
            return SimpleNamespace(success=True, all_events=[])

        monkeypatch.setattr(runs, name, run)
    days = ("--from", "2026-09-01", "--to", "2026-09-01")
    twice = [word for platform in ("twitter", "facebook", "twitter") for word in ("--platform", platform)]
    assert call("backfill", *twice, *days).status == 0
    assert asked[:-1] == [
        (name, platform) for platform in ("twitter", "facebook") for name in ("run_days", "run_account_days")
    ]
