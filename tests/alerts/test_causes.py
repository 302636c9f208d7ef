"""What is wrong, found in a real database: named with its account, and with what a person can do."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from analytics_pipeline.alerts.causes import present
from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.settings import get_settings

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)


def add_account(
    session: Session, platform: str = "facebook", last_sync: datetime | None = NOW, external_id: str = "17"
) -> SocialAccount:
    """A connected account of business 1."""
    if session.get(Business, 1) is None:
        session.add(Business(name="Acme"))
        session.flush()
    account = SocialAccount(
        business_id=1, platform=platform, external_id=external_id, display_name="Bakery", access_token="t", last_sync=last_sync,
        created_at=NOW - timedelta(days=9),
    )  # fmt: skip
    session.add(account)
    session.flush()
    return account


def park(session: Session, account: SocialAccount, *days: int) -> None:
    """Parks units of September."""
    for day in days:
        session.add(
            SyncUnit(
                social_account_id=account.id, platform=account.platform, publish_day=date(2026, 9, day), state="parked",
                attempts=5, error_class="transient", error_message="HTTP 502",
            )
        )  # fmt: skip
    session.flush()


def found(session: Session) -> dict[str, str]:
    return {cause.key: cause.message for cause in present(session, get_settings(), NOW)}


def test_all_is_well(session: Session) -> None:
    add_account(session)
    assert found(session) == {}


def test_an_account_that_needs_a_person(session: Session) -> None:
    account = add_account(session)
    account.status, account.status_reason = "needs_reauth", "the token was revoked"
    session.flush()
    assert found(session) == {
        f"account {account.id}": "facebook account Bakery (Acme) cannot be read: the token was revoked. Get a new token, "
        "then: analytics-pipeline accounts add --business 1 --platform facebook --id 17"
    }


@pytest.mark.parametrize(
    ("platform", "left", "told"),
    [
        ("linkedin", timedelta(days=5), True),
        ("facebook", timedelta(days=5), True),
        ("facebook", timedelta(days=6, hours=12), False),
        ("facebook", None, False),
        ("twitter", timedelta(hours=1), False),
    ],
    ids=["LinkedIn", "Meta", "due since today", "without an end", "tokens that live for hours"],
)
def test_a_token_whose_end_no_refresh_puts_off(
    session: Session, platform: str, left: timedelta | None, told: bool
) -> None:
    account = add_account(session, platform)
    account.token_expires_at = NOW + left if left else None
    session.flush()
    expected = {
        f"token {account.id}": f"The token of {platform} account Bakery (Acme) ends on 2026-10-05 12:00 UTC, and has not been "
        "refreshed for longer. Get a new token until then, and: analytics-pipeline accounts add --business 1 "
        f"--platform {platform} --id 17"
    }
    assert found(session) == (expected if told else {})


def test_parked_days_of_one_fault_are_one_cause(session: Session) -> None:
    account = add_account(session)
    park(session, account, 3, 4, 9)
    assert found(session) == {
        f"parked {account.id} transient": "3 publish days, 2026-09-03 to 2026-09-09, of facebook account Bakery (Acme) "
        "given up: HTTP 502. Mend that, then: analytics-pipeline backfill --platform facebook --from 2026-09-03 "
        "--to 2026-09-09 --failed-only"
    }


def test_one_parked_day(session: Session) -> None:
    account = add_account(session)
    park(session, account, 3)
    assert found(session)[f"parked {account.id} transient"].startswith("The publish day 2026-09-03 of facebook")


def publish(session: Session, account: SocialAccount, impressions: int | None, age: timedelta, count: int) -> None:
    """Posts of an account, read at NOW."""
    for n in range(count):
        at = NOW - age - timedelta(minutes=n)
        session.add(
            PublishedPost(
                business_id=1, social_account_id=account.id, platform=account.platform, published_at=at,
                platform_post_id=f"{account.id}_{age.days}_{n}", last_synced_at=NOW, impressions=impressions,
            )
        )  # fmt: skip
    session.flush()


@pytest.mark.parametrize(
    ("platform", "posts", "told"),
    [
        ("facebook", [(None, 3, 5)], True),
        ("facebook", [(None, 3, 5), (0, 4, 1)], False),
        ("facebook", [(None, 3, 4)], False),
        ("facebook", [(None, 1, 9)], False),
        ("linkedin", [(None, 3, 5)], False),
    ],
    ids=["none has views", "one has, and be it 0", "too few posts", "too young", "a platform that says so"],
)
def test_a_page_that_gives_no_figures(
    session: Session, platform: str, posts: list[tuple[int | None, int, int]], told: bool
) -> None:
    account = add_account(session, platform)
    for impressions, days, count in posts:
        publish(session, account, impressions, timedelta(days=days), count)
    message = found(session).get(f"withheld {account.id}", "")
    assert ("gives views of none of the 5 posts" in message) is told
    assert ("read_insights" in message) is told


def test_a_disconnected_account_is_nobodys_trouble(session: Session) -> None:
    account = add_account(session, last_sync=NOW - timedelta(days=5))
    park(session, account, 3)
    account.is_active = False
    session.flush()
    assert found(session) == {}


def test_a_platform_is_stale_when_none_of_its_accounts_was_read(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = add_account(session, last_sync=NOW - timedelta(hours=25))
    message = found(session)["stale facebook"]
    assert message.startswith("No facebook account has been read since 2026-09-29 11:00 UTC.")

    monkeypatch.setenv("FACEBOOK_REFRESH", "off")
    get_settings.cache_clear()
    assert found(session) == {}
    monkeypatch.delenv("FACEBOOK_REFRESH")
    get_settings.cache_clear()

    old.last_sync = NOW - timedelta(hours=23)
    session.flush()
    assert found(session) == {}


def test_an_account_that_was_never_read_is_stale_from_its_connection_on(session: Session) -> None:
    add_account(session, last_sync=None)
    assert "since 2026-09-21 12:00 UTC" in found(session)["stale facebook"]


def test_an_account_that_was_just_connected_again_is_not_stale_before_its_days_are_read(session: Session) -> None:
    account = add_account(session, last_sync=NOW - timedelta(days=5))
    account.status = "needs_reauth"
    day = SyncUnit(
        social_account_id=account.id, publish_day=NOW.date(), platform="facebook", state="needs_reauth", updated_at=NOW
    )
    session.add(day)
    session.flush()
    assert list(found(session)) == [f"account {account.id}"]

    account.status, day.state, day.updated_at = "connected", "due", NOW
    session.flush()
    assert found(session) == {}
    day.updated_at = NOW - timedelta(hours=2)
    session.flush()
    assert list(found(session)) == ["stale facebook"], "nobody has read it since"


def test_new_posts_of_one_account_make_no_platform_stale(session: Session) -> None:
    """They are due until somebody comes to them; its neighbour may be one that nobody could read for long."""
    add_account(session, last_sync=NOW - timedelta(days=3))
    read = add_account(session, last_sync=NOW - timedelta(minutes=5), external_id="18")
    session.add(
        SyncUnit(social_account_id=read.id, publish_day=NOW.date(), platform="facebook", state="due", updated_at=NOW)
    )
    session.flush()
    assert found(session) == {}


def test_an_api_version_near_its_end(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    add_account(session)
    monkeypatch.setenv("META_API_VERSION", "v18.0")
    get_settings.cache_clear()
    assert found(session)["version META_API_VERSION v18.0"].startswith(
        "Version v18.0 of the API of facebook and instagram ended about 2026-01-26; then "
    )
    monkeypatch.delenv("META_API_VERSION")
    get_settings.cache_clear()
