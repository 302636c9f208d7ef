"""Refreshing against a real database and a sandbox: when, by whom, what is stored, what a failure means."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from sqlalchemy import Engine, text

from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.exceptions import (
    InvalidTokenError,
    PermissionDeniedError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.oauth import NOT_SET_UP
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request
from tests.sync.token_world import DAY, FACEBOOK, IDS, INSTAGRAM, LINKEDIN, MINUTE, NOW, SECRET, TokenWorld, X, running

QUARTER = timedelta(minutes=15)


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """Accounts 1 to 4 on four platforms; tokens have no known end until the test says so."""
    with running(engine, monkeypatch) as world:
        yield world


def works(world: TokenWorld, token: str) -> bool:
    """Whether X takes an access token."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{world.sandbox.url}/twitter/2/users/me", headers=headers, timeout=5).ok


class TestWhen:
    def test_a_quarter_of_an_hour_before_its_end(self, world: TokenWorld) -> None:
        world.change(X, token_expires_at=NOW + QUARTER + timedelta(seconds=1))
        assert world.tokens(X).current() == "CANARY-access-twitter"
        assert world.asked() == 0
        world.sandbox.clock.advance(1)
        worker = world.tokens(X)
        token = worker.current()
        row = world.row(X)
        assert token not in ("", "CANARY-access-twitter")
        assert row.scopes == "offline.access tweet.read users.read"
        assert works(world, token)
        assert (row.access_token, row.token_expires_at) == (token, world.now() + timedelta(hours=2))
        assert row.refresh_token not in (None, "", "CANARY-refresh-twitter")
        assert (worker.current(), world.tokens(X).current(), world.asked()) == (token, token, 1)
        world.sandbox.clock.advance(7200 - 900)
        assert worker.current() != token, "a worker that lives for hours refreshes again"
        assert (world.asked(), worker.current()) == (2, world.row(X).access_token)

    def test_the_pair_is_encrypted_where_it_is_stored(self, world: TokenWorld) -> None:
        world.change(X, token_expires_at=NOW)
        token = world.tokens(X).current()
        row = world.row(X)
        assert token not in world.everything_written()
        assert row.refresh_token is not None
        assert row.refresh_token not in world.everything_written()

    def test_without_a_known_end_only_a_refusal_brings_a_refresh(self, world: TokenWorld) -> None:
        assert world.tokens(LINKEDIN).current() == "CANARY-access-linkedin"
        assert world.asked() == 0
        token = world.tokens(LINKEDIN).renewed("CANARY-access-linkedin", ask=True)
        row = world.row(LINKEDIN)
        assert (row.access_token, row.refresh_token) == (token, "CANARY-refresh-linkedin"), "LinkedIn's stays"
        assert row.token_expires_at == NOW + 60 * DAY

    def test_linkedins_year_is_not_extended_and_its_last_hour_is_no_busy_loop(self, world: TokenWorld) -> None:
        end = NOW + 365 * DAY
        world.sandbox.clock.advance((365 * DAY - 10 * MINUTE).total_seconds())
        world.change(LINKEDIN, token_expires_at=world.now())
        worker = world.tokens(LINKEDIN)
        worker.current()
        assert world.row(LINKEDIN).token_expires_at == end
        for _ in range(20):
            world.tokens(LINKEDIN).current()
        assert world.asked() == 1, "half of what is left goes by before the next attempt"
        world.sandbox.clock.set(end)
        with pytest.raises(InvalidTokenError):
            world.tokens(LINKEDIN).current()
        assert "An administrator of the page must log in" in str(world.row(LINKEDIN).status_reason)

    def test_a_token_that_is_refused_while_a_new_one_is_left_alone_is_for_a_person(self, world: TokenWorld) -> None:
        world.sandbox.clock.advance((359 * DAY).total_seconds())
        world.change(LINKEDIN, token_expires_at=world.now())
        token = world.tokens(LINKEDIN).current()
        assert world.row(LINKEDIN).token_expires_at == NOW + 365 * DAY
        world.sandbox.clock.advance(7200)
        world.change(LINKEDIN, refresh_token="CANARY-refresh-revoked")
        with pytest.raises(InvalidTokenError):
            world.tokens(LINKEDIN).renewed(token, ask=True)
        assert world.row(LINKEDIN).status == "needs_reauth"

    def test_facebook_is_exchanged_once_for_a_page_token_without_end(self, world: TokenWorld) -> None:
        world.kill_token("facebook")
        world.change(FACEBOOK, token_expires_at=NOW + timedelta(hours=1))
        token = world.tokens(FACEBOOK).current()
        row = world.row(FACEBOOK)
        assert (row.access_token, row.token_expires_at) == (token, None)
        assert row.refresh_token != "CANARY-refresh-facebook", "the person's long-lived token"
        world.sandbox.clock.advance(70 * 86_400)
        assert (world.tokens(FACEBOOK).current(), world.asked()) == (token, 1)

    def test_instagram_login_a_week_before_its_end_and_not_twice_a_day(self, world: TokenWorld) -> None:
        world.change(INSTAGRAM, token_expires_at=NOW + 7 * DAY)
        first = world.tokens(INSTAGRAM).current()
        assert world.row(INSTAGRAM).token_expires_at == NOW + 60 * DAY
        world.change(INSTAGRAM, token_expires_at=NOW + DAY)  # as if the platform had been stingy
        assert (world.tokens(INSTAGRAM).current(), world.asked()) == (first, 1)
        world.sandbox.clock.advance(86_400 - 1)
        assert (world.tokens(INSTAGRAM).current(), world.asked()) == (first, 1)

    def test_instagram_login_once_it_has_expired_is_for_a_person(self, world: TokenWorld) -> None:
        world.change(INSTAGRAM, token_expires_at=NOW)
        assert world.tokens(INSTAGRAM).current() == "CANARY-access-instagram", "the platform will say so"
        assert world.tokens(INSTAGRAM).renewed("CANARY-access-instagram", ask=True) is None
        assert world.asked() == 0


class TestOneRefresher:
    def test_of_two_threads_one_asks_and_both_go_on_with_the_new_token(self, world: TokenWorld) -> None:
        world.change(X, token_expires_at=NOW)
        world.sandbox.script_fault("delay", path_contains="oauth2/token", seconds=0.3)
        together = threading.Barrier(2)

        def work(way: str) -> str | None:
            tokens = world.tokens(X)
            together.wait()
            return tokens.current() if way == "due" else tokens.renewed("CANARY-access-twitter", ask=True)

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(work, ("due", "refused"))
        assert first == second == world.row(X).access_token
        assert world.asked() == 1, "a second use of the refresh token would have killed the family"
        assert works(world, str(first))

    def test_of_two_processes_likewise(self, world: TokenWorld) -> None:
        world.change(X, token_expires_at=NOW)
        world.sandbox.script_fault("delay", path_contains="oauth2/token", seconds=0.3)
        code = (
            "import sys; from datetime import datetime; from analytics_pipeline.database.engine import get_engine; "
            "from analytics_pipeline.sync.tokens import AccountTokens; "
            f"tokens = AccountTokens(get_engine(), {X}, 'twitter', lambda: datetime.fromisoformat({NOW.isoformat()!r})); "
            "get_engine().connect().close(); print('ready', flush=True); sys.stdin.readline(); print(tokens.current())"
        )
        processes = [
            subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1, text=True) for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        printed = [process.communicate(timeout=60)[0].strip() for process in processes]
        assert printed == [world.row(X).access_token] * 2
        assert world.asked() == 1

    def test_whoever_stores_posts_does_not_wait_for_the_platform(
        self, world: TokenWorld, server: PlatformServer
    ) -> None:
        statement = text(
            "insert into published_posts (business_id, social_account_id, platform, platform_post_id, published_at) "
            f"values (1, {X}, 'twitter', '1', now())"
        )

        def answer(_: Request) -> Answer:
            with world.engine.begin() as connection:
                connection.execute(text("set local lock_timeout = '1s'"))
                connection.execute(statement)
            return Answer(json={"access_token": "new", "refresh_token": "next", "expires_in": 7200})

        server.answer = answer
        world.configure(TWITTER_BASE_URL=server.url)
        assert world.tokens(X).renewed("CANARY-access-twitter", ask=True) == "new"

    def test_a_call_under_way_while_others_refresh_goes_on_with_the_stored_token(self, world: TokenWorld) -> None:
        """With a run of hours, more than once: each refresh of X kills the access token before it."""
        fetcher = FETCHERS["twitter"].for_account("CANARY-access-twitter", IDS["twitter"], clock=world.now)
        fetcher.tokens = world.tokens(X)
        for refreshes in (1, 2, 3):
            fetcher.tokens.current()
            world.tokens(X).refresh(lambda _: True, dead=False)
            (day,) = fetcher.fetch_account_days(world.now().date(), world.now().date())
            assert day.metrics["followers"] is not None
            assert world.asked() == refreshes, "nobody has refreshed beside them"
        fetcher.close()
        statuses = [record.status for record in world.sandbox.requests if record.path.startswith("/2/users")]
        assert statuses == [401, 200] * 3

    def test_a_token_that_a_person_gave_meanwhile_is_taken(self, world: TokenWorld) -> None:
        world.change(X, access_token="given-by-a-person")
        assert world.tokens(X).renewed("CANARY-access-twitter", ask=True) == "given-by-a-person"
        assert world.asked() == 0


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    """A platform that answers as the test says."""
    with PlatformServer() as running:
        yield running


class TestFailures:
    def kept(self, world: TokenWorld, account: int, platform: str) -> bool:
        row = world.row(account)
        held = (row.access_token, row.refresh_token)
        return held == (f"CANARY-access-{platform}", f"CANARY-refresh-{platform}")

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ({"kind": "status", "status": 500}, TransientError),
            ({"kind": "status", "status": 503}, TransientError),
            ({"kind": "status", "status": 429, "retry_after": "60"}, RateLimitError),
            ({"kind": "html"}, PlatformAPIError),
            ({"kind": "reset"}, TransientError),
            ({"kind": "redirect"}, TransientError),
            ({"kind": "reply", "status": 200, "body": '{"access_token": ""}'}, PlatformAPIError),
            ({"kind": "reply", "status": 200, "body": "[]"}, PlatformAPIError),
        ],
        ids=str,
    )
    def test_a_passing_fault_keeps_the_good_token_and_is_tried_again_later(
        self, world: TokenWorld, fault: dict[str, object], expected: type[Exception]
    ) -> None:
        world.sandbox.script_fault(path_contains="accessToken", **fault)  # type: ignore[arg-type]  # kind is a str
        world.change(LINKEDIN, token_expires_at=NOW + 10 * MINUTE)
        assert world.tokens(LINKEDIN).current() == "CANARY-access-linkedin", "which is good for ten minutes"
        assert world.tokens(LINKEDIN).current() == "CANARY-access-linkedin"
        assert (world.asked(), world.row(LINKEDIN).status) == (1, "connected")
        assert self.kept(world, LINKEDIN, "linkedin")
        world.sandbox.clock.advance(120)
        assert world.tokens(LINKEDIN).current() == world.row(LINKEDIN).access_token != "CANARY-access-linkedin"

        world.change(LINKEDIN, token_expires_at=world.now())  # now dead when the fault strikes
        world.sandbox.script_fault(path_contains="accessToken", **fault)  # type: ignore[arg-type]  # kind is a str
        before = world.row(LINKEDIN)
        with pytest.raises(expected):
            world.tokens(LINKEDIN).current()
        with pytest.raises(RateLimitError, match="can be refreshed at"):
            world.tokens(LINKEDIN).current()
        after = world.row(LINKEDIN)
        assert (after.access_token, after.status) == (before.access_token, "connected")
        world.sandbox.clock.advance(120)
        assert world.tokens(LINKEDIN).current() != before.access_token

    def test_the_apps_quota_of_refreshes_stops_all_accounts_until_midnight(self, world: TokenWorld) -> None:
        world.sandbox.script_fault("status", path_contains="accessToken", status=429)
        with pytest.raises(RateLimitError):
            world.tokens(LINKEDIN).renewed("CANARY-access-linkedin", ask=True)
        with world.engine.connect() as connection:
            held = connection.execute(text("select scope, held_until from api_quotas where held_until is not null"))
            assert [(scope, until) for scope, until in held] == [("app", NOW + timedelta(hours=12))]

    def test_a_refused_refresh_token_needs_a_person_and_is_not_used_again(self, world: TokenWorld) -> None:
        world.change(X, refresh_token="CANARY-refresh-unknown", token_expires_at=NOW + QUARTER)
        with pytest.raises(InvalidTokenError):
            world.tokens(X).current()
        row = world.row(X)
        assert (row.status, row.access_token, row.refresh_token) == (
            "needs_reauth", "CANARY-access-twitter", "CANARY-refresh-unknown",
        )  # fmt: skip
        assert "The account's owner must log in at X and connect the account again" in str(row.status_reason)
        with pytest.raises(InvalidTokenError, match="must log in at X"):
            world.tokens(X).renewed("CANARY-access-twitter", ask=True)
        assert world.asked() == 1

    def test_an_answer_lost_after_the_rotation_is_told_honestly(self, world: TokenWorld) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": "CANARY-refresh-twitter"}
        lost = requests.post(f"{world.sandbox.url}/twitter/2/oauth2/token", form, auth=("app", SECRET), timeout=5)
        assert lost.ok, "a process that then died before it could store the answer"
        with pytest.raises(InvalidTokenError):
            world.tokens(X).renewed("CANARY-access-twitter", ask=True)
        assert "a refresh whose answer got lost" in str(world.row(X).status_reason)

    @pytest.mark.parametrize(
        ("state", "reason"),
        [("password_changed", "password was changed"), ("revoked", "app was removed"), ("logged_out", "logged out")],
    )
    def test_what_ends_a_person_s_tokens_is_named(self, world: TokenWorld, state: str, reason: str) -> None:
        world.kill_token("facebook", state)
        world.sandbox.state.world.account("facebook", "104928374650192").token_state = state  # type: ignore[union-attr]
        with pytest.raises(InvalidTokenError):
            world.tokens(FACEBOOK).renewed("CANARY-access-facebook", ask=True)
        assert reason in str(world.row(FACEBOOK).status_reason)

    def test_a_page_without_the_person_s_role_needs_somebody_else(self, world: TokenWorld) -> None:
        world.change(FACEBOOK, external_id="999")
        with pytest.raises(PermissionDeniedError):
            world.tokens(FACEBOOK).renewed("CANARY-access-facebook", ask=True)
        assert "no role on its Page" in str(world.row(FACEBOOK).status_reason)

    def test_without_a_refresh_token_there_is_nothing_to_do(self, world: TokenWorld) -> None:
        world.change(X, refresh_token=None, token_expires_at=NOW)
        assert world.tokens(X).current() == "CANARY-access-twitter"
        assert world.tokens(X).renewed("CANARY-access-twitter", ask=True) is None
        assert (world.asked(), world.row(X).status) == (0, "connected")

    def test_an_app_that_is_not_set_up_matters_once_the_token_has_ended(
        self, world: TokenWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.configure(TWITTER_CLIENT_ID=None)
        world.change(X, token_expires_at=NOW + MINUTE)
        assert world.tokens(X).current() == "CANARY-access-twitter"
        assert "set TWITTER_CLIENT_ID" in caplog.text
        assert world.row(X).status == "connected"
        world.sandbox.clock.advance(60)
        with pytest.raises(InvalidTokenError):
            world.tokens(X).current()
        row = world.row(X)
        assert (row.status, world.asked()) == ("needs_reauth", 0)
        assert f"{NOT_SET_UP}: set TWITTER_CLIENT_ID" in str(row.status_reason)

    def test_a_wrong_secret_is_asked_about_once_an_hour(self, world: TokenWorld) -> None:
        world.configure(TWITTER_CLIENT_SECRET="CANARY-wrong")
        with pytest.raises(InvalidTokenError, match="TWITTER_CLIENT_SECRET"):
            world.tokens(X).renewed("CANARY-access-twitter", ask=True)
        with pytest.raises(RateLimitError):
            world.tokens(X).renewed("CANARY-access-twitter", ask=True)
        assert self.kept(world, X, "twitter")
        world.configure(TWITTER_CLIENT_SECRET=SECRET)
        world.sandbox.clock.advance(3600)
        assert world.tokens(X).renewed("CANARY-access-twitter", ask=True) == world.row(X).access_token
        assert (world.row(X).status, world.row(X).status_reason, world.asked()) == ("connected", None, 2)

    def test_no_failure_tells_a_secret(self, world: TokenWorld, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        echo = '{"error": "invalid_grant", "error_description": "token CANARY-refresh-twitter CANARY-client-secret"}'
        world.sandbox.script_fault("reply", path_contains="oauth2/token", status=400, body=echo)
        graph = '{"error": {"code": 190, "message": "CANARY-refresh-facebook CANARY-client-secret"}}'
        world.sandbox.script_fault("reply", path_contains="oauth/access_token", status=400, body=graph)
        shown = ""
        for account, platform in ((X, "twitter"), (FACEBOOK, "facebook")):
            with pytest.raises(InvalidTokenError) as caught:
                world.tokens(account).renewed(f"CANARY-access-{platform}", ask=True)
            shown += repr(caught.value) + repr(world.tokens(account))
        assert "[redacted]" in str(world.row(X).status_reason)
        assert "CANARY" not in shown + caplog.text + world.everything_written()
