"""The refresh ladder: its arithmetic, and what of the ledger is due by it."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SocialAccount, SyncUnit
from analytics_pipeline.settings import DEFAULT_LADDER, Rung, get_settings, parse_ladder
from analytics_pipeline.sync import AnalyticsSyncService, ladder
from tests.sync.conftest import Connect, at
from tests.sync.scripted import Platform

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DEFAULT = parse_ladder(DEFAULT_LADDER)
NOON = datetime(2026, 9, 30, 12, 7, tzinfo=UTC)


def readings(platform: str, rungs: tuple[Rung, ...], published: datetime, ticks: list[datetime]) -> list[datetime]:
    """When a post is read, asked at every tick; a reading begins five minutes after its tick."""
    read = [published]
    for tick in ticks:
        if tick > published and ladder.is_due(platform, rungs, published, read[-1], tick):
            read.append(tick + timedelta(minutes=5))
    return read[1:]


def hourly(days: int, since: datetime = NOON) -> list[datetime]:
    first = since.replace(minute=7, second=0, microsecond=0)
    return [first + n * HOUR for n in range(24 * days)]


def test_linkedins_details_are_asked_for_as_long_as_posts_are_read() -> None:
    """Else the last reading of every post would not tell what those before it told."""
    assert get_settings().linkedin_detail_days * DAY >= DEFAULT[-1].younger_than


@given(age=st.timedeltas(timedelta(0), DAY))
def test_a_post_is_read_as_often_as_its_ladder_says(age: timedelta) -> None:
    published = NOON - age
    ages = [moment - published for moment in readings("linkedin", DEFAULT, published, hourly(100, published))]
    ends = (timedelta(0), DAY, 7 * DAY, 30 * DAY, 90 * DAY)
    counts = [sum(start <= age < end for age in ages) for start, end in pairwise(ends)]
    arithmetic = (24, 24, 23, 60 / 7)  # readings of a post on each rung, give or take the one at its edge
    assert all(abs(count - expected) <= 1 for count, expected in zip(counts, arithmetic, strict=True)), counts
    assert max(ages) < 90 * DAY + HOUR


def test_posts_of_one_rung_are_read_by_the_same_ticks_whatever_their_history() -> None:
    week = [("a", NOON - 3 * DAY), ("b", NOON - 4 * DAY - 5 * HOUR)]
    reads = {name: readings("facebook", DEFAULT, published, hourly(1)) for name, published in week}
    assert reads["a"] == reads["b"]
    assert [at.hour for at in reads["a"]] == [12, 18, 0, 6]


def test_missed_ticks_are_caught_up_once() -> None:
    published = NOON - 2 * DAY
    assert readings("linkedin", DEFAULT, published, [NOON, NOON + 30 * HOUR, NOON + 31 * HOUR]) == [
        NOON + timedelta(minutes=5), NOON + 30 * HOUR + timedelta(minutes=5),
    ]  # fmt: skip


def test_x_is_read_once_more_before_its_private_figures_end() -> None:
    slow = parse_ladder("24h:6h")
    published = NOON - 20 * DAY
    late = [at - published for at in readings("twitter", slow, published, hourly(30))]
    assert len(late) == 1
    assert timedelta(days=28) <= late[0] < timedelta(days=29)
    assert readings("linkedin", slow, published, hourly(30)) == []
    assert readings("twitter", (), published, hourly(30)) == []


def test_ladders_as_the_settings_write_them() -> None:
    assert (Rung(DAY, HOUR), Rung(7 * DAY, 6 * HOUR), Rung(30 * DAY, DAY), Rung(90 * DAY, 7 * DAY)) == DEFAULT
    assert parse_ladder("off") == ()


@pytest.mark.parametrize("text", ["", "hourly", "7d:1d 24h:1h", "24h:30m", "1d:0h", "24h:1h,7d:6h", "-1d:1h"])
def test_what_is_no_ladder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rung|ages"):
        parse_ladder(text)


# --- the ledger


@pytest.fixture
def read(service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session) -> Platform:
    """An account with a post a day for a hundred days, all read just now."""
    connected("10")
    platform.now = datetime(2026, 9, 28, 12, tzinfo=UTC)  # a Monday
    for n in range(100):
        platform.publish("10", f"p{n}", at(platform.now.date() - n * DAY, hour=6))
    service.sync_business_analytics(1)
    return platform


def since(session: Session, now: datetime, rungs: tuple[Rung, ...] = DEFAULT) -> date | None:
    return ladder.due_since(session, "linkedin", rungs, now)


def test_how_far_back_a_tick_reaches(read: Platform, session: Session) -> None:
    today = read.now.date()
    assert since(session, read.now + timedelta(minutes=30)) is None
    assert since(session, read.now + HOUR) == today
    assert since(session, read.now + 6 * HOUR) == today - 6 * DAY
    assert since(session, read.now + 12 * HOUR) == today - 29 * DAY
    assert since(session, read.now + 12 * HOUR, ()) is None
    assert since(session, datetime(2026, 10, 1, tzinfo=UTC)) == today - 87 * DAY, "a Thursday: 1970 began with one"


@pytest.mark.parametrize("state", ["waiting", "parked", "needs_reauth", "running"])
def test_what_failed_is_the_retry_sensors(read: Platform, session: Session, state: str) -> None:
    session.execute(update(SyncUnit).values(state=state))
    assert since(session, read.now + 12 * HOUR) is None


def test_accounts_that_are_not_connected_ask_for_nothing(read: Platform, session: Session) -> None:
    session.execute(update(SocialAccount).values(status="needs_reauth"))
    assert since(session, read.now + 12 * HOUR) is None
