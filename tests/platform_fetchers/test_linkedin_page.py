"""LinkedIn's page over real HTTP: its daily figures (platforms/linkedin.md §4)."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    RateLimitError,
    VersionError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import AccountDay
from tests.platform_fetchers.conftest import NOW
from tests.platform_fetchers.linkedin_page import (
    FIGURES,
    PAGE,
    STATISTICS,
    ms,
    page_fetcher,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = page_fetcher


def days_of(request: Request) -> list[date]:
    found = re.search(r"timeIntervals=\(timeRange:\(start:(\d+),end:(\d+)\),timeGranularityType:DAY\)$", request.target)
    assert found is not None
    first, last = (datetime.fromtimestamp(int(number) / 1000, UTC) for number in found.groups())
    assert (first.time(), last.time()) == (datetime.min.time(), datetime.min.time())
    return [first.date() + timedelta(days=n) for n in range((last - first).days)]


def buckets(request: Request) -> Answer:
    """Statistics that tell the day they are of: impressions are its ordinal, gains the day of the month."""
    elements: list[dict[str, Any]] = []
    for day in days_of(request):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        element: dict[str, Any] = {
            "organizationalEntity": PAGE,
            "timeRange": {"start": ms(start), "end": ms(start + timedelta(days=1))},
        }
        if request.path == STATISTICS:
            element["totalShareStatistics"] = {"impressionCount": day.toordinal(), "uniqueImpressionsCounts": 2}
        elif "organizationPageStatistics" in request.path:
            assert request.query["q"] == "organization"
            assert request.query["organization"] == PAGE
            element["totalPageStatistics"] = {"views": {"allPageViews": {"pageViews": 7}}}
        else:
            element["followerGains"] = {"organicFollowerGain": day.day, "paidFollowerGain": -100}
        elements.insert(0, element)
    return Answer(json={"elements": elements})


def test_daily_share_statistics(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = buckets
    first, last = date(2026, 8, 1), date(2026, 8, 3)
    assert fetcher.fetch_organization_analytics(first, last) == [
        AccountDay(date(2026, 8, n), {"impressions": date(2026, 8, n).toordinal(), "reach": 2}) for n in (1, 2, 3)
    ]


def test_days_of_a_page(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = lambda r: Answer(json={"firstDegreeSize": 21045}) if "networkSizes" in r.path else buckets(r)
    days = {day.day: day.metrics for day in fetcher.fetch_account_days(date(2026, 8, 28), date(2026, 9, 1))}
    assert sorted(days) == [date(2026, 8, n) for n in (28, 29, 30, 31)] + [date(2026, 9, 1)]
    assert days[date(2026, 8, 29)]["follower_gain"] == 29 - 100
    assert "follower_gain" not in days[date(2026, 8, 30)], "LinkedIn has none for the last two days"
    assert days[date(2026, 9, 1)]["followers"] == 21045
    assert "followers" not in days[date(2026, 8, 31)]
    assert days[date(2026, 8, 30)]["profile_views"] == 7
    assert len(server.requests) == 4


def test_page_views_that_are_withheld_cost_no_other_figure(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    denied = Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"})
    server.answer = lambda r: denied if "organizationPageStatistics" in r.path else buckets(r)
    (day,) = fetcher.fetch_account_days(date(2026, 8, 28), date(2026, 8, 28))
    assert sorted(day.metrics) == ["follower_gain", "impressions", "reach"]


@pytest.mark.parametrize("refused", ["organizationPageStatistics", "FollowerStatistics", "networkSizes"])
@pytest.mark.parametrize("answer", [Answer(status=400, json={"status": 400}), Answer(json={"elements": 5})], ids=repr)
def test_one_resource_that_refuses_costs_no_other(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, refused: str, answer: Answer
) -> None:
    level = Answer(json={"firstDegreeSize": 21045})

    def said(request: Request) -> Answer:
        if refused in request.path:
            return Answer(json={"firstDegreeSize": "many"}) if answer.status == 200 and "Sizes" in refused else answer
        return level if "networkSizes" in request.path else buckets(request)

    server.answer = said
    days = fetcher.fetch_account_days(date(2026, 8, 25), date(2026, 9, 1))
    known = {name for day in days for name in day.metrics}
    without = {"networkSizes": "followers", "FollowerStatistics": "follower_gain"}.get(refused, "profile_views")
    assert known == {"impressions", "reach", "profile_views", "follower_gain", "followers"} - {without}


def test_an_ended_version_ends_all_resources(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    said = {"status": 426, "code": "NONEXISTENT_VERSION", "message": "Requested version 20240101 is not active"}
    server.answer = lambda _: Answer(426, json=said)
    with pytest.raises(VersionError):
        fetcher.fetch_account_days(NOW.date() - timedelta(days=7), NOW.date())
    assert len(server.requests) == 1


def test_a_token_that_ends_meanwhile_costs_no_figure_that_came(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    dead = Answer(401, json={"status": 401, "serviceErrorCode": 65601})
    server.answer = lambda request: Answer(json={"firstDegreeSize": 21045}) if "networkSizes" in request.path else dead
    (day,) = fetcher.fetch_account_days(date(2026, 8, 25), NOW.date())
    assert day.metrics == {"followers": 21045}
    assert isinstance(fetcher.incomplete, AuthenticationError)


@pytest.mark.parametrize(
    "failing", ["organizationalEntityShareStatistics", "organizationPageStatistics", "networkSizes"]
)
def test_a_resource_whose_quota_is_used_up_costs_no_other_and_is_told(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, failing: str
) -> None:
    level = Answer(json={"firstDegreeSize": 21045})
    spent = Answer(status=429, json={"status": 429, "serviceErrorCode": 101})

    def said(request: Request) -> Answer:
        if failing in request.path:
            return spent
        return level if "networkSizes" in request.path else buckets(request)

    server.answer = said
    days = fetcher.fetch_account_days(date(2026, 8, 25), date(2026, 9, 1))
    known = {name for day in days for name in day.metrics}
    without = {"networkSizes": {"followers"}, "organizationPageStatistics": {"profile_views"}}
    lost = without.get(failing, {"impressions", "reach"})
    assert known == {"impressions", "reach", "profile_views", "follower_gain", "followers"} - lost
    assert isinstance(fetcher.incomplete, RateLimitError)

    server.answer = lambda request: spent
    with pytest.raises(RateLimitError):
        fetcher.fetch_account_days(date(2026, 8, 25), date(2026, 9, 1))


def test_follower_gains_are_asked_for_within_twelve_months(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    server.answer = buckets
    fetcher.fetch_account_days(date(2020, 1, 1), date(2026, 8, 31))
    (request,) = [r for r in server.requests if "FollowerStatistics" in r.path]
    asked = days_of(request)
    assert NOW - datetime.combine(asked[0], datetime.min.time(), UTC) <= timedelta(days=365)
    assert (asked[0], asked[-1]) == (date(2025, 9, 2), date(2026, 8, 29))


def test_days_before_the_last_twelve_months_are_not_asked_for(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    server.answer = buckets
    days = fetcher.fetch_organization_analytics(date(2020, 1, 1), date(2025, 9, 2))
    assert [day.day for day in days] == [date(2025, 9, 2)], "of the first of September a part is gone already"
    assert fetcher.fetch_organization_analytics(date(2020, 1, 1), date(2020, 12, 31)) == []
    assert len(server.requests) == 1


def test_an_unusable_day_costs_itself_only(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    def answer(request: Request) -> Answer:
        elements = buckets(request).json["elements"]
        elements[0]["totalShareStatistics"] = {"impressionCount": "lots"}
        elements[1]["totalShareStatistics"] = {}
        return Answer(json={"elements": [*elements, {"totalShareStatistics": FIGURES}, None]})

    server.answer = answer
    days = fetcher.fetch_organization_analytics(date(2026, 8, 1), date(2026, 8, 4))
    assert [day.day for day in days] == [date(2026, 8, 1), date(2026, 8, 2)]
