"""Meta's quota: usage headers, when calls are spaced out and when they stop, who shares the stop."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics_pipeline.platform_fetchers.exceptions import RateLimitError
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.graph_quota import Load, loads, minutes_to_wait, pause
from analytics_pipeline.platform_fetchers.http import LONGEST_WAIT
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.quota import MemoryQuota
from analytics_pipeline.sync.quota import SharedQuota
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import PAGE, POST, error, headers_of, patient_fetcher
from tests.platform_fetchers.platform_server import Answer, PlatformServer

fetcher = patient_fetcher


def test_the_wait_after_a_throttle_is_in_minutes(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    server.answer = lambda _: Answer(400, error(80001, "(#80001) too many calls")[1], headers=headers_of(100, 7))
    with pytest.raises(RateLimitError) as caught:
        fetcher.fetch_post_analytics("7", POST)
    assert caught.value.retry_after == 420
    assert len(server.requests) == 1


def test_a_throttle_without_a_time_says_none(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    server.answer = lambda _: Answer(400, error(4, "(#4) Application request limit reached")[1])
    with pytest.raises(RateLimitError) as caught:
        fetcher.fetch_post_analytics("7", POST)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(("percent", "pause"), [(74, 0), (75, 0), (81, 2), (89, 14 / 3)])
def test_from_75_percent_calls_are_spaced_out(
    percent: int, pause: float, server: PlatformServer, fetcher: FacebookFetcher, slept: list[float]
) -> None:
    server.answer = lambda _: Answer(json={"id": POST}, headers=headers_of(percent))
    fetcher.fetch_page_insights(["page_follows"])
    assert slept == []
    fetcher.fetch_page_insights(["page_follows"])
    assert fetcher.usage_percent == percent
    assert sum(slept) == pytest.approx(pause)


@pytest.mark.parametrize(("minutes", "wait"), [(12, 720), (0, 300)])
def test_at_90_percent_no_call_is_sent_until_the_time_is_over(
    minutes: int, wait: float, server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    now = [NOW]
    fetcher._clock = lambda: now[0]
    server.answer = lambda _: Answer(json={"data": []}, headers=headers_of(90, minutes))
    fetcher.fetch_page_insights(["page_follows"])
    with pytest.raises(RateLimitError) as caught:
        fetcher.fetch_page_insights(["page_follows"])
    assert caught.value.retry_after == wait
    assert len(server.requests) == 1
    now[0] += timedelta(seconds=wait)
    fetcher.fetch_page_insights(["page_follows"])
    assert len(server.requests) == 2


def test_only_the_quota_of_this_kind_counts() -> None:
    assert loads(headers_of(95, 5, "ads_insights"), "pages") == []
    app = {"x-app-usage": '{"call_count":28,"total_time":25,"total_cputime":31}'}
    assert loads(app | headers_of(95, 5), "pages") == [Load("app", 31, 0), Load("account", 95, 5)]


@given(st.dictionaries(st.sampled_from(["x-app-usage", "x-business-use-case-usage", "x-page-usage"]), st.text()))
def test_no_usage_header_breaks_the_reading(headers: dict[str, str]) -> None:
    assert all(pause(load.percent) >= 0 and load.hold >= 0 for load in loads(headers, "pages"))
    assert minutes_to_wait(headers, "pages") >= 0


def wait_of(
    account: int, server: PlatformServer, engine: Engine, now: datetime = NOW, in_batch: bool = False
) -> float | None:
    """The wait that stops a call of a new process, None if it is sent."""
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: now)
    fetcher.quota = SharedQuota(engine, "facebook", account)
    try:
        if in_batch:
            list(fetcher.fetch_many([PostRef(POST)]))
        else:
            fetcher.fetch_page_insights(["page_follows"])
    except RateLimitError as error:
        return error.retry_after
    finally:
        fetcher.close()
    return None


@pytest.mark.parametrize(
    ("header", "others_wait"),
    [(headers_of(91, 10), False), ({"x-app-usage": '{"call_count":90}'}, True)],
    ids=["account", "app"],
)
def test_who_shares_the_quota_shares_the_stop(
    server: PlatformServer, header: dict[str, str], others_wait: bool, engine: Engine
) -> None:
    """The quota of a page is its own, that of the app is everybody's; a new process knows both."""
    server.answer = lambda _: Answer(json={"data": []}, headers=header)

    wait = 300 if others_wait else 600
    waits = [wait_of(account, server, engine) for account in (1, 1, 2)]
    assert waits == [None, wait, wait if others_wait else None]
    assert len(server.requests) == (1 if others_wait else 2)


@pytest.mark.parametrize(("code", "others_wait"), [(4, True), (80001, False), (32, False)])
@pytest.mark.parametrize("in_batch", [False, True], ids=["call", "batch"])
def test_a_throttle_without_a_time_is_kept_for_five_minutes(
    code: int, others_wait: bool, in_batch: bool, server: PlatformServer, engine: Engine
) -> None:
    status, body = error(code, f"(#{code}) limit reached")
    part = {"code": status, "body": json.dumps(body)}
    server.answer = lambda _: Answer(json=[part, part]) if in_batch else Answer(status, body)
    waits = [wait_of(account, server, engine, in_batch=in_batch) for account in (1, 1, 2)]
    assert waits == [None, 300, 300 if others_wait else None]
    assert len(server.requests) == (1 if others_wait else 2)
    assert wait_of(1, server, engine, NOW + timedelta(seconds=300), in_batch) is None
    assert len(server.requests) == (2 if others_wait else 3)


def test_a_throttle_is_kept_for_everybody_who_shares_it(server: PlatformServer) -> None:
    server.answer = lambda _: Answer(400, error(80001, "(#80001) too many calls")[1], headers=headers_of(100, 7))
    quota = MemoryQuota()
    for _ in range(2):
        fetcher = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: NOW)
        fetcher.quota = quota
        with pytest.raises(RateLimitError) as caught:
            fetcher.fetch_post_analytics("7", POST)
        assert caught.value.retry_after == 420
        fetcher.close()
    assert len(server.requests) == 1


def test_where_the_account_is_among_the_objects_only_it_counts() -> None:
    mine, other = headers_of(40), headers_of(95, 5, account="7")
    both = {name: mine[name][:-1] + "," + other[name][1:] for name in mine}
    assert loads(both, "pages", PAGE) == [Load("account", 40, 0)]
    assert loads(both, "pages", "8") == [Load("account", 95, 5)]
    assert minutes_to_wait(both, "pages", PAGE) == 0


def test_a_time_that_meta_names_is_kept_whatever_the_percentage(
    server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    server.answer = lambda _: Answer(json={"data": []}, headers=headers_of(60, 4))
    fetcher.fetch_page_insights(["page_follows"])
    with pytest.raises(RateLimitError) as caught:
        fetcher.fetch_page_insights(["page_follows"])
    assert caught.value.retry_after == 240


@pytest.mark.parametrize(("minutes", "wait"), [(10**7, LONGEST_WAIT), (10**13, LONGEST_WAIT), (-3, None)])
def test_a_time_that_no_window_of_meta_has_is_no_time(
    minutes: int, wait: float | None, server: PlatformServer, engine: Engine
) -> None:
    """A hold outlives the process, and is never shortened."""
    server.answer = lambda _: Answer(json={"data": []}, headers=headers_of(60, minutes))
    assert [wait_of(1, server, engine) for _ in range(2)] == [None, wait]
    refused = Answer(400, error(80001, "(#80001) too many calls")[1], headers=headers_of(60, minutes))
    server.answer = lambda _: refused
    assert wait_of(2, server, engine) == wait
