"""Every request of the LinkedIn fetcher is one that linkedin.md allows: there is no machine-readable description.

Resources, finders and parameters are those of §2, forms and sizes those of §3, headers those of §1.
"""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from tests.platform_fetchers.sent import Sent, account_of, everything_sent, served, wiring

ORGANIZATION: Final = r"urn%3Ali%3Aorganization%3A\d{1,19}"
SHARE: Final = r"urn%3Ali%3Ashare%3A\d{1,19}"
UGC_POST: Final = r"urn%3Ali%3AugcPost%3A\d{1,19}"
POST: Final = rf"({SHARE}|{UGC_POST})"
DAYS: Final = r"\(timeRange:\(start:(\d{13}),end:(\d{13})\),timeGranularityType:DAY\)"


def some(item: str) -> str:
    """One to fifty items in a list whose structure is raw and whose values are encoded."""
    return rf"List\({item}(,{item}){{0,49}}\)"


RESOURCES: Final[dict[str, dict[str, str]]] = {
    "/rest/posts": {
        "q": "author",
        "author": ORGANIZATION,
        "start": r"\d+",
        "count": r"[1-9]\d?|100",
        "sortBy": "LAST_MODIFIED|CREATED",
    },
    "/rest/posts/:urn": {},
    "/rest/organizationalEntityShareStatistics": {
        "q": "organizationalEntity",
        "organizationalEntity": ORGANIZATION,
        "shares": some(SHARE),
        "ugcPosts": some(UGC_POST),
        "timeIntervals": DAYS,
    },
    "/rest/organizationalEntityFollowerStatistics": {
        "q": "organizationalEntity",
        "organizationalEntity": ORGANIZATION,
        "timeIntervals": DAYS,
    },
    "/rest/organizationPageStatistics": {"q": "organization", "organization": ORGANIZATION, "timeIntervals": DAYS},
    "/rest/networkSizes/:urn": {"edgeType": "COMPANY_FOLLOWED_BY_MEMBER"},
    "/rest/socialMetadata": {"ids": some(POST)},
    "/rest/socialMetadata/:urn": {},
    "/rest/videoAnalytics": {
        "q": "entity",
        "entity": UGC_POST,
        "type": "VIDEO_VIEW|VIEWER|TIME_WATCHED|TIME_WATCHED_FOR_VIDEO_VIEWS",
        "aggregation": "DAY|WEEK|ALL",
    },
}
"""Resource → its parameters, each with what may be its value as it goes over the wire."""

OPTIONAL: Final = {"shares", "ugcPosts", "timeIntervals", "start", "count", "sortBy", "aggregation"}
HEADERS: Final = {"linkedin-version": r"20\d\d(0[1-9]|1[0-2])", "x-restli-protocol-version": r"2\.0\.0"}
SAFE_URL: Final = 4096


@pytest.fixture(scope="module")
def sent() -> Iterator[list[Sent]]:
    """By the page's number, and without it, when the author of a post has to be asked for."""
    with served() as (world, server):
        account, wires = account_of(world, "linkedin"), wiring(server, "linkedin")
        numbered = LinkedInAnalyticsFetcher(account.access_token, account.external_id, **wires)
        requests = everything_sent(numbered, account, world)
        nameless = LinkedInAnalyticsFetcher(account.access_token, **wires)
        requests += everything_sent(nameless, account, world, of_account=False)
        yield requests


def complaints(sent: Sent) -> list[str]:
    """What the document says against a request, a line each."""
    found = [f"header {n}: {sent.headers.get(n)}" for n, form in HEADERS.items() if not _is(form, sent.headers.get(n))]
    resource = _resource(sent.path)
    if sent.method != "GET" or resource not in RESOURCES:
        return [*found, f"no resource {sent.method} {sent.path}"]
    rules = RESOURCES[resource]
    pairs = [pair.partition("=")[::2] for pair in sent.query.split("&")] if sent.query else []
    given = dict(pairs)
    found += [f"{resource}: {name} is missing" for name in rules if name not in given and name not in OPTIONAL]
    found += [f"{resource}: no parameter {name}" for name, _ in pairs if name not in rules]
    found += [f"{resource}: {name}={value}" for name, value in pairs if name in rules and not _is(rules[name], value)]
    if "timeIntervals" in given and {"shares", "ugcPosts"} & given.keys():
        found.append(f"{resource}: posts together with timeIntervals")
    if span := re.fullmatch(DAYS, given.get("timeIntervals", "")):
        start, end = map(int, span.groups())
        if start >= end or start % 86_400_000 or end % 86_400_000:
            found.append(f"{resource}: days from {start} to {end}")
    if len(given) < len(pairs) or len(sent.path) + len(sent.query) > SAFE_URL:
        found.append(f"{resource}: said twice, or too long")
    return found


def _is(form: str, value: str | None) -> bool:
    return value is not None and re.fullmatch(form, value) is not None


def _resource(path: str) -> str:
    """The path with an encoded URN as its last segment written as `:urn`."""
    return re.sub(rf"/({POST}|{ORGANIZATION})$", "/:urn", path)


def test_every_request_is_one_of_the_document(sent: list[Sent]) -> None:
    assert {_resource(request.path) for request in sent} == RESOURCES.keys(), "not every call was provoked"
    assert [line for request in sent for line in complaints(request)] == []


@pytest.mark.parametrize(
    ("path", "query", "complaint"),
    [
        ("/rest/shares", "", "no resource GET /rest/shares"),
        ("/rest/posts", "q=authors&author=urn%3Ali%3Aorganization%3A1", "/rest/posts: q=authors"),
        ("/rest/posts", "q=author", "/rest/posts: author is missing"),
        ("/rest/posts", "q=author&author=urn:li:organization:1", "/rest/posts: author=urn:li:organization:1"),
        ("/rest/posts", "q=author&author=urn%3Ali%3Aorganization%3A1&count=101", "/rest/posts: count=101"),
        ("/rest/posts", "q=author&author=urn%3Ali%3Aorganization%3A1&isDsc=false", "/rest/posts: no parameter isDsc"),
        ("/rest/posts/urn:li:share:1", "", "no resource GET /rest/posts/urn:li:share:1"),
        (
            "/rest/socialMetadata",
            "ids=List%28urn%3Ali%3Ashare%3A1%29",
            "/rest/socialMetadata: ids=List%28urn%3Ali%3Ashare%3A1%29",
        ),
        (
            "/rest/networkSizes/urn%3Ali%3Aorganization%3A1",
            "edgeType=Followers",
            "/rest/networkSizes/:urn: edgeType=Followers",
        ),
    ],
)
def test_a_request_that_is_not_allowed_is_noticed(path: str, query: str, complaint: str) -> None:
    headers = {"linkedin-version": "202608", "x-restli-protocol-version": "2.0.0"}
    assert complaints(Sent("GET", path, query, headers, {})) == [complaint]


def test_wrong_lists_days_and_headers_are_noticed() -> None:
    resource = "/rest/organizationalEntityShareStatistics"
    headers = {"linkedin-version": "202613", "x-restli-protocol-version": "1.0.0"}
    days = "(timeRange:(start:1767225600000,end:1767312000001),timeGranularityType:DAY)"
    query = (
        "q=organizationalEntity&organizationalEntity=urn%3Ali%3Aorganization%3A1"
        f"&shares=List(urn%3Ali%3AugcPost%3A7)&timeIntervals={days}"
    )
    assert complaints(Sent("GET", resource, query, headers, {})) == [
        "header linkedin-version: 202613",
        "header x-restli-protocol-version: 1.0.0",
        f"{resource}: shares=List(urn%3Ali%3AugcPost%3A7)",
        f"{resource}: posts together with timeIntervals",
        f"{resource}: days from 1767225600000 to 1767312000001",
    ]
