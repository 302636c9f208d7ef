"""A Graph API of a few lines for the tests of its fetchers: nodes, insights, listings, batches.

It knows posts with figures and the ways to fail that a test switches on. Not here: a faithful platform (the sandbox).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

PAGE = "104928374650192"
POST = f"{PAGE}_1"

VERSION = "v25.0"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%z"
START = datetime(2026, 8, 1, tzinfo=UTC)

Read = tuple[int, dict[str, Any]]


def headers_of(percent: int, minutes: int = 0, kind: str = "pages", account: str = "104928374650192") -> dict[str, str]:
    """The usage headers of an account."""
    entry = {"type": kind, "call_count": percent, "total_cputime": 1, "total_time": 2}
    return {"x-business-use-case-usage": json.dumps({account: [entry | {"estimated_time_to_regain_access": minutes}]})}


def error(code: int, message: str = "", subcode: int | None = None, status: int = 400, **more: Any) -> Read:
    """An error envelope and its status."""
    body = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1b", **more}
    return status, {"error": body | ({"error_subcode": subcode} if subcode else {})}


GONE = error(100, "Unsupported get request. Object with ID 'X' does not exist", 33)
BAD_METRIC = error(100, "(#100) The value must be a valid insights metric")
NO_COMMENTS = error(10, "(#10) This endpoint requires the 'pages_read_user_content' permission", status=403)
PASSING = error(2, "Service temporarily unavailable")
THROTTLED = error(80001, "(#80001) too many calls")
TOO_MUCH = error(1, "Please reduce the amount of data you're asking for, then retry your request", status=500)


class FakeGraph:
    """Answers for one account. `nodes` are its posts by id: fields, and under `insights` metric → value.

    `failing` maps an id to what asking for it gives; `unfinished` ids are null in that many batches; `dead` metrics
    fail whatever asks for them; `largest` is the biggest page it gives; `left` is how many are read until all are throttled.
    """

    listing = ""
    time_field = ""

    def __init__(self, account: str, nodes: Iterable[Mapping[str, Any]]) -> None:
        self.account = account
        self.nodes = {node["id"]: dict(node) for node in nodes}
        self.failing: dict[str, Read] = {}
        self.unfinished: dict[str, int] = {}
        self.dead: set[str] = set()
        self.largest = 100
        self.left = inf
        self.takes_batches = True
        self.oldest = datetime.min.replace(tzinfo=UTC)
        """Figures by day are refused from further back."""
        self.parts: list[str] = []
        """Relative URL of everything that was read, parts of batches included."""

    def __call__(self, request: Request) -> Answer:
        assert request.headers["authorization"].startswith("Bearer ")
        assert "access_token" not in request.target
        relative = request.target.removeprefix(f"/{VERSION}/")
        if request.method == "GET":
            status, body = self.read(relative)
            return Answer(status, body, headers={"facebook-api-version": VERSION})
        if not self.takes_batches:
            return Answer(*error(100, "Unsupported request - method type: post"))
        entries = json.loads(request.form["batch"])
        assert relative == ""
        assert request.form["access_token"]
        assert len(entries) <= 50
        return Answer(json=[self.entry(entry["relative_url"]) for entry in entries])

    def entry(self, relative: str) -> dict[str, Any] | None:
        """One part of a batch."""
        key = relative.partition("?")[0]
        if self.unfinished.get(key, 0) > 0:
            self.unfinished[key] -= 1
            return None
        status, body = self.read(relative)
        return {"code": status, "headers": [], "body": json.dumps(body)}

    def read(self, relative: str) -> Read:
        """Status and body of one GET."""
        self.parts.append(relative)
        self.left -= 1
        if self.left < 0:
            return THROTTLED
        path, query = urlsplit(relative).path, dict(parse_qsl(urlsplit(relative).query))
        if path in self.failing:
            return self.failing[path]
        if path == f"{self.account}/{self.listing}":
            return self.page(query)
        if path in self.nodes:
            return self.node(path, query["fields"])
        return self.other(path, query)

    def other(self, path: str, query: Mapping[str, str]) -> Read:
        """Whatever is neither a post nor the listing."""
        return GONE

    def node(self, key: str, fields: str) -> Read:
        """A post with the fields asked for."""
        stored = self.nodes[key]
        asked = re.search(r"insights\.metric\(([^)]*)\)", fields)
        metrics = asked[1].split(",") if asked else []
        if refusal := self.refusal(stored, metrics, fields):
            return refusal
        plain = re.sub(r"insights\.metric\([^)]*\)|\{[^}]*\}|\.limit\(0\)\.summary\(true\)", "", fields).split(",")
        node = {name: value for name, value in stored.items() if name in plain}
        return 200, node | ({"insights": insights(stored, metrics)} if asked else {})

    def refusal(self, stored: Mapping[str, Any], metrics: list[str], fields: str) -> Read | None:
        """Why a request for these metrics of this post fails."""
        return BAD_METRIC if self.dead & set(metrics) else None

    def page(self, query: Mapping[str, str]) -> Read:
        """A page of the listing, newest first; `after` is the number of posts to leave out."""
        limit, offset = int(query["limit"]), int(query.get("after", 0))
        if limit > self.largest:
            return TOO_MUCH
        times = (float(query["since"]), float(query["until"]))
        rows = [n for n in self.nodes.values() if times[0] <= self.time_of(n).timestamp() <= times[1]]
        rows.sort(key=self.time_of, reverse=True)
        read = [self.node(row["id"], query["fields"]) for row in rows[offset : offset + limit]]
        if failed := next((reply for reply in read if reply[0] != 200), None):
            return failed
        after = str(offset + limit)
        following = f"https://elsewhere.example/{VERSION}/1/x?access_token=LEAKED&after={after}&limit={limit}"
        paging = {"cursors": {"after": after}} | ({"next": following} if offset + limit < len(rows) else {})
        return 200, {"data": [node for _, node in read], "paging": paging}

    def too_old(self, query: Mapping[str, str]) -> Read | None:
        """Why figures by day of this window are refused."""
        if int(query["since"]) >= self.oldest.timestamp():
            return None
        return error(100, "(#100) since param is not valid. Data is available for a limited time only")

    def time_of(self, node: Mapping[str, Any]) -> datetime:
        """When a post was published."""
        return datetime.strptime(node[self.time_field], TIME_FORMAT).astimezone(UTC)


def insights(stored: Mapping[str, Any], metrics: Iterable[str]) -> dict[str, Any]:
    """Nested insights; what the post does not have is withheld. The paging in them holds a token, as the real does."""
    known = stored.get("insights", {})
    rows = [{"name": m, "period": "lifetime", "values": [{"value": known[m]}]} for m in metrics if m in known]
    return {"data": rows, "paging": {"next": "https://elsewhere.example/?access_token=LEAKED"}}


def at(hours: float) -> str:
    """A time so many hours after START, as the platform writes it."""
    return (START + timedelta(hours=hours)).strftime(TIME_FORMAT)


@pytest.fixture
def patient_fetcher(server: PlatformServer, slept: list[float]) -> Iterator[FacebookFetcher]:
    """The fetcher of a page, which tries twice."""
    made = FacebookFetcher(
        TOKEN, PAGE, base_url=server.url, api_version="v25.0", max_retries=2, clock=lambda: NOW, sleep=slept.append
    )
    yield made
    made.close()
