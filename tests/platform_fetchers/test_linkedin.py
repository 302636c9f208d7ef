"""LinkedIn's figures of posts over real HTTP: routing, batches, absent posts, odd rows (platforms/linkedin.md §3, §4)."""

from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PostAbsentError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.linkedin_wire import MAX_URL_LENGTH
from analytics_pipeline.platform_fetchers.metrics import PostReading
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.linkedin_page import (
    FIGURES,
    PAGE,
    STATISTICS,
    lists_of,
    page_fetcher,
    refs,
    share,
    statistics,
    ugc,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = page_fetcher


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
    assert len(server.requests) == fetcher.usage.calls == 20


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


def test_a_long_list_is_cut_by_the_length_of_its_url(server: PlatformServer) -> None:
    urns = [ugc(n) for n in range(250)]
    server.answer = statistics(dict.fromkeys(urns, FIGURES))
    fetcher = LinkedInAnalyticsFetcher(TOKEN, PAGE, base_url=server.url, list_size=250)
    assert {r.platform_post_id for r in fetcher.fetch_many(refs(*urns)) if r.analytics} == set(urns)
    fetcher.close()
    lengths = [len(server.url + request.target) for request in server.requests]
    assert len(lengths) == 3
    assert MAX_URL_LENGTH - 100 < max(lengths) <= MAX_URL_LENGTH


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
    assert isinstance(first.error, TransientError), "read again soon"
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


def test_half_of_a_refused_batch_is_kept_where_the_other_is_throttled(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    urns = [share(n) for n in range(1, 5)]
    good = statistics(dict.fromkeys(urns, FIGURES))

    def answer(request: Request) -> Answer:
        asked = lists_of(request)["shares"]
        if len(asked) == 4:
            return Answer(status=400, json={"status": 400, "message": "Invalid query parameters passed to request"})
        if share(4) in asked:
            return Answer(status=429, json={"status": 429, "message": "DAY limit", "serviceErrorCode": 101})
        return good(request)

    server.answer = answer
    read: list[PostReading] = []
    with pytest.raises(RateLimitError):
        read.extend(fetcher.fetch_many(refs(*urns)))
    assert [reading.platform_post_id for reading in read if reading.analytics] == urns[:2]


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
