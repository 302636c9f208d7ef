"""X's figures per hour, day, week or in total: `/2/tweets/analytics` and `/2/media/analytics`.

Source: x.md §3, §4. The world holds lifetime readings; a bucket is what they grew between its two ends.
Not here: lifetime figures (twitter_posts.py), who may call (twitter.py).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox.model import Account, Post, World
from analytics_pipeline.sandbox.twitter_errors import Item, TwitterError, foreign_item, invalid, missing_item
from analytics_pipeline.sandbox.twitter_fields import read_selection
from analytics_pipeline.sandbox.twitter_posts import PLAYBACK_SHARES, media_figure

_STEPS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}
_POST_METRICS = {
    "impressions": "impressions",
    "engagements": "engagements",
    "likes": "likes",
    "replies": "comments",
    "retweets": "shares",
    "quote_tweets": "quotes",
    "bookmarks": "bookmarks",
    "url_clicks": "url_clicks",
    "user_profile_clicks": "profile_clicks",
    "follows": "follows",
    "media_views": "video_views",
}
_UNKNOWN_POST_METRICS = (
    "shares",
    "permalink_clicks",
    "detail_expands",
    "hashtag_clicks",
    "unfollows",
    "unlikes",
    "app_opens",
    "app_install_attempts",
    "email_tweet",
)
"""Counters that the world has no figure for: null. Shares are those of the share sheet, no reposts (x.md §7)."""
_PLAYBACKS = {
    "playback_start": "0",
    "playback25": "25",
    "playback50": "50",
    "playback75": "75",
    "playback_complete": "100",
}
_UNKNOWN_MEDIA_METRICS = ("play_from_tap", "cta_url_clicks", "cta_watch_clicks")
_MEDIA_METRICS = ("video_views", "watch_time_ms", *_PLAYBACKS, *_UNKNOWN_MEDIA_METRICS)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_EARLIEST = datetime(2010, 11, 6, tzinfo=UTC)


def post_analytics(
    world: World, reader: Account, ids: list[str], params: Mapping[str, str], at: datetime
) -> tuple[dict[str, Any], int]:
    """The body, and how many posts it covers. Posts of others and unknown ones become items of `errors`."""
    spans = list(_spans(params, ("hourly", "daily", "weekly", "total"), "total"))
    names = _chosen(params, "analytics.fields", (*_POST_METRICS, *_UNKNOWN_POST_METRICS))
    data, errors = [], []
    for post_id in ids:
        post = world.post("twitter", post_id, at)
        if post is None:
            errors.append(missing_item(world.twitter, "ids", "tweet", post_id))
        elif post.external_id != reader.external_id:
            errors.append(foreign_item(world.twitter, "ids", "tweet", post_id))
        else:
            metrics = [
                {"timestamp": _stamp(opens), "metrics": {n: _growth(world, post, n, opens, closes, at) for n in names}}
                for opens, closes in spans
                if closes > post.published_at and opens <= at
            ]
            data.append({"id": post_id, "timestamped_metrics": metrics})
    return _body(data, errors), len(data)


def media_analytics(
    world: World, reader: Account, keys: list[str], params: Mapping[str, str], at: datetime
) -> tuple[dict[str, Any], int]:
    """The same for media keys of the reader's own posts."""
    spans = list(_spans(params, ("hourly", "daily", "total"), "daily"))
    names = _chosen(params, "media_analytics.fields", _MEDIA_METRICS)
    data, errors = [], []
    for key in keys:
        carriers = [post for post in world.posts_with_media("twitter", key) if world.visible(post, at)]
        if not carriers:
            errors.append(missing_item(world.twitter, "media_keys", "media", key))
            continue
        if all(post.external_id != reader.external_id for post in carriers):
            errors.append(foreign_item(world.twitter, "media_keys", "media", key))
            continue
        born = min(post.published_at for post in carriers)
        metrics = [
            {"timestamp": _stamp(opens), "metrics": _media_metrics(world, key, names, opens, min(closes, at))}
            for opens, closes in spans
            if closes > born and opens <= at
        ]
        data.append({"media_key": key, "timestamped_metrics": metrics})
    return _body(data, errors), len(data)


def check_names(params: Mapping[str, str], *own: str) -> None:
    """Raises the 400 for a parameter that is neither of both endpoints nor one of `own`."""
    read_selection(dict(params), frozenset(["start_time", "end_time", "granularity", *own]), frozenset())


def _body(data: list[dict[str, Any]], errors: list[Item]) -> dict[str, Any]:
    return ({"data": data} if data else {}) | ({"errors": errors} if errors else {})


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _chosen(params: Mapping[str, str], name: str, known: tuple[str, ...]) -> list[str]:
    chosen = [value for value in params.get(name, "").split(",") if value]
    for wrong in (value for value in chosen if value not in known):
        raise invalid(name, wrong)
    return chosen or list(known)


def parse_time(params: Mapping[str, str], name: str) -> datetime | None:
    """A time parameter; None when missing. Raises the 400 for any form but that of x.md §1, and before 2010-11-06."""
    if name not in params:
        return None
    try:
        moment = datetime.fromisoformat(params[name])
    except ValueError:
        raise invalid(name, params[name]) from None
    if not _TIME.fullmatch(params[name]) or moment < _EARLIEST:
        raise invalid(name, params[name])
    return moment


def _spans(params: Mapping[str, str], allowed: tuple[str, ...], default: str) -> Iterator[tuple[datetime, datetime]]:
    granularity = params.get("granularity", default)
    if granularity not in allowed:
        raise invalid("granularity", granularity)
    start, end = parse_time(params, "start_time"), parse_time(params, "end_time")
    if start is None or end is None:
        raise _required("start_time" if start is None else "end_time")
    if start >= end:
        raise invalid("start_time", params["start_time"])
    if granularity == "total":
        yield start, end
        return
    step = _STEPS[granularity]
    opens = start.replace(minute=0, second=0, microsecond=0)
    if granularity != "hourly":
        opens = opens.replace(hour=0)
    while opens < end:
        yield opens, opens + step
        opens += step


def _required(name: str) -> TwitterError:
    return invalid(name, "", f"The `{name}` query parameter can not be empty")


def _growth(world: World, post: Post, name: str, opens: datetime, closes: datetime, at: datetime) -> int | None:
    if name in _UNKNOWN_POST_METRICS:
        return None
    column = _POST_METRICS[name]
    after = world.observation(post, min(closes, at))
    before = world.observation(post, opens)
    if after is None:
        return 0
    value: int | None = getattr(after, column)
    return None if value is None else value - ((getattr(before, column) or 0) if before else 0)


def _media_metrics(world: World, key: str, names: list[str], opens: datetime, closes: datetime) -> dict[str, Any]:
    def grown(figure: str) -> int | None:
        after = media_figure(world, key, figure, closes)
        return None if after is None else after - (media_figure(world, key, figure, opens) or 0)

    views = grown("video_views")
    counters: dict[str, int | None] = {
        name: None if views is None else int(views * PLAYBACK_SHARES[mark]) for name, mark in _PLAYBACKS.items()
    }
    counters |= {"video_views": views, "watch_time_ms": grown("watch_time_ms")}
    counters |= dict.fromkeys(_UNKNOWN_MEDIA_METRICS)
    if world.twitter.string_counters:
        return {name: None if counters[name] is None else str(counters[name]) for name in names}
    return {name: counters[name] for name in names}
