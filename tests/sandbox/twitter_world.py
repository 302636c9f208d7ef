"""A world for the tests of the simulated X, which they share, and a client. Its tests do not change it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 20, 12, 0, tzinfo=UTC)
PUBLIC = "tweet.fields=public_metrics"
PRIVATE = "tweet.fields=public_metrics,non_public_metrics,organic_metrics"
NEW, VIDEO, OLD, FOREIGN, GONE, RETWEET, BARE = "9001", "9002", "8001", "7001", "9003", "9004", "9005"
VIDEO_AGAIN, FIRST, SECOND, THIRD = "9006", "9101", "9102", "9103"
CLIP = "13_500"


def _post(post_id: str, days_ago: float, owner: str = "22", **more: Any) -> Post:
    return Post("twitter", owner, post_id, NOW - timedelta(days=days_ago), **more)


def _reading(post_id: str, days_ago: float, **figures: int) -> Observation:
    return Observation("twitter", post_id, NOW - timedelta(days=days_ago), **figures)


_FIGURES: dict[str, int] = {
    "likes": 88,
    "comments": 4,
    "shares": 12,
    "quotes": 3,
    "bookmarks": 9,
    "impressions": 7400,
    "url_clicks": 61,
    "profile_clicks": 25,
    "engagements": 240,
}


@pytest.fixture(scope="module")
def served() -> Iterator[SandboxServer]:
    """One server for the tests of a module."""
    world = World(
        clock=ClockSettings("fixed", NOW),
        accounts=[
            Account("twitter", "22", "Acme", access_token="good", followers=5120),
            Account("twitter", "23", "Other", access_token="other"),
            Account("twitter", "24", access_token="dead", token_state="expired"),
            Account("twitter", "25", access_token="narrow", scopes=frozenset({"tweet.read"})),
            Account("twitter", "26", access_token="throttled", rate_limit_after=2, rate_limit_seconds=20),
            Account(
                "twitter", "27", access_token="once", rate_limit_after=2, rate_limit_seconds=20, rate_limit_once=True
            ),
            Account("twitter", "28", access_token="busy"),
            Account("twitter", "29", access_token="windowed"),
        ],
        posts=[
            _post(NEW, 5, text="Release day"),
            _post(VIDEO, 4, post_type="video", media_id=CLIP, duration_s=31.0),
            _post(VIDEO_AGAIN, 3, post_type="video", media_id=CLIP, duration_s=31.0),
            _post(OLD, 31),
            _post(GONE, 6, deleted_at=NOW - timedelta(days=1)),
            _post(RETWEET, 2, reshare_of=FOREIGN),
            _post(BARE, 1, post_type="reply"),
            _post(FIRST, 0.5),
            _post(SECOND, 0.49, edit_of=FIRST),
            _post(THIRD, 0.48, edit_of=SECOND),
            _post(FOREIGN, 3, owner="23"),
            *(
                Post(
                    "twitter",
                    "28",
                    str(10_000 + number),
                    NOW - timedelta(minutes=10_000 - number),
                    post_type="reply" if number % 2 else "text",
                )
                for number in range(3_300)
            ),
        ],
        observations=[
            _reading(NEW, 4, **_FIGURES),
            _reading(NEW, -1, **{**_FIGURES, "likes": 90}),
            _reading(OLD, 4, **_FIGURES),
            _reading(FOREIGN, 2, likes=5, shares=77),
            _reading(
                VIDEO, 3, likes=1, comments=0, shares=0, impressions=100, video_views=1000, watch_time_ms=5_400_000
            ),
            _reading(
                VIDEO, 1, likes=2, comments=0, shares=0, impressions=150, video_views=1500, watch_time_ms=6_000_000
            ),
            _reading(VIDEO_AGAIN, 1, likes=3, video_views=600, watch_time_ms=1_000),
            _reading(FIRST, 0.4, likes=10),
            _reading(SECOND, 0.4, likes=20),
            _reading(THIRD, 0.4, likes=30),
        ],
    )
    world.twitter.app_token = "app-only"
    world.twitter.app_owner = "22"
    with SandboxServer(world) as server:
        yield server


@pytest.fixture(autouse=True)
def as_before(sandbox: SandboxServer) -> Iterator[None]:
    """Leaves time and books as they were."""
    yield
    sandbox.clock.set(NOW)
    sandbox.state.billed.clear()


def get(sandbox: SandboxServer, path: str, token: str | None = "good") -> requests.Response:
    """The answer to a request with this token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{sandbox.url}/twitter{path}", headers=headers, timeout=5)
