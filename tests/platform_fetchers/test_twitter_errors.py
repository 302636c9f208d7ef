"""Each row of x.md §5, fired at the fetcher, and how long a throttle lasts."""

from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.error_table import error_of
from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
    UnknownReplyError,
)
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from analytics_pipeline.platform_fetchers.twitter_errors import ERRORS, AppNotEnrolledError
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.error_rows import fired
from tests.platform_fetchers.platform_server import Answer, PlatformServer

PROBLEMS = "https://api.twitter.com/2/problems"
APP_ONLY = (
    "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint. Supported authentication types are "
    "[OAuth 1.0a User Context, OAuth 2.0 User Context]."
)
CREDITS = "Your enrolled account [123] does not have any credits to fulfill this request."


def problem(status: int, title: str, detail: str | None = None, kind: str = "about:blank") -> dict[str, Any]:
    return {"title": title, "type": kind, "status": status, "detail": detail or title}


ROWS = [
    (401, problem(401, "Unauthorized"), InvalidTokenError, "token"),
    (
        403,
        problem(403, "Unsupported Authentication", APP_ONLY, f"{PROBLEMS}/unsupported-authentication"),
        PermissionDeniedError,
        "permission",
    ),
    (403, problem(403, "Forbidden"), PermissionDeniedError, "permission"),
    (
        403,
        {
            "title": "Client Forbidden",
            "type": "https://api.x.com/2/problems/client-forbidden",
            "reason": "client-not-enrolled",
            "registration_url": "https://developer.x.com/",
            "detail": "not enrolled",
        },
        AppNotEnrolledError,
        "permission",
    ),
    (
        400,
        {
            "errors": [
                {"parameters": {"ids": ["abc"]}, "message": "The `ids` query parameter value [abc] is not valid"}
            ],
            **problem(400, "Invalid Request", kind=f"{PROBLEMS}/invalid-request"),
        },
        ConfigurationError,
        "configuration",
    ),
    (429, problem(429, "Too Many Requests"), RateLimitError, "throttled"),
    (429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, RateLimitError, "throttled"),
    (
        429,
        problem(429, "Too Many Requests", kind="https://api.x.com/2/problems/rate-limit-exceeded"),
        RateLimitError,
        "throttled",
    ),
    (
        429,
        {
            **problem(429, "UsageCapExceeded", "Usage cap exceeded: Monthly product cap", f"{PROBLEMS}/usage-capped"),
            "period": "Monthly",
            "scope": "Product",
        },
        RateLimitError,
        "throttled",
    ),
    (402, {"title": "CreditsDepleted", "detail": CREDITS, "type": f"{PROBLEMS}/credits"}, RateLimitError, "throttled"),
    (500, problem(500, "Internal Server Error", "Something is broken."), TransientError, "transient"),
    (503, problem(503, "Service Unavailable"), TransientError, "transient"),
    (502, None, TransientError, "transient"),
    (504, None, TransientError, "transient"),
    # Not in the document: transient until somebody knows better.
    (403, None, TransientError, "transient"),
    (404, None, UnknownReplyError, "transient"),
    (200, ["?"], UnknownReplyError, "transient"),
    (409, problem(409, "Conflict", kind=f"{PROBLEMS}/new-in-2027"), UnknownReplyError, "transient"),
    (405, ["?"], UnknownReplyError, "transient"),
]


@pytest.mark.parametrize("row", ROWS)
def test_row(server: PlatformServer, slept: list[float], row: tuple[int, Any, type[PlatformAPIError], str]) -> None:
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, clock=lambda: NOW, sleep=slept.append)
    error = fired(server, fetcher, "1970000000000000001", row)
    status, json, _, _ = row
    said = (json.get("detail") or json["errors"][0]["message"]) if isinstance(json, dict) else ""
    assert said in error.message
    if status in (400, 401, 402, 403, 429) and json is not None:
        assert (len(server.requests), slept) == (1, []), "no use to try again"


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (200, "not-authorized-for-field", "shown to the post's author only"),
        (200, "field-hydration-failure", "could not read the figures this time"),
        (400, "invalid-request", "an id or a parameter is wrong"),
        (401, "about:blank", "refresh it or connect again"),
        (402, "credits", "buy credits"),
        (403, "unsupported-authentication", "a token that the account's owner gave"),
        (403, "client-forbidden", "see X's developer console"),
        (403, "about:blank", "a scope is missing (tweet.read, users.read): connect the account again"),
        (404, "resource-not-found", "X does not know it"),
        (429, "usage-capped", "the app's cap of post reads is used up"),
        (429, "about:blank", "too many calls"),
        *((status, "about:blank", "a fault on X's side") for status in (500, 502, 503, 504)),
    ],
)
def test_people_are_told_what_to_do(status: int, kind: str, told: str) -> None:
    assert told in error_of(ERRORS, "twitter", status, [kind], "").message


RESET = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-rate-limit-reset": str(RESET + 900), "x-rate-limit-remaining": "0"}, 901.0),
        ({"x-rate-limit-reset": str(RESET + 900)}, 901.0),
        ({"x-rate-limit-reset": str(RESET - 900)}, 1.0),
        ({"x-rate-limit-reset": str(RESET + 900), "retry-after": "600"}, 600.0),
        ({"x-rate-limit-reset": str(RESET + 900), "x-user-limit-24hour-reset": str(RESET + 7200)}, 7201.0),
        (
            {
                "x-rate-limit-reset": str(RESET + 900),
                "x-rate-limit-remaining": "0",
                "x-user-limit-24hour-reset": str(RESET + 7200),
                "x-user-limit-24hour-remaining": "17",
            },
            901.0,
        ),
        (
            {
                "x-rate-limit-reset": str(RESET + 900),
                "x-rate-limit-remaining": "4",
                "x-app-limit-24hour-reset": str(RESET + 7200),
                "x-app-limit-24hour-remaining": "0",
            },
            7201.0,
        ),
        ({"x-rate-limit-reset": "soon"}, None),
        ({"x-rate-limit-reset": f"{RESET}000"}, None),
        ({"x-rate-limit-reset": "9" * 5000}, None),
        ({"x-rate-limit-reset": "4102444800"}, 25 * 3600.0),
        ({}, None),
    ],
)
def test_how_long_a_throttle_lasts(
    server: PlatformServer, slept: list[float], headers: dict[str, str], seconds: float | None
) -> None:
    server.script(Answer(429, problem(429, "Too Many Requests"), headers=headers))
    # Our clock is wrong, X's is not: the wait is relative to the Date of its reply.
    fetcher = TwitterAnalyticsFetcher(
        TOKEN, base_url=server.url, max_retries=1, clock=lambda: NOW.replace(hour=3), sleep=slept.append
    )
    with pytest.raises(RateLimitError) as caught:
        list(fetcher.fetch_many([PostRef("11")]))
    fetcher.close()
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("reset", [f"{RESET}000", "9" * 20, "soon"])
def test_an_absurd_reset_costs_no_good_answer(server: PlatformServer, reset: str) -> None:
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
    server.script(Answer(json={"data": [{"id": "11", "public_metrics": {"like_count": 1}}]}, headers=headers))
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, max_retries=1, clock=lambda: NOW)
    (reading,) = fetcher.fetch_many([PostRef("11")])
    fetcher.close()
    assert reading.analytics is not None
    assert reading.analytics["likes_count"] == 1


def test_a_short_throttle_is_waited_out(server: PlatformServer, slept: list[float]) -> None:
    throttled = Answer(429, problem(429, "Too Many Requests"), headers={"x-rate-limit-reset": str(RESET + 20)})
    server.script(throttled, Answer(json={"data": {"id": "11", "public_metrics": {"like_count": 1}}}))
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, clock=lambda: NOW, sleep=slept.append)
    assert fetcher.fetch_post_analytics("1", "11")["likes_count"] == 1
    fetcher.close()
    assert slept == [21.0]


@pytest.mark.parametrize(("status", "kind", "seconds"), [(429, "usage-capped", 12 * 3600.0), (402, "credits", 3600.0)])
def test_what_no_short_wait_mends(
    server: PlatformServer, slept: list[float], status: int, kind: str, seconds: float | None
) -> None:
    headers = {"x-rate-limit-reset": str(RESET + 5)}
    server.script(Answer(status, problem(status, "No", kind=f"{PROBLEMS}/{kind}"), headers=headers))
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, clock=lambda: NOW, sleep=slept.append)
    with pytest.raises(RateLimitError) as caught:
        list(fetcher.fetch_many([PostRef("11")]))
    with pytest.raises(RateLimitError) as later:
        list(fetcher.fetch_many([PostRef("12")]))
    fetcher.close()
    assert (caught.value.retry_after, len(server.requests), slept) == (seconds, 1, [])
    assert later.value.message.startswith(f"{caught.value.message.rstrip('.')}; the next call is due at 2026-")


def test_the_token_is_in_no_text(server: PlatformServer, caplog: pytest.LogCaptureFixture) -> None:
    said = {"title": "Odd", "detail": f"you sent Bearer {TOKEN}", "type": f"{PROBLEMS}/odd"}
    server.script(Answer(409, said))
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, max_retries=1)
    with pytest.raises(TransientError) as caught:
        list(fetcher.fetch_many([PostRef("11")]))
    server.script(Answer(json={"errors": [{**said, "resource_id": "11"}]}))
    (reading,) = fetcher.fetch_many([PostRef("11")])
    fetcher.close()
    assert "odd" in caplog.text
    assert TOKEN not in f"{caught.value}{reading.error}{caplog.text}"
