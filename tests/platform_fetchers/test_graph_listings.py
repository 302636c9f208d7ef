"""What both Meta platforms share of listings: paging, pages that are too much, accounts that are not to be seen."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.exceptions import AccountHiddenError, PermissionDeniedError, TransientError
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.graph_errors import TooMuchDataError
from analytics_pipeline.platform_fetchers.metrics import PostRef
from tests.platform_fetchers.graph_fake import GONE, PAGE, START, TOO_MUCH, patient_fetcher
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = patient_fetcher

NO_SUMMARIES = {"code": 200, "body": '{"data": []}'}


def pages_server(
    server: PlatformServer,
    rows: int,
    largest: int = 1000,
    fail: Callable[[], Any] = lambda: None,
    too_much: Callable[[int, int], bool] = lambda offset, limit: False,
) -> None:
    """A listing of that many bare posts, whose `next` lies on another host with another token in it."""

    def answer(request: Request) -> Answer:
        if failed := fail():
            return Answer(*failed)
        batched = request.method == "POST"
        asked = json.loads(request.form["batch"])[0]["relative_url"] if batched else request.target
        query = dict(part.split("=") for part in asked.partition("?")[2].split("&"))
        limit, offset = int(query["limit"]), int(query.get("after", 0))
        if limit > largest or too_much(offset, limit):
            status, body = TOO_MUCH
            return Answer(json=[{"code": status, "body": json.dumps(body)}, NO_SUMMARIES] if batched else body)
        data = [
            {"id": f"{PAGE}_{n}", "created_time": (START + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%S+0000")}
            for n in range(offset, min(rows, offset + limit))
        ]
        paging = {"next": f"https://elsewhere.example/v1/x?access_token=LEAKED&limit=7&after={offset + limit}"}
        last = {"cursors": {"after": "Q"}}
        body = {"data": data, "paging": paging if offset + limit < rows else last}
        return Answer(json=[{"code": 200, "body": json.dumps(body)}, NO_SUMMARIES])

    server.answer = answer


END = START + timedelta(days=30)


def listed(fetcher: FacebookFetcher, start: datetime = START, end: datetime = END) -> list[str]:
    return [post.platform_post_id for page in fetcher.list_posts(start, end) for post in page]


def test_next_is_followed_here_without_its_token(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    pages_server(server, rows=130)
    assert listed(fetcher) == [f"{PAGE}_{n}" for n in range(130)]
    sent = [request.target + request.body.decode() for request in server.requests]
    assert not any("LEAKED" in text or "limit%3D7" in text for text in sent)


def test_the_page_halves_itself_when_it_is_too_much(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    pages_server(server, rows=40, largest=13)
    assert listed(fetcher) == [f"{PAGE}_{n}" for n in range(40)]
    assert fetcher.page_size == 12


@pytest.mark.parametrize(
    ("too_much", "calls"),
    [
        (lambda offset, limit: offset <= 3 < offset + limit and limit > 1, 20 + 5 + 3 + 8),
        (lambda offset, limit: limit > 25, 40 + 8),
    ],
    ids=["one post", "every page"],
)
def test_the_page_grows_again_behind_what_was_too_much(
    server: PlatformServer, fetcher: FacebookFetcher, too_much: Callable[[int, int], bool], calls: int
) -> None:
    pages_server(server, rows=1000, too_much=too_much)
    assert len(listed(fetcher, end=START + timedelta(days=60))) == 1000
    assert len(server.requests) <= calls


def test_one_post_that_is_too_much_is_the_end(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    pages_server(server, rows=4, largest=0)
    with pytest.raises(TooMuchDataError):
        listed(fetcher)
    assert fetcher.page_size == 1


def test_both_ends_of_the_window(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    pages_server(server, rows=10)
    found = listed(fetcher, START + timedelta(hours=2), START + timedelta(hours=5))
    assert found == [f"{PAGE}_2", f"{PAGE}_3", f"{PAGE}_4"]


def test_a_listing_that_is_gone_is_asked_twice_before_it_is_believed(
    server: PlatformServer, fetcher: FacebookFetcher, slept: list[float]
) -> None:
    gone = iter([GONE])
    pages_server(server, rows=3, fail=lambda: next(gone, None))
    assert len(listed(fetcher)) == 3
    pages_server(server, rows=3, fail=lambda: GONE)
    with pytest.raises(PermissionDeniedError, match=PAGE):
        listed(fetcher)
    assert slept == [fetcher.backoff_factor] * 2


@pytest.mark.parametrize("count", [2, 60], ids=["read by id", "read off the listing"])
def test_posts_of_an_account_that_is_not_to_be_seen_are_not_said_to_be_gone(
    server: PlatformServer, fetcher: FacebookFetcher, count: int
) -> None:
    def answer(request: Request) -> Answer:
        if request.method == "GET":
            return Answer(*GONE)
        entries = json.loads(request.form["batch"])
        return Answer(json=[{"code": GONE[0], "body": json.dumps(GONE[1])} for _ in entries])

    server.answer = answer
    posts = [PostRef(f"{PAGE}_{n}", START + timedelta(hours=n)) for n in range(count)]
    with pytest.raises(AccountHiddenError, match=PAGE):
        list(fetcher.fetch_many(posts))


def test_a_listing_that_does_not_heed_its_bounds_ends_behind_them(
    server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    def older(n: int) -> str:
        return (START - timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%S+0000")

    def answer(request: Request) -> Answer:
        urls = [e["relative_url"] for e in json.loads(request.form["batch"])]
        offset = int(dict(part.split("=") for part in urls[0].partition("?")[2].split("&")).get("after", 0))
        data = [{"id": f"{PAGE}_{n}", "created_time": older(n)} for n in range(offset, offset + 50)]
        body = {"data": data, "paging": {"next": f"https://elsewhere.example/v1/x?after={offset + 50}"}}
        return Answer(json=[{"code": 200, "body": json.dumps(body)}, NO_SUMMARIES])

    server.answer = answer
    assert listed(fetcher, START - timedelta(hours=60)) == [f"{PAGE}_{n}" for n in range(61)]
    assert len(server.requests) == 3, "the third lies behind"


def test_a_listing_that_leads_back_ends(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    body = {"data": [], "paging": {"next": "https://elsewhere.example/x?after=A"}}
    server.answer = lambda _: Answer(json=[{"code": 200, "body": json.dumps(body)}, NO_SUMMARIES])
    with pytest.raises(TransientError, match="same page"):
        listed(fetcher)
