"""Pages, windows and the Pacific day of the Meta sandbox, for any list and any day. Not here: HTTP."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.sandbox.graph_errors import PACIFIC, GraphError
from analytics_pipeline.sandbox.graph_insights import end_of_day, read_window
from analytics_pipeline.sandbox.graph_paging import page_of
from analytics_pipeline.sandbox.model import Post

NOW = datetime(2026, 9, 15, 20, tzinfo=UTC)
minutes = st.lists(st.integers(0, 40), max_size=40)
"""Publication times with many equals, which a cursor has to tell apart by id."""


def newest_first(offsets: list[int]) -> list[Post]:
    posts = [Post("facebook", "1", f"1_{n}", NOW + timedelta(minutes=offset)) for n, offset in enumerate(offsets)]
    return sorted(posts, key=lambda post: (post.published_at, post.post_id), reverse=True)


@given(minutes, st.integers(1, 100), st.integers(-1, 41), st.integers(-1, 41))
def test_pages_hold_every_post_of_the_range_once(offsets: list[int], limit: int, low: int, high: int) -> None:
    posts = newest_first(offsets)
    since, until = NOW + timedelta(minutes=low), NOW + timedelta(minutes=high)
    params = {"limit": str(limit), "since": str(int(since.timestamp())), "until": str(int(until.timestamp()))}
    seen: list[Post] = []
    while True:
        page = page_of(posts, params, "http://host/list")
        assert len(page.posts) <= limit
        seen += page.posts
        if page.paging is None or "next" not in page.paging:
            break
        params = dict(parse_qsl(urlsplit(page.paging["next"]).query))
    assert seen == [post for post in posts if since <= post.published_at <= until]


@given(minutes.filter(lambda offsets: len(offsets) > 1), st.integers(1, 5))
def test_previous_leads_back(offsets: list[int], limit: int) -> None:
    posts = newest_first(offsets)
    first = page_of(posts, {"limit": str(limit)}, "http://host/list")
    if first.paging is None or "next" not in first.paging:
        return
    second = page_of(posts, dict(parse_qsl(urlsplit(first.paging["next"]).query)), "http://host/list")
    assert second.paging is not None
    back = page_of(posts, dict(parse_qsl(urlsplit(second.paging["previous"]).query)), "http://host/list")
    assert [*back.posts] == [*first.posts]


def test_a_cursor_outlives_its_post() -> None:
    posts = newest_first([0, 1, 2, 3, 4])
    second = page_of(posts, {"limit": "2"}, "http://host/list").paging
    assert second is not None
    rest = [post for post in posts if post.post_id != "1_3"]
    after = dict(parse_qsl(urlsplit(second["next"]).query))
    assert [post.post_id for post in page_of(rest, after, "http://host/list").posts] == ["1_2", "1_1"]
    before = {"limit": "2", "before": after["after"]}
    assert [post.post_id for post in page_of(rest, before, "http://host/list").posts] == ["1_4"]


@pytest.mark.parametrize("text", ["99999999999999999999", "9999-12-31", "0001-01-01", "-5", "soon"])
def test_no_time_at_all(text: str) -> None:
    with pytest.raises(GraphError, match="valid timestamp or date"):
        page_of([], {"since": text}, "http://host/list")


@given(st.dates(date(2007, 1, 1), date(2037, 12, 31)))
def test_a_day_ends_at_midnight_pacific(day: date) -> None:
    end = end_of_day(day)
    assert end.hour in (7, 8)
    assert end.astimezone(PACIFIC).date() == day + timedelta(days=1)
    assert (end - timedelta(seconds=1)).astimezone(PACIFIC).date() == day


@given(st.dates(date(2010, 1, 1), date(2035, 1, 1)), st.integers(0, 90))
def test_window_is_half_open(first: date, length: int) -> None:
    params = {"since": first.isoformat(), "until": (first + timedelta(days=length)).isoformat()}
    days = read_window(params, NOW, default_days=2, longest=90).days()
    assert days == [first + timedelta(days=n) for n in range(length)]
    with pytest.raises(GraphError, match="more than 90 days"):
        read_window({**params, "until": (first + timedelta(days=91)).isoformat()}, NOW, default_days=2, longest=90)


@pytest.mark.parametrize("cursor", ["nonsense", "", "QQ==", "MTIz", "é"])
def test_a_broken_cursor_is_refused(cursor: str) -> None:
    posts = newest_first([1, 2])
    if not cursor:
        assert len(page_of(posts, {"after": cursor}, "http://host/list").posts) == 2
        return
    with pytest.raises(GraphError, match="Invalid cursors values"):
        page_of(posts, {"after": cursor}, "http://host/list")
