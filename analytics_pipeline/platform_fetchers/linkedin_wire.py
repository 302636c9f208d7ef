"""LinkedIn's wire forms (platforms/linkedin.md §3, §4): URNs, Rest.li query strings, elements of replies.

Here: pure functions from ids to paths and from JSON to plain values. Not here: calls, figures, errors of replies.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError, TransientError
from analytics_pipeline.platform_fetchers.metrics import ListedPost

PLATFORM: Final = "linkedin"

MAX_URL_LENGTH: Final = 4000
"""Characters of a whole URL; about 4 KB is what LinkedIn's front end takes safely."""

PAGE_SIZE: Final = 100

_POST_URN: Final = re.compile(r"urn:li:(share|ugcPost):[0-9]{1,19}")
_ORGANIZATION: Final = re.compile(r"(urn:li:organization:)?([0-9]{1,19})")
_SHARE_STATISTICS: Final = "/rest/organizationalEntityShareStatistics?q=organizationalEntity"
_LISTS: Final = (("shares", "urn:li:share:"), ("ugcPosts", "urn:li:ugcPost:"))
_MEDIA_TYPES: Final = {"video": "video", "image": "image", "document": "document"}
_CONTENT_TYPES: Final = {"article": "link", "multiImage": "carousel", "carousel": "carousel", "poll": "poll"}

_logger = logging.getLogger(__name__)


def is_post_urn(value: str) -> bool:
    """Whether `value` names a post whose statistics can be asked for."""
    return _POST_URN.fullmatch(value) is not None


def organization_urn(value: str) -> str:
    """The URN of an organization given by number or URN. Raises ConfigurationError for anything else."""
    match = _ORGANIZATION.fullmatch(value)
    if match is None:
        raise ConfigurationError(
            f"linkedin: {value[:80]!r} is no organization number or urn:li:organization:…", PLATFORM
        )
    return f"urn:li:organization:{match[2]}"


def url_of(urn: str) -> str:
    """Where people see the post."""
    return f"https://www.linkedin.com/feed/update/{urn}"


def sunset_of(version: str) -> date | None:
    """The day about which LinkedIn ends a version YYYYMM: the middle of the month one year later. None: no version."""
    try:
        return date(int(version[:4]) + 1, int(version[4:6]), 15)
    except ValueError:
        return None


def utc_day(value: date) -> date:
    """A date as it is, a moment as its date in UTC."""
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value


# --- queries: structure stays raw, every value inside is percent-encoded


def encoded(urn: str) -> str:
    """A URN as a value in a query or as a segment of a path."""
    return quote(urn, safe="")


def encoded_list(urns: Sequence[str]) -> str:
    """URNs as the items of a `List(…)`."""
    return ",".join(map(encoded, urns))


def statistics_path(organization: str | None, urns: Sequence[str]) -> str:
    """Lifetime share statistics of posts, each in the list of its kind: in the other list it would go unanswered."""
    path = _SHARE_STATISTICS
    if organization is not None:
        path += f"&organizationalEntity={encoded(organization)}"
    for parameter, kind in _LISTS:
        if values := [urn for urn in urns if urn.startswith(kind)]:
            path += f"&{parameter}=List({encoded_list(values)})"
    return path


def statistics_batches(
    base_url: str, organization: str | None, urns: Sequence[str], list_size: int
) -> Iterator[list[str]]:
    """`urns` in order, cut so that no batch passes `list_size` posts nor its URL MAX_URL_LENGTH characters."""
    room = MAX_URL_LENGTH - len(base_url + statistics_path(organization, ()) + "&shares=List()&ugcPosts=List()")
    batch: list[str] = []
    length = 0
    for urn in urns:
        cost = len(encoded(urn)) + len(",")
        if batch and (len(batch) == list_size or length + cost > room):
            yield batch
            batch, length = [], 0
        batch.append(urn)
        length += cost
    if batch:
        yield batch


def finder_path(organization: str, position: int) -> str:
    """One page of an organization's posts, last modified first: publication modifies a post, so none is missed."""
    return (
        f"/rest/posts?q=author&author={encoded(organization)}&start={position}&count={PAGE_SIZE}&sortBy=LAST_MODIFIED"
    )


def share_days_path(organization: str, first: date, last: date) -> str:
    """Daily buckets (UTC) of the page's share statistics, both days included."""
    return _days_path(_SHARE_STATISTICS, "organizationalEntity", organization, first, last)


def follower_days_path(organization: str, first: date, last: date) -> str:
    """The same of its follower gains."""
    path = "/rest/organizationalEntityFollowerStatistics?q=organizationalEntity"
    return _days_path(path, "organizationalEntity", organization, first, last)


def view_days_path(organization: str, first: date, last: date) -> str:
    """The same of its page views: here finder and parameter are named differently (linkedin.md §2)."""
    return _days_path("/rest/organizationPageStatistics?q=organization", "organization", organization, first, last)


def _days_path(path: str, parameter: str, organization: str, first: date, last: date) -> str:
    start, end = (int(datetime.combine(d, time(), UTC).timestamp()) * 1000 for d in (first, last + timedelta(days=1)))
    return (
        f"{path}&{parameter}={encoded(organization)}"
        f"&timeIntervals=(timeRange:(start:{start},end:{end}),timeGranularityType:DAY)"
    )


def video_path(urn: str, kind: str) -> str:
    """One lifetime figure of one video."""
    return f"/rest/videoAnalytics?q=entity&entity={encoded(urn)}&type={kind}&aggregation=ALL"


def has_video_figures(urn: str) -> bool:
    """Whether LinkedIn may know video figures of this post: no other entity than a ugcPost is documented."""
    return urn.startswith("urn:li:ugcPost:")


def resource_of(path: str) -> str:
    """The resource that a path below the host asks for: what LinkedIn counts calls by."""
    return re.split(r"[/?]", path.lstrip("/"), maxsplit=2)[1]


# --- replies


def elements_of(body: Any) -> list[Mapping[str, Any]]:
    """The JSON objects in a reply's `elements`. Raises TransientError if there is no such list: no post is to blame."""
    elements = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(elements, list):
        raise TransientError("linkedin: the answer holds no list of elements", PLATFORM)
    return [element for element in elements if isinstance(element, dict)]


def results_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The `results` of a BATCH_GET by URN."""
    results = body.get("results")
    return {unquote(urn): said for urn, said in results.items()} if isinstance(results, dict) else {}


def as_batch(urn: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a GET of one entity said, or the body of its 404, in the form of a BATCH_GET; {} of any other error."""
    if said.get("status") == 404:
        return {"errors": {urn: said}}
    return {"results": {urn: said}} if said and "status" not in said else {}


def is_refusal(said: Mapping[str, Any]) -> bool:
    """Whether this is LinkedIn's body for a request that it does not take."""
    return said.get("status") == 400


def unknown_in(body: Mapping[str, Any]) -> set[str]:
    """The URNs that a BATCH_GET answers with 404, entry by entry, in `statuses` or `errors`."""
    statuses, errors = body.get("statuses"), body.get("errors")
    found = {urn for urn, status in statuses.items() if status == 404} if isinstance(statuses, dict) else set()
    if isinstance(errors, dict):
        found |= {urn for urn, error in errors.items() if isinstance(error, dict) and error.get("status") == 404}
    return set(map(unquote, found)) - results_of(body).keys()


def next_start(body: Mapping[str, Any]) -> int | None:
    """Where LinkedIn's own link says the next page begins: pages may be short, and offsets odd."""
    paging = body.get("paging")
    links = paging.get("links") if isinstance(paging, dict) else None
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next":
            (start, *_) = parse_qs(urlsplit(str(link.get("href"))).query).get("start", [""])
            return int(start) if re.fullmatch(r"[0-9]{1,9}", start) else None
    return None


def moment(element: Mapping[str, Any], *names: str) -> datetime | None:
    """The first of the named epoch-millisecond fields that holds a time, in UTC."""
    for name in names:
        value = element.get(name)
        if isinstance(value, int) and 0 < value < 10**14:
            return datetime.fromtimestamp(value / 1000, UTC)
    return None


def bucket_day(element: Mapping[str, Any]) -> date | None:
    """The UTC day of a daily bucket, None for an element that is none."""
    time_range = element.get("timeRange")
    start = moment(time_range, "start") if isinstance(time_range, dict) else None
    return None if start is None else start.date()


def listed_post(element: Mapping[str, Any]) -> ListedPost | None:
    """A post of the finder; None for one that no follower saw: a draft, or a dark post that only ran as an ad."""
    ad, distribution = element.get("adContext"), element.get("distribution")
    if isinstance(ad, dict) and ad.get("isDsc") is True:
        return None
    if isinstance(distribution, dict) and distribution.get("feedDistribution") == "NONE":
        return None
    if element.get("lifecycleState", "PUBLISHED") != "PUBLISHED":
        return None
    urn, published_at = element.get("id"), moment(element, "publishedAt", "createdAt")
    if not isinstance(urn, str) or not is_post_urn(urn) or published_at is None:
        _logger.warning("linkedin: a listed post without a usable id or time is left out: %.80r", urn)
        return None
    return ListedPost(urn, published_at, url_of(urn), _post_type(element.get("content")))


def _post_type(content: Any) -> str:
    if not isinstance(content, dict) or not content:
        return "text"
    media = content.get("media")
    if isinstance(media, dict):
        kind = re.match(r"urn:li:(\w+):", str(media.get("id")))
        return _MEDIA_TYPES.get(kind[1], "other") if kind else "other"
    return next((name for key, name in _CONTENT_TYPES.items() if key in content), "other")
