"""A world for the tests of the simulated LinkedIn, which they share, and a client. Its tests do not change it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from analytics_pipeline.sandbox.model import Account, AccountDay, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 10, 12, 0, tzinfo=UTC)
PAGE = "urn:li:organization:101"
HEADERS = {"LinkedIn-Version": "202608", "X-Restli-Protocol-Version": "2.0.0"}
STATISTICS = "/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=" + quote(PAGE)
IMAGE, VIDEO, QUIET = "urn:li:share:7301", "urn:li:ugcPost:7302", "urn:li:share:7303"
OLD, GONE, NEGATIVE, UNREAD = "urn:li:share:7200", "urn:li:share:7299", "urn:li:ugcPost:7304", "urn:li:share:7305"
DARK = "urn:li:share:7306"
FOREIGN = "urn:li:share:1"
EDITED, UNEDITED = "urn:li:share:7307", "urn:li:ugcPost:7308"


def _post(post_id: str, days_ago: float, **more: Any) -> Post:
    return Post("linkedin", "101", post_id, NOW - timedelta(days=days_ago), **more)


def _reading(post_id: str, days_ago: float, **figures: int) -> Observation:
    return Observation("linkedin", post_id, NOW - timedelta(days=days_ago), **figures)


@pytest.fixture(scope="module")
def served() -> Iterator[SandboxServer]:
    """One server for the tests of a module."""
    world = World(
        clock=ClockSettings("fixed", NOW),
        accounts=[
            Account("linkedin", "101", "Acme Works", access_token="good", followers=900),
            Account("linkedin", "102", access_token="expired", token_state="expired"),
            Account("linkedin", "103", access_token="revoked", token_state="revoked"),
            Account("linkedin", "104", access_token="never-given", token_state="unknown"),
            Account("linkedin", "105", access_token="posts-only", scopes=frozenset({"r_organization_social"})),
            Account("linkedin", "106", access_token="throttled", rate_limit_after=2, rate_limit_seconds=60),
            Account("linkedin", "107", access_token="daily"),
            Account("linkedin", "108", access_token="crowded"),
            Account("linkedin", "109", access_token="advertiser"),
            Account("linkedin", "110", access_token="quiet"),
        ],
        posts=[
            _post(IMAGE, 3, post_type="image", text="New #product [beta]"),
            _post(VIDEO, 2, post_type="video", media_id="urn:li:video:V1", duration_s=30),
            _post(QUIET, 1),
            _post(OLD, 400),
            _post(GONE, 5, deleted_at=NOW - timedelta(days=1)),
            _post(NEGATIVE, 4, post_type="link", url="https://example.invalid/a"),
            _post(UNREAD, 0.5),
            Post("linkedin", "110", EDITED, NOW - timedelta(days=9), edited_at=NOW - timedelta(hours=1)),
            Post("linkedin", "110", UNEDITED, NOW - timedelta(days=2)),
            Post("linkedin", "109", DARK, NOW - timedelta(days=1), flags=frozenset({"dark"})),
            *(
                Post("linkedin", "108", f"urn:li:share:{number}", NOW - timedelta(hours=number))
                for number in range(1, 26)
            ),
        ],
        observations=[
            _reading(
                IMAGE, 2, likes=40, comments=10, shares=5, impressions=5000, reach=3100, clicks=70, reaction_love=4
            ),
            _reading(IMAGE, -1, likes=44, comments=11, shares=5, impressions=6000, reach=3300, clicks=80),
            _reading(VIDEO, 1, likes=1, impressions=10, video_views=7, watch_time_ms=84_500),
            _reading(QUIET, 0.5, likes=0, comments=0, shares=0, impressions=0, clicks=0),
            _reading(OLD, 300, likes=3, impressions=90),
            _reading(GONE, 2, likes=3, impressions=90),
            _reading(NEGATIVE, 2, likes=-1, comments=0, shares=0, impressions=0, clicks=1),
            _reading(FOREIGN, 0.01, likes=3, impressions=90),
        ],
        account_days=[
            AccountDay("linkedin", "101", date(2026, 9, day), metric, value)
            for day, metric, value in [
                (1, "impressions", 810),
                (1, "reach", 500),
                (1, "clicks", 12),
                (1, "likes", 9),
                (1, "comments", 1),
                (1, "shares", 0),
                (2, "impressions", 400),
                (2, "clicks", 4),
                (7, "follower_gain", 12),
                (8, "follower_gain", -3),
                (9, "follower_gain", 5),
                (9, "followers", 914),
            ]
        ],
    )
    with SandboxServer(world) as server:
        yield server


@pytest.fixture(autouse=True)
def at_noon(sandbox: SandboxServer) -> Iterator[None]:
    """Leaves the time as it was."""
    yield
    sandbox.clock.set(NOW)


def get(
    sandbox: SandboxServer, path: str, token: str | None = "good", headers: dict[str, str] | None = None
) -> requests.Response:
    """The answer to a request with this token and these headers."""
    sent = dict(HEADERS if headers is None else headers)
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    return requests.get(f"{sandbox.url}/linkedin{path}", headers=sent, timeout=5)


def encoded_list(*urns: str) -> str:
    """A list of URNs as it stands in a query."""
    return f"List({','.join(quote(urn, safe='') for urn in urns)})"


def finder(token_page: str = PAGE, **params: object) -> str:
    """The address of a page of posts."""
    more = "".join(f"&{name}={value}" for name, value in params.items())
    return f"/rest/posts?q=author&author={quote(token_page, safe='')}{more}"


def intervals(start: datetime, end: datetime, granularity: str) -> str:
    """The parameter that asks for buckets of time."""
    span = f"(start:{round(start.timestamp() * 1000)},end:{round(end.timestamp() * 1000)})"
    return f"&timeIntervals=(timeRange:{span},timeGranularityType:{granularity})"
