"""`status` on a real ledger: what a person sees in a terminal of 80 columns, and what a program gets."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from analytics_pipeline.automation.schedules import next_refresh
from analytics_pipeline.cli import app, console, status
from analytics_pipeline.database.models import ApiQuota, Business, PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers.quota import ALL_ENDPOINTS
from analytics_pipeline.settings import get_settings
from tests.stopped_clock import stopped_at

NOW = datetime.now(UTC)
LATER = (NOW + timedelta(hours=2)).replace(microsecond=0)


@pytest.fixture(autouse=True)
def _still_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "datetime", stopped_at(NOW))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What stands in the terminal."""
    terminal = io.StringIO()
    for module in (status, console):
        monkeypatch.setattr(module, "console", Console(file=terminal, width=80))
    return terminal


def call(*arguments: str) -> Any:
    """The command in this process; what it printed as JSON."""
    result = CliRunner().invoke(app, ["status", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout) if "--json" in arguments else None


@pytest.fixture
def accounts(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that waits for its quota and gave a day up, and an X account whose token was revoked."""
    monkeypatch.setenv("LINKEDIN_APP_CALLS_PER_DAY", "500")
    get_settings.cache_clear()
    session.add_all([Business(name="Acme"), Business(name="Zenith")])
    session.flush()
    session.add_all(
        [
            SocialAccount(
                business_id=1, platform="linkedin", external_id="77", display_name="Bakery", access_token="t",
                last_sync=NOW - timedelta(minutes=5),
            ),
            SocialAccount(
                business_id=2, platform="twitter", external_id="88", access_token="t", status="needs_reauth",
                status_reason="the token was revoked",
            ),
        ]
    )  # fmt: skip
    session.flush()
    for n, state in enumerate(["done", "waiting", "parked", "due"]):
        again = LATER if state == "waiting" else None
        day = date(2026, 9, 1 + n)
        session.add(
            SyncUnit(social_account_id=1, platform="linkedin", publish_day=day, state=state, next_attempt_at=again)
        )
        session.add(
            PublishedPost(
                business_id=1, social_account_id=1, platform="linkedin", platform_post_id=f"urn:{n}",
                published_at=datetime(2026, 9, 1 + n, tzinfo=UTC), last_synced_at=NOW if state == "done" else None,
            )
        )  # fmt: skip
    session.add(ApiQuota(platform="linkedin", scope="app", endpoint="posts", day=NOW.date(), calls=20))
    session.add(
        ApiQuota(platform="linkedin", scope="app", endpoint=ALL_ENDPOINTS, day=NOW.date(), calls=0, held_until=LATER)
    )
    session.commit()


@pytest.mark.usefixtures("accounts")
def test_what_a_program_gets() -> None:
    page, x = call("--json")["accounts"]
    assert (page["business"], page["business_id"]) == ("Acme", 1)
    assert {name: page[name] for name in ("platform", "account", "posts", "synced", "due", "waiting", "parked")} == {
        "platform": "linkedin", "account": "Bakery", "posts": 4, "synced": 1, "due": 1, "waiting": 1,
        "parked": 1,
    }  # fmt: skip
    assert datetime.fromisoformat(page["last_sync"]) == NOW - timedelta(minutes=5)
    assert datetime.fromisoformat(page["waiting_until"]) == LATER
    tick = next_refresh("linkedin", NOW)
    assert tick
    assert datetime.fromisoformat(page["next_sync"]) == max(tick, LATER), "not before the platform allows it"
    assert (page["calls_left_today"], page["stale_reason"]) == (480, None)
    assert (x["stale_reason"], x["next_sync"], x["last_sync"]) == ("the token was revoked", None, None)
    assert "access_token" not in page


@pytest.mark.usefixtures("accounts")
def test_what_a_person_sees(shown: io.StringIO) -> None:
    call()
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(shown.getvalue().split())
    (row,) = [line.split() for line in lines if "Bakery" in line]
    assert row[:2] == ["linkedin", "Bakery"]
    assert "1 of 4" in " ".join(row)
    assert row[-2:] == ["1", "480"], "parked, calls left today"
    assert f"1 until {LATER:%H:%M}" in text or f"1 until {LATER:%Y-%m-%d}" in text
    assert "twitter 88: the token was revoked" in text
    assert [line for line in lines if line.startswith(("Acme (business 1), ", "Zenith (business 2), "))]


@pytest.mark.usefixtures("accounts")
def test_businesses_of_the_same_name_are_told_apart(session: Session, shown: io.StringIO) -> None:
    session.execute(update(Business).values(name="Acme"))
    session.commit()
    call()
    titles = [line.partition(",")[0] for line in shown.getvalue().splitlines() if line.startswith("Acme")]
    assert titles == ["Acme (business 1)", "Acme (business 2)"]


@pytest.mark.usefixtures("accounts")
def test_one_business_has_its_totals(shown: io.StringIO) -> None:
    call("--business", "1")
    assert "1 of 4 posts have figures (25.0 %)." in shown.getvalue()
    assert "twitter" not in shown.getvalue()


def test_without_accounts_the_next_step_is_said(session: Session, shown: io.StringIO) -> None:
    call()
    assert shown.getvalue() == "No account is connected: analytics-pipeline accounts add\n"
