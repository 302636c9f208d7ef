"""LinkedIn's page over real HTTP: listing its posts, its daily figures (platforms/linkedin.md §3, §4)."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    ConfigurationError,
    RateLimitError,
    TransientError,
    VersionError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.linkedin_wire import PAGE_SIZE
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.linkedin_page import (
    FIGURES,
    NOT_FOUND,
    PAGE,
    STATISTICS,
    ms,
    page_fetcher,
    share,
    ugc,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = page_fetcher


# --- listing


def post(urn: str, published: datetime, **more: Any) -> dict[str, Any]:
    return {
        "id": urn,
        "author": PAGE,
        "lifecycleState": "PUBLISHED",
        "createdAt": ms(published) - 1000,
        "publishedAt": ms(published),
        "lastModifiedAt": ms(published),
        "distribution": {"feedDistribution": "MAIN_FEED", "thirdPartyDistributionChannels": []},
        **more,
    }


def finder(posts: list[dict[str, Any]], *, links: bool = True, short: int = 0) -> Callable[[Request], Answer]:
    """The posts finder: last modified first; pages may hold `short` posts less than they span."""

    def answer(request: Request) -> Answer:
        query = request.query
        assert request.path == "/rest/posts"
        assert (query["q"], query["author"], query["sortBy"]) == ("author", PAGE, "LAST_MODIFIED")
        start, count = int(query["start"]), int(query["count"])
        assert count == PAGE_SIZE
        ordered = sorted(posts, key=lambda post: post["lastModifiedAt"], reverse=True)
        following = {
            "rel": "next",
            "type": "application/json",
            "href": f"/rest/posts?count=7&start={start + count}&q=x",
        }
        more = links and start + count < len(posts)
        span = ordered[start : start + count]
        return Answer(
            json={
                "paging": {"start": start, "count": count, "links": [following] if more else []},
                "elements": span[short:] if more else span,
            }
        )

    return answer


ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


def listed(fetcher: LinkedInAnalyticsFetcher, start: datetime, end: datetime) -> list[ListedPost]:
    return [post for page in fetcher.list_posts(start, end) for post in page]


def test_a_listed_post(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    published = datetime(2026, 8, 30, 23, 59, 59, 999000, tzinfo=UTC)
    server.answer = finder([post(ugc(1), published, content={"media": {"id": "urn:li:video:D5F10"}})])
    assert listed(fetcher, *ALWAYS) == [
        ListedPost(ugc(1), published, f"https://www.linkedin.com/feed/update/{ugc(1)}", "video", None)
    ]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (None, "text"),
        ({}, "text"),
        ({"media": {"id": "urn:li:image:C4"}}, "image"),
        ({"media": {"id": "urn:li:document:C4"}}, "document"),
        ({"media": {"id": 5}}, "other"),
        ({"article": {"source": "https://example.org"}}, "link"),
        ({"multiImage": {"images": []}}, "carousel"),
        ({"poll": {"question": "?"}}, "poll"),
        ({"reference": {"id": "urn:li:event:1"}}, "other"),
        ("?", "text"),
    ],
)
def test_post_types(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, content: Any, kind: str) -> None:
    server.answer = finder([post(share(1), NOW, content=content)])
    assert [item.post_type for item in listed(fetcher, *ALWAYS)] == [kind]


@pytest.mark.parametrize(("links", "short"), [(True, 0), (True, 3), (False, 0)])
def test_paging_finds_every_post(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, links: bool, short: int
) -> None:
    posts = [post(share(n), NOW - timedelta(hours=n)) for n in range(250)]
    server.answer = finder(posts, links=links, short=short)
    found = [item.platform_post_id for item in listed(fetcher, *ALWAYS)]
    hidden = {share(n) for n in range(short)}  # what the first page leaves out; the others overlap
    assert found == [share(n) for n in range(250) if share(n) not in hidden]
    assert [request.query["start"] for request in server.requests][:3] == ["0", "95", "190"]


def test_a_listing_stops_at_its_start(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = finder([post(share(n), NOW - timedelta(hours=n)) for n in range(1000)])
    assert len(listed(fetcher, NOW - timedelta(hours=150), NOW)) == 150
    assert len(server.requests) == 2


def test_a_scheduled_post_older_than_the_listing_is_found(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    posts = [post(share(n), NOW - timedelta(hours=n)) for n in range(300)]
    posts[2]["createdAt"] = ms(NOW - timedelta(days=60))
    server.answer = finder(posts)
    found = {item.platform_post_id for item in listed(fetcher, NOW - timedelta(hours=5), NOW)}
    assert found == {share(n) for n in range(1, 6)}
    assert len(server.requests) == 1


def test_drifting_offsets_list_no_post_twice(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    posts = [post(share(n), NOW - timedelta(hours=n)) for n in range(150)]
    pages = [posts[:100], posts[95:]]
    link = {"paging": {"links": [{"rel": "next", "href": "/rest/posts?start=100"}]}}
    server.script(
        Answer(json={"elements": pages[0], **link}), Answer(json={"elements": pages[1]}), Answer(json={"elements": []})
    )
    assert [item.platform_post_id for item in listed(fetcher, *ALWAYS)] == [share(n) for n in range(150)]


def test_without_a_link_only_an_empty_page_ends_the_listing(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    posts = [post(share(n), NOW - timedelta(hours=n)) for n in range(300)]

    def answer(request: Request) -> Answer:
        start = int(request.query["start"])
        short = 4 if start == 95 else PAGE_SIZE  # all of it was on the page before
        return Answer(json={"elements": posts[start : start + short], "paging": {"links": []}})

    server.answer = answer
    assert len(listed(fetcher, *ALWAYS)) == 300


def test_posts_deleted_between_two_pages_hide_no_other(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    posts = [post(share(n), NOW - timedelta(hours=n)) for n in range(250)]
    pages = fetcher.list_posts(*ALWAYS)
    server.answer = finder(posts)
    found = [item.platform_post_id for item in next(pages)]
    server.answer = finder([p for p in posts if p["id"] not in (share(3), share(50), share(99))])
    found += [item.platform_post_id for page in pages for item in page]
    assert found == [share(n) for n in range(250)]


def test_a_link_that_leads_nowhere_ends_the_listing(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    body = {"elements": [], "paging": {"links": [{"rel": "next", "href": "/rest/posts?start=0"}]}}
    server.script(Answer(json=body))
    assert listed(fetcher, *ALWAYS) == []
    assert len(server.requests) == 1


def test_links_without_end_are_given_up(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    def answer(request: Request) -> Answer:
        link = {"rel": "next", "href": f"/rest/posts?start={int(request.query['start']) + 50}"}
        return Answer(json={"elements": [post(share(1), NOW)], "paging": {"links": [link]}})

    server.answer = answer
    with pytest.raises(TransientError, match="without a new post"):
        listed(fetcher, *ALWAYS)
    assert len(server.requests) == 21


def test_what_no_follower_saw_is_not_listed(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    elements = [
        post(share(1), NOW),
        post(share(2), NOW, adContext={"isDsc": True, "dscStatus": "ACTIVE"}),
        post(share(3), NOW, distribution={"feedDistribution": "NONE"}),
        post(share(4), NOW, lifecycleState="DRAFT"),
        post(share(5), NOW, adContext={"isDsc": False}),
        post("urn:li:groupPost:6", NOW),
        {**post(share(7), NOW), "publishedAt": "yesterday", "createdAt": None},
    ]
    server.script(Answer(json={"elements": elements}), Answer(json={"elements": []}))
    assert {item.platform_post_id for item in listed(fetcher, *ALWAYS)} == {share(1), share(5)}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offsets=st.lists(st.integers(-5, 86_400_005), unique=True, max_size=20))
def test_the_day_is_half_open(server: PlatformServer, offsets: list[int]) -> None:
    midnight = datetime(2026, 8, 20, tzinfo=UTC)
    moments = {share(n): midnight + timedelta(milliseconds=offset) for n, offset in enumerate(offsets)}
    posts = [
        {**post(urn, moment), "createdAt": ms(moment), "lastModifiedAt": ms(moment)} for urn, moment in moments.items()
    ]
    server.answer = finder(posts)
    fetcher = LinkedInAnalyticsFetcher(TOKEN, PAGE, base_url=server.url)
    found = {item.platform_post_id for item in listed(fetcher, midnight, midnight + timedelta(days=1))}
    fetcher.close()
    assert found == {urn for urn, moment in moments.items() if moment.date() == midnight.date()}


@pytest.mark.parametrize("call", ["list", "days"])
def test_an_unknown_page_is_no_deleted_post(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, call: str
) -> None:
    server.script(NOT_FOUND)
    with pytest.raises(ConfigurationError, match=PAGE):
        listed(fetcher, *ALWAYS) if call == "list" else fetcher.fetch_account_days(NOW.date(), NOW.date())


# --- the page


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
