"""LinkedIn's page over real HTTP: listing its posts (platforms/linkedin.md §3)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.linkedin_wire import PAGE_SIZE
from analytics_pipeline.platform_fetchers.metrics import ListedPost
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.linkedin_page import (
    NOT_FOUND,
    PAGE,
    ms,
    page_fetcher,
    share,
    ugc,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = page_fetcher


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


@pytest.mark.parametrize(("span", "calls"), [(50, 7), (20, 15), (6, 43), (4, 64)])
def test_short_pages_cost_hardly_more_calls_than_they_are(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, span: int, calls: int
) -> None:
    posts = [post(share(n), NOW - timedelta(hours=n)) for n in range(250)]

    def answer(request: Request) -> Answer:
        start = int(request.query["start"])
        link = {"rel": "next", "href": f"/rest/posts?start={start + span}"}
        more = start + span < len(posts)
        return Answer(json={"elements": posts[start : start + span], "paging": {"links": [link] if more else []}})

    server.answer = answer
    assert [item.platform_post_id for item in listed(fetcher, *ALWAYS)] == [share(n) for n in range(250)]
    assert len(server.requests) <= calls


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
