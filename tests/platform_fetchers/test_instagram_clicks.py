"""Instagram: clicks on the link, a breakdown that is asked for by itself."""

from contextlib import closing
from datetime import timedelta
from math import ceil

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    InvalidTokenError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.graph_errors import UnfinishedError
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostReading, PostRef
from tests.platform_fetchers.conftest import NOW
from tests.platform_fetchers.graph_fake import PASSING, START, THROTTLED, Read, error
from tests.platform_fetchers.instagram_fake import (
    FEW_VIEWERS,
    IMAGE_FIGURES,
    FakeAccount,
    account_fetcher,
    also_names_it,
    by_id,
    known,
    make,
    media,
    reel,
    refs,
    served_account,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer

CLICKS = 1
"""One batch for clicks."""

account, fetcher = served_account, account_fetcher


def test_clicks_on_the_link_come_fifty_media_a_call(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n, clicks=n) for n in range(660, 740)} | {"745": reel(745)}
    found = by_id(fetcher.fetch_many([*refs(range(660, 740)), *refs(range(745, 746), "reel")]))
    analytics = {key: reading.analytics for key, reading in found.items()}
    clicks = {key: figures and figures["clicks"] for key, figures in analytics.items()}
    assert clicks == {str(n): n for n in range(660, 740)} | {"745": None}
    newest = analytics["739"]
    assert newest is not None
    assert newest["click_through_rate"] == pytest.approx(100 * 739 / 9120)
    batches = [request for request in server.requests if "profile_activity" in request.form.get("batch", "")]
    assert len(batches) == 2


def test_a_story_has_clicks_too(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes["739"] = media(739, "IMAGE", "STORY", clicks=8)
    [story] = fetcher.fetch_many([PostRef("739", None, "story")])
    assert known(story)["clicks"] == 8


def test_a_video_from_before_reels_has_clicks_too(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    """Its product is FEED, which is what decides on a metric (instagram.md §4.1)."""
    account.nodes = {"5": media(5, "VIDEO", clicks=7)}
    [page] = fetcher.list_posts(START, START + timedelta(days=40))
    assert page[0].post_type == "video"
    assert page[0].reading is not None
    [by_its_id] = fetcher.fetch_many([PostRef("5", None, "video")])
    assert [known(reading)["clicks"] for reading in (page[0].reading, by_its_id)] == [7, 7]


def test_clicks_are_those_of_media_of_any_age(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    """Else the last reading of every post would take back what the readings before it told."""
    account.nodes = {"0": media(0, clicks=7), "739": media(739, clicks=8)}
    found = by_id(fetcher.fetch_many([PostRef("739", None, "image"), PostRef("0", None, "image")]))
    assert [known(found[key])["clicks"] for key in ("0", "739")] == [7, 8]


@pytest.mark.parametrize("every_nth_is_a_reel", [3, 7, 1000])
def test_clicks_of_a_listing_come_in_full_batches_whatever_its_pages(
    every_nth_is_a_reel: int, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): reel(n) if n % every_nth_is_a_reel == 1 else media(n, clicks=n) for n in range(250, 600)}
    listed = [post for page in fetcher.list_posts(START, START + timedelta(days=40)) for post in page]
    assert [post.platform_post_id for post in listed] == [str(n) for n in range(599, 249, -1)], (
        "newest first, each once"
    )
    images = [post for post in listed if post.post_type != "reel"]
    assert all(known(post.reading)["clicks"] == int(post.platform_post_id) for post in images if post.reading)
    batches = [request for request in server.requests if "profile_activity" in request.form.get("batch", "")]
    assert len(batches) == ceil(len(images) / 50)


def test_few_clicks_keep_no_post_of_a_listing_waiting_for_long(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes = {str(n): media(n, clicks=n) if n % 50 == 0 else reel(n) for n in range(700)}
    pages = list(fetcher.list_posts(START, START + timedelta(days=40)))
    assert max(map(len, pages)) <= 200
    clicks = [known(post.reading)["clicks"] for page in pages for post in page if post.reading]
    assert clicks == list(range(650, -1, -50))


def test_clicks_that_are_retired_are_asked_for_once(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.retired = {"profile_activity"}
    account.nodes = {str(n): media(n) for n in range(600, 740)}
    assert len(by_id(fetcher.fetch_many(refs(range(600, 740))))) == 140
    assert fetcher.dead_metrics == {"profile_activity"}
    assert sum("profile_activity" in request.form.get("batch", "") for request in server.requests) == 1


@pytest.mark.parametrize(("first", "others"), [(0, 0), (700, 1)])
def test_media_that_are_old_or_odd_do_not_tell_that_clicks_are_retired(
    account: FakeAccount, fetcher: InstagramFetcher, first: int, others: int
) -> None:
    odd = {str(n): media(n, refused_clicks=also_names_it("profile_activity")) for n in range(first, first + 4)}
    account.nodes = odd | {str(n): media(n, clicks=n) for n in range(first + 4, first + 4 + others)}
    assert len(by_id(fetcher.fetch_many(refs(range(first, first + 4 + others))))) == 4 + others
    assert fetcher.dead_metrics == set()


def test_stories_too_few_have_seen_cost_nobody_the_clicks(account: FakeAccount, fetcher: InstagramFetcher) -> None:
    account.nodes = {str(n): media(n, "IMAGE", "STORY", failing=FEW_VIEWERS) for n in range(730, 734)}
    account.nodes |= {str(n): media(n, clicks=n, refused_clicks=FEW_VIEWERS) for n in range(734, 738)}
    unseen = by_id(fetcher.fetch_many([PostRef(str(n), None, "story") for n in range(730, 734)]))
    assert [known(reading) for reading in unseen.values()] == [{}] * 4
    assert not [part for part in account.parts if "profile_activity" in part], "nothing is known of them"
    assert len(by_id(fetcher.fetch_many(refs(range(734, 738))))) == 4
    assert fetcher.dead_metrics == set()


DEAD = error(190, "Error validating access token: Session has expired on Monday", 463)


@pytest.mark.parametrize("number", [40, 140])
def test_a_token_that_dies_on_clicks_is_told_and_sent_no_more(
    number: int, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    """Nor are readings that lack them taken for whole: they would replace those of the same day."""
    account.nodes = {str(n): media(n, refused_clicks=DEAD) for n in range(number)}
    found: list[PostReading] = []
    with pytest.raises(InvalidTokenError):
        found.extend(fetcher.fetch_many(refs(range(number))))
    assert found == []
    assert len(server.requests) == 2, "the media, and the clicks of the first of them"


def test_a_token_that_dies_on_another_attempt_at_clicks_is_told_too(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n, clicks=n) for n in range(730, 740)}
    account.unfinished = {"733/insights": 1}
    server.answer = lambda request: Answer(*DEAD) if len(server.requests) > 2 else account(request)
    with pytest.raises(InvalidTokenError):
        list(fetcher.fetch_many(refs(range(730, 740))))
    assert len(server.requests) == 3


FAULTS = pytest.mark.parametrize(
    ("fault", "read", "with_clicks"), [(THROTTLED, 80, 50), (PASSING, 80, 80), (DEAD, 50, 50)]
)
"""Of 80 images before a fault, those that are read, and those with clicks: 30 still wait for theirs."""


def images_before(fault: Read, account: FakeAccount, server: PlatformServer) -> list[int]:
    """The images of a page of images and reels, newest first; the next page meets the fault."""
    account.nodes = {str(n): media(n, clicks=n) if n % 5 else reel(n) for n in range(1, 200)}
    server.answer = lambda request: Answer(*fault) if "after=" in request.target else account(request)
    return [n for n in range(199, 100, -1) if n % 5]


@FAULTS
def test_a_fault_leaves_media_that_wait_for_clicks_what_they_have(
    fault: Read, read: int, with_clicks: int, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    images = images_before(fault, account, server)
    found: list[PostReading] = []
    with pytest.raises(PlatformAPIError):
        found.extend(fetcher.fetch_many(refs(range(1, 200))))
    assert [known(reading).get("clicks") for reading in found] == [
        *images[:with_clicks],
        *[None] * (read - with_clicks),
    ]
    assert [reading.error for reading in found] == [None] * read


@FAULTS
def test_a_fault_leaves_listed_media_that_wait_for_clicks_what_they_have(
    fault: Read, read: int, with_clicks: int, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    images = images_before(fault, account, server)
    pages: list[list[ListedPost]] = []
    with pytest.raises(PlatformAPIError):
        pages.extend(fetcher.list_posts(START, START + timedelta(days=40)))
    listed = [post for page in pages for post in page]
    assert [post.platform_post_id for post in listed] == [str(n) for n in range(199, 99, -1)]
    clicks = [known(post.reading).get("clicks") for post in listed if post.reading]
    assert clicks == [*images[:with_clicks], *[None] * (read - with_clicks)]


def test_a_throttled_account_is_read_a_part_at_each_attempt(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n, clicks=n) for n in range(45)}
    account.left = 30
    first: list[PostReading] = []
    with pytest.raises(RateLimitError):
        first.extend(fetcher.fetch_many(refs(range(45))))
    assert [(known(reading), reading.error) for reading in first] == [(IMAGE_FIGURES, None)] * 30
    account.left = 30
    unread = [ref for ref in refs(range(45)) if ref.platform_post_id not in by_id(iter(first))]
    with closing(make(server, NOW + timedelta(hours=1))) as later:
        second = by_id(later.fetch_many(unread))
    assert {key: (known(reading)["clicks"], reading.error) for key, reading in second.items()} == {
        str(n): (n, None) for n in range(30, 45)
    }


def test_media_that_always_fail_leave_the_others_of_their_account_whole(
    account: FakeAccount, fetcher: InstagramFetcher
) -> None:
    account.nodes = {str(n): media(n, clicks=n) for n in range(40)} | {str(n): reel(n) for n in range(40, 50)}
    account.failing = {"50": PASSING, "51": PASSING}
    found: list[PostReading] = []
    with pytest.raises(TransientError):
        found.extend(fetcher.fetch_many([*refs(range(40)), *refs(range(40, 50), "reel"), *refs(range(50, 52))]))
    assert {reading.platform_post_id: known(reading).get("clicks") for reading in found} == {
        str(n): n if n < 40 else None for n in range(50)
    }
    assert [reading.error for reading in found] == [None] * 50


@pytest.mark.parametrize(("number", "listed"), [(40, 40), (140, 100)])
def test_media_are_listed_though_the_token_dies_on_their_clicks(
    number: int, listed: int, account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    """That the second page of the list failed before that makes no difference."""
    account.nodes = {str(n): reel(n) if n % 5 else media(n, refused_clicks=DEAD) for n in range(number)}
    server.answer = lambda request: Answer(*PASSING) if "after=" in request.target else account(request)
    pages: list[list[ListedPost]] = []
    with pytest.raises(InvalidTokenError):
        pages.extend(fetcher.list_posts(START, START + timedelta(days=40)))
    assert [[post.reading for post in page] for page in pages] == [[None] * listed]


def test_clicks_that_meta_did_not_finish_are_asked_for_again(
    account: FakeAccount, fetcher: InstagramFetcher, server: PlatformServer
) -> None:
    account.nodes = {str(n): media(n, clicks=n) for n in range(730, 740)}
    account.unfinished = {"733/insights": 1, "736/insights": 3}
    found = by_id(fetcher.fetch_many(refs(range(730, 740))))
    clicks = {key: known(reading).get("clicks") for key, reading in found.items()}
    assert clicks == {str(n): n if n != 736 else None for n in range(730, 740)}
    assert {key: type(reading.error) for key, reading in found.items() if reading.error} == {"736": UnfinishedError}
    assert len(server.requests) == 1 + CLICKS + 2
