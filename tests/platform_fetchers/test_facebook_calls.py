"""Facebook Pages: the fewest calls, and the permission that comments need."""

import json
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    PermissionDeniedError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from tests.platform_fetchers.facebook_fake import (
    FIGURES,
    FakePage,
    by_id,
    make,
    node,
    page_fetcher,
    posts_of,
    reel,
    refs,
    served_page,
)
from tests.platform_fetchers.graph_fake import NO_COMMENTS, PAGE, PASSING, THROTTLED
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

page, fetcher = served_page, page_fetcher


# --- fewest calls


def test_a_thousand_posts_in_twenty_calls(page: FakePage, fetcher: FacebookFetcher, server: PlatformServer) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(1000)}
    readings = by_id(fetcher.fetch_many(refs(range(1000))))
    assert len(server.requests) == fetcher.usage.calls == 20
    assert set(readings) == set(page.nodes)
    assert all(r.analytics and r.analytics["comments_count"] == 27 for r in readings.values())


def test_reels_and_posts_that_are_not_listed_go_in_batches(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(100)} | {f"{PAGE}_{n}": reel(n) for n in range(100, 125)}
    wanted = [*refs(range(100)), *refs(range(100, 125), post_type="reel"), PostRef(f"{PAGE}_999")]
    readings = by_id(fetcher.fetch_many(wanted))
    assert len(readings) == 126
    assert isinstance(readings[f"{PAGE}_999"].error, PostNotFoundError)
    assert sum(r.analytics is not None for r in readings.values()) == 125
    assert len(server.requests) == 4, "two pages, the lost post, the reels"


def test_posts_far_apart_are_named_rather_than_looked_for(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(2000)}
    wanted = [*refs(range(5)), *refs(range(1965, 1990))]
    assert len(by_id(fetcher.fetch_many(wanted))) == 30
    assert len(server.requests) == 2


def test_a_listing_without_permission_does_not_stand_in_the_way(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(40)}
    page.failing[f"{PAGE}/published_posts"] = NO_COMMENTS
    assert all(r.analytics for r in by_id(fetcher.fetch_many(refs(range(40)))).values())
    with pytest.raises(PermissionDeniedError, match="pages_read_user_content"):
        posts_of(fetcher)


# --- comments need a permission of their own


def test_without_the_permission_comments_come_from_the_activity(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(150)}
    page.comments_denied = True
    readings = by_id(fetcher.fetch_many(refs(range(150))))
    assert {r.analytics["comments_count"] for r in readings.values() if r.analytics} == {25}
    assert len(readings) == 150
    assert len(server.requests) == 3
    assert sum("summary" in part for part in page.parts) == 1, "asked once, not again"


def test_where_insights_are_withheld_the_summaries_tell_likes_and_reactions(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    """Without read_insights Facebook answers 200 with no insights at all (facebook.md §10)."""
    page.nodes = {f"{PAGE}_{n}": node(n, insights={}) for n in range(50)}
    readings = by_id(fetcher.fetch_many(refs(range(50))))
    assert len(server.requests) == 1
    told = {"likes_count": 181, "reactions_count": 232, "comments_count": 27, "shares_count": 14}
    for reading in readings.values():
        assert reading.analytics is not None
        assert told.items() <= dict(reading.analytics).items()
        assert reading.analytics["impressions"] is None
    assert len(readings) == 50


@pytest.mark.parametrize("insights", [FIGURES, {}], ids=["with insights", "without read_insights"])
def test_a_post_whose_summaries_fail_for_once_is_not_read_by_half(
    insights: dict[str, Any], page: FakePage, fetcher: FacebookFetcher
) -> None:
    """Its comments would jump to those of the activity, its likes and reactions to none."""
    page.nodes = {f"{PAGE}_{n}": node(n, insights=insights) for n in range(3)}
    page.summaries_failing = {f"{PAGE}_1": PASSING}
    readings = by_id(fetcher.fetch_many(refs(range(3))))
    assert isinstance(readings[f"{PAGE}_1"].error, TransientError)
    assert readings[f"{PAGE}_1"].analytics is None
    assert [readings[f"{PAGE}_{n}"].analytics["comments_count"] for n in (0, 2)] == [27, 27]  # type: ignore[index]


def test_a_post_whose_summaries_were_not_finished_is_not_read_by_half(page: FakePage, server: PlatformServer) -> None:
    def answer(request: Request) -> Answer:
        entries = [entry["relative_url"] for entry in json.loads(request.form["batch"])]
        return Answer(json=[None if f"{PAGE}_1?" in e and "summary" in e else page.entry(e) for e in entries])

    server.answer = answer
    readings = by_id(make(server).fetch_many(refs(range(3))))
    assert [isinstance(readings[f"{PAGE}_{n}"].error, TransientError) for n in range(3)] == [False, True, False]


def test_a_page_whose_summaries_fail_for_once_is_not_listed_by_half(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.summaries_failing = {f"{PAGE}_1": PASSING}
    assert [(post.platform_post_id, post.reading) for post in posts_of(fetcher)] == [
        (f"{PAGE}_{n}", None) for n in (2, 1, 0)
    ]


def test_a_page_whose_summaries_are_throttled_is_not_listed(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.summaries_failing = {f"{PAGE}_1": THROTTLED}
    with pytest.raises(RateLimitError):
        posts_of(fetcher)


def test_a_page_whose_summaries_are_too_much_is_halved(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(40)}
    page.largest_with = {"summary": 13}
    found = [post.reading.analytics for post in posts_of(fetcher) if post.reading]
    assert [figures["comments_count"] for figures in found if figures] == [27] * 40
    assert fetcher.page_size == 12


def test_where_the_figures_of_one_post_are_too_much_for_a_page_posts_are_read_by_their_ids(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(120)}
    page.largest_with = {"insights": 0}
    found = posts_of(fetcher)
    assert {post.platform_post_id for post in found} == set(page.nodes)
    assert {post.reading for post in found} == {None}
    assert len(server.requests) == 6 + 3, "50, 25, 12, 6, 3, 1, then pages of 50 again"
    readings = by_id(fetcher.fetch_many(refs(range(120))))
    assert {reading.analytics and reading.analytics["impressions"] for reading in readings.values()} == {4821}


@pytest.mark.parametrize("post_type", ["reel", None])
def test_a_throttle_of_what_stands_aside_ends_the_account(
    post_type: str | None, page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n) if post_type else node(n) for n in range(3)}
    (page.failing if post_type else page.summaries_failing)[f"{PAGE}_1"] = THROTTLED
    found: list[str] = []
    with pytest.raises(RateLimitError):
        found += (reading.platform_post_id for reading in fetcher.fetch_many(refs(range(3), post_type=post_type)))
    assert found == [f"{PAGE}_0", f"{PAGE}_2"]
