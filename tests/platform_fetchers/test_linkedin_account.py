"""LinkedIn's fetcher over real HTTP: quotas, whose posts they are, fresh tokens, ageing versions."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.quota import MemoryQuota
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.linkedin_page import (
    FIGURES,
    NOT_FOUND,
    PAGE,
    STATISTICS,
    everything,
    page_fetcher,
    page_of,
    paths,
    refs,
    share,
    statistics,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = page_fetcher


# --- quotas


def test_a_used_up_day_is_kept_for_the_resource_until_midnight(server: PlatformServer, slept: list[float]) -> None:
    said = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
    throttled = Answer(status=429, json={"message": said, "status": 429, "serviceErrorCode": 101})
    server.answer = lambda r: throttled if r.path == STATISTICS else Answer(json={"elements": []})
    quota = MemoryQuota()
    for _ in range(2):
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
        fetcher.quota = quota
        with pytest.raises(RateLimitError) as caught:
            list(fetcher.fetch_many(page_of(1)))
        assert caught.value.retry_after == 12 * 3600
        list(fetcher.list_posts(NOW - timedelta(days=1), NOW))
        fetcher.close()
    assert paths(server) == {"organizationalEntityShareStatistics": 1, "posts": 2}
    assert "2026-09-02 00:00:00 UTC" in str(caught.value)


def test_a_throttle_without_a_name_that_comes_again_lasts_for_the_day(server: PlatformServer) -> None:
    server.script(Answer(429, json={"status": 429, "message": "slow down"}))
    quota, now, waits = MemoryQuota(), NOW, []
    for minutes in (0, 2, 0, 60 * 12, 60):  # at 12:00, 12:02, at once, after midnight, an hour later
        now += timedelta(minutes=minutes)
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: now)  # noqa: B023
        fetcher.quota = quota
        server.date = now
        with pytest.raises(RateLimitError) as caught:
            list(fetcher.fetch_many(page_of(1)))
        fetcher.close()
        waits.append(caught.value.retry_after)
    rest = (12 * 60 - 2) * 60.0
    assert waits == [120, rest, rest, 120, 120]
    assert len(server.requests) == 4, "nothing is sent while it lasts"


def test_the_settings_limits_are_never_passed(server: PlatformServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKEDIN_MEMBER_CALLS_PER_DAY", "3")
    get_settings.cache_clear()
    server.answer = everything
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
    get_settings.cache_clear()
    with pytest.raises(RateLimitError, match="used up"):
        list(fetcher.fetch_many(page_of(300)))
    fetcher.close()
    assert paths(server)["organizationalEntityShareStatistics"] == 3
    assert fetcher.usage.calls == len(server.requests)


# --- the author


def test_without_an_organization_the_posts_author_is_asked_for_once(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    posts = statistics({share(1): FIGURES, share(2): FIGURES})
    server.answer = lambda r: Answer(json={"author": PAGE}) if r.path.startswith("/rest/posts/") else posts(r)
    assert [r.error for r in fetcher.fetch_many(refs(share(1)))] == [None]
    assert [r.error for r in fetcher.fetch_many(refs(share(2)))] == [None]
    fetcher.close()
    assert [request.path for request in server.requests] == [
        f"/rest/posts/{share(1).replace(':', '%3A')}",
        STATISTICS,
        STATISTICS,
    ]


def test_a_members_own_post_is_refused_with_the_reason(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    server.script(Answer(json={"author": "urn:li:person:abc"}))
    with pytest.raises(PermissionDeniedError, match="organization pages only"):
        fetcher.fetch_post_analytics("1", share(1))
    fetcher.close()


def test_a_deleted_post_does_not_hide_the_author_of_the_others(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    posts = statistics({share(2): FIGURES})
    deleted = f"/rest/posts/{share(1).replace(':', '%3A')}"

    def answer(request: Request) -> Answer:
        if request.path == deleted:
            return NOT_FOUND
        return Answer(json={"author": PAGE}) if request.path.startswith("/rest/posts/") else posts(request)

    server.answer = answer
    first, second = fetcher.fetch_many(refs(share(1), share(2)))
    fetcher.close()
    assert isinstance(first.error, PostNotFoundError)
    assert second.analytics is not None


def test_calls_about_the_page_need_an_organization(server: PlatformServer) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, base_url=server.url)
    for call in (
        lambda: list(fetcher.list_posts(NOW, NOW)),
        lambda: fetcher.fetch_account_days(NOW.date(), NOW.date()),
    ):
        with pytest.raises(ConfigurationError, match="organization_id"):
            call()
    fetcher.close()


# --- token and version


REVOKED = Answer(
    status=401,
    json={
        "status": 401,
        "serviceErrorCode": 65601,
        "code": "REVOKED_ACCESS_TOKEN",
        "message": "The token used in the request has been revoked by the user",
    },
)


def test_a_token_minted_a_moment_ago_gets_a_second_chance(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, slept: list[float]
) -> None:
    good = {"organizationalEntity": PAGE, "share": share(1), "totalShareStatistics": FIGURES}
    server.script(REVOKED, Answer(json={"elements": [good]}))
    (reading,) = fetcher.fetch_many(refs(share(1)))
    assert reading.analytics is not None
    assert slept == [5.0]


def test_a_revoked_token_is_tried_twice_and_no_more(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, slept: list[float]
) -> None:
    server.script(REVOKED)
    with pytest.raises(InvalidTokenError):
        list(fetcher.fetch_many(refs(share(1))))
    assert (len(server.requests), slept) == (2, [5.0])


def test_what_ends_the_account_comes_after_what_was_read(server: PlatformServer, slept: list[float]) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, PAGE, base_url=server.url, list_size=1, sleep=slept.append)
    good = {"organizationalEntity": PAGE, "share": share(1), "totalShareStatistics": FIGURES}
    server.script(Answer(json={"elements": [good]}), Answer(status=500, json={}))
    readings = fetcher.fetch_many(refs(share(1), share(2)))
    assert next(readings).analytics is not None
    with pytest.raises(TransientError):
        next(readings)
    fetcher.close()


@pytest.mark.parametrize(
    ("version", "warned"), [("202511", True), ("202510", True), ("202601", False), ("202401", True), ("999999", False)]
)
def test_a_version_near_its_end_is_warned_of(caplog: pytest.LogCaptureFixture, version: str, warned: bool) -> None:
    clock = datetime(2026, 9, 17, tzinfo=UTC)
    fetcher = LinkedInAnalyticsFetcher(TOKEN, PAGE, base_url="http://unused", api_version=version, clock=lambda: clock)
    assert fetcher.answering_version == version
    assert ("LINKEDIN_API_VERSION" in caplog.text) == warned
