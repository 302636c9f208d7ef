"""Each row of linkedin.md §5, fired at the fetcher."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.error_table import error_of
from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
    UnknownReplyError,
    VersionError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.linkedin_errors import ERRORS, RevokedTokenError
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.quota import MemoryQuota, Scope
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.error_rows import fired
from tests.platform_fetchers.platform_server import Answer, PlatformServer

POST = "urn:li:share:7301000000000000001"


def body(status: int, message: str, code: str | None = None, service_code: int | None = None) -> dict[str, Any]:
    named = {"code": code, "serviceErrorCode": service_code}
    return {"status": status, "message": message} | {key: value for key, value in named.items() if value is not None}


ROWS = [
    (401, body(401, "Empty oauth2_access_token", None, 401), AuthenticationError, "token"),
    (401, body(401, "Invalid access token", "INVALID_ACCESS_TOKEN", 65600), InvalidTokenError, "token"),
    (401, body(401, "Invalid access token", None, 65600), InvalidTokenError, "token"),
    (
        401,
        body(401, "The token used in the request has expired", "EXPIRED_ACCESS_TOKEN", 65602),
        InvalidTokenError,
        "token",
    ),
    (
        401,
        body(401, "The token used in the request has been revoked by the user", "REVOKED_ACCESS_TOKEN", 65601),
        RevokedTokenError,
        "token",
    ),
    (
        403,
        body(
            403,
            "Not enough permissions to access: partnerApiPostsExternal.FINDER-author.20260801",
            "ACCESS_DENIED",
            100,
        ),
        PermissionDeniedError,
        "permission",
    ),
    (400, body(400, "A version must be present.", "VERSION_MISSING"), VersionError, "configuration"),
    (
        426,
        body(426, "Requested version 20240101 is not active", "NONEXISTENT_VERSION"),
        VersionError,
        "configuration",
    ),
    (400, body(400, "Invalid query parameters passed to request", None, 0), ConfigurationError, "configuration"),
    (
        400,
        body(400, "Member permissions must be used when using member as author"),
        ConfigurationError,
        "configuration",
    ),
    (404, body(404, "Post not found", "NOT_FOUND"), PostNotFoundError, "gone"),
    (
        429,
        body(429, "Resource level throttle limit for calls to this resource is reached.", None, 101),
        RateLimitError,
        "throttled",
    ),
    (
        429,
        body(429, "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.", None, 101),
        RateLimitError,
        "throttled",
    ),
    (500, body(500, "Internal Server Error"), TransientError, "transient"),
    (502, None, TransientError, "transient"),
    (503, None, TransientError, "transient"),
    (504, None, TransientError, "transient"),
    # Not in the document: transient until somebody knows better.
    (403, None, TransientError, "transient"),
    (404, None, TransientError, "transient"),
    (418, body(418, "new in 2027", "TEAPOT"), UnknownReplyError, "transient"),
    (405, ["?"], UnknownReplyError, "transient"),
]


@pytest.mark.parametrize("row", ROWS)
def test_row(server: PlatformServer, slept: list[float], row: tuple[int, Any, type[PlatformAPIError], str]) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "1", base_url=server.url, clock=lambda: NOW, sleep=slept.append)
    error = fired(server, fetcher, POST, row)
    _, json, _, _ = row
    if isinstance(json, dict):
        assert json["message"] in error.message


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (400, "VERSION_MISSING", "set LINKEDIN_API_VERSION"),
        (400, "0", "an id, a parameter or its encoding is wrong"),
        (401, "65600", "malformed or unknown: connect the page again"),
        (401, "65601", "the member revoked the token: connect the page again"),
        (401, "65602", "expired: refresh it or connect the page again"),
        (401, "401", "refused: connect the page again"),
        (403, "ACCESS_DENIED", "a scope, the app's product or the page role ADMINISTRATOR is missing"),
        (404, "NOT_FOUND", "LinkedIn does not know it"),
        (426, "NONEXISTENT_VERSION", "set LINKEDIN_API_VERSION to a newer one"),
        (429, "101", "renewed at 00:00 UTC"),
        (429, "0", "LinkedIn asks to slow down"),
        *((status, "0", "a fault on LinkedIn's side") for status in (500, 502, 503, 504)),
    ],
)
def test_people_are_told_what_to_do(status: int, code: str, told: str) -> None:
    assert told in error_of(ERRORS, "linkedin", status, [code], "").message


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(429, body(429, "DAY limit", None, 101)), 12 * 3600.0),  # 12:00 UTC, renewed at 00:00
        (Answer(429, body(429, "too many requests")), 120.0),
        (Answer(429, body=b"<html></html>"), 120.0),
        (Answer(429, body(429, "DAY limit", None, 101), headers={"Retry-After": "90"}), 90.0),
        (Answer(429, body(429, "DAY limit", None, 101), headers={"Retry-After": "90.5"}), 90.5),
        (
            Answer(429, body(429, "DAY", None, 101), headers={"Retry-After": "Tue, 01 Sep 2026 12:05:00 GMT"}),
            300.0,
        ),
        (Answer(429, body(429, "DAY limit", None, 101), headers={"Retry-After": ""}), 12 * 3600.0),
        (Answer(429, body(429, "DAY limit", None, 101), headers={"Retry-After": "soon"}), 12 * 3600.0),
    ],
)
def test_how_long_a_throttle_lasts(server: PlatformServer, slept: list[float], answer: Answer, seconds: float) -> None:
    server.script(answer)
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "1", base_url=server.url, clock=lambda: NOW, sleep=slept.append)
    with pytest.raises(RateLimitError) as caught:
        list(fetcher.fetch_many([PostRef(POST)]))
    fetcher.close()
    assert caught.value.retry_after == seconds
    assert (len(server.requests), slept) == (1, [])


@pytest.mark.parametrize(
    ("bucket", "scope"),
    [
        ("APPLICATION DAY limit", "app"),
        ("APPLICATION_AND_MEMBER DAY limit", "account"),
        ("MEMBER DAY limit", "account"),
        ("limit", "account"),
    ],
)
def test_whose_day_is_used_up(server: PlatformServer, bucket: str, scope: str) -> None:
    class Holds(MemoryQuota):
        def hold(self, scope: Scope, endpoint: str, until: datetime, because: str | None = None) -> datetime | None:
            held.append((scope, endpoint, until - NOW))
            return super().hold(scope, endpoint, until, because)

    held: list[tuple[str, str, timedelta]] = []
    server.script(Answer(429, body(429, f"Resource level throttle {bucket} for calls is reached.", None, 101)))
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "1", base_url=server.url, clock=lambda: NOW)
    fetcher.quota = Holds()
    with pytest.raises(RateLimitError):
        list(fetcher.fetch_many([PostRef(POST)]))
    fetcher.close()
    assert held == [(scope, "organizationalEntityShareStatistics", timedelta(hours=12))]


def test_an_ended_version_names_the_setting(server: PlatformServer) -> None:
    server.script(Answer(426, body(426, "Requested version 20240101 is not active", "NONEXISTENT_VERSION")))
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "1", base_url=server.url, api_version="202401", clock=lambda: NOW)
    with pytest.raises(ConfigurationError, match="LINKEDIN_API_VERSION"):
        list(fetcher.fetch_many([PostRef(POST), PostRef("urn:li:share:2")]))
    fetcher.close()
    assert len(server.requests) == 1


def test_a_missing_version_is_no_posts_fault(server: PlatformServer) -> None:
    server.answer = lambda _: Answer(400, body(400, "A version must be present.", "VERSION_MISSING"))
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "1", base_url=server.url, clock=lambda: NOW)
    with pytest.raises(ConfigurationError, match="LINKEDIN_API_VERSION"):
        list(fetcher.fetch_many([PostRef(POST), PostRef("urn:li:share:2")]))
    fetcher.close()
    assert len(server.requests) == 1


def test_a_wait_that_linkedin_names_is_kept_for_the_resource(server: PlatformServer, slept: list[float]) -> None:
    server.script(Answer(429, body(429, "too many requests"), headers={"Retry-After": "3600"}))
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "1", base_url=server.url, clock=lambda: NOW, sleep=slept.append)
    for _ in range(2):
        with pytest.raises(RateLimitError) as caught:
            list(fetcher.fetch_many([PostRef(POST)]))
        assert caught.value.retry_after == 3600
    fetcher.close()
    assert len(server.requests) == 1


def test_unknown_errors_are_logged(
    server: PlatformServer, slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    server.script(Answer(418, body(418, f"token {TOKEN} in a text", "TEAPOT")))
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "1", base_url=server.url, max_retries=1, sleep=slept.append)
    with pytest.raises(TransientError) as caught:
        list(fetcher.fetch_many([PostRef(POST)]))
    fetcher.close()
    assert "linkedin" in caplog.text
    assert "TEAPOT" in caplog.text
    assert TOKEN not in caplog.text + str(caught.value)
