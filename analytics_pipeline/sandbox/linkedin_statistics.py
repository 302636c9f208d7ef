"""LinkedIn's figures: share, follower and page statistics, network sizes, reactions, video analytics.

Source: linkedin.md §3, §4, §7. Not here: posts and everything about tokens and versions (linkedin.py).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox.linkedin_errors import Call, LinkedInError, bad_query, not_found
from analytics_pipeline.sandbox.linkedin_restli import Value
from analytics_pipeline.sandbox.model import Observation, Post
from analytics_pipeline.sandbox.wire import Reply, reply

_NO_PAGING = {"start": 0, "count": 10, "links": []}
_REACTIONS = {
    "PRAISE": "reaction_praise",
    "EMPATHY": "reaction_love",
    "INTEREST": "reaction_wow",
    "APPRECIATION": "reaction_support",
    "ENTERTAINMENT": "reaction_haha",
}
_FACETS = {
    "followerCountsByAssociationType": ("associationType", "EMPLOYEE"),
    "followerCountsByFunction": ("function", "urn:li:function:8"),
    "followerCountsByGeo": ("geo", "urn:li:geo:103644278"),
    "followerCountsByGeoCountry": ("geo", "urn:li:geo:103644278"),
    "followerCountsByIndustry": ("industry", "urn:li:industry:96"),
    "followerCountsBySeniority": ("seniority", "urn:li:seniority:4"),
    "followerCountsByStaffCountRange": ("staffCountRange", "SIZE_51_TO_200"),
}
_STATISTICS_FIELDS = {
    "impressions": "impressionCount",
    "reach": "uniqueImpressionsCount",
    "clicks": "clickCount",
    "likes": "likeCount",
    "comments": "commentCount",
    "shares": "shareCount",
}


def batch_reply(call: Call, read: Callable[[str], dict[str, Any]], name: str = "", counts_posts: bool = True) -> Reply:
    """BATCH_GET over `ids=List(…)`: `results`, `statuses`, `errors`. The development tier has none.

    `name`: what the 403 calls the resource, where that is not its name in the path.
    """
    if call.settings.development_tier:
        raise call.denied("BATCH_GET", name)
    ids = call.urns("ids")
    if not ids:
        raise bad_query()
    results: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for key in ids:
        try:
            results[key] = read(key)
        except LinkedInError as error:
            errors[key] = error.body
    statuses = {key: 200 if key in results else errors[key]["status"] for key in ids}
    body = {"results": results, "statuses": statuses, "errors": errors}
    return reply(200, body, posts=len(results) if counts_posts else 0)


def share_statistics(call: Call) -> Reply:
    """Per post, for the page as a whole, or per bucket of time. No paging."""
    call.require("rw_organization_admin", "FINDER-organizationalEntity")
    if call.text("q") != "organizationalEntity":
        raise bad_query()
    call.require_own(call.text("organizationalEntity"), "FINDER-organizationalEntity")
    shares, ugc_posts = call.urns("shares"), call.urns("ugcPosts")
    if not all(urn.startswith("urn:li:share:") for urn in shares):
        raise bad_query()
    if not all(urn.startswith("urn:li:ugcPost:") for urn in ugc_posts):
        raise bad_query()
    if "timeIntervals" in call.query:
        if shares or ugc_posts:
            raise bad_query()
        elements = list(_share_buckets(call))
        return reply(200, {"elements": elements, "paging": _NO_PAGING})
    if shares or ugc_posts:
        elements = [element for urn in (*shares, *ugc_posts) if (element := _post_element(call, urn))]
        return reply(200, {"paging": _NO_PAGING, "elements": elements}, posts=len(elements))
    return reply(200, {"paging": _NO_PAGING, "elements": [_lifetime_element(call)]})


def _oldest(call: Call) -> datetime:
    return call.at - timedelta(days=call.settings.history_days)


def _post_element(call: Call, urn: str) -> dict[str, Any] | None:
    """None for what LinkedIn leaves out: unknown, deleted, foreign, too old, or without any activity."""
    post = call.world.post("linkedin", urn, call.at)
    if post is None or post.external_id != call.account.external_id or post.published_at < _oldest(call):
        return None
    reading = call.world.observation(post, call.at)
    if reading is None:
        return None
    figures = {name: getattr(reading, name) for name in _STATISTICS_FIELDS}
    if not any(figures.values()):
        return None
    if call.settings.withhold_unique_impressions:
        figures["reach"] = None
    kind = "share" if urn.startswith("urn:li:share:") else "ugcPost"
    return {"organizationalEntity": call.organization, kind: urn, "totalShareStatistics": _statistics(figures)}


def _statistics(figures: dict[str, int | None]) -> dict[str, Any]:
    shaped: dict[str, Any] = {
        field: figures[name] for name, field in _STATISTICS_FIELDS.items() if figures.get(name) is not None
    }
    engaged = sum(figures.get(name) or 0 for name in ("clicks", "likes", "comments", "shares"))
    impressions = figures.get("impressions") or 0
    shaped["engagement"] = engaged / impressions if impressions else 0.0
    return shaped


def _lifetime_element(call: Call) -> dict[str, Any]:
    figures: dict[str, int | None] = dict.fromkeys(("impressions", "clicks", "likes", "comments", "shares"), 0)
    for post in call.world.posts_of(call.account, call.at):
        reading = call.world.observation(post, call.at)
        if reading is not None and post.published_at >= _oldest(call):
            for name, total in figures.items():
                figures[name] = (total or 0) + (getattr(reading, name) or 0)
    statistics = _statistics(figures) | {"commentMentionsCount": 0, "shareMentionsCount": 0}
    return {"organizationalEntity": call.organization, "totalShareStatistics": statistics}


def _share_buckets(call: Call) -> Iterator[dict[str, Any]]:
    start, end, granularity = _time_intervals(call, ("DAY", "MONTH"), end_required=True)
    for first, after in _buckets(max(start, _oldest(call)), min(end, call.at), granularity):
        figures = {name: _sum(call, name, first, after) for name in _STATISTICS_FIELDS}
        if all(value is None for value in figures.values()):
            continue
        reach = figures.pop("reach")
        statistics = _statistics(figures)
        if granularity == "DAY" and reach is not None:
            statistics["uniqueImpressionsCounts"] = reach
        yield {
            "organizationalEntity": call.organization,
            "timeRange": _range(first, after),
            "totalShareStatistics": statistics,
        }


def _sum(call: Call, metric: str, first: date, after: date) -> int | None:
    """Over the days of [first, after) that have begun."""
    days = call.world.days(call.account, metric)
    values = [value for day, value in days.items() if first <= day < after and day <= call.at.date()]
    return sum(values) if values else None


def _range(first: date, after: date) -> dict[str, int]:
    return {"start": _midnight(first), "end": _midnight(after)}


def _midnight(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _time_intervals(call: Call, granularities: tuple[str, ...], end_required: bool) -> tuple[datetime, datetime, str]:
    intervals = call.query["timeIntervals"]
    if not isinstance(intervals, dict) or not isinstance(span := intervals.get("timeRange"), dict):
        raise bad_query()
    granularity = intervals.get("timeGranularityType")
    if granularity not in granularities or not isinstance(granularity, str):
        raise bad_query()
    if "end" not in span and end_required:
        raise bad_query()
    start = _moment(span.get("start"))
    end = _moment(span["end"]) if "end" in span else call.at
    if end <= start:
        raise bad_query()
    return start, end, granularity


def _moment(value: Value | None) -> datetime:
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 14:
        raise bad_query()
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def _buckets(start: datetime, end: datetime, granularity: str) -> Iterator[tuple[date, date]]:
    """UTC buckets [first, after) that begin at `start`'s and end before `end`."""
    first = start.date()
    if granularity == "MONTH":
        first = first.replace(day=1)
    while datetime(first.year, first.month, first.day, tzinfo=UTC) < end:
        if granularity == "MONTH":
            after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        else:
            after = first + timedelta(days=7 if granularity == "WEEK" else 1)
        yield first, after
        first = after


def follower_statistics(call: Call) -> Reply:
    """Lifetime facets, or gains per bucket up to two days ago."""
    call.require("rw_organization_admin", "FINDER-organizationalEntity")
    if call.text("q") != "organizationalEntity":
        raise bad_query()
    call.require_own(call.text("organizationalEntity"), "FINDER-organizationalEntity")
    if "timeIntervals" not in call.query:
        followers = call.world.followers(call.account, call.at) or 0
        count = {"organicFollowerCount": followers, "paidFollowerCount": 0}
        facets = {facet: [{"followerCounts": count, key: value}] for facet, (key, value) in _FACETS.items()}
        return reply(200, {"elements": [{"organizationalEntity": call.organization, **facets}], "paging": _NO_PAGING})
    start, end, granularity = _time_intervals(call, ("DAY", "WEEK", "MONTH"), end_required=False)
    if start < call.at - timedelta(days=366):
        raise bad_query()
    settled = datetime.combine(call.at.date() - timedelta(days=1), datetime.min.time(), UTC)
    elements = []
    for first, after in _buckets(start, min(end, settled), granularity):
        known = min(after, settled.date())
        gain = _sum(call, "follower_gain", first, known)
        if gain is not None:
            paid = _sum(call, "follower_gain_paid", first, known) or 0
            gains = {"organicFollowerGain": gain, "paidFollowerGain": paid}
            elements.append(
                {"organizationalEntity": call.organization, "timeRange": _range(first, after), "followerGains": gains}
            )
    return reply(200, {"elements": elements, "paging": _NO_PAGING})


def page_statistics(call: Call) -> Reply:
    """Page views, in all or per bucket. The finder and its parameter are named `organization`."""
    call.require("rw_organization_admin", "FINDER-organization")
    if call.text("q") != "organization":
        raise bad_query()
    call.require_own(call.text("organization"), "FINDER-organization")
    elements = []
    if "timeIntervals" in call.query:
        start, end, granularity = _time_intervals(call, ("DAY", "MONTH"), end_required=False)
        spans = [*_buckets(start, min(end, call.at), granularity)]
    else:
        spans = [(date.min, date.max)]
    for first, after in spans:
        views = _sum(call, "profile_views", first, after)
        if views is not None:
            element: dict[str, Any] = {"organization": call.organization}
            if first != date.min:
                element["timeRange"] = _range(first, after)
            element["totalPageStatistics"] = {"views": {"allPageViews": {"pageViews": views}}}
            elements.append(element)
    return reply(200, {"elements": elements, "paging": _NO_PAGING})


def network_sizes(call: Call) -> Reply:
    """Followers now."""
    call.require("rw_organization_admin", "GET")
    call.require_own(call.key, "GET")
    if call.text("edgeType") != ("CompanyFollowedByMember" if call.legacy else "COMPANY_FOLLOWED_BY_MEMBER"):
        raise bad_query()
    return reply(200, {"firstDegreeSize": call.world.followers(call.account, call.at) or 0})


def _read(call: Call, urn: str) -> tuple[Post, Observation | None]:
    post = call.world.post("linkedin", urn, call.at)
    if post is None or post.external_id != call.account.external_id:
        raise not_found()
    return post, call.world.observation(post, call.at)


def social_metadata(call: Call) -> Reply:
    """Reactions by type and the live comment count, of one post or of many."""
    call.require("r_organization_social_feed", "GET" if call.key else "BATCH_GET")

    def shaped(urn: str) -> dict[str, Any]:
        _, reading = _read(call, urn)
        counts = {"LIKE": max(0, reading.likes or 0)} if reading else {}
        counts |= {kind: getattr(reading, name, None) or 0 for kind, name in _REACTIONS.items()}
        comments = (reading.comments or 0) if reading else 0
        return {
            "entity": urn,
            "commentsState": "OPEN",
            "commentSummary": {"count": comments, "topLevelCount": comments},
            "reactionSummaries": {
                kind: {"reactionType": kind, "count": count} for kind, count in counts.items() if count
            },
        }

    if call.key:
        return reply(200, shaped(call.key), posts=1)
    return batch_reply(call, shaped)


def social_actions(call: Call) -> Reply:
    """The former generation of `socialMetadata`, one post a call."""
    call.require("r_organization_social_feed", "GET")
    _, reading = _read(call, call.key)
    likes = max(0, reading.likes or 0) if reading else 0
    comments = (reading.comments or 0) if reading else 0
    body = {
        "target": call.key,
        "likesSummary": {
            "totalLikes": likes,
            "aggregatedTotalLikes": likes,
            "likedByCurrentUser": False,
            "selectedLikes": [],
        },
        "commentsSummary": {
            "totalFirstLevelComments": comments,
            "aggregatedTotalComments": comments,
            "selectedComments": [],
        },
    }
    return reply(200, body, posts=1)


def video_analytics(call: Call) -> Reply:
    """One metric of one video post; times in milliseconds. Empty `elements` = not available, not zero."""
    call.require("r_organization_social", "FINDER-entity")
    kinds = {"VIDEO_VIEW": "video_views", "VIEWER": "", "TIME_WATCHED": "watch_time_ms"}
    kinds["TIME_WATCHED_FOR_VIDEO_VIEWS"] = "watch_time_ms"
    kind, aggregation = call.text("type"), call.text("aggregation", "ALL")
    if call.text("q") != "entity" or kind not in kinds or aggregation not in ("ALL", "DAY", "WEEK"):
        raise bad_query()
    urn = call.text("entity")
    post = call.world.post("linkedin", urn, call.at)
    if post is None or post.external_id != call.account.external_id or not urn.startswith("urn:li:ugcPost:"):
        return reply(200, {"elements": [], "paging": _NO_PAGING})
    start, end = post.published_at, call.at
    if isinstance(span := call.query.get("timeRange"), dict):
        start, end = _moment(span.get("start")), _moment(span.get("end"))
    elif span is not None or aggregation != "ALL":
        raise bad_query()
    spans = [(start, end)]
    if aggregation != "ALL":
        spans = [
            (datetime.combine(first, datetime.min.time(), UTC), datetime.combine(after, datetime.min.time(), UTC))
            for first, after in _buckets(start, min(end, call.at), aggregation)
        ]
    elements = []
    for opens, closes in spans:
        value = _gained(call, post, kinds[kind], opens, closes)
        if value is not None:
            edges = {"start": round(opens.timestamp() * 1000), "end": round(closes.timestamp() * 1000)}
            elements.append({"entity": urn, "statisticsType": kind, "value": value, "timeRange": edges})
    return reply(200, {"elements": elements, "paging": _NO_PAGING}, posts=1 if elements else 0)


def _gained(call: Call, post: Post, figure: str, opens: datetime, closes: datetime) -> int | None:
    """What a lifetime figure grew between two moments; None when it is not reported."""
    after = call.world.observation(post, min(closes, call.at))
    before = call.world.observation(post, opens) if opens > post.published_at else None
    latest: int | None = getattr(after, figure, None) if figure else None
    return None if latest is None else latest - (getattr(before, figure, None) or 0)
