"""Instagram: figures of the account by day."""

import itertools
import json
from contextlib import closing
from datetime import date, timedelta

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.metrics import AccountDay
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import error
from tests.platform_fetchers.instagram_fake import (
    FakeAccount,
    account_fetcher,
    make,
    refs,
    served_account,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

account, fetcher = served_account, account_fetcher


def test_days_of_the_account_by_both_kinds_of_call(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    first, last = date(2026, 8, 1), date(2026, 8, 31)
    days = [first + timedelta(days=n) for n in range(31)]
    everything = (
        "reach",
        "follower_count",
        "views",
        "total_interactions",
        "likes",
        "comments",
        "shares",
        "profile_links_taps",
    )
    account.days = {metric: {day: 1000 * m + n for n, day in enumerate(days)} for m, metric in enumerate(everything)}
    names = ("reach", "follower_gain", "impressions", "engagements", "likes", "comments", "shares", "clicks")
    assert fetcher.fetch_account_days(first, last) == [
        AccountDay(day, {name: 1000 * m + n for m, name in enumerate(names)}) for n, day in enumerate(days)
    ]
    assert len(server.requests) <= 4


def test_days_that_are_not_over_are_not_asked_for(account: FakeAccount, server: PlatformServer) -> None:
    days = {date(2026, 8, 30): 5, date(2026, 8, 31): 1}
    account.days = {"reach": days, "views": days}
    early = make(server, now=NOW - timedelta(hours=9))
    found = early.fetch_account_days(date(2026, 8, 30), date(2026, 8, 31))
    early.close()
    assert found == [AccountDay(date(2026, 8, 30), {"reach": 5, "impressions": 5})]


def test_a_series_that_fails_for_a_passing_reason_is_told(account: FakeAccount, server: PlatformServer) -> None:
    account.days = {"follower_count": {date(2026, 8, 30): 3}}

    def unfinished(request: Request) -> Answer:
        told = answer(request)
        if request.method == "GET":
            return told
        urls = [entry["relative_url"] for entry in json.loads(request.form["batch"])]
        return Answer(json=[None if "metric=reach" in url else e for url, e in zip(urls, told.json, strict=True)])

    answer = server.answer
    assert answer is not None
    server.answer = unfinished
    fetcher = make(server)
    assert fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30)) == [
        AccountDay(date(2026, 8, 30), {"follower_gain": 3})
    ]
    assert isinstance(fetcher.incomplete, TransientError)
    fetcher.close()


@pytest.mark.parametrize("batches", [True, False])
def test_days_that_came_before_a_throttle_are_kept(account: FakeAccount, server: PlatformServer, batches: bool) -> None:
    days = [date(2026, 8, 1) + timedelta(days=n) for n in range(28)]
    account.days = {"views": dict.fromkeys(days, 5), "reach": dict.fromkeys(days, 4)}
    throttled = error(80002, "(#80002) There have been too many calls to this Instagram account.")
    asked = itertools.count()
    insights = account.account_insights
    account.account_insights = lambda query: throttled if next(asked) >= 2 + 20 else insights(query)  # type: ignore[method-assign]
    fetcher = make(server, batches=batches)
    found = {day.day: dict(day.metrics) for day in fetcher.fetch_account_days(days[0], days[-1])}
    assert found == {day: {"reach": 4} | ({"impressions": 5} if n < 20 else {}) for n, day in enumerate(days)}
    assert isinstance(fetcher.incomplete, RateLimitError)
    fetcher.close()


def test_what_the_account_has_no_figure_for_is_left_out(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.days = {"views": {date(2026, 8, 30): 0}}
    assert fetcher.fetch_account_days(date(2026, 8, 29), NOW.date()) == [
        AccountDay(date(2026, 8, 30), {"impressions": 0}),
        AccountDay(NOW.date(), {"followers": 777}),
    ]


def test_a_retired_account_metric_costs_itself(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.days = {"views": {date(2026, 8, 30): 5}, "likes": {date(2026, 8, 30): 6}}
    account.dead = {"views"}
    assert fetcher.fetch_account_days(date(2026, 8, 30), date(2026, 8, 30)) == [
        AccountDay(date(2026, 8, 30), {"likes": 6})
    ]
    assert fetcher.dead_metrics == {"account/views"}


def test_a_retired_account_metric_fails_one_call_where_there_are_no_batches(
    account: FakeAccount, server: PlatformServer
) -> None:
    days = [date(2026, 8, 1) + timedelta(days=n) for n in range(28)]
    account.days = {"likes": {day: n for n, day in enumerate(days)}}
    account.dead = {"views"}
    with closing(make(server, batches=False)) as fetcher:
        found = fetcher.fetch_account_days(days[0], days[-1])
    assert found == [AccountDay(day, {"likes": n}) for n, day in enumerate(days)]
    of_totals = [r for r in server.requests if r.query.get("metric_type") == "total_value"]
    failed = [r for r in of_totals if "views" in r.query["metric"].split(",")]
    assert len([r for r in failed if "," in r.query["metric"]]) == 1
    assert len(of_totals) - len(failed) == 28


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize("hour", [0, 7, 12, 23])
def test_no_day_is_asked_for_that_began_longer_ago_than_is_kept(
    hour: int, batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    now = NOW.replace(hour=hour, minute=30)
    account.takes_batches, account.oldest = batches, now - timedelta(days=90)
    days = [NOW.date() - timedelta(days=n) for n in range(2, 90)][::-1]  # whether yesterday is over hangs on the hour
    account.days = {metric: {day: n for n, day in enumerate(days)} for metric in ("reach", "views")}
    fetcher = make(server, now=now, batches=batches)
    assert fetcher.fetch_account_days(NOW.date() - timedelta(days=365), days[-1]) == [
        AccountDay(day, {"reach": n, "impressions": n}) for n, day in enumerate(days)
    ]
    assert fetcher.incomplete is None
    if batches:
        assert len(server.requests) == 4 * 2
    fetcher.close()


def test_a_window_that_is_refused_costs_none_that_is_newer(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.oldest = NOW - timedelta(days=60)
    days = [NOW.date() - timedelta(days=n) for n in range(1, 90)][::-1]
    account.days = {"reach": dict.fromkeys(days, 4)}
    found = fetcher.fetch_account_days(days[0], days[-1])
    assert [day.day for day in found] == days[-56:]
    assert isinstance(fetcher.incomplete, ConfigurationError)


def test_no_call_reaches_behind_what_the_platform_keeps(fetcher: InstagramFetcher, server: PlatformServer) -> None:
    assert fetcher.fetch_account_days(date(2025, 1, 1), date(2026, 5, 1)) == []
    assert server.requests == []


def test_a_dead_token_ends_the_account(account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer) -> None:
    account.failing = {key: error(190, f"Error validating access token {TOKEN}", 460) for key in account.nodes}
    with pytest.raises(InvalidTokenError) as caught:
        list(fetcher.fetch_many(refs(range(1, 4))))
    assert TOKEN not in str(caught.value)
    assert len(server.requests) == 1
