"""Instagram: media without insights, refused and retired metrics, listings, both hosts, fewest calls."""

from datetime import timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    MetricError,
    PostAbsentError,
    PostNotFoundError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.instagram_errors import (
    NoInsightsError,
)
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostRef
from tests.platform_fetchers.graph_fake import GONE, START, Read, error
from tests.platform_fetchers.instagram_fake import (
    BEFORE_CONVERSION,
    END,
    FEW_VIEWERS,
    IMAGE_FIGURES,
    REEL_FIGURES,
    STORY_FIGURES,
    FakeAccount,
    account_fetcher,
    also_names_it,
    by_id,
    known,
    make,
    media,
    names_it,
    reel,
    refs,
    served_account,
)
from tests.platform_fetchers.platform_server import PlatformServer

CLICKS = 1
"""One batch for clicks."""
RATION = 20
"""Most batches for clicks that one fetcher sends."""


account, fetcher = served_account, account_fetcher


# --- media without insights, metrics that one media does not have


def test_before_conversion_the_fields_are_all_there_is(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["1"] |= {"failing": BEFORE_CONVERSION}
    account.nodes["2"] |= {"failing": BEFORE_CONVERSION, "like_count": None, "comments_count": None}
    found = by_id(fetcher.fetch_many(refs(range(1, 4), None)))
    assert known(found["1"]) == {"likes_count": 400, "comments_count": 18}
    assert type(found["2"].error) is NoInsightsError
    assert "before business account conversion" in found["2"].error.message
    assert known(found["3"]) == REEL_FIGURES
    assert fetcher.dead_metrics == set()


def test_a_story_too_few_have_seen_has_unknown_figures(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["9"] = media(9, "IMAGE", "STORY", failing=FEW_VIEWERS)
    [reading] = fetcher.fetch_many([PostRef("9", None, "story")])
    assert known(reading) == {}


@pytest.mark.parametrize("refuse", [names_it, also_names_it])
def test_a_refused_metric_is_dropped_for_that_media_only(
    refuse: Any, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.refuse = refuse
    account.nodes["2"]["without"] = ["shares", "saved"]
    found = by_id(fetcher.fetch_many(refs(range(1, 3))))
    assert known(found["1"]) == IMAGE_FIGURES
    assert known(found["2"]) == {n: v for n, v in IMAGE_FIGURES.items() if n not in ("shares_count", "bookmarks_count")}
    assert fetcher.dead_metrics == set()
    assert len(server.requests) == 3 + CLICKS


def test_a_refusal_that_names_nobody_is_probed_metric_by_metric(
    account: FakeAccount, fetcher: InstagramFetcher
) -> None:
    account.refuse = lambda _: error(100, "(#100) The value must be a valid insights metric")
    account.nodes["1"]["without"] = ["shares"]
    [reading] = fetcher.fetch_many([PostRef("1", None, "image")])
    assert known(reading) == {name: value for name, value in IMAGE_FIGURES.items() if name != "shares_count"}
    assert fetcher.dead_metrics == {"FEED/shares"}


@pytest.mark.parametrize("by_name", [True, False], ids=["named", "by its place"])
def test_a_retired_metric_costs_one_failed_call_and_is_remembered(
    by_name: bool, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    without = ["saved"] if by_name else []
    account.retired = set() if by_name else {"saved"}
    account.nodes = {str(n): media(n, without=without) for n in range(700, 740)}
    account.nodes |= {str(n): reel(n, without=without) for n in range(740, 750)}
    wanted = [*refs(range(700, 740)), *refs(range(740, 750), "reel")]
    found = by_id(fetcher.fetch_many(wanted))
    assert len(server.requests) == 2 + CLICKS
    assert fetcher.dead_metrics == {"FEED/saved", "REELS/saved"}
    assert known(found["745"]) == {name: value for name, value in REEL_FIGURES.items() if name != "bookmarks_count"}
    assert len(found) == 50

    server.requests.clear()
    remembering = make(server, dead_metrics=fetcher.dead_metrics)
    assert len(by_id(remembering.fetch_many(wanted))) == 50
    assert len(server.requests) == 1 + CLICKS
    remembering.close()


@pytest.mark.parametrize(
    ("lacking", "all_of_them"),
    [(range(5), range(5)), (range(740, 742), range(740, 742)), (range(700, 745), range(700, 746))],
    ids=["old ones", "too few", "all but one"],
)
def test_odd_media_do_not_retire_a_metric(
    lacking: range, all_of_them: range, account: FakeAccount, fetcher: InstagramFetcher
) -> None:
    account.nodes = {str(n): media(n, without=["saved"] if n in lacking else []) for n in all_of_them}
    assert len(by_id(fetcher.fetch_many(refs(all_of_them)))) == len(all_of_them)
    assert fetcher.dead_metrics == set()


def test_gone_and_unreadable_media_cost_themselves(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.failing["2"] = error(2, "Service temporarily unavailable", status=500)
    found = by_id(fetcher.fetch_many([*refs(range(1, 4), None), PostRef("999"), PostRef("1_2")]))
    assert known(found["1"]) == IMAGE_FIGURES
    assert type(found["2"].error) is TransientError
    assert type(found["999"].error) is PostNotFoundError
    assert type(found["1_2"].error) is ConfigurationError


def test_link_clicks_of_a_story_are_not_asked_for_again_where_instagram_has_none(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n, "IMAGE", "STORY", insights={"views": 5, "link_clicks": 3}) for n in (5, 6)}
    stories = [PostRef("5", None, "story"), PostRef("6", None, "story")]
    found = by_id(fetcher.fetch_many(stories))
    assert known(found["5"]) == {"impressions": 5, "url_clicks": 3}
    account.nodes["6"]["without"] = ["link_clicks"]
    found = by_id(fetcher.fetch_many(stories))
    assert known(found["6"]) == {"impressions": 5}
    assert fetcher.dead_metrics == {"STORY/link_clicks"}
    server.requests.clear()
    assert known(by_id(fetcher.fetch_many(stories))["6"]) == {"impressions": 5}
    assert len(server.requests) == 1 + CLICKS


def test_an_item_of_a_carousel_has_no_insights(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    metrics = ("views", "reach", "likes", "comments", "saved", "shares")
    account.refuse = also_names_it
    account.nodes["1"] |= {"without": metrics, "like_count": None, "comments_count": None}
    [reading] = fetcher.fetch_many([PostRef("1", None, "image")])
    assert isinstance(reading.error, MetricError)
    assert fetcher.dead_metrics == set()


# --- listings


def test_a_listing_carries_figures_but_those_of_reels(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    [listed] = fetcher.list_posts(START, END - timedelta(days=365))
    reel_row, carousel, image = listed
    assert reel_row == ListedPost("3", START + timedelta(hours=3), "https://www.instagram.com/p/3/", "reel", None)
    assert (carousel.post_type, image.post_type) == ("carousel", "image")
    assert image.reading is not None
    assert known(image.reading) == IMAGE_FIGURES


def test_one_media_that_fails_the_page_costs_its_figures_only(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n) for n in range(150)}
    account.nodes["20"]["without"] = ["shares"]
    listed = [post for page in fetcher.list_posts(START, START + timedelta(days=20)) for post in page]
    assert [post.platform_post_id for post in listed] == [str(n) for n in reversed(range(150))]
    assert [post.reading is not None for post in listed] == [True] * 100 + [False] * 50
    assert len([request for request in server.requests if request.method == "GET"]) == 3


def test_stories_alive_are_listed(account: FakeAccount, server: PlatformServer) -> None:
    account.nodes["5"] = media(5, "VIDEO", "STORY")
    fetcher = make(server, now=START + timedelta(hours=12))
    *_, stories = fetcher.list_posts(START, START + timedelta(days=1))
    assert [(story.platform_post_id, story.post_type, story.reading) for story in stories] == [("5", "story", None)]
    server.requests.clear()
    assert len(list(fetcher.list_posts(START - timedelta(days=9), START - timedelta(hours=13)))) == 0
    assert len(server.requests) == 1, "no story of that time can be alive"
    fetcher.close()


@pytest.mark.parametrize(
    ("refusal", "times", "found", "note"),
    [
        (GONE, 1, ["5"], None),
        (GONE, 2, [], "the stories are not listed: "),
        (error(100, "(#100) The parameter x is required"), 1, [], "the stories are not listed: "),
    ],
    ids=["a disguised throttle", "gone", "lasting"],
)
def test_refused_stories_cost_no_media(
    account: FakeAccount, server: PlatformServer, refusal: Read, times: int, found: list[str], note: str | None
) -> None:
    account.nodes["5"] = media(5, "VIDEO", "STORY")
    account.story_refusals = [refusal] * times
    fetcher = make(server, now=START + timedelta(hours=12))
    listed = [post.platform_post_id for page in fetcher.list_posts(START, START + timedelta(days=1)) for post in page]
    assert listed == ["3", "2", "1", *found]
    assert (fetcher.unlisted or "").startswith(note or "")
    assert bool(fetcher.unlisted) == bool(note)
    account.story_refusals = [error(2, "Service temporarily unavailable", status=500)] * 9
    with pytest.raises(TransientError):
        list(fetcher.list_posts(START, START + timedelta(days=1)))
    fetcher.close()


def test_a_story_of_which_nothing_is_told_keeps_what_was(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["5"] = media(5, "IMAGE", "STORY", insights={})
    [reading] = fetcher.fetch_many([PostRef("5", None, "story")])
    assert (reading.analytics, type(reading.error)) == (None, PostAbsentError)


def test_stories_are_listed_to_the_last_page(account: FakeAccount, server: PlatformServer) -> None:
    account.nodes = {str(n): media(n, "IMAGE", "STORY") for n in range(12)}
    account.stories_per_page = 5
    fetcher = make(server, now=START + timedelta(hours=12))
    [stories] = fetcher.list_posts(START, START + timedelta(days=1))
    fetcher.close()
    assert {story.platform_post_id for story in stories} == {str(n) for n in range(12)}
    assert len(server.requests) == 1 + 3


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize("media_type", ["IMAGE", "VIDEO"])
def test_stories_told_without_their_product_are_stories(
    media_type: str, batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = batches
    account.nodes |= {str(n): media(n, media_type, "STORY", hides_product=True) for n in (5, 6)}
    fetcher = make(server, now=START + timedelta(hours=12), batches=batches)
    *_, stories = fetcher.list_posts(START, START + timedelta(days=1))
    assert [(story.platform_post_id, story.post_type, story.reading) for story in stories] == [
        ("5", "story", None),
        ("6", "story", None),
    ]
    found = by_id(fetcher.fetch_many(refs(range(5, 7), "story")))
    fetcher.close()
    expected = STORY_FIGURES | ({"video_views": 9120} if media_type == "VIDEO" else {})
    assert [known(found[key]) for key in ("5", "6")] == [expected] * 2
    assert fetcher.dead_metrics == set()


def test_stories_are_not_asked_for_after_their_day(account: FakeAccount, server: PlatformServer) -> None:
    account.nodes = {str(n): media(n, "IMAGE", "STORY") for n in (5, 6, 7)}
    fetcher = make(server, now=START + timedelta(hours=6 + 24))
    found = by_id(fetcher.fetch_many(refs(range(5, 8), "story")))
    fetcher.close()
    expired = [found[key].error for key in ("5", "6")]
    assert [(type(error), error and error.message) for error in expired] == [
        (PostAbsentError, "instagram: stories can be read for 24 hours")
    ] * 2
    assert known(found["7"]) == STORY_FIGURES
    assert {part.partition("?")[0] for part in account.parts} == {"7", "7/insights"}
    assert fetcher.usage.posts == 1


# --- fewest calls, both hosts


def test_a_thousand_media_of_all_kinds_in_thirty_calls(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): reel(n) if n % 5 in (0, 1) else media(n) for n in range(1000)}
    wanted = [PostRef(str(n), START + timedelta(hours=n), "reel" if n % 5 in (0, 1) else "image") for n in range(1000)]
    found = by_id(fetcher.fetch_many(wanted))
    assert all(known(found[str(n)]) == (REEL_FIGURES if n % 5 in (0, 1) else IMAGE_FIGURES) for n in range(1000))
    assert len(server.requests) <= 30


def test_a_thousand_images_in_thirty_calls(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n) for n in range(1000)}
    assert len(by_id(fetcher.fetch_many(refs(range(1000))))) == 1000
    assert len(server.requests) == 10 + RATION


@pytest.mark.parametrize("listed", [True, False])
def test_one_odd_media_of_a_thousand_costs_its_page_only(
    listed: bool, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n) for n in range(1000)}
    account.nodes["650"]["without"] = ["shares"]
    wanted = refs(range(1000))
    found = {}
    if listed:
        posts = [post for page in fetcher.list_posts(START, END) for post in page]
        assert len(posts) == 1000
        found = {post.platform_post_id: post.reading for post in posts if post.reading}
        wanted = [ref for ref in wanted if ref.platform_post_id not in found]
    found |= by_id(fetcher.fetch_many(wanted))
    odd = found.pop("650")
    assert known(odd) == {name: value for name, value in IMAGE_FIGURES.items() if name != "shares_count"}
    assert len(found) == 999
    assert all(known(reading) == IMAGE_FIGURES for reading in found.values())
    bare, probe, of_its_page, alone = 1, 1, 2, 1
    stories_and_page_anew = 3 if listed else 0
    assert len(server.requests) <= 10 + bare + probe + of_its_page + alone + stories_and_page_anew + RATION


def test_without_batches_the_listing_carries_and_reels_are_completed(
    account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = False
    account.nodes = {str(n): media(n) for n in range(90)} | {"90": reel(90), "91": reel(91)}
    fetcher = make(server, batches=False)
    found = by_id(fetcher.fetch_many([*refs(range(90)), *refs(range(90, 92), "reel")]))
    assert (known(found["5"]), known(found["91"])) == (IMAGE_FIGURES, REEL_FIGURES)
    assert [request.method for request in server.requests] == ["GET"] * 2, "the list, and the watch time of two reels"
    fetcher.close()


def test_a_host_that_refuses_a_batch_is_sent_no_second(account: FakeAccount, server: PlatformServer) -> None:
    account.takes_batches = False
    fetcher = make(server)
    for _ in range(2):
        assert len(by_id(fetcher.fetch_many(refs(range(1, 4), "carousel")))) == 3
    assert [request.method for request in server.requests].count("POST") == 1
    fetcher.close()


@pytest.mark.parametrize(
    ("setting", "token", "host", "batches"),
    [
        (None, "EAAx", "https://graph.facebook.com", True),
        (None, "IGAAx", "https://graph.instagram.com", False),
        (None, "of another form", "https://graph.facebook.com", True),
        ("https://graph.instagram.com", "of another form", "https://graph.instagram.com", False),
        ("https://proxy.example", "EAAx", "https://proxy.example", True),
        ("https://proxy.example", "IGAAx", "https://proxy.example", False),
    ],
)
def test_the_token_says_which_host_it_is_for_unless_a_setting_does(
    setting: str | None, token: str, host: str, batches: bool, configure: Any
) -> None:
    configure(INSTAGRAM_BASE_URL=setting, FACEBOOK_BASE_URL=None)
    fetcher = InstagramFetcher(token)
    assert (fetcher.base_url, fetcher.batches) == (host, batches)
    assert fetcher.app == ("facebook" if batches else "instagram"), "each login has an app, and so a quota, of its own"
