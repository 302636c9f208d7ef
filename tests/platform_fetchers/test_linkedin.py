"""LinkedIn's fetcher over real HTTP: routing, batches, absent posts, paging, days, details (platforms/linkedin.md)."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock, patch
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PostAbsentError,
    PostNotFoundError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.linkedin_wire import MAX_URL_LENGTH, PAGE_SIZE
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

PAGE = "urn:li:organization:40012345"
STATISTICS = "/rest/organizationalEntityShareStatistics"
NOT_FOUND = Answer(status=404, json={"status": 404, "code": "NOT_FOUND", "message": "Post not found"})


@pytest.fixture
def fetcher(server: PlatformServer, slept: list[float]) -> Iterator[LinkedInAnalyticsFetcher]:
    fetcher = LinkedInAnalyticsFetcher(
        TOKEN, "40012345", base_url=server.url, api_version="202608", clock=lambda: NOW, sleep=slept.append
    )
    yield fetcher
    fetcher.close()


def share(number: int) -> str:
    return f"urn:li:share:{7301000000000000000 + number}"


def ugc(number: int) -> str:
    return f"urn:li:ugcPost:{7302000000000000000 + number}"


def refs(*urns: str) -> list[PostRef]:
    return [PostRef(urn) for urn in urns]


def lists_of(request: Request) -> dict[str, list[str]]:
    """The two lists of a statistics call, read from the raw query: structure raw, values encoded."""
    found = re.findall(r"&(shares|ugcPosts)=List\(([^()&]*)\)", request.target)
    assert all(":" not in values for _, values in found), "values must be percent-encoded"
    return {name: [unquote(value) for value in values.split(",")] for name, values in found}


def statistics(figures: dict[str, dict[str, Any]]) -> Callable[[Request], Answer]:
    """LinkedIn's silence included: a URN in the other kind's list, or without figures, is left out."""

    def answer(request: Request) -> Answer:
        if request.path != STATISTICS:
            return NOT_FOUND
        assert request.query["organizationalEntity"] == PAGE
        elements = [
            {"organizationalEntity": PAGE, kind: urn, "totalShareStatistics": figures[urn]}
            for kind, name in (("share", "shares"), ("ugcPost", "ugcPosts"))
            for urn in lists_of(request).get(name, [])
            if urn in figures and urn.startswith(f"urn:li:{kind}:")
        ]
        return Answer(json={"paging": {"start": 0, "count": 10, "links": []}, "elements": elements})

    return answer


FIGURES = {
    "impressionCount": 5000,
    "uniqueImpressionsCount": 3100,
    "clickCount": 70,
    "likeCount": 40,
    "commentCount": 10,
    "shareCount": 5,
    "engagement": 0.025,
}


@patch("requests.Session.request")
def test_linkedin_fetcher(mock_request: MagicMock) -> None:
    mock_request.return_value.json.return_value = {
        "elements": [
            {
                "totalShareStatistics": {
                    "likeCount": 100,
                    "commentCount": 20,
                    "shareCount": 10,
                    "impressionCount": 5000,
                }
            }
        ]
    }
    fetcher = LinkedInAnalyticsFetcher(access_token="test_token")
    analytics = fetcher.fetch_post_analytics("1", "urn:li:share:123")
    assert analytics["likes_count"] == 100
    assert analytics["comments_count"] == 20


# --- statistics of posts


def test_every_figure_has_its_place(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({share(1): FIGURES})
    analytics = fetcher.fetch_post_analytics("1", share(1))
    assert analytics == {
        "likes_count": 40,
        "comments_count": 10,
        "shares_count": 5,
        "reactions_count": None,
        "retweets_count": None,
        "quote_tweets_count": None,
        "bookmarks_count": None,
        "impressions": 5000,
        "reach": 3100,
        "clicks": 70,
        "url_clicks": None,
        "profile_clicks": None,
        "video_views": None,
        "video_watch_time": None,
        "engagement_rate": 1.1,
        "click_through_rate": 1.4,
        "fetched_at": NOW,
        "platform": "linkedin",
        "platform_post_id": share(1),
        "platform_post_url": f"https://www.linkedin.com/feed/update/{share(1)}",
    }


def test_the_request_speaks_rest_li_2(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({})
    list(fetcher.fetch_many(refs(share(1), ugc(2), share(3))))
    (request,) = server.requests
    assert request.target == (
        f"{STATISTICS}?q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A40012345"
        "&shares=List(urn%3Ali%3Ashare%3A7301000000000000001,urn%3Ali%3Ashare%3A7301000000000000003)"
        "&ugcPosts=List(urn%3Ali%3AugcPost%3A7302000000000000002)"
    )
    assert request.headers["linkedin-version"] == "202608"
    assert request.headers["x-restli-protocol-version"] == "2.0.0"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_thousand_posts_cost_twenty_calls(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    urns = [share(n) if n % 3 else ugc(n) for n in range(1000)]
    server.answer = statistics({urn: {**FIGURES, "likeCount": n} for n, urn in enumerate(urns)})
    likes = {r.platform_post_id: r.analytics["likes_count"] for r in fetcher.fetch_many(refs(*urns)) if r.analytics}
    assert likes == {urn: n for n, urn in enumerate(urns)}
    assert len(server.requests) == fetcher.api_calls == 20


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.tuples(st.booleans(), st.integers(1, 10**19 - 1)), max_size=230),
    list_size=st.integers(1, 200),
)
def test_batches_keep_every_post_once_in_short_urls(
    server: PlatformServer, ids: list[tuple[bool, int]], list_size: int
) -> None:
    urns = [f"urn:li:share:{n}" if is_share else f"urn:li:ugcPost:{n}" for is_share, n in ids]
    server.requests.clear()
    server.answer = statistics(dict.fromkeys(urns, FIGURES))
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, list_size=list_size)
    readings = list(fetcher.fetch_many(refs(*urns)))
    fetcher.close()
    assert sorted(r.platform_post_id for r in readings) == sorted(set(urns))
    assert all(r.error is None for r in readings)
    sent = [lists_of(request) for request in server.requests]
    assert sorted(urn for lists in sent for urns in lists.values() for urn in urns) == sorted(set(urns))
    assert all(sum(map(len, lists.values())) <= list_size for lists in sent)
    assert all(len(server.url + request.target) <= MAX_URL_LENGTH for request in server.requests)


def test_absent_is_neither_zero_nor_deleted(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    zero = {**FIGURES, "impressionCount": 0, "likeCount": 0}
    server.answer = statistics({share(1): zero})
    first, second = fetcher.fetch_many(refs(share(1), share(2)))
    assert first.analytics is not None
    assert first.analytics["likes_count"] == 0
    assert second.analytics is None
    assert isinstance(second.error, PostAbsentError)
    assert share(2) in second.error.message


@pytest.mark.parametrize("urn", [share(1), ugc(1)])
def test_the_pages_own_total_is_never_a_posts(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, urn: str
) -> None:
    total = {"organizationalEntity": PAGE, "totalShareStatistics": {**FIGURES, "likeCount": 999_999}}
    server.script(Answer(json={"elements": [total]}))
    (reading,) = fetcher.fetch_many(refs(urn))
    assert isinstance(reading.error, PostAbsentError)


def test_figures_of_other_posts_are_not_taken(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    other = {"organizationalEntity": PAGE, "share": share(9), "totalShareStatistics": FIGURES}
    server.script(Answer(json={"elements": [other, {"totalShareStatistics": FIGURES}, None, 7]}))
    readings = list(fetcher.fetch_many(refs(share(1), share(2))))
    assert [type(r.error) for r in readings] == [PostAbsentError, PostAbsentError]


def test_odd_figures_are_kept_as_they_come(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics(
        {
            ugc(1): {"likeCount": -1, "impressionCount": 0, "uniqueImpressionsCounts": 3},
            share(2): {"likeCount": 2, "impressionCount": 10, "uniqueImpressionsCount": 25, "shareCount": -1},
        }
    )
    first, second = (r.analytics for r in fetcher.fetch_many(refs(ugc(1), share(2))))
    assert first is not None
    assert (first["likes_count"], first["reach"], first["clicks"], first["engagement_rate"]) == (-1, 3, None, None)
    assert second is not None
    assert (second["shares_count"], second["reach"], second["engagement_rate"]) == (-1, 25, 10.0)


@pytest.mark.parametrize(
    "bad", [{"likeCount": "many"}, {"likeCount": 1.5}, {"likeCount": 10**30}, None, [], "x"], ids=repr
)
def test_a_malformed_row_costs_that_post_only(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, bad: Any
) -> None:
    server.answer = statistics({share(1): FIGURES, share(2): bad, share(3): FIGURES})
    found = {r.platform_post_id: r.error for r in fetcher.fetch_many(refs(share(1), share(2), share(3)))}
    assert isinstance(found[share(2)], BadDataError)
    assert (found[share(1)], found[share(3)]) == (None, None)


@pytest.mark.parametrize("body", [{}, [], {"elements": None}, {"elements": {"a": 1}}, 5], ids=repr)
def test_a_reply_of_another_shape_costs_that_batch_only(server: PlatformServer, body: Any) -> None:
    fetcher = LinkedInAnalyticsFetcher(TOKEN, PAGE, base_url=server.url, list_size=1)
    good = {"organizationalEntity": PAGE, "share": share(2), "totalShareStatistics": FIGURES}
    server.script(Answer(json=body), Answer(json={"elements": [good]}))
    first, second = fetcher.fetch_many(refs(share(1), share(2)))
    fetcher.close()
    assert isinstance(first.error, BadDataError)
    assert second.analytics is not None


def test_one_post_that_linkedin_refuses_does_not_cost_the_others(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    urns = [share(n) for n in range(50)]
    good = statistics(dict.fromkeys(urns, FIGURES))

    def answer(request: Request) -> Answer:
        if share(17) in lists_of(request)["shares"]:
            return Answer(status=400, json={"status": 400, "message": "Invalid query parameters passed to request"})
        return good(request)

    server.answer = answer
    found = {r.platform_post_id: r.error for r in fetcher.fetch_many(refs(*urns))}
    assert found.keys() == set(urns)
    assert [urn for urn, error in found.items() if error] == [share(17)]
    assert isinstance(found[share(17)], ConfigurationError)
    assert len(server.requests) <= 13


def test_bad_ids_never_reach_a_url(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    bad = ["7001", "urn:li:share:", "urn:li:share:12),urn", "urn:li:activity:7", "urn:li:share:1\n", "", "../x"]
    server.answer = statistics({share(1): FIGURES})
    found = {r.platform_post_id: r.error for r in fetcher.fetch_many(refs(*bad, share(1)))}
    assert found.pop(share(1)) is None
    assert all(isinstance(error, ConfigurationError) for error in found.values())
    assert "'urn:li:activity:7' is no post id" in str(found["urn:li:activity:7"])
    assert [lists_of(request) for request in server.requests] == [{"shares": [share(1)]}]
    with pytest.raises(ConfigurationError, match=r"post 5: .*'7001'"):
        fetcher.fetch_post_analytics("5", "7001")


@pytest.mark.parametrize("organization", ["acme", "urn:li:person:abc", "1/2", ""])
def test_a_bad_organization_is_refused_before_any_call(server: PlatformServer, organization: str) -> None:
    with pytest.raises(ConfigurationError):
        LinkedInAnalyticsFetcher.for_account(TOKEN, organization, base_url=server.url)
    assert server.requests == []


# --- one post and its details


def test_a_deleted_post_is_told_from_an_absent_one(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({})
    with pytest.raises(PostNotFoundError, match=share(1)) as caught:
        fetcher.fetch_post_analytics("1", share(1))
    assert (caught.value.post_id, caught.value.status_code) == (share(1), 404)

    server.answer = lambda r: Answer(json={"elements": []} if r.path == STATISTICS else {"id": share(1)})
    with pytest.raises(PostAbsentError):
        fetcher.fetch_post_analytics("1", share(1))


def test_reactions_of_all_types_are_added_up(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    summaries = {"LIKE": {"reactionType": "LIKE", "count": 30}, "PRAISE": {"count": 6}, "EMPATHY": {"count": 4}}
    posts = statistics({share(1): FIGURES})
    metadata = {"entity": share(1), "reactionSummaries": summaries}
    server.answer = lambda r: Answer(json=metadata) if "socialMetadata" in r.path else posts(r)
    assert fetcher.fetch_post_analytics("1", share(1))["reactions_count"] == 40
    assert server.requests[-1].target == f"/rest/socialMetadata/{share(1).replace(':', '%3A')}"


@pytest.mark.parametrize(
    "details",
    [
        Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"}),
        Answer(status=429, json={"status": 429, "serviceErrorCode": 101}),
        Answer(json={"reactionSummaries": {"LIKE": {"count": "many"}}, "elements": [{"value": {}}, 3]}),
        Answer(json={"reactionSummaries": {"LIKE": None}, "elements": []}),
        Answer(json=[]),
    ],
)
def test_details_never_cost_the_figures(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, details: Answer
) -> None:
    posts = statistics({ugc(1): FIGURES})
    server.answer = lambda r: posts(r) if r.path == STATISTICS else details
    analytics = fetcher.fetch_post_analytics("1", ugc(1))
    assert analytics["likes_count"] == 40
    assert (analytics["reactions_count"], analytics["video_views"], analytics["video_watch_time"]) == (None, None, None)


def test_watch_time_is_seconds(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    posts = statistics({ugc(1): FIGURES})
    values = {"VIDEO_VIEW": 120, "TIME_WATCHED": 845_500}

    def answer(request: Request) -> Answer:
        if request.path != "/rest/videoAnalytics":
            return posts(request)
        assert (request.query["q"], request.query["entity"]) == ("entity", ugc(1))
        kind = request.query["type"]
        return Answer(json={"elements": [{"entity": ugc(1), "statisticsType": kind, "value": values[kind]}]})

    server.answer = answer
    analytics = fetcher.fetch_post_analytics("1", ugc(1))
    assert (analytics["video_views"], analytics["video_watch_time"]) == (120, 845.5)


def test_many_posts_never_ask_for_details(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({ugc(1): FIGURES})
    list(fetcher.fetch_many(refs(ugc(1))))
    assert [request.path for request in server.requests] == [STATISTICS]


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


# --- listing


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


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
    """The posts finder: sorted by creation; pages may hold `short` posts less than they span."""

    def answer(request: Request) -> Answer:
        query = request.query
        assert request.path == "/rest/posts"
        assert (query["q"], query["author"], query["sortBy"]) == ("author", PAGE, "CREATED")
        start, count = int(query["start"]), int(query["count"])
        assert count == PAGE_SIZE
        ordered = sorted(posts, key=lambda post: post["createdAt"], reverse=True)
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
    hidden = {share(n) for n in range(250) if n < 200 and n % 100 < short}
    assert found == [share(n) for n in range(250) if share(n) not in hidden]
    assert [request.query["start"] for request in server.requests][:3] == ["0", "100", "200"]


def test_a_listing_stops_at_its_start(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = finder([post(share(n), NOW - timedelta(hours=n)) for n in range(1000)])
    assert len(listed(fetcher, NOW - timedelta(hours=150), NOW)) == 150
    assert len(server.requests) == 2


def test_drifting_offsets_list_no_post_twice(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    posts = [post(share(n), NOW - timedelta(hours=n)) for n in range(150)]
    pages = [posts[:100], posts[95:]]
    link = {"paging": {"links": [{"rel": "next", "href": "/rest/posts?start=100"}]}}
    server.script(
        Answer(json={"elements": pages[0], **link}), Answer(json={"elements": pages[1]}), Answer(json={"elements": []})
    )
    assert [item.platform_post_id for item in listed(fetcher, *ALWAYS)] == [share(n) for n in range(150)]


def test_a_link_that_leads_nowhere_ends_the_listing(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    body = {"elements": [], "paging": {"links": [{"rel": "next", "href": "/rest/posts?start=0"}]}}
    server.script(Answer(json=body))
    assert listed(fetcher, *ALWAYS) == []
    assert len(server.requests) == 1


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
    posts = [{**post(urn, moment), "createdAt": ms(moment)} for urn, moment in moments.items()]
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
    assert len(server.requests) == 3


def test_days_before_the_last_twelve_months_are_not_asked_for(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    server.answer = buckets
    days = fetcher.fetch_organization_analytics(date(2020, 1, 1), date(2025, 9, 2))
    assert [day.day for day in days] == [date(2025, 9, 1), date(2025, 9, 2)]
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
