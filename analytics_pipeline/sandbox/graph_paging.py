"""Lists of the Graph API: limits, cursors, time ranges, and the links to the next page.

Here: cutting a list of posts into pages, reading `since` and `until`, sliding windows of insights.
Not here: what a row or a frame looks like.
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from analytics_pipeline.sandbox.graph_errors import PACIFIC, bad_parameter
from analytics_pipeline.sandbox.model import Post

DEFAULT_LIMIT = 25
MAX_LIMIT = 100


def read_limit(params: Mapping[str, str]) -> int:
    """Rows per page. Raises GraphError #100 for anything but 1–100."""
    text = params.get("limit", str(DEFAULT_LIMIT))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise bad_parameter(f"Param limit must be an integer between 1 and {MAX_LIMIT}")
    return int(text)


def read_moment(params: Mapping[str, str], name: str, zone: tzinfo = UTC) -> datetime | None:
    """`since` or `until`: Unix seconds, a day or a time; without a zone of its own it is in `zone`.

    Raises GraphError #100 for text that is no time.
    """
    text = params.get(name, "").strip()
    if not text:
        return None
    try:
        if text.lstrip("-").isdecimal():
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise bad_parameter(f"{name} param must be a valid timestamp or date") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list of posts, newest first, and its `paging` object (None when there is nothing to page)."""

    posts: Sequence[Post]
    paging: dict[str, Any] | None


def page_of(posts: Sequence[Post], params: Mapping[str, str], link: str) -> Page:
    """The page that `params` ask for. `posts` are newest first; `since` and `until` are both inclusive.

    `link` is the address of the list without its query; the links in `paging` carry all of `params`, the token too.
    """
    limit = read_limit(params)
    start, end = 0, len(posts)
    if (until := read_moment(params, "until")) is not None:
        start = bisect_left(posts, -until.timestamp(), key=_age)
    if (since := read_moment(params, "since")) is not None:
        end = bisect_right(posts, -since.timestamp(), key=_age)
    if after := params.get("after"):
        start = max(start, _position_behind(posts, after))
    elif before := params.get("before"):
        end = min(end, _position_behind(posts, before) - 1)
        start = max(start, end - limit)
    stop = max(min(start + limit, end), start)
    page = posts[start:stop]
    if not page:
        return Page((), None)
    paging: dict[str, Any] = {"cursors": {"before": _cursor(page[0]), "after": _cursor(page[-1])}}
    plain = {name: value for name, value in params.items() if name not in ("after", "before")} | {"limit": str(limit)}
    if stop < end:
        paging["next"] = f"{link}?{urlencode(plain | {'after': _cursor(page[-1])})}"
    if start > 0 and "after" in params:
        paging["previous"] = f"{link}?{urlencode(plain | {'before': _cursor(page[0])})}"
    return Page(page, paging)


def _age(post: Post) -> float:
    return -post.published_at.timestamp()


def _cursor(post: Post) -> str:
    return base64.urlsafe_b64encode(f"{post.published_at.timestamp()!r} {post.post_id}".encode()).decode()


def _position_behind(posts: Sequence[Post], cursor: str) -> int:
    """Where the list goes on behind the post that the cursor names, be it still there or not."""
    try:
        moment, post_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ", 1)
        place = bisect_left(posts, -float(moment), key=_age)
    except (binascii.Error, ValueError):
        raise bad_parameter("Invalid cursors values provided in paging params") from None
    while place < len(posts) and _age(posts[place]) == -float(moment) and posts[place].post_id >= post_id:
        place += 1
    return place


@dataclass(frozen=True, slots=True)
class Window:
    """The Pacific days that an insights call asks for: from `first` up to but not including `end`."""

    first: date
    end: date

    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.end - self.first).days)]


def read_window(params: Mapping[str, str], now: datetime, default_days: int, longest: int) -> Window:
    """`since` (its day is in the first value) and `until`. Raises GraphError #100 for a window over `longest` days."""
    since, until = read_moment(params, "since", PACIFIC), read_moment(params, "until", PACIFIC)
    end = until if until is not None else now
    start = since if since is not None else end - timedelta(days=default_days)
    if start > end:
        raise bad_parameter("since param must be before until param")
    if end - start > timedelta(days=longest, hours=1):  # the hour that a change to winter time adds
        raise bad_parameter(f"There cannot be more than {longest} days ({longest * 86400} s) between since and until")
    return Window(start.astimezone(PACIFIC).date(), end.astimezone(PACIFIC).date())


@lru_cache(maxsize=4096)
def end_of_day(day: date) -> datetime:
    """The midnight, Pacific time, that ends a day: 07:00 UTC in summer, 08:00 UTC in winter."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=PACIFIC).astimezone(UTC)


def wire_time(moment: datetime) -> str:
    """`2026-09-14T08:31:07+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def sliding_paging(params: Mapping[str, str], link: str, window: Window) -> dict[str, str]:
    """The `paging` of insights: the windows before and behind, without end. It is there for lifetime figures as well."""
    length = window.end - window.first
    rest = urlencode({name: value for name, value in params.items() if name not in ("since", "until")})

    def at(first: date, end: date) -> str:
        return f"{link}?{rest}&since={_start_of_day(first)}&until={_start_of_day(end)}"

    return {
        "previous": at(window.first - length, window.first),
        "next": at(window.end, window.end + length),
    }


def _start_of_day(day: date) -> int:
    return int(end_of_day(day - timedelta(days=1)).timestamp())
