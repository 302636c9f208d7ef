"""What is said of a unit that is not complete: which account, day and posts, why, and what happens next."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from analytics_pipeline.sync.results import PostFailure, UnitResult

DAY = date(2026, 9, 3)


def unit(state: str, expected: int | None = 5, synced: int = 0, **others: Any) -> UnitResult:
    return UnitResult("facebook", 1, "Bakery", DAY, state, expected, synced, **others)


def failed(n: int, error_class: str = "bad_data") -> PostFailure:
    return PostFailure(n, f"post{n}", error_class, "likes are 'many'.")


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("waiting", "Tried again after 2026-09-30 12:20:00 UTC."),
        ("needs_reauth", "Left alone until the account has a new token (analytics-pipeline accounts add)."),
        (
            "parked",
            "Given up. Mend that, then: analytics-pipeline backfill --platform facebook --from 2026-09-03 --to 2026-09-03 "
            "--failed-only.",
        ),
        ("due", "The retry sensor takes it up by itself."),
    ],
)
def test_what_happens_next(state: str, after: str) -> None:
    again = datetime(2026, 9, 30, 12, 20, tzinfo=UTC) if state == "waiting" else None
    reason = unit(state, error_message="HTTP 502.", next_attempt_at=again).reason
    assert reason == f"Bakery, 2026-09-03: HTTP 502. {after}"


def test_posts_that_were_set_aside_are_named() -> None:
    reason = unit("done", synced=3, failures=(failed(1), failed(2, "gone"), failed(3))).reason
    assert reason == (
        "Bakery, 2026-09-03: post post1: likes are 'many'; post post3: likes are 'many'. "
        "Read again when the refresh ladder reaches the day."
    )


def test_many_posts_are_counted() -> None:
    reason = unit("done", failures=tuple(failed(n) for n in range(5))).reason
    assert "post post2: likes are 'many'; and 2 posts more. Read again" in reason


def test_nothing_is_said_of_a_complete_unit() -> None:
    assert unit("done", synced=4, failures=(failed(1, "gone"),)).reason == ""
