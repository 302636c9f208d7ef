"""Facebook's reels: where their figures come from when the insights of the video, or one metric, are not to be had."""

from analytics_pipeline.platform_fetchers.exceptions import TransientError
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from tests.platform_fetchers.facebook_fake import REEL, FakePage, by_id, page_fetcher, reel, served_page
from tests.platform_fetchers.graph_fake import PAGE, error
from tests.platform_fetchers.platform_server import PlatformServer

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
    assert [told[name] for name in names] == [8, 3, 10, 1]
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
