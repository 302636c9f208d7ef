"""X's simulator checklist (x.md §10) over HTTP: refusals, limits, the bill. Not here: OAuth (test_oauth.py)."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics_pipeline.sandbox.limits import RateLimits
from analytics_pipeline.sandbox.server import SandboxServer
from tests.sandbox.twitter_world import (
    CLIP,
    FOREIGN,
    NEW,
    NOW,
    RETWEET,
    VIDEO,
    as_before,
    get,
    served,
)

sandbox, _as_before = served, as_before


NEW_WINDOW_ENDS = NOW + timedelta(minutes=15)


class TestRefusals:
    @pytest.mark.parametrize("token", [None, "nobody", "dead"])
    def test_every_bad_token_is_the_same_401(self, sandbox: SandboxServer, token: str | None) -> None:
        answer = get(sandbox, f"/2/tweets?ids={NEW}", token=token)
        assert answer.status_code == 401
        assert answer.json() == {
            "title": "Unauthorized",
            "type": "about:blank",
            "status": 401,
            "detail": "Unauthorized",
        }

    def test_a_missing_scope_is_a_bare_403(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, f"/2/tweets?ids={NEW}", token="narrow")
        assert answer.status_code == 403
        assert answer.json() == {"title": "Forbidden", "type": "about:blank", "status": 403, "detail": "Forbidden"}

    def test_a_plan_that_lacks_an_endpoint_is_403(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "not_enrolled", ["media"])
        answer = get(sandbox, f"/2/media?media_keys={CLIP}")
        assert answer.status_code == 403
        assert answer.json()["type"] == "https://api.twitter.com/2/problems/client-forbidden"
        assert answer.json()["reason"] == "client-not-enrolled"
        assert get(sandbox, f"/2/tweets?ids={NEW}").status_code == 200

    def test_no_credits_is_402(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "credits", 2)
        assert get(sandbox, f"/2/tweets?ids={NEW},{VIDEO}").status_code == 200
        answer = get(sandbox, f"/2/tweets?ids={NEW}")
        assert answer.status_code == 402
        assert answer.json()["title"] == "CreditsDepleted"
        assert answer.json()["type"] == "https://api.twitter.com/2/problems/credits"

    def test_the_monthly_cap_is_a_429_of_its_own(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "monthly_cap", 1)
        assert get(sandbox, f"/2/tweets?ids={NEW}").status_code == 200
        answer = get(sandbox, f"/2/tweets?ids={NEW}")
        assert answer.status_code == 429
        assert answer.json()["type"].endswith("/usage-capped")
        assert (answer.json()["period"], answer.json()["scope"]) == ("Monthly", "Product")
        sandbox.clock.set(datetime(2026, 10, 1, tzinfo=UTC))
        assert get(sandbox, f"/2/tweets?ids={NEW}").status_code == 200

    @pytest.mark.parametrize("path", ["/2/insights/28hr", "/2/usage/credits"])
    def test_what_is_not_there_is_an_empty_404(self, sandbox: SandboxServer, path: str) -> None:
        answer = get(sandbox, path, token="app-only")
        assert (answer.status_code, answer.content) == (404, b"")


class TestRateLimits:
    def test_headers_on_every_answer(self, sandbox: SandboxServer) -> None:
        first = get(sandbox, f"/2/tweets?ids={NEW}", token="windowed").headers
        second = get(sandbox, "/2/tweets?ids=abc", token="windowed").headers
        assert first["x-rate-limit-limit"] == "5000"
        assert (first["x-rate-limit-remaining"], second["x-rate-limit-remaining"]) == ("4999", "4998")
        assert first["x-rate-limit-reset"] == str(int(NEW_WINDOW_ENDS.timestamp()))
        timeline = get(sandbox, "/2/users/29/tweets", token="windowed").headers
        assert (timeline["x-rate-limit-limit"], timeline["x-rate-limit-remaining"]) == ("900", "899")

    @pytest.mark.parametrize(
        ("path", "token", "status", "limit"),
        [
            (f"/2/tweets?ids={NEW}", None, 401, 5000),
            ("/2/users/22/tweets", "nobody", 401, 900),
            (f"/2/tweets/{NEW}", "dead", 401, 900),
            ("/2/users/me", "narrow", 403, 75),
            ("/2/users/me", "app-only", 403, 75),
            ("/2/usage/credits", "app-only", 404, 30),
            ("/2/nothing", "good", 404, 300),
        ],
    )
    def test_headers_on_refusals_too(
        self, sandbox: SandboxServer, path: str, token: str | None, status: int, limit: int
    ) -> None:
        sandbox.state.limits = RateLimits()
        answer = get(sandbox, path, token=token)
        assert (answer.status_code, answer.headers["x-rate-limit-limit"]) == (status, str(limit))
        assert answer.headers["x-rate-limit-remaining"] == str(limit - 1)
        assert answer.headers["x-rate-limit-reset"] == str(int(NEW_WINDOW_ENDS.timestamp()))

    def test_a_refused_token_takes_no_call_of_its_account(self, sandbox: SandboxServer) -> None:
        sandbox.state.limits = RateLimits()
        assert [get(sandbox, "/2/users/24/tweets", token="dead").status_code for _ in range(2)] == [401, 401]
        good = sandbox.state.tokens.issue(sandbox.state.world.accounts[2], NOW, None).value
        assert get(sandbox, "/2/users/24/tweets", token=good).headers["x-rate-limit-remaining"] == "899"

    @pytest.mark.parametrize(
        ("path", "app", "user"),
        [
            (f"/2/tweets/{NEW}", 450, 900),
            (f"/2/tweets?ids={NEW}", 3500, 5000),
            ("/2/users/29/tweets", 10_000, 900),
        ],
    )
    def test_the_app_and_each_user_have_buckets_of_their_own(
        self, sandbox: SandboxServer, path: str, app: int, user: int
    ) -> None:
        sandbox.state.limits = RateLimits()
        told = [get(sandbox, path, token=token).headers for token in ("app-only", "windowed", "other", "app-only")]
        assert [int(each["x-rate-limit-limit"]) for each in told] == [app, user, user, app]
        left = [int(each["x-rate-limit-remaining"]) for each in told]
        assert left == [app - 1, user - 1, user - 1, app - 2]

    def test_a_full_window_of_an_endpoint(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "window_limits", {"tweet": 1})
        assert get(sandbox, f"/2/tweets/{NEW}", token="windowed").status_code == 200
        answer = get(sandbox, f"/2/tweets/{NEW}", token="windowed")
        assert answer.status_code == 429
        assert answer.json() == {
            "title": "Too Many Requests",
            "detail": "Too Many Requests",
            "type": "about:blank",
            "status": 429,
        }
        assert answer.headers["x-rate-limit-remaining"] == "0"
        assert get(sandbox, f"/2/tweets?ids={NEW}", token="windowed").status_code == 200, "endpoints count apart"
        sandbox.clock.advance(900)
        assert get(sandbox, f"/2/tweets/{NEW}", token="windowed").status_code == 200

    def test_the_limit_of_an_account(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "rate_limit_body", "code88")
        answers = [get(sandbox, "/2/users/26/tweets", token="throttled") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json() == {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
        assert answers[2].headers["x-rate-limit-reset"] == str(int(NOW.timestamp()) + 20)
        sandbox.clock.advance(20)
        answers = [get(sandbox, "/2/users/26/tweets", token="throttled") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429], "a new window has the same limit"

    def test_an_account_that_is_throttled_once(self, sandbox: SandboxServer) -> None:
        def statuses(calls: int) -> list[int]:
            return [get(sandbox, "/2/users/27/tweets", token="once").status_code for _ in range(calls)]

        assert statuses(1) == [200]
        sandbox.clock.advance(300)
        assert statuses(2) == [200, 429], "counted without a window"
        sandbox.clock.advance(19)
        assert statuses(1) == [429]
        sandbox.clock.advance(1)
        assert statuses(9) == [200] * 9, "free for ever after"


class TestBilling:
    def test_a_post_is_billed_once_a_utc_day(self, sandbox: SandboxServer) -> None:
        for _ in range(3):
            get(sandbox, f"/2/tweets?ids={NEW},{VIDEO}")
        assert list(sandbox.billed.values()) == [{("post", NEW): "post_read", ("post", VIDEO): "post_read"}]
        sandbox.clock.set(NOW + timedelta(days=1))
        get(sandbox, f"/2/tweets?ids={NEW}")
        assert [len(day) for day in sandbox.billed.values()] == [2, 1]

    def test_the_owners_timeline_costs_the_owned_price(self, sandbox: SandboxServer) -> None:
        get(sandbox, "/2/users/22/tweets")
        get(sandbox, "/2/users/23/tweets", token="other")
        prices = sandbox.billed[NOW.date()]
        assert prices["post", NEW] == "owned_read"
        assert prices["post", FOREIGN] == "post_read"
        get(sandbox, f"/2/tweets?ids={NEW}")
        assert sandbox.billed[NOW.date()]["post", NEW] == "owned_read", "already paid for today"

    def test_expansions_are_billed_too(self, sandbox: SandboxServer) -> None:
        get(sandbox, f"/2/tweets?ids={RETWEET}&expansions=author_id,referenced_tweets.id")
        assert sandbox.billed[NOW.date()] == {
            ("post", RETWEET): "post_read",
            ("post", FOREIGN): "post_read",
            ("user", "22"): "user_read",
        }

    def test_refused_requests_cost_nothing(self, sandbox: SandboxServer) -> None:
        get(sandbox, "/2/tweets?ids=abc")
        get(sandbox, f"/2/tweets?ids={NEW}", token="dead")
        assert sandbox.billed == {}

    def test_usage_is_for_the_app(self, sandbox: SandboxServer) -> None:
        get(sandbox, f"/2/tweets?ids={NEW},{VIDEO}")
        data = get(sandbox, "/2/usage/tweets", token="app-only").json()["data"]
        assert data["project_usage"] == "2"
        assert get(sandbox, "/2/usage/tweets").status_code == 403
