"""Facebook Pages: figures of the page itself by day, and what is too much for one reply."""

from datetime import UTC, date, datetime, timedelta
from unittest.mock import MagicMock, patch

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    RateLimitError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.facebook_metrics import PAGE_DAYS, POST_METRICS
from analytics_pipeline.platform_fetchers.graph_errors import TooMuchDataError
from analytics_pipeline.platform_fetchers.metrics import AccountDay, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.facebook_fake import (
    FakePage,
    node,
    page_fetcher,
    served_page,
)
from tests.platform_fetchers.graph_fake import PAGE
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

page, fetcher = served_page, page_fetcher


def test_days_of_the_page_stand_under_the_day_before_their_end(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.days = {metric: {"2026-08-31T07:00:00+00:00": 10 + n} for n, metric in enumerate(PAGE_DAYS)}
    page.days["page_media_view"] |= {"2026-08-30T07:00:00+00:00": 0, "2026-09-01T07:00:00+00:00": 99}
    assert fetcher.fetch_account_days(date(2026, 8, 29), date(2026, 8, 30)) == [
        AccountDay(date(2026, 8, 29), {"impressions": 0}),
        AccountDay(
            date(2026, 8, 30),
            {
                "impressions": 10,
                "reach": 11,
                "engagements": 12,
                "profile_views": 13,
                "follower_gain": 14,
                "clicks": 15,
                "likes": 16,
                "followers": 17,
                "video_views": 18,
            },
        ),
    ]


def test_a_day_that_is_not_over_is_left_out(page: FakePage, server: PlatformServer) -> None:
    """The platform's day: at 03:00 UTC the last but one is still going on."""
    page.days = {"page_media_view": {"2026-08-31T07:00:00+00:00": 5, "2026-09-01T07:00:00+00:00": 1}}
    early = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: NOW - timedelta(hours=9))
    found = early.fetch_account_days(date(2026, 8, 30), date(2026, 8, 31))
    early.close()
    assert found == [AccountDay(date(2026, 8, 30), {"impressions": 5})]


def test_followers_of_today_are_those_of_now(page: FakePage, fetcher: FacebookFetcher) -> None:
    assert fetcher.fetch_account_days(NOW.date(), NOW.date()) == [AccountDay(NOW.date(), {"followers": 5150})]


def test_days_that_fail_leave_the_followers_of_now(page: FakePage, server: PlatformServer) -> None:
    def days(request: Request) -> Answer:
        throttled = Answer(status=400, json={"error": {"code": 80001, "message": "too many calls", "type": "x"}})
        return throttled if "/insights" in request.path else answer(request)

    answer = server.answer
    assert answer is not None
    server.answer = days
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: NOW, sleep=lambda _: None)
    assert fetcher.fetch_account_days(date(2026, 8, 1), NOW.date()) == [AccountDay(NOW.date(), {"followers": 5150})]
    assert isinstance(fetcher.incomplete, RateLimitError)
    fetcher.close()


def test_a_year_of_days_in_few_calls_with_none_lost(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    first, last = date(2025, 8, 1), date(2026, 7, 31)
    days = [first + timedelta(days=n) for n in range(365)]
    ends = [datetime(d.year, d.month, d.day, 8, tzinfo=UTC) + timedelta(days=1) for d in days]
    page.days = {"page_views_total": {end.isoformat(): n for n, end in enumerate(ends)}}
    found = fetcher.fetch_account_days(first, last)
    assert found == [AccountDay(day, {"profile_views": n}) for n, day in enumerate(days)]
    assert len(server.requests) == 5


@pytest.mark.parametrize("hour", [0, 7, 12, 23])
def test_no_day_is_asked_for_that_began_longer_ago_than_is_kept(
    hour: int, page: FakePage, server: PlatformServer
) -> None:
    now = NOW.replace(hour=hour, minute=30)
    page.oldest = now - timedelta(days=730)
    days = [NOW.date() - timedelta(days=n) for n in range(2, 730)][::-1]  # whether yesterday is over hangs on the hour
    page.days = {"page_views_total": {f"{day + timedelta(days=1)}T08:00:00+00:00": n for n, day in enumerate(days)}}
    fetcher = FacebookFetcher(TOKEN, PAGE, base_url=server.url, clock=lambda: now)
    assert fetcher.fetch_account_days(NOW.date() - timedelta(days=800), days[-1]) == [
        AccountDay(day, {"profile_views": n}) for n, day in enumerate(days)
    ]
    assert fetcher.incomplete is None
    assert len(server.requests) == 9
    fetcher.close()


def test_a_window_that_is_refused_costs_none_that_is_newer(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.oldest = NOW - timedelta(days=100)
    days = [NOW.date() - timedelta(days=n) for n in range(1, 200)][::-1]
    page.days = {"page_views_total": {f"{day + timedelta(days=1)}T07:00:00+00:00": 4 for day in days}}
    found = fetcher.fetch_account_days(days[0], days[-1])
    assert [day.day for day in found] == days[-88:]
    assert isinstance(fetcher.incomplete, ConfigurationError)


def test_no_call_reaches_behind_what_the_platform_keeps(fetcher: FacebookFetcher, server: PlatformServer) -> None:
    assert fetcher.fetch_account_days(date(2020, 1, 1), date(2023, 12, 31)) == []
    assert server.requests == []


def test_a_retired_page_metric_costs_itself(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.days = {"page_media_view": {"2026-08-31T07:00:00+00:00": 5}}
    page.dead = {"page_views_total", "page_daily_follows"}
    assert fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30)) == [
        AccountDay(date(2026, 8, 30), {"impressions": 5})
    ]
    assert fetcher.dead_metrics == page.dead


def test_one_post_whose_figures_are_too_much_is_asked_for_them_in_halves(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(3)}
    page.heavy[f"{PAGE}_1"] = (len(POST_METRICS) + 1) // 2
    found = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])}
    assert [found[f"{PAGE}_{n}"].error for n in range(3)] == [None] * 3
    heavy, light = (found[f"{PAGE}_{n}"].analytics for n in (1, 0))
    assert heavy is not None
    assert light is not None
    notes = ("platform_post_id", "platform_post_url", "fetched_at")
    assert {k: v for k, v in heavy.items() if k not in notes} == {k: v for k, v in light.items() if k not in notes}
    assert len(server.requests) <= 4
    page.heavy = dict.fromkeys(page.nodes, (len(POST_METRICS) + 1) // 2)
    page.comments_denied = True
    found = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])}
    assert [found[f"{PAGE}_{n}"].error for n in range(3)] == [None] * 3, "all of them are too much"
    page.heavy[f"{PAGE}_1"] = 1
    found = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])}
    assert isinstance(found[f"{PAGE}_1"].error, TooMuchDataError)


@pytest.mark.parametrize(("most", "calls"), [(5, 3), (4, 5), (1, 17)])
def test_page_metrics_that_are_too_much_are_asked_for_in_halves(
    most: int, calls: int, page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.days = {metric: {"2026-08-31T07:00:00+00:00": 10 + n} for n, metric in enumerate(PAGE_DAYS)}
    page.most_metrics = most
    expected = {name: 10 + n for n, name in enumerate(PAGE_DAYS.values())}
    assert fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30)) == [AccountDay(date(2026, 8, 30), expected)]
    assert len(server.requests) == calls


def test_one_page_metric_that_is_too_much_is_the_end(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.most_metrics = 0
    with pytest.raises(TooMuchDataError):
        fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30))
    assert len(server.requests) == 4, "9 metrics, 4, 2, 1"


@patch("requests.Session.request")
def test_page_insights(request_mock: MagicMock) -> None:
    values = [{"value": 410, "end_time": "2026-09-15T07:00:00+0000"}]
    request_mock.return_value.json.return_value = {
        "data": [
            {"name": "page_media_view", "period": "day", "values": values},
            {"name": "page_media_view", "period": "week", "values": [{"value": 1}]},
        ]
    }
    fetcher = FacebookFetcher("test_token", PAGE)
    assert fetcher.fetch_page_insights(["page_media_view"], "day") == {"page_media_view": values}


@pytest.mark.parametrize(("names", "period"), [([], "day"), (["page_follows"], "hour"), (["page_follows&x=1"], "day")])
def test_page_insights_refuse_what_makes_no_sense(
    names: list[str], period: str, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    with pytest.raises(ConfigurationError):
        fetcher.fetch_page_insights(names, period)
    with pytest.raises(ConfigurationError):
        FacebookFetcher(TOKEN, base_url=server.url).fetch_page_insights(["page_follows"])
    assert server.requests == []
