"""Facebook Pages: one retired metric, and posts that have no insights."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    MetricError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.facebook_metrics import POST_METRICS
from analytics_pipeline.platform_fetchers.metrics import PostRef
from tests.platform_fetchers.facebook_fake import (
    END,
    FIGURES,
    FakePage,
    by_id,
    make,
    node,
    page_fetcher,
    reel,
    refs,
    served_page,
)
from tests.platform_fetchers.graph_fake import BAD_METRIC, PAGE, PASSING, START, THROTTLED, error
from tests.platform_fetchers.platform_server import PlatformServer

page, fetcher = served_page, page_fetcher


def test_a_retired_metric_costs_one_failed_call_and_one_to_find_it(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(200)}
    page.dead = {"post_clicks"}
    readings = by_id(fetcher.fetch_many(refs(range(200))))
    assert len(server.requests) == 4 + 2
    assert fetcher.dead_metrics == {"post_clicks"}
    for reading in readings.values():
        assert reading.analytics is not None
        assert reading.analytics["clicks"] is None
        assert (reading.analytics["likes_count"], reading.analytics["url_clicks"]) == (180, 31)
    assert len(readings) == 200

    server.requests.clear()
    remembering = make(server, dead_metrics=fetcher.dead_metrics)
    assert len(list(remembering.fetch_many(refs(range(200))))) == 200
    assert len(server.requests) == 4
    remembering.close()


@settings(deadline=None, max_examples=25)
@given(st.sets(st.sampled_from(POST_METRICS), max_size=len(POST_METRICS) - 1))
def test_any_retired_metrics_hide_no_other_metric_and_no_post(dead: set[str]) -> None:
    served = FakePage([node(n) for n in range(3)])
    served.dead = dead
    with PlatformServer(served) as server:
        fetcher = make(server)
        readings = by_id(fetcher.fetch_many(refs(range(3))))
        assert fetcher.dead_metrics == dead
        assert fetcher.usage.calls <= 3
        fetcher.close()
    expected = {name for name in FIGURES if name not in dead}
    for reading in readings.values():
        assert {row["name"] for row in reading.raw.get("insights", {}).get("data", ())} == expected


def test_a_metric_that_others_were_told_before_lives_on(page: FakePage, fetcher: FacebookFetcher) -> None:
    """The post that does not have it is in a batch of its own: nobody else in that batch speaks for the metric."""
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(50)} | {f"{PAGE}_100": node(100)}
    page.lacking = {f"{PAGE}_100": "post_clicks"}
    readings = by_id(fetcher.fetch_many([*refs(range(50)), PostRef(f"{PAGE}_100")]))
    assert fetcher.dead_metrics == set()
    odd = readings[f"{PAGE}_100"].analytics
    assert odd is not None
    assert (odd["clicks"], odd["likes_count"]) == (None, 180)


def test_a_metric_that_a_page_of_posts_was_told_lives_on(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(60)}
    page.lacking = {f"{PAGE}_9": "post_clicks"}  # the first of the second page: a search asks it
    listed = [post for posts in fetcher.list_posts(START, END) for post in posts]
    assert fetcher.dead_metrics == set()
    assert len(listed) == 60
    carried = {post.platform_post_id for post in listed if post.reading is not None}
    assert carried == {f"{PAGE}_{n}" for n in range(10, 60)}, "the others are read by their ids"


def test_a_retired_reel_metric_leaves_the_post_metric_of_that_name(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes = {f"{PAGE}_1": node(1), f"{PAGE}_7": reel(7), f"{PAGE}_8": reel(8)}
    page.dead = {"blue_reels_play_count"}
    readings = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_1"), *refs(range(7, 9), post_type="reel")]))
    assert fetcher.dead_metrics == {"video_insights/blue_reels_play_count"}
    figures = readings[f"{PAGE}_7"].analytics
    assert figures is not None
    assert (figures["impressions"], figures["video_watch_time"]) == (None, 123.456)


def test_a_retired_post_metric_leaves_the_reel_metric_of_that_name(page: FakePage, server: PlatformServer) -> None:
    page.nodes[f"{PAGE}_7"] = reel(7)
    fetcher = make(server, dead_metrics={"post_video_view_time"})
    readings = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_1"), *refs(range(7, 8), post_type="reel")]))
    watched = {key: reading.analytics and reading.analytics["video_watch_time"] for key, reading in readings.items()}
    fetcher.close()
    assert watched == {f"{PAGE}_1": None, f"{PAGE}_7": 123.456}


def test_a_post_that_has_no_insights_buries_no_metric(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.failing[f"{PAGE}_1"] = error(100, "(#100) Tried accessing nonexisting field (insights) on node type (Video)")
    readings = by_id(fetcher.fetch_many(refs(range(3))))
    assert isinstance(readings[f"{PAGE}_1"].error, MetricError)
    assert readings[f"{PAGE}_0"].analytics is not None
    assert fetcher.dead_metrics == set()


NO_INSIGHTS = error(100, "(#100) Tried accessing nonexisting field (insights) on node type (Video)")


def test_posts_that_refuse_every_metric_are_read_for_what_else_they_tell(
    page: FakePage, fetcher: FacebookFetcher, server: PlatformServer
) -> None:
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(10)}
    for n, refusal in ((2, BAD_METRIC), (4, NO_INSIGHTS), (5, NO_INSIGHTS)):
        page.nodes[f"{PAGE}_{n}"]["failing"] = refusal
    found = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(10)]))
    assert [reading.error for reading in found.values()] == [None] * 10
    told = {key: dict(reading.analytics or {}) for key, reading in found.items()}
    names = ("likes_count", "comments_count", "shares_count", "reactions_count", "impressions", "clicks")
    assert {key: [figures[name] for name in names] for key, figures in told.items()} == {
        f"{PAGE}_{n}": [181, 27, 14, 232, None, None] if n in (2, 4, 5) else [180, 27, 14, 231, 4821, 77]
        for n in range(10)
    }
    assert fetcher.dead_metrics == set()
    batch, search, fields_alone = 1, 1, 1
    assert len(server.requests) == batch + search + fields_alone


@pytest.mark.parametrize("lacking", [1, 7])
def test_a_post_beside_one_that_refuses_every_metric_loses_none(
    lacking: int, page: FakePage, fetcher: FacebookFetcher
) -> None:
    """It is read, or it is named and its last figures stand."""
    page.nodes = {f"{PAGE}_{n}": node(n) for n in range(10)}
    page.nodes[f"{PAGE}_2"]["failing"] = BAD_METRIC
    page.lacking = {f"{PAGE}_{lacking}": "post_clicks"}
    found = by_id(fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(10)]))
    assert {r.analytics["impressions"] for key, r in found.items() if r.analytics and key != f"{PAGE}_2"} == {4821}
    assert [reading.error is None for reading in found.values()].count(False) <= 1
    assert found[f"{PAGE}_2"].error is None


def test_a_post_that_refuses_every_metric_and_tells_nothing_else_is_named(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.comments_denied = True
    del page.nodes[f"{PAGE}_1"]["shares"]
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    found = by_id(fetcher.fetch_many(refs(range(3))))
    assert (found[f"{PAGE}_1"].analytics, type(found[f"{PAGE}_1"].error)) == (None, MetricError)


def test_a_post_asked_for_alone_that_refuses_every_metric_is_not_read_by_half(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    with pytest.raises(MetricError):
        fetcher.fetch_post_analytics("1", f"{PAGE}_1")


def test_a_post_that_refuses_every_metric_is_read_later_where_its_summaries_fail_for_once(
    page: FakePage, fetcher: FacebookFetcher
) -> None:
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    page.summaries_failing = {f"{PAGE}_1": PASSING}
    found = by_id(fetcher.fetch_many(refs(range(3))))
    assert (found[f"{PAGE}_1"].analytics, type(found[f"{PAGE}_1"].error)) == (None, TransientError)


def test_a_throttle_of_what_else_they_tell_ends_the_account(page: FakePage, fetcher: FacebookFetcher) -> None:
    page.nodes[f"{PAGE}_1"]["failing"] = NO_INSIGHTS
    page.plain_failing[f"{PAGE}_1"] = THROTTLED
    found: list[str] = []
    with pytest.raises(RateLimitError):
        found += (reading.platform_post_id for reading in fetcher.fetch_many(refs(range(3))))
    assert found == [f"{PAGE}_0", f"{PAGE}_2"]
