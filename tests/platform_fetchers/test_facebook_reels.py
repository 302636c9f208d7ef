"""Facebook's reels: where their figures come from when the insights of the video, or one metric, are not to be had."""

import pytest

from analytics_pipeline.platform_fetchers.exceptions import RateLimitError, TransientError
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from tests.platform_fetchers.facebook_fake import REEL, FakePage, by_id, node, page_fetcher, reel, served_page
from tests.platform_fetchers.graph_fake import PAGE, error
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

page, fetcher = served_page, page_fetcher
PASSING = error(2, "Service temporarily unavailable", status=500)


def reels(count: int) -> list[PostRef]:
    return [PostRef(f"{PAGE}_{n}", None, "reel") for n in range(count)]


def test_where_insights_are_withheld_the_summaries_tell_of_reels_too(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n, insights={}, reel={} if n else REEL) for n in range(20)}
    found = by_id(fetcher.fetch_many(reels(20)))
    told, withheld = (dict(found[f"{PAGE}_{n}"].analytics or {}) for n in (0, 7))
    names = ("likes_count", "comments_count", "reactions_count", "shares_count")
    assert [told[name] for name in names] == [8, 3, 10, 14]
    assert [withheld[name] for name in names] == [181, 27, 232, 14]
    assert len(server.requests) == 2, "figures, and the summaries of those that lack them"


def test_a_reel_whose_summaries_fail_for_once_is_read_again(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n, insights={}, reel={}) for n in range(3)}
    page.summaries_failing = {f"{PAGE}_1": PASSING}
    found = by_id(fetcher.fetch_many(reels(3)))
    assert [type(found[f"{PAGE}_{n}"].error) for n in range(3)] == [type(None), TransientError, type(None)]
    partly = found[f"{PAGE}_1"].analytics
    assert partly is not None
    assert (partly["shares_count"], partly["likes_count"]) == (14, None)


def test_a_page_that_may_not_read_summaries_reads_its_reels(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n, insights={}, reel={}) for n in range(5)}
    page.comments_denied = True
    found = by_id(fetcher.fetch_many(reels(5)))
    assert [reading.error for reading in found.values()] == [None] * 5
    assert [reading.analytics and reading.analytics["shares_count"] for reading in found.values()] == [14] * 5


def test_what_was_read_of_reels_is_kept_where_their_summaries_are_throttled(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n, insights={}, reel={} if n < 2 else REEL) for n in range(10)}
    throttled = error(80001, "There have been too many calls to this Page account")

    def answer(request: Request) -> Answer:
        return Answer(*throttled) if "summary" in request.body.decode() else page(request)

    server.answer = answer
    found: list[PostReading] = []
    with pytest.raises(RateLimitError):
        found += fetcher.fetch_many(reels(10))  # what came before it is in the list
    assert sorted(reading.error is None for reading in found) == [False] * 2 + [True] * 8
    assert all(reading.analytics for reading in found)


def test_a_retired_metric_of_the_posts_of_reels_costs_itself(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n) for n in range(10)}
    page.dead = {"post_clicks"}
    found = by_id(fetcher.fetch_many(reels(10)))
    figures = [reading.analytics for reading in found.values() if reading.analytics]
    assert [(each["url_clicks"], each["clicks"]) for each in figures] == [(31, None)] * 10
    assert fetcher.dead_metrics == {"post_clicks"}
    assert len(server.requests) == 3, "refused, searched, asked again"


def test_a_metric_that_posts_were_told_is_not_retired_by_the_post_of_a_reel(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(30)} | {f"{PAGE}_40": reel(40)}
    page.lacking = {f"{PAGE}_40": "post_clicks"}
    found = by_id(
        fetcher.fetch_many([*(PostRef(f"{PAGE}_{n}") for n in range(30)), PostRef(f"{PAGE}_40", None, "reel")])
    )
    assert fetcher.dead_metrics == set()
    told = found[f"{PAGE}_40"].analytics
    assert told is not None
    assert (told["clicks"], told["impressions"]) == (None, 900)


def test_a_reel_whose_post_lacks_a_metric_of_its_neighbours_retires_it_for_nobody(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": reel(n) for n in range(10)}
    page.lacking = {f"{PAGE}_4": "post_clicks"}
    found = by_id(fetcher.fetch_many(reels(10)))
    clicks = {key: reading.analytics["clicks"] for key, reading in found.items() if reading.analytics}
    assert clicks == {f"{PAGE}_{n}": None if n == 4 else 77 for n in range(10)}
    assert fetcher.dead_metrics == set()
    assert len(server.requests) == 1
