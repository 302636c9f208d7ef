"""What all fetchers share: attempts and waits (in virtual time), counting of calls, figures, texts without tokens."""

import threading
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from io import BufferedIOBase
from typing import Any

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    BadDataError,
    InvalidTokenError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer


class PlainFetcher(BasePlatformFetcher):
    """The base class, with the least that a platform must add."""

    platform = "plain"
    batch_size = 1

    @classmethod
    def for_account(cls, access_token: str, external_id: str, **options: Any) -> "PlainFetcher":
        return cls(access_token, base_url=external_id, **options)

    def fetch_post_analytics(self, post_id: str, platform_post_id: str) -> PostAnalytics:
        body = self._make_request("GET", f"/posts/{platform_post_id}")
        return self._analytics(platform_post_id, self._parse_analytics_response(body, {"likes_count": "likes_count"}))

    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        return iter(())

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        return iter(())

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        return []

    def _error_of(self, response: requests.Response, body: Any) -> PlatformAPIError:
        if response.status_code == 429:
            return RateLimitError("slow down", self.platform, 429, self._handle_rate_limit(response))
        if response.status_code == 401:
            return AuthenticationError(self._redact(f"refused: {body}"), self.platform, 401)
        return TransientError(self._redact(f"fault: {body}"), self.platform, response.status_code)


@pytest.fixture
def fetcher(server: PlatformServer, slept: list[float]) -> Iterator[PlainFetcher]:
    fetcher = PlainFetcher(
        TOKEN, base_url=server.url, timeout=3, max_retries=3, clock=lambda: NOW, sleep=slept.append, backoff_factor=2.0
    )
    yield fetcher
    fetcher.close()


def throttled(retry_after: str) -> Answer:
    return Answer(status=429, json={}, headers={"Retry-After": retry_after})


GOOD = Answer(json={"likes_count": 7})


def test_passing_faults_are_tried_again_with_growing_jitter(
    server: PlatformServer, fetcher: PlainFetcher, slept: list[float]
) -> None:
    server.script(Answer(status=503, json={}), Answer(body=b"<html>try later</html>"), GOOD)
    assert fetcher.fetch_post_analytics("1", "7")["likes_count"] == 7
    assert fetcher.usage.calls == len(server.requests) == 3
    assert len(slept) == 2
    assert 0 <= slept[0] <= 2
    assert 0 <= slept[1] <= 4


def test_a_fault_that_names_a_time_is_given_it(
    server: PlatformServer, fetcher: PlainFetcher, slept: list[float]
) -> None:
    server.script(Answer(status=503, json={}, headers={"Retry-After": "30"}), GOOD)
    assert fetcher.fetch_post_analytics("1", "7")["likes_count"] == 7
    assert slept == [30.0]
    server.script(Answer(status=503, json={}, headers={"Retry-After": "61"}))
    with pytest.raises(TransientError) as caught:
        fetcher.fetch_post_analytics("1", "7")
    assert (caught.value.retry_after, len(server.requests), slept) == (61.0, 3, [30.0])


def test_no_more_attempts_than_allowed(server: PlatformServer, fetcher: PlainFetcher) -> None:
    server.script(Answer(status=500, json={}))
    with pytest.raises(TransientError) as caught:
        fetcher.fetch_post_analytics("1", "7")
    assert caught.value.status_code == 500
    assert len(server.requests) == 3


def test_a_refused_token_is_not_tried_again(server: PlatformServer, fetcher: PlainFetcher, slept: list[float]) -> None:
    server.script(Answer(status=401, json={}))
    with pytest.raises(AuthenticationError):
        fetcher.fetch_post_analytics("1", "7")
    assert (len(server.requests), slept) == (1, [])


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("1.5", 1.5), ("60", 60.0), ("Tue, 01 Sep 2026 12:00:42 GMT", 42.0)]
)
def test_a_short_throttle_is_waited_out(
    server: PlatformServer, fetcher: PlainFetcher, slept: list[float], header: str, seconds: float
) -> None:
    server.script(throttled(header), GOOD)
    assert fetcher.fetch_post_analytics("1", "7")["likes_count"] == 7
    assert slept == [seconds]


@pytest.mark.parametrize(
    ("header", "seconds"), [("61", 61.0), ("Tue, 01 Sep 2026 13:00:00 GMT", 3600.0), ("soon", None), ("", None)]
)
def test_a_long_or_unknown_throttle_is_left_to_the_ledger(
    server: PlatformServer, fetcher: PlainFetcher, slept: list[float], header: str, seconds: float | None
) -> None:
    server.script(throttled(header))
    with pytest.raises(RateLimitError) as caught:
        fetcher.fetch_post_analytics("1", "7")
    assert caught.value.retry_after == seconds
    assert (len(server.requests), slept) == (1, [])


def test_http_dates_are_relative_to_the_platforms_clock(server: PlatformServer, slept: list[float]) -> None:
    wrong_clock = NOW.replace(hour=3)
    fetcher = PlainFetcher(TOKEN, base_url=server.url, clock=lambda: wrong_clock, sleep=slept.append)
    server.script(throttled("Tue, 01 Sep 2026 12:00:10 GMT"), GOOD)
    fetcher.fetch_post_analytics("1", "7")
    fetcher.close()
    assert slept == [10.0]


def cut(wire: BufferedIOBase, _: threading.Event) -> None:
    wire.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"likes_count": 1')
    wire.flush()


def reset(wire: BufferedIOBase, _: threading.Event) -> None:
    """Closes without a word."""


def stall(wire: BufferedIOBase, stopping: threading.Event) -> None:
    stopping.wait(10)


FAULTS = [
    pytest.param(Answer(send=cut), TransientError, id="cut body"),
    pytest.param(Answer(send=reset), TransientError, id="reset"),
    pytest.param(Answer(send=stall), TransientError, id="no answer"),
    pytest.param(Answer(body=b"<html>hello</html>"), TransientError, id="HTML with status 200"),
    pytest.param(Answer(body=b""), TransientError, id="empty body"),
    pytest.param(Answer(body=b"\xff\xfe{"), TransientError, id="not text"),
    pytest.param(Answer(body=b"[" * 100_000), TransientError, id="absurd nesting"),
    pytest.param(Answer(body=b" " * (33 * 1024 * 1024)), TransientError, id="huge body"),
    pytest.param(Answer(status=301, headers={"Location": f"/?access_token={TOKEN}"}), TransientError, id="redirect"),
    pytest.param(Answer(status=500, json={"you sent": f"Bearer {TOKEN}"}), TransientError, id="token in the body"),
    pytest.param(Answer(status=401, json={"bad token": TOKEN}), AuthenticationError, id="token in a refusal"),
    pytest.param(Answer(json={"likes_count": TOKEN}), BadDataError, id="token for a figure"),
]


@pytest.mark.parametrize(("answer", "error"), FAULTS)
def test_no_fault_shows_the_token(
    server: PlatformServer, slept: list[float], answer: Answer, error: type[Exception]
) -> None:
    server.script(answer)
    fetcher = PlainFetcher(
        TOKEN, base_url=server.url, timeout=1.5, max_retries=1, clock=lambda: NOW, sleep=slept.append
    )
    with pytest.raises(error) as caught:
        fetcher.fetch_post_analytics("1", f"7?access_token={TOKEN}")
    fetcher.close()
    assert TOKEN not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_an_unreachable_host_is_a_passing_fault_without_a_url(slept: list[float]) -> None:
    fetcher = PlainFetcher(TOKEN, base_url="http://127.0.0.1:9", max_retries=2, sleep=slept.append)
    with pytest.raises(TransientError, match=r"plain: GET http://127.0.0.1:9/posts/7 failed: ConnectionError"):
        fetcher.fetch_post_analytics("1", "7")
    fetcher.close()
    assert len(slept) == 1


@pytest.mark.parametrize("token", ["", "with\nnewline", "with space", "smart “quotes”"])
def test_an_impossible_token_is_never_sent(server: PlatformServer, token: str) -> None:
    fetcher = PlainFetcher(token, base_url=server.url)
    with pytest.raises(InvalidTokenError) as caught:
        fetcher.fetch_post_analytics("1", "7")
    fetcher.close()
    assert server.requests == []
    assert not token or token not in str(caught.value)


def test_only_the_base_url_is_ever_called(server: PlatformServer, fetcher: PlainFetcher) -> None:
    server.script(GOOD)
    fetcher._make_request("GET", "https://evil.example/next?page=2")
    fetcher._make_request("GET", f"{server.url}/next?page=3")
    assert [request.target for request in server.requests] == ["/https://evil.example/next?page=2", "/next?page=3"]


# --- figures


MAPPING = {"likes_count": "stats.likes", "reach": ("reach", "reaches")}


@given(st.integers(-(10**15), 10**15))
def test_every_whole_number_is_kept_in_every_form(number: int) -> None:
    fetcher = PlainFetcher(TOKEN, base_url="http://unused")
    forms: list[Any] = [number, str(number)]
    if abs(number) < 2**53:
        forms.append(float(number))
    for form in forms:
        parsed = fetcher._parse_analytics_response({"stats": {"likes": form}, "reaches": form}, MAPPING)
        assert parsed == {"likes_count": number, "reach": number}


@given(
    st.one_of(
        st.booleans(),
        st.floats().filter(lambda x: not x.is_integer()),
        st.integers(min_value=10**15 + 1),
        st.integers(max_value=-(10**15) - 1),
        st.text().filter(lambda text: not text.lstrip("-").isdigit() or text.startswith("--")),
        st.lists(st.integers()),
        st.dictionaries(st.text(), st.integers(), min_size=1),
    )
)
@example("--5")
@example("-")
@example("5.0")
@example("9" * 5000)
@example(float("nan"))
@example(float("inf"))
def test_what_is_no_whole_number_is_bad_data(value: Any) -> None:
    fetcher = PlainFetcher(TOKEN, base_url="http://unused")
    with pytest.raises(BadDataError):
        fetcher._parse_analytics_response({"stats": {"likes": value}}, MAPPING)


@pytest.mark.parametrize("raw", [{}, {"stats": {}}, {"stats": {"likes": None}}, {"stats": None}])
def test_absent_is_unknown_not_zero(raw: dict[str, Any]) -> None:
    fetcher = PlainFetcher(TOKEN, base_url="http://unused")
    assert fetcher._parse_analytics_response(raw, MAPPING) == {"likes_count": None, "reach": None}
    assert fetcher._parse_analytics_response({"stats": {"likes": 0}}, MAPPING)["likes_count"] == 0


@pytest.mark.parametrize(
    ("likes", "comments", "shares", "impressions", "rate"),
    [
        (100, 20, 10, 5000, 2.6),
        (0, 0, 0, 10, 0.0),
        (-1, 0, 0, 100, -1.0),
        (None, 5, None, 100, 5.0),
        (None, None, None, 100, None),
        (1, 1, 1, 0, None),
        (1, 1, 1, None, None),
    ],
)
def test_engagement_rate_is_per_cent(
    likes: int | None, comments: int | None, shares: int | None, impressions: int | None, rate: float | None
) -> None:
    fetcher = PlainFetcher(TOKEN, base_url="http://unused")
    assert fetcher._calculate_engagement_rate(likes, comments, shares, impressions) == rate
