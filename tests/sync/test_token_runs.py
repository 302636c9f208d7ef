"""Tokens that end before or during a run, and those of accounts that nothing is read of."""

import logging
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.alerts.causes import present
from analytics_pipeline.database.models import Business, PostAnalytics, PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers.exceptions import InvalidTokenError
from analytics_pipeline.platform_fetchers.metrics import PostReading
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, tokens
from analytics_pipeline.sync.accounts import connect, disconnect
from analytics_pipeline.sync.tokens import Refreshed, refresh_due
from tests.sync.conftest import D1, Connect, at, likes
from tests.sync.conftest import run as run_days
from tests.sync.scripted import Platform
from tests.sync.token_world import (
    DAY,
    FACEBOOK,
    IDS,
    INSTAGRAM,
    LINKEDIN,
    MINUTE,
    NOW,
    SECRET,
    TokenWorld,
    X,
    running,
)

FIRST, LAST = date(2026, 9, 29), date(2026, 9, 30)


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """Accounts 1 to 4 on four platforms; tokens have no known end until the test says so."""
    with running(engine, monkeypatch) as world:
        yield world


def run(world: TokenWorld, session: Session, platform: str) -> str:
    """Lists and reads two days, as a Dagster run does; how the unit of the post's day ended."""
    service = world.service(session)
    list(service.list_posts(platform, FIRST, LAST))
    list(service.read_days(platform, FIRST, LAST))
    session.expire_all()
    return unit(session, platform).state


def unit(session: Session, platform: str) -> SyncUnit:
    session.expire_all()
    found = session.scalars(select(SyncUnit).where(SyncUnit.platform == platform, SyncUnit.publish_day == FIRST))
    return found.one()


def readings(session: Session, platform: str) -> int:
    return len(session.scalars(select(PostAnalytics).where(PostAnalytics.platform == platform)).all())


class TestRuns:
    @pytest.mark.parametrize("platform", ["linkedin", "twitter", "facebook"])
    def test_a_refused_token_is_refreshed_once_and_the_run_goes_on(
        self, world: TokenWorld, session: Session, platform: str
    ) -> None:
        world.kill_token(platform)
        assert run(world, session, platform) == "done"
        assert (world.asked(), readings(session, platform)) == (1, 1)
        assert world.row(list(IDS).index(platform) + 1).status == "connected"

    @pytest.mark.parametrize("platform", ["linkedin", "twitter", "facebook"])
    def test_a_token_that_ends_between_two_calls_is_refreshed_where_it_ended(
        self, world: TokenWorld, session: Session, platform: str
    ) -> None:
        service = world.service(session)
        list(service.list_posts(platform, FIRST, LAST))
        assert world.asked() == 0
        world.kill_token(platform)
        list(service.read_days(platform, FIRST, LAST))
        assert (unit(session, platform).state, world.asked()) == ("done", 1)
        assert readings(session, platform) == 1

    def test_a_token_that_ends_soon_is_refreshed_before_the_first_call(
        self, world: TokenWorld, session: Session
    ) -> None:
        world.change(X, token_expires_at=NOW + 10 * MINUTE)
        assert run(world, session, "twitter") == "done"
        paths = [record.path for record in world.sandbox.requests]
        assert (paths.index("/2/oauth2/token"), paths.count("/2/oauth2/token")) == (0, 1)
        assert all(record.status == 200 for record in world.sandbox.requests), "no call with the old token"

    def test_a_new_token_that_is_refused_too_is_not_refreshed_again(self, world: TokenWorld, session: Session) -> None:
        world.sandbox.script_fault(
            "reply", platform="twitter", path_contains="/2/users", status=401, body="{}", times=0
        )
        assert run(world, session, "twitter") == "needs_reauth"
        assert world.asked() == 1

    @pytest.mark.parametrize("posts", [1, 2], ids=["in the batch", "after it"])
    def test_one_that_ends_after_the_last_reading_is_no_secret(
        self, service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, posts: int
    ) -> None:
        account = connected("10")
        for n in range(posts):
            platform.publish("10", f"p{n}", at(D1), likes=n)
        platform.parting_errors["10"] = InvalidTokenError("token-of-10 has expired", "linkedin", 401)
        assert run_days(service)[D1].complete
        assert likes(session) == [(f"p{n}", "09-30", n) for n in range(posts)]
        row = session.get_one(SocialAccount, account, populate_existing=True)
        assert (row.status, row.status_reason) == ("needs_reauth", "[redacted] has expired")

    def test_a_refused_refresh_costs_no_other_account(
        self, world: TokenWorld, session: Session, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        world.kill_token("twitter")
        world.change(X, refresh_token="CANARY-spent")
        report = world.service(session).sync_business_analytics(1, ["linkedin", "twitter", "facebook"])
        assert {name: counts["synced"] for name, counts in report["by_platform"].items()} == {
            "linkedin": 1, "twitter": 0, "facebook": 1,
        }  # fmt: skip
        row = world.row(X)
        assert row.status == "needs_reauth"
        assert "The account's owner must log in at X" in str(row.status_reason)
        asked = len(world.sandbox.requests)
        assert run(world, session, "twitter") == "needs_reauth"
        assert len(world.sandbox.requests) == asked, "nobody asks for an account that waits for a person"
        assert "CANARY" not in str(report) + caplog.text + world.everything_written()

    @pytest.mark.parametrize("broken", ["\\u0000", "\\ud83d"], ids=["NUL", "half a character"])
    @pytest.mark.parametrize("path", ["oauth2/token", "/2/users"])
    def test_a_refusal_in_words_that_no_database_stores_is_a_refusal(
        self, world: TokenWorld, session: Session, path: str, broken: str
    ) -> None:
        if path == "/2/users":
            world.change(X, refresh_token=None)
        world.kill_token("twitter")
        body = f'{{"error": "invalid_grant", "error_description": "no{broken}", "detail": "no{broken}"}}'
        world.sandbox.script_fault("reply", path_contains=path, status=401, body=body, times=0)
        assert run(world, session, "twitter") == "needs_reauth"
        assert world.row(X).status == "needs_reauth"
        assert "no\N{REPLACEMENT CHARACTER}" in str(unit(session, "twitter").error_message)

    def test_what_a_token_endpoint_does_not_know_is_no_post(self, world: TokenWorld, session: Session) -> None:
        service = world.service(session)
        list(service.list_posts("facebook", FIRST, LAST))
        world.kill_token("facebook")
        unknown = '{"error": {"message": "Object with ID \'me\' does not exist", "code": 100, "error_subcode": 33}}'
        world.sandbox.script_fault("reply", path_contains="me/accounts", status=400, body=unknown, times=0)
        list(service.read_days("facebook", FIRST, LAST))
        assert unit(session, "facebook").state == "needs_reauth"
        assert session.scalars(select(PublishedPost.status)).all() == ["published"]

    def test_without_any_way_to_refresh_the_platforms_own_words_are_the_reason(
        self, world: TokenWorld, session: Session
    ) -> None:
        world.kill_token("instagram", "password_changed")
        assert run(world, session, "instagram") == "needs_reauth"
        assert "The password was changed. Connect the account again." in str(world.row(INSTAGRAM).status_reason)
        assert world.asked() == 0

    def test_while_the_token_endpoint_is_down_units_wait_and_come_back(
        self, world: TokenWorld, session: Session
    ) -> None:
        world.change(LINKEDIN, token_expires_at=NOW)
        world.kill_token("linkedin")
        world.sandbox.script_fault("status", path_contains="accessToken", status=503)
        assert run(world, session, "linkedin") == "waiting"
        assert (unit(session, "linkedin").error_class, world.row(LINKEDIN).status) == ("transient", "connected")
        world.sandbox.clock.advance(120)
        assert run(world, session, "linkedin") == "done"

    def test_once_the_app_is_set_up_the_account_comes_back_by_itself(self, world: TokenWorld, session: Session) -> None:
        world.kill_token("twitter")
        world.configure(TWITTER_CLIENT_ID=None)
        assert run(world, session, "twitter") == "needs_reauth"
        assert "set TWITTER_CLIENT_ID" in str(world.row(X).status_reason)
        assert refreshed(world) == [], "nothing has changed yet"
        world.configure(TWITTER_CLIENT_ID="app")
        assert refreshed(world) == [Refreshed("twitter", IDS["twitter"])]
        assert (world.row(X).status, world.row(X).status_reason) == ("connected", None)
        assert (unit(session, "twitter").state, unit(session, "twitter").attempts) == ("due", 0)
        assert run(world, session, "twitter") == "done"

    def test_a_person_connects_the_account_again(self, world: TokenWorld, session: Session) -> None:
        world.kill_token("twitter", "revoked")
        world.change(X, refresh_token="CANARY-spent", token_expires_at=NOW)
        assert run(world, session, "twitter") == "needs_reauth"
        assert refreshed(world) == [], "only a person can mend it"
        given = world.sandbox.state.tokens.issue(world.sandbox.state.world.accounts[X - 1], world.now(), 7200)
        connect(session, session.get_one(Business, 1), "twitter", IDS["twitter"], given.value)
        session.commit()
        row = world.row(X)
        assert (row.status, row.refresh_token, row.token_expires_at) == ("connected", None, None)
        assert unit(session, "twitter").state == "due"
        assert run(world, session, "twitter") == "done"

    def test_an_account_that_is_removed_keeps_no_end_of_a_token(self, world: TokenWorld, session: Session) -> None:
        world.change(X, token_expires_at=NOW)
        disconnect(session, X)
        session.commit()
        assert (world.row(X).refresh_token, world.row(X).token_expires_at) == (None, None)
        assert refreshed(world) == []


def refreshed(world: TokenWorld, seconds: float = 60) -> list[Refreshed]:
    """One tick of the sensor."""
    return list(refresh_due(world.engine, world.now, seconds))


def test_a_fault_that_prints_a_new_token_does_not_tell_it(
    world: TokenWorld, session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(fetcher: TwitterAnalyticsFetcher, *_: object) -> Iterator[PostReading]:
        yield from ()
        raise RuntimeError(f"a bug that prints {fetcher.tokens.current()}")

    monkeypatch.setattr(TwitterAnalyticsFetcher, "fetch_many", fault)
    world.change(X, token_expires_at=NOW)
    run(world, session, "twitter")
    assert unit(session, "twitter").error_message == "unexpected RuntimeError: a bug that prints [redacted]"
    assert "test_token_runs.py" in caplog.text, "the log shows where it happened"
    assert str(world.row(X).access_token) not in caplog.text
    assert world.asked() == 1


class TestIdleAccounts:
    def test_what_ends_soon_is_refreshed_and_nothing_else(self, world: TokenWorld) -> None:
        assert refreshed(world) == []
        world.change(LINKEDIN, token_expires_at=NOW + 15 * MINUTE)
        world.change(X, token_expires_at=NOW + 16 * MINUTE)
        world.change(INSTAGRAM, token_expires_at=NOW + 7 * DAY)
        assert refreshed(world) == [Refreshed("linkedin", IDS["linkedin"]), Refreshed("instagram", IDS["instagram"])]
        assert refreshed(world) == []
        assert world.row(LINKEDIN).token_expires_at == NOW + 60 * DAY
        assert world.row(X).access_token == "CANARY-access-twitter"

    def test_a_year_of_ticks_keeps_idle_tokens_alive(self, world: TokenWorld) -> None:
        world.change(INSTAGRAM, token_expires_at=NOW + 60 * DAY)
        world.change(FACEBOOK, token_expires_at=NOW + timedelta(hours=1))
        calls = 0
        for _ in range(364):
            calls += len(refreshed(world))
            world.sandbox.clock.advance(86_400)
        assert calls == 1 + 364 // 53, "the Page's once; Instagram's every 60 - 7 days"
        assert {world.row(account).status for account in (FACEBOOK, INSTAGRAM)} == {"connected"}

    def test_one_account_never_costs_another(self, world: TokenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        for account in (LINKEDIN, X):
            world.change(account, token_expires_at=NOW)
        monkeypatch.setattr(tokens.AccountTokens, "_pause_after", _bug)
        world.sandbox.script_fault("status", path_contains="oauth2/token", status=503)
        failures = {each.platform: each.failure for each in refreshed(world)}
        assert failures == {
            "linkedin": "unexpected ZeroDivisionError",
            "twitter": "twitter: the token endpoint is out of order (HTTP 503)",
        }

    def test_an_outage_is_left_alone_for_as_long_as_it_says(self, world: TokenWorld) -> None:
        world.sandbox.script_fault("status", path_contains="oauth2/token", status=503, retry_after="300")
        world.change(X, token_expires_at=NOW + 10 * MINUTE)
        for _ in range(3):  # the next ticks come after 4 and 8 minutes
            refreshed(world)
            world.sandbox.clock.advance(240)
        assert world.asked() == 2
        assert world.row(X).token_expires_at == NOW + 8 * MINUTE + timedelta(hours=2)

    def test_an_account_that_is_still_read_says_which_setting_keeps_its_token_from_being_refreshed(
        self, world: TokenWorld, session: Session
    ) -> None:
        world.change(LINKEDIN, token_expires_at=NOW + 5 * DAY)
        for wrong, named in (
            ({"LINKEDIN_CLIENT_SECRET": None}, "set LINKEDIN_CLIENT_SECRET"),
            ({"LINKEDIN_CLIENT_SECRET": "CANARY-other"}, "must be those of the app"),
        ):
            world.configure(**wrong)
            refreshed(world)
            row = world.row(LINKEDIN)
            assert row.status == "connected"
            assert named in str(row.status_reason)
            session.rollback()
            told = {cause.key: cause.message for cause in present(session, get_settings(), world.now())}
            assert named in told[f"token {LINKEDIN}"]
        world.configure(LINKEDIN_CLIENT_SECRET=SECRET)
        world.sandbox.clock.advance(3600)
        assert refreshed(world) == [Refreshed("linkedin", IDS["linkedin"])]
        assert world.row(LINKEDIN).status_reason is None

    def test_a_setting_that_was_mended_is_named_no_more_though_the_token_endpoint_is_down(
        self, world: TokenWorld
    ) -> None:
        world.change(LINKEDIN, token_expires_at=NOW + 5 * DAY)
        world.change(X, token_expires_at=NOW)
        world.configure(LINKEDIN_CLIENT_SECRET=None, TWITTER_CLIENT_ID=None)
        refreshed(world)
        assert [world.row(account).status for account in (LINKEDIN, X)] == ["connected", "needs_reauth"]
        world.configure(LINKEDIN_CLIENT_SECRET=SECRET, TWITTER_CLIENT_ID="app")
        for path in ("accessToken", "oauth2/token"):
            world.sandbox.script_fault("status", path_contains=path, status=503)
        assert all("out of order" in str(each.failure) for each in refreshed(world))
        assert world.row(LINKEDIN).status_reason is None
        assert "set TWITTER_CLIENT_ID" in str(world.row(X).status_reason), "by this it is found again"
        world.sandbox.clock.advance(120)
        assert [each.failure for each in refreshed(world)] == [None, None]

    def test_a_wrong_setting_is_named_on_while_the_token_endpoint_is_down(self, world: TokenWorld) -> None:
        world.change(LINKEDIN, token_expires_at=NOW + 5 * DAY)
        world.configure(LINKEDIN_CLIENT_SECRET="of another app")
        refreshed(world)
        named = str(world.row(LINKEDIN).status_reason)
        assert "LINKEDIN_CLIENT_SECRET" in named
        world.sandbox.script_fault("status", path_contains="accessToken", status=503)
        world.sandbox.clock.advance(3600)
        assert all("out of order" in str(each.failure) for each in refreshed(world))
        assert world.row(LINKEDIN).status_reason == named

    def test_a_tick_ends_in_time_and_the_next_goes_on(self, world: TokenWorld) -> None:
        world.change(LINKEDIN, token_expires_at=NOW + MINUTE)
        world.change(X, token_expires_at=NOW)
        assert refreshed(world, seconds=-1) == []
        assert [each.platform for each in refreshed(world)] == ["twitter", "linkedin"], "what ends first is first"

    def test_an_idle_account_says_when_it_cannot_be_refreshed(self, world: TokenWorld) -> None:
        world.configure(LINKEDIN_CLIENT_SECRET=None)
        world.change(LINKEDIN, token_expires_at=NOW + MINUTE)
        (tick,) = refreshed(world)
        assert tick.failure is not None
        assert "set LINKEDIN_CLIENT_SECRET" in tick.failure
        assert world.row(LINKEDIN).status == "connected"
        world.sandbox.clock.advance(60)
        refreshed(world)
        assert world.row(LINKEDIN).status == "needs_reauth"
        assert "set LINKEDIN_CLIENT_SECRET" in str(world.row(LINKEDIN).status_reason)


def _bug(*_: object) -> None:
    raise ZeroDivisionError("a bug")
