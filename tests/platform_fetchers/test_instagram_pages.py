"""Instagram's listing: what it carries where there are no batches, retired metrics, media from before the conversion."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.exceptions import RateLimitError
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.quota import MemoryQuota
from tests.platform_fetchers.graph_fake import GONE, START, error
from tests.platform_fetchers.instagram_fake import (
    BEFORE_CONVERSION,
    END,
    IMAGE_FIGURES,
    REEL_FIGURES,
    FakeAccount,
    by_id,
    known,
    make,
    media,
    reel,
    refs,
)
from tests.platform_fetchers.platform_server import PlatformServer

DETAILS = 25
"""Calls for watch time, by default."""
NO_WATCH_TIME = {name: value for name, value in REEL_FIGURES.items() if name != "video_watch_time"}


@pytest.fixture
def account(server: PlatformServer) -> FakeAccount:
    served = FakeAccount([])
    served.takes_batches = False
    server.answer = served
    return served


@pytest.fixture
def fetcher(server: PlatformServer) -> Iterator[InstagramFetcher]:
    """Of Instagram login: no batches."""
    made = make(server, batches=False)
    yield made
    made.close()


def published(account: FakeAccount, count: int, is_reel: Callable[[int], bool], **more: Any) -> list[PostRef]:
    """Gives the account so many media, one an hour, and says how to ask for them."""
    account.nodes = {str(n): (reel if is_reel(n) else media)(n, **more) for n in range(count)}
    return [PostRef(str(n), START + timedelta(hours=n), "reel" if is_reel(n) else "image") for n in range(count)]


# --- without batches


def test_a_thousand_media_take_a_call_per_page_and_a_ration_for_watch_time(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    wanted = published(account, 1000, lambda n: n % 10 == 3)
    found = by_id(fetcher.fetch_many(wanted))
    assert len(server.requests) == 10 + DETAILS
    newest = {str(n) for n in range(3, 1000, 10)[::-1][:DETAILS]}
    for ref in wanted:
        expected: dict[str, Any] = IMAGE_FIGURES
        if ref.post_type == "reel":
            expected = REEL_FIGURES if ref.platform_post_id in newest else NO_WATCH_TIME
        assert known(found[ref.platform_post_id]) == expected


def test_reels_that_nothing_stands_between_come_with_one_call(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    wanted = published(account, 300, lambda n: n != 150)
    found = by_id(fetcher.fetch_many(wanted))
    assert all(known(found[str(n)]) == (REEL_FIGURES if n != 150 else IMAGE_FIGURES) for n in range(300))
    assert len(server.requests) == 3 + 4, "pages; runs of reels, two of them on the page with the image"


def test_only_reels_that_are_wanted_are_completed(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    wanted = published(account, 50, lambda n: n % 2 == 0)[20:30:4]
    found = by_id(fetcher.fetch_many(wanted))
    assert {key: known(reading) for key, reading in found.items()} == dict.fromkeys(("20", "24", "28"), REEL_FIGURES)
    assert len(server.requests) == 1 + 3


@pytest.mark.parametrize(("count", "told"), [(100, True), (99, False)])
def test_an_account_that_may_have_more_media_than_are_listed_is_told_so(
    account: FakeAccount, fetcher: InstagramFetcher, monkeypatch: pytest.MonkeyPatch, count: int, told: bool
) -> None:
    monkeypatch.setattr("analytics_pipeline.platform_fetchers.instagram._LISTED", 100)  # in place of 10,000
    published(account, count, lambda _: False)
    assert sum(len(page) for page in fetcher.list_posts(START, START + timedelta(hours=count))) == count
    remark = "instagram lists the latest 100 media: older ones may never be found"
    assert fetcher.unlisted == (remark if told else None)


def test_the_ration_is_a_setting(account: FakeAccount, server: PlatformServer, configure: Any) -> None:
    configure(INSTAGRAM_DETAIL_CALLS="0")
    fetcher = make(server, batches=False)
    found = by_id(fetcher.fetch_many(published(account, 20, lambda n: n % 2 == 0)))
    assert known(found["4"]) == NO_WATCH_TIME
    assert len(server.requests) == 1
    fetcher.close()


def test_a_throttle_leaves_the_reel_unread_rather_than_half_read(
    account: FakeAccount, fetcher: InstagramFetcher
) -> None:
    wanted = published(account, 9, lambda n: n % 4 == 0)
    account.failing["8"] = error(80002, "(#80002) There have been too many calls to this Instagram account.")
    found: list[PostReading] = []
    with pytest.raises(RateLimitError):
        found.extend(fetcher.fetch_many(wanted))
    fetcher.quota = MemoryQuota()  # as once the throttle is over
    listed = {
        post.platform_post_id: post for page in fetcher.list_posts(START, START + timedelta(days=1)) for post in page
    }
    assert listed["8"].reading is None
    assert known(listed["7"].reading) == IMAGE_FIGURES  # type: ignore[arg-type]  # a reading, or the test fails


def test_a_reel_without_watch_time_costs_its_neighbours_none(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    odd = {602, 612, 622}
    for n in range(600, 630):
        lacking = ["ig_reels_video_view_total_time"] if n in odd else []
        account.nodes[str(n)] = media(n) if n % 10 == 9 else reel(n, without=lacking)
    posts = [post for page in fetcher.list_posts(START, END) for post in page if post.post_type == "reel"]
    assert len(posts) == 27
    for post in posts:
        assert post.reading is not None
        assert known(post.reading) == (NO_WATCH_TIME if int(post.platform_post_id) in odd else REEL_FIGURES)
    assert fetcher.dead_metrics == set()


def test_old_reels_do_not_tell_that_watch_time_is_retired(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    published(account, 30, lambda n: n % 3 == 0, without=["ig_reels_video_view_total_time"])
    assert sum(len(page) for page in fetcher.list_posts(START, END)) == 30
    assert fetcher.dead_metrics == set()


def test_a_retired_watch_time_costs_three_calls(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    wanted = published(account, 90, lambda n: n % 3 == 0, without=["ig_reels_video_view_total_time"])
    found = by_id(fetcher.fetch_many(wanted))
    assert known(found["30"]) == NO_WATCH_TIME
    assert fetcher.dead_metrics == {"REELS/ig_reels_video_view_total_time"}
    assert len(server.requests) == 1 + 3


# --- a metric that fails the page


@pytest.mark.parametrize("batches", [True, False])
def test_a_retired_metric_costs_one_failed_page_and_a_probe(
    batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = batches
    wanted = published(account, 740, lambda _: False, without=["saved"])
    fetcher = make(server, batches=batches)
    found = by_id(fetcher.fetch_many(wanted))
    fetcher.close()
    expected = {name: value for name, value in IMAGE_FIGURES.items() if name != "bookmarks_count"}
    assert all(known(reading) == expected for reading in found.values())
    assert len(found) == 740
    assert fetcher.dead_metrics == {"FEED/saved"}
    pages, failed, plain = 8, 1, 1
    probe, clicks = (1, 15) if batches else (3, 0)
    assert len(server.requests) == pages + failed + plain + probe + clicks


@pytest.mark.parametrize("batches", [True, False])
def test_old_media_retire_no_metric(batches: bool, account: FakeAccount, server: PlatformServer) -> None:
    account.nodes = {str(n): media(n) for n in range(100)}
    account.retired, account.takes_batches = {"saved"}, batches
    fetcher = make(server, batches=batches, now=END + timedelta(days=400))
    found = by_id(fetcher.fetch_many(refs(range(100))))
    fetcher.close()
    expected = {name: value for name, value in IMAGE_FIGURES.items() if name != "bookmarks_count"}
    assert [known(reading) for reading in found.values()] == [expected] * 100
    assert fetcher.dead_metrics == set()
    if batches:
        failed, bare, twice, clicks = 1, 1, 4, 2
        assert len(server.requests) == failed + bare + twice + clicks


@pytest.mark.parametrize("batches", [True, False])
def test_an_old_video_that_lists_what_it_has_speaks_for_itself(
    batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    """Instagram names the place of what it refuses, and lists what the media has: a verdict on it (instagram.md §9)."""
    account.takes_batches, account.by_place = batches, True
    wanted = published(account, 740, lambda _: False)[700:]
    account.nodes["705"] = media(705, "VIDEO", without=["likes", "comments", "shares"])
    wanted[5] = PostRef("705", wanted[5].published_at, "video")
    fetcher = make(server, batches=batches)
    found = by_id(fetcher.fetch_many(wanted))
    fetcher.close()
    assert fetcher.dead_metrics == set()
    assert [known(found[str(n)]) for n in range(700, 740) if n != 705] == [IMAGE_FIGURES] * 39
    assert known(found["705"]) == {
        "likes_count": 400, "comments_count": 18, "bookmarks_count": 33, "impressions": 9120, "reach": 7000,
        "video_views": 9120,
    }  # fmt: skip


def test_one_odd_media_retires_nothing_and_costs_few_others(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    wanted = published(account, 740, lambda _: False)[540:]
    account.nodes["650"]["without"] = ["shares"]
    found = by_id(fetcher.fetch_many(wanted))
    assert known(found["650"]) == {name: value for name, value in IMAGE_FIGURES.items() if name != "shares_count"}
    assert all(known(found[str(n)]) == IMAGE_FIGURES for n in range(540, 740) if n != 650)
    assert fetcher.dead_metrics == set()
    pages, failed, probe, halves = 2, 1, 3, 10
    assert len(server.requests) <= pages + failed + probe + halves + 4 + 1, "the last few one by one, the odd one twice"


NO_SHARES = {name: value for name, value in IMAGE_FIGURES.items() if name != "shares_count"}


@pytest.mark.parametrize("batches", [True, False])
def test_images_that_refuse_a_metric_do_not_speak_for_carousels(
    batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = batches
    wanted = published(account, 740, lambda _: False)[600:]
    for n in range(600, 740):
        account.nodes[str(n)] = media(n, "CAROUSEL_ALBUM") if n % 20 == 0 else media(n, without=["shares"])
    fetcher = make(server, batches=batches)
    found = by_id(fetcher.fetch_many(wanted))
    fetcher.close()
    assert fetcher.dead_metrics == set()
    for n in range(600, 740):
        assert known(found[str(n)]) == (IMAGE_FIGURES if n % 20 == 0 else NO_SHARES), n


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize("dead", ["FEED", "REELS"])
def test_a_metric_that_one_kind_lost_is_read_of_the_other(
    dead: str, batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = batches
    wanted = published(account, 1000, lambda n: n % 100 < 20)
    lost = {ref.platform_post_id for ref in wanted if (ref.post_type == "reel") == (dead == "REELS")}
    for key in lost:
        account.nodes[key]["without"] = ["shares"]
    fetcher = make(server, batches=batches, dead_metrics={f"{dead}/shares"})
    found = by_id(fetcher.fetch_many(wanted))
    fetcher.close()
    assert {key for key, reading in found.items() if known(reading).get("shares_count") != 8} == lost
    assert all(known(reading)["impressions"] == 9120 for reading in found.values())
    assert fetcher.dead_metrics == {f"{dead}/shares"}
    assert len(server.requests) <= 40


# --- media from before the account became a business


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize("last_without", [0, 130, 199, 249])
def test_media_from_before_the_conversion_are_read_off_the_list(
    last_without: int, batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = batches
    wanted = published(account, 250, lambda _: False)
    for n in range(last_without + 1):
        account.nodes[str(n)]["failing"] = BEFORE_CONVERSION
    fetcher = make(server, batches=batches)
    found = by_id(fetcher.fetch_many(wanted))
    fetcher.close()
    fields_alone = {"likes_count": 400, "comments_count": 18}
    for n in range(250):
        assert known(found[str(n)]) == (fields_alone if n <= last_without else IMAGE_FIGURES), n
    assert fetcher.dead_metrics == set()
    sent = [request for request in server.requests if "profile_activity" not in request.form.get("batch", "")]
    assert len(sent) <= 3 + 1 + 8 + 1, "pages, the failed one, a search by halves, what is newer on that page"


def test_where_likes_are_hidden_the_refusal_stands_for_the_figures(
    account: FakeAccount, fetcher: InstagramFetcher
) -> None:
    wanted = published(account, 5, lambda _: False, failing=BEFORE_CONVERSION)
    account.nodes["2"] |= {"like_count": None, "comments_count": None}
    found = by_id(fetcher.fetch_many(wanted))
    assert known(found["1"]) == {"likes_count": 400, "comments_count": 18}
    assert found["2"].error is not None
    assert "before business account conversion" in found["2"].error.message


@pytest.mark.parametrize("batches", [True, False])
def test_media_deleted_during_the_search_for_the_conversion_cost_themselves(
    batches: bool, account: FakeAccount, server: PlatformServer
) -> None:
    account.takes_batches = batches
    published(account, 100, lambda _: False)
    for n in range(40):
        account.nodes[str(n)]["failing"] = BEFORE_CONVERSION
    account.failing = {"99": GONE, "49": GONE}  # the two that are asked first
    fetcher = make(server, batches=batches)
    pages = list(fetcher.list_posts(START, START + timedelta(hours=100)))
    fetcher.close()
    told = {post.platform_post_id: known(post.reading) for page in pages for post in page if post.reading}
    fields_alone = {"likes_count": 400, "comments_count": 18}
    assert told == {str(n): fields_alone if n < 40 else IMAGE_FIGURES for n in range(99) if n != 49}
    assert fetcher.unread == {"99", "49"}
