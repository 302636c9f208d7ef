"""Lists of the Graph API: limits, cursors, time ranges, and the links to the next page.

Here: cutting a list of posts into pages, reading and writing times. Not here: what a row looks like, insights.
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import urlencode

from analytics_pipeline.sandbox.graph_errors import bad_parameter
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
        moment = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or not 1970 <= moment.year < 2100:
        raise bad_parameter(f"{name} param must be a valid timestamp or date")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def wire_time(moment: datetime) -> str:
    """`2026-09-14T08:31:07+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


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
        start = max(start, sum(_place(posts, after)))
    elif before := params.get("before"):
        end = min(end, _place(posts, before)[0])
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


def _place(posts: Sequence[Post], cursor: str) -> tuple[int, int]:
    """How many posts are newer than the one a cursor names, and whether that one is still there (1) or not (0)."""
    try:
        moment, post_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ", 1)
        age = -float(moment)
    except (binascii.Error, ValueError):
        raise bad_parameter("Invalid cursors values provided in paging params") from None
    newer = bisect_left(posts, age, key=_age)
    while newer < len(posts) and _age(posts[newer]) == age and posts[newer].post_id > post_id:
        newer += 1
    return newer, int(newer < len(posts) and posts[newer].post_id == post_id)
