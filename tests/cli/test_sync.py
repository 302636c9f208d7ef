"""`sync`: what it tells of what went wrong, and what its exit status says."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount, SyncError, SyncUnit
from tests.cli.conftest import Call

DAY = date(2026, 9, 1)
REVOKED = "the token was revoked"


def revoked(session: Session) -> None:
    session.add(Business(name="Acme"))
    session.flush()
    session.add(
        SocialAccount(
            business_id=1, platform="twitter", external_id="88", access_token="t", status="needs_reauth",
            status_reason=REVOKED, listed_at=datetime.now(UTC),
        )
    )  # fmt: skip
    session.commit()


def unit(day: date, state: str, message: str | None, posts: int = 1) -> SyncUnit:
    return SyncUnit(
        social_account_id=1, platform="twitter", publish_day=day, state=state, posts_expected=posts, posts_synced=0,
        error_class=message and "transient", error_message=message,
    )  # fmt: skip


def test_an_account_that_cannot_be_looked_at_is_named_and_fails(call: Call, session: Session) -> None:
    revoked(session)
    status, output, _ = call("sync", "--business", "1")
    assert status == 1
    assert f"88 was not listed for new posts: {REVOKED}" in output


def test_no_account_on_the_platforms_asked_for(call: Call, session: Session) -> None:
    revoked(session)
    words = ("sync", "--business", "1", "--platform", "linkedin", "--platform", "facebook", "--platform", "linkedin")
    assert call(*words) == (0, "The business has no connected account on linkedin, facebook.", "")


def test_every_reason_is_told_once_with_its_account_and_days(call: Call, session: Session) -> None:
    revoked(session)
    session.add_all(unit(DAY + timedelta(days=n), "parked", "HTTP 500") for n in (0, 1, 4))
    session.add(unit(DAY + timedelta(days=2), "parked", "HTTP 502"))
    session.add(unit(DAY + timedelta(days=3), "needs_reauth", REVOKED))
    session.commit()
    _, output, _ = call("sync", "--business", "1")
    assert output.partition("•")[2].split(" • ") == [
        f" 88 was not listed for new posts: {REVOKED}",
        "88, 3 days from 2026-09-01 to 2026-09-05: HTTP 500",
        "88, 2026-09-03: HTTP 502",
    ]


def test_hundreds_of_posts_with_reasons_of_their_own_are_counted(call: Call, session: Session) -> None:
    revoked(session)
    session.add(unit(DAY, "done", None, posts=300))
    session.flush()
    session.add_all(
        SyncError(
            social_account_id=1, publish_day=DAY, platform_post_id=str(n), error_class="absent",
            message=f"no figures of {n}",
        )
        for n in range(300)
    )  # fmt: skip
    session.commit()
    _, output, _ = call("sync", "--business", "1")
    assert f"• 88, {DAY}, post 0: no figures of 0 •" in output
    assert output.count("no figures of") == 19, "and a line about the account"
    assert output.endswith("• and 281 more: --json tells them all")
