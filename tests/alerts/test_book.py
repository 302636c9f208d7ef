"""The book of alerts on a real table: once per cause, daily while it lasts, never lost."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from analytics_pipeline.alerts.book import LONGEST_DIGEST, tell
from analytics_pipeline.alerts.causes import Cause
from analytics_pipeline.database.models import Alert

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
PAGE = Cause("account 1", "Page One cannot be read")
OTHER = Cause("account 2", "Page Two cannot be read")


class Channel:
    """Keeps what it was sent; `up` says whether it takes anything."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[tuple[str, str]] = []

    def __call__(self, title: str, text: str) -> bool:
        if self.up:
            self.sent.append((title, text))
        return self.up


@pytest.fixture
def channel() -> Channel:
    return Channel()


def test_once_per_cause_and_again_after_a_day(session: Session, channel: Channel) -> None:
    hours = [0, 1, 23, 24, 30, 48]
    told = [tell(session, [PAGE], channel, NOW + timedelta(hours=n)) for n in hours]
    assert told == [1, 0, 0, 1, 0, 1]
    assert channel.sent[0] == (
        "Analytics pipeline: 1 thing needs a person",
        "- Page One cannot be read (since 2026-09-30 12:00 UTC)",
    )
    assert channel.sent[1] == channel.sent[0]


def test_only_the_new_one_is_told(session: Session, channel: Channel) -> None:
    tell(session, [PAGE], channel, NOW)
    assert tell(session, [PAGE, OTHER], channel, NOW + timedelta(minutes=5)) == 1
    assert "Page Two" in channel.sent[1][1]
    assert "Page One" not in channel.sent[1][1]


def test_a_cause_that_comes_and_goes_is_told_once_a_day(session: Session, channel: Channel) -> None:
    tell(session, [PAGE], channel, NOW)
    tell(session, [], channel, NOW + timedelta(hours=1))
    assert session.get_one(Alert, PAGE.key).resolved_at == NOW + timedelta(hours=1)
    assert tell(session, [PAGE], channel, NOW + timedelta(hours=2)) == 0
    assert session.get_one(Alert, PAGE.key).resolved_at is None
    assert tell(session, [PAGE], channel, NOW + timedelta(hours=25)) == 1
    assert "since 2026-09-30 14:00 UTC" in channel.sent[1][1]


def test_what_no_channel_took_is_told_by_the_next_call(session: Session, channel: Channel) -> None:
    channel.up = False
    assert tell(session, [PAGE], channel, NOW) == 0
    channel.up = True
    assert tell(session, [PAGE], channel, NOW + timedelta(minutes=5)) == 1
    assert len(channel.sent) == 1


def test_a_long_digest_says_how_many_more(session: Session, channel: Channel) -> None:
    causes = [Cause(f"parked {n:02}", f"day {n}") for n in range(LONGEST_DIGEST + 3)]
    assert tell(session, causes, channel, NOW) == LONGEST_DIGEST + 3
    ((title, text),) = channel.sent
    assert title == "Analytics pipeline: 23 things need a person"
    assert text.splitlines()[-1] == "- and 3 more, in the table alerts"
    assert len(text.splitlines()) == LONGEST_DIGEST + 1
