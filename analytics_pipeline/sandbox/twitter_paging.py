"""X's timelines: what of one can be reached, in pages (x.md §3).

Not here: the endpoint, and how posts look (twitter.py, twitter_posts.py).
"""

import base64
import re
from collections.abc import Mapping, Sequence

from analytics_pipeline.sandbox.model import Post
from analytics_pipeline.sandbox.twitter_analytics import parse_time
from analytics_pipeline.sandbox.twitter_errors import invalid

ID = re.compile(r"[0-9]{1,19}")
_REPLIES_EXCLUDED_CAP = 800


def page_size(params: Mapping[str, str]) -> int:
    """Raises the 400 for one out of bounds."""
    size = params.get("max_results", "10")
    if not size.isdecimal() or not 5 <= int(size) <= 100:
        message = f"The `max_results` query parameter value [{size}] is not between 5 and 100"
        raise invalid("max_results", size, message)
    return int(size)


def place(post: Post) -> tuple[int, str]:
    """Where a post stands in its timeline, which falls in this order."""
    return (round(post.published_at.timestamp() * 1_000_000), post.post_id)


def token_of(post: Post, after: bool = False) -> str:
    """The pagination token of what is older than `post`; with `after`, of `post` itself and what is older."""
    moment, post_id = place(post)
    return base64.b32encode(f"{moment}.{post_id}{'~' if after else ''}".encode()).decode().rstrip("=").lower()


def cursor(params: Mapping[str, str]) -> tuple[int, str] | None:
    """The place below which a page begins; None for the first page. Raises the 400 for nonsense."""
    token = params.get("pagination_token")
    if token is None:
        return None
    try:
        moment, _, post_id = base64.b32decode(token.upper() + "=" * (-len(token) % 8)).decode().partition(".")
        return (int(moment), post_id)
    except ValueError:
        raise invalid("pagination_token", token) from None


def reach(params: Mapping[str, str], posts: Sequence[Post], cap: int) -> Sequence[Post]:
    """The part of a timeline that paging can ever reach, its newest `cap` posts, and that the filters let through."""
    excluded = frozenset(filter(None, params.get("exclude", "").split(",")))
    if wrong := sorted(excluded - {"replies", "retweets"}):
        raise invalid("exclude", wrong[0])
    start, end = parse_time(params, "start_time"), parse_time(params, "end_time")
    since, until = (_optional_id(params, name) for name in ("since_id", "until_id"))
    if start and end and start >= end:
        raise invalid("start_time", params["start_time"])
    if since and until and since >= until:
        raise invalid("since_id", params["since_id"])
    if "replies" in excluded:
        cap = min(cap, _REPLIES_EXCLUDED_CAP)
    if since or until:
        start = end = None
    return [
        post
        for post in posts[:cap]
        if not ("replies" in excluded and post.post_type == "reply")
        and not ("retweets" in excluded and post.reshare_of)
        and not (start and post.published_at < start)
        and not (end and post.published_at >= end)
        and not (since and int(post.post_id) <= since)
        and not (until and int(post.post_id) >= until)
    ]


def _optional_id(params: Mapping[str, str], name: str) -> int | None:
    if name in params and not ID.fullmatch(params[name]):
        raise invalid(name, params[name])
    return int(params[name]) if name in params else None
