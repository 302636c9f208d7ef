"""A fetcher whose token comes from a source that refreshes it: before every call, and once when it is refused."""

import json
from dataclasses import dataclass, field

import pytest

from analytics_pipeline.platform_fetchers.exceptions import InvalidTokenError, TransientError
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from tests.platform_fetchers.oauth_apps import clock
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

PAGE = "104928374650192"


@dataclass
class Source:
    """Hands out `tokens` in turn, one per refresh; it fails with `error` if there is one."""

    tokens: list[str]
    error: Exception | None = None
    refused: list[str] = field(default_factory=list)

    def current(self) -> str:
        return self.tokens[0]

    def renewed(self, refused: str, *, ask: bool) -> str | None:
        if not ask:
            return None
        self.refused.append(refused)
        if self.error is not None:
            raise self.error
        if len(self.tokens) > 1:
            del self.tokens[0]
            return self.tokens[0]
        return None


def bearer(request: Request) -> str:
    return request.headers["authorization"].removeprefix("Bearer ")


def x(server: PlatformServer, source: Source) -> TwitterAnalyticsFetcher:
    """A fetcher of X; the server takes only the token `good`."""
    me = {"data": {"id": "1", "name": "a", "username": "a", "public_metrics": {"followers_count": 3}}}
    server.answer = lambda request: Answer(json=me) if bearer(request) == "good" else Answer(401, json={"status": 401})
    fetcher = TwitterAnalyticsFetcher("stale", user_id="1", base_url=server.url, clock=clock, sleep=lambda _: None)
    fetcher.tokens = source
    return fetcher


def used(server: PlatformServer) -> list[str]:
    return [bearer(request) for request in server.requests]


def followers(fetcher: TwitterAnalyticsFetcher) -> int:
    (day,) = fetcher.fetch_account_days(clock().date(), clock().date())
    return int(day.metrics["followers"])


def test_every_call_carries_the_present_token(server: PlatformServer) -> None:
    source = Source(["good"])
    fetcher = x(server, source)
    assert followers(fetcher) == 3
    source.tokens = ["other", "good"]
    assert followers(fetcher) == 3
    assert (used(server), source.refused) == (["good", "other", "good"], ["other"])


def test_a_token_is_renewed_once_in_the_life_of_a_fetcher(server: PlatformServer) -> None:
    source = Source(["bad1", "good"])
    fetcher = x(server, source)
    assert followers(fetcher) == 3
    source.tokens = ["bad2", "good"]
    with pytest.raises(InvalidTokenError):
        followers(fetcher)
    assert source.refused == ["bad1"]


def test_one_renewed_token_that_is_refused_as_well_is_the_end(server: PlatformServer) -> None:
    source = Source(["bad1", "bad2", "bad3"])
    with pytest.raises(InvalidTokenError):
        followers(x(server, source))
    assert used(server) == ["bad1", "bad2"]


def test_without_another_token_the_refusal_stands(server: PlatformServer) -> None:
    with pytest.raises(InvalidTokenError, match="refresh it or connect again"):
        followers(x(server, Source(["bad1"])))
    assert used(server) == ["bad1"]


def test_a_refresh_that_fails_says_what_happens_next(server: PlatformServer) -> None:
    with pytest.raises(TransientError, match="down"):
        followers(x(server, Source(["bad1"], TransientError("the token endpoint is down", "twitter"))))


def test_an_account_without_access_token_gets_one(server: PlatformServer) -> None:
    source = Source(["", "good"])
    assert followers(x(server, source)) == 3
    assert used(server) == ["good"], "nothing is sent without a token"


@pytest.mark.parametrize("whole", [True, False], ids=["the batch is refused", "its parts are refused"])
def test_a_batch_carries_the_new_token_in_its_form_too(server: PlatformServer, whole: bool) -> None:
    refusal = {"error": {"code": 190, "error_subcode": 463, "message": "expired", "type": "OAuthException"}}

    def answer(request: Request) -> Answer:
        entries = json.loads(request.form["batch"])
        if bearer(request) == request.form["access_token"] == "good":
            node = {"id": f"{PAGE}_1", "created_time": "2026-08-30T08:00:00+0000", "shares": {"count": 4}}
            return Answer(json=[{"code": 200, "body": json.dumps(node)} for _ in entries])
        return Answer(401, json=refusal) if whole else Answer(json=[{"code": 401, "body": json.dumps(refusal)}] * 2)

    server.answer = answer
    fetcher = FacebookFetcher("stale", PAGE, base_url=server.url, clock=clock, sleep=lambda _: None)
    source = fetcher.tokens = Source(["bad1", "good"])
    readings = list(fetcher.fetch_many([PostRef(f"{PAGE}_1"), PostRef(f"{PAGE}_2")]))
    assert [reading.error for reading in readings] == [None, None]
    assert source.refused == ["bad1"]
    assert {request.form["access_token"] for request in server.requests[1:]} == {"good"}


def test_a_batch_that_is_refused_for_ever_ends(server: PlatformServer) -> None:
    refusal = json.dumps({"error": {"code": 190, "message": "expired", "type": "OAuthException"}})
    server.answer = lambda request: Answer(
        json=[{"code": 401, "body": refusal} for _ in json.loads(request.form["batch"])]
    )
    fetcher = FacebookFetcher("stale", PAGE, base_url=server.url, clock=clock, sleep=lambda _: None)
    fetcher.tokens = Source([f"bad{n}" for n in range(9)])
    with pytest.raises(InvalidTokenError):
        list(fetcher.fetch_many([PostRef(f"{PAGE}_1"), PostRef(f"{PAGE}_2")]))
    assert used(server) == ["bad0", "bad1"]
