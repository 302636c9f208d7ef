"""One organization page as LinkedIn's statistics show it in the tests (platforms/linkedin.md §3, §4).

Not here: tokens, quotas, faults (the tests script those), and everything that the sandbox does better.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

PAGE = "urn:li:organization:40012345"
STATISTICS = "/rest/organizationalEntityShareStatistics"
NOT_FOUND = Answer(status=404, json={"status": 404, "code": "NOT_FOUND", "message": "Post not found"})


def share(number: int) -> str:
    return f"urn:li:share:{7301000000000000000 + number}"


def ugc(number: int) -> str:
    return f"urn:li:ugcPost:{7302000000000000000 + number}"


def refs(*urns: str) -> list[PostRef]:
    return [PostRef(urn) for urn in urns]


def lists_of(request: Request) -> dict[str, list[str]]:
    """The two lists of a statistics call, read from the raw query: structure raw, values encoded."""
    found = re.findall(r"&(shares|ugcPosts)=List\(([^()&]*)\)", request.target)
    assert all(":" not in values for _, values in found), "values must be percent-encoded"
    return {name: [unquote(value) for value in values.split(",")] for name, values in found}


def statistics(figures: dict[str, dict[str, Any]]) -> Callable[[Request], Answer]:
    """LinkedIn's silence included: a URN in the other kind's list, or without figures, is left out."""

    def answer(request: Request) -> Answer:
        if request.path != STATISTICS:
            return NOT_FOUND
        assert request.query["organizationalEntity"] == PAGE
        elements = [
            {"organizationalEntity": PAGE, kind: urn, "totalShareStatistics": figures[urn]}
            for kind, name in (("share", "shares"), ("ugcPost", "ugcPosts"))
            for urn in lists_of(request).get(name, [])
            if urn in figures and urn.startswith(f"urn:li:{kind}:")
        ]
        return Answer(json={"paging": {"start": 0, "count": 10, "links": []}, "elements": elements})

    return answer


FIGURES = {
    "impressionCount": 5000,
    "uniqueImpressionsCount": 3100,
    "clickCount": 70,
    "likeCount": 40,
    "commentCount": 10,
    "shareCount": 5,
    "engagement": 0.025,
}


def page_of(posts: int, kind: str = "text", hours: int = 1) -> list[PostRef]:
    """Posts, one every `hours` hours, the newest now."""
    return [PostRef(ugc(n), NOW - timedelta(hours=hours * n), kind) for n in range(posts)]


def everything(request: Request) -> Answer:
    """Statistics, reactions and video figures of any post."""
    if request.path == "/rest/socialMetadata":
        ids = [unquote(urn) for urn in re.findall(r"urn%3A[^,)]+", request.target)]
        assert request.target == f"/rest/socialMetadata?ids=List({','.join(urn.replace(':', '%3A') for urn in ids)})"
        assert len(ids) <= 50
        summaries = {"LIKE": {"count": 2}, "PRAISE": {"count": 1}}
        return Answer(json={"results": {urn: {"reactionSummaries": summaries} for urn in ids}, "errors": {}})
    if request.path == "/rest/videoAnalytics":
        return Answer(json={"elements": [{"value": 5000 if request.query["type"] == "TIME_WATCHED" else 9}]})
    return statistics({ugc(n): FIGURES for n in range(2000)})(request)


def paths(server: PlatformServer) -> Counter[str]:
    """Calls by resource."""
    return Counter(request.path.rpartition("/")[2] for request in server.requests)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@pytest.fixture
def page_fetcher(server: PlatformServer, slept: list[float]) -> Iterator[LinkedInAnalyticsFetcher]:
    """The fetcher of the page."""
    fetcher = LinkedInAnalyticsFetcher(
        TOKEN, "40012345", base_url=server.url, api_version="202608", clock=lambda: NOW, sleep=slept.append
    )
    yield fetcher
    fetcher.close()
