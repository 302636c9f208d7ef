"""LinkedIn's fetcher against the sandbox in the development tier, whose apps have no BATCH_GET (linkedin.md §3, §6)."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from analytics_pipeline.platform_fetchers.exceptions import PostAbsentError, PostNotFoundError
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.sandbox.model import Account, ClockSettings, LinkedInSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.conftest import NOW
from tests.platform_fetchers.linkedin_page import everything, page_of
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

TIER = LinkedInSettings(development_tier=True)
STATISTICS, REACTIONS = "organizationalEntityShareStatistics", "socialMetadata"
NO_BATCHES = "socialMetadata.BATCH_GET"


def urn(number: int) -> str:
    return f"urn:li:share:{7301000000000000000 + number}"


POSTS = [Post("linkedin", "101", urn(n), NOW - timedelta(hours=n + 1)) for n in range(12)]
QUIET, DELETED = POSTS[1], POSTS[2]
REFS = [PostRef(post.post_id, post.published_at) for post in POSTS]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Twelve posts with five reactions each, but for one without activity and one that is deleted."""
    DELETED.deleted_at = NOW - timedelta(minutes=1)
    world = World(
        clock=ClockSettings("fixed", NOW),
        linkedin=TIER,
        accounts=[
            Account("linkedin", "101", access_token="all"),
            Account("linkedin", "102", access_token="less", scopes=frozenset({"rw_organization_admin"})),
        ],
        posts=POSTS,
        observations=[
            Observation("linkedin", post.post_id, post.published_at, likes=3, reaction_love=2)
            for post in POSTS
            if post is not QUIET
        ],
    )
    with SandboxServer(world) as server:
        yield server


def read(sandbox: SandboxServer, denied: set[str], token: str = "all", page: str = "101") -> dict[str, PostReading]:
    """The readings of a run; what is denied is known from former runs, and grows."""
    fetcher = LinkedInAnalyticsFetcher(token, page, base_url=f"{sandbox.url}/linkedin", clock=lambda: NOW)
    fetcher.denied_metrics = denied
    try:
        return {reading.platform_post_id: reading for reading in fetcher.fetch_many(REFS)}
    finally:
        fetcher.close()


def calls(sandbox: SandboxServer) -> Counter[str]:
    """Calls since the last question, by resource."""
    counted = Counter(record.path.split("/")[2] for record in sandbox.requests)
    sandbox.clear_requests()
    return counted


def known(readings: dict[str, PostReading]) -> list[int]:
    """The numbers of the posts whose reactions are known."""
    found = {name: r.analytics["reactions_count"] for name, r in readings.items() if r.analytics}
    assert set(found.values()) <= {5, None}
    return [n for n in range(12) if found.get(urn(n)) == 5]


def test_reactions_are_asked_for_one_by_one_within_their_ration(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    denied: set[str] = set()
    readings = read(sandbox, denied)
    assert calls(sandbox) == {STATISTICS: 1, REACTIONS: 8}
    assert (denied, known(readings)) == ({NO_BATCHES}, [0, 3, 4, 5, 6]), "seven calls are left after the refusal"
    assert readings[urn(0)].raw[REACTIONS]["reactionSummaries"]["EMPATHY"]["count"] == 2
    (line,) = [record.message for record in caplog.records if "BATCH_GET" in record.message]
    assert "an app in the development tier has no BATCH_GET" in line

    assert known(read(sandbox, denied)) == [0, 3, 4, 5, 6, 7], "the refusal is remembered"
    assert calls(sandbox) == {STATISTICS: 1, REACTIONS: 8}


def test_deleted_posts_are_told_from_quiet_ones(sandbox: SandboxServer) -> None:
    readings = read(sandbox, set())
    assert type(readings[QUIET.post_id].error) is PostAbsentError
    assert type(readings[DELETED.post_id].error) is PostNotFoundError


def test_half_of_the_ration_stays_for_videos(server: PlatformServer) -> None:
    denied = Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"})
    one = Answer(json={"reactionSummaries": {"LIKE": {"count": 5}}})

    def said(request: Request) -> Answer:
        if f"/{REACTIONS}" in request.path:
            return denied if request.query else one
        return everything(request)

    server.answer = said
    fetcher = LinkedInAnalyticsFetcher("all", "40012345", base_url=server.url, clock=lambda: NOW)
    fetcher.denied_metrics = {NO_BATCHES}
    readings = [reading.analytics for reading in fetcher.fetch_many(page_of(120, "video"))]
    fetcher.close()
    assert sum(figures is not None and figures["reactions_count"] == 5 for figures in readings) == 4
    assert sum(figures is not None and figures["video_views"] == 9 for figures in readings) == 2


def test_without_a_ration_nothing_is_asked(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKEDIN_DETAIL_CALLS", "0")
    get_settings.cache_clear()
    assert known(read(sandbox, {NO_BATCHES})) == []
    get_settings.cache_clear()
    assert calls(sandbox) == {STATISTICS: 1}


def test_the_used_up_day_of_reactions_ends_them(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TIER, "daily_quota", 3)
    assert known(read(sandbox, set())) == [0], "the refused batch and the quiet post took a call each"
    assert calls(sandbox) == {STATISTICS: 1, REACTIONS: 4}


def test_a_token_without_the_scope_is_asked_for_one_post_only(sandbox: SandboxServer) -> None:
    denied: set[str] = set()
    for asked in (2, 0):
        read(sandbox, denied, "less", "102")
        assert calls(sandbox)[REACTIONS] == asked, "what one post is answered with tells the two refusals apart"
    assert REACTIONS in denied
