"""A Facebook Page of a few lines: posts, reels, figures by day, and the ways to fail that a test switches on."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostReading, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import (
    BAD_METRIC,
    NO_COMMENTS,
    PAGE,
    START,
    TOO_MUCH,
    FakeGraph,
    Read,
    at,
    error,
    insights,
)
from tests.platform_fetchers.platform_server import PlatformServer

END = START + timedelta(days=366)

FIGURES: Mapping[str, Any] = {
    "post_media_view": 4821,
    "post_total_media_view_unique": 3900,
    "post_clicks": 77,
    "post_clicks_by_type": {"link clicks": 31, "other clicks": 46},
    "post_reactions_like_total": 180,
    "post_reactions_by_type_total": {"like": 180, "love": 41, "wow": 6, "haha": 3, "anger": 1},
    "post_activity_by_action_type": {"like": 231, "comment": 25, "share": 14},
    "post_video_views": 0,
}
REEL: Mapping[str, Any] = {
    "blue_reels_play_count": 900,
    "post_video_view_time": 123456,
    "post_video_likes_by_reaction_type": {"REACTION_LIKE": 8, "REACTION_LOVE": 2},
    "post_video_social_actions": {"COMMENT": 3, "SHARE": 1},
}


def node(number: int, **more: Any) -> dict[str, Any]:
    key = f"{PAGE}_{number}"
    return {
        "id": key,
        "created_time": at(number),
        "permalink_url": f"https://www.facebook.com/{PAGE}/posts/{number}",
        "status_type": "added_photos",
        "attachments": {"data": [{"media_type": "photo", "type": "photo"}]},
        "shares": {"count": 14},
        "comments": {"data": [], "summary": {"total_count": 27}, "paging": {"next": "https://x/?access_token=LEAKED"}},
        "reactions": {"data": [], "summary": {"total_count": 232, "viewer_reaction": "NONE"}},
        "likes": {"data": [], "summary": {"total_count": 181}},
        "insights": FIGURES,
    } | more


def reel(number: int, **more: Any) -> dict[str, Any]:
    insights = {
        name: FIGURES[name]
        for name in ("post_clicks", "post_clicks_by_type", "post_activity_by_action_type", "post_media_view")
    }
    return node(number, permalink_url=f"https://www.facebook.com/reel/{number}", insights=insights, reel=REEL) | more


class FakePage(FakeGraph):
    """A page. `comments_denied` as without pages_read_user_content; `days` are metric → end_time → value.

    `summaries_failing` maps a post to what asking for its summaries gives, `plain_failing` for neither these nor insights;
    `largest_with` a word in the fields to the
    biggest page that it gives of them. `most_metrics` is how many metrics of the page it tells at once, `heavy` maps a
    post to how many of its own, `lacking` to a metric that it alone does not have. A node's `failing` is what asking for
    its insights gives.
    """

    listing = "published_posts"
    time_field = "created_time"

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        super().__init__(PAGE, nodes)
        self.comments_denied = False
        self.summaries_failing: dict[str, Read] = {}
        self.plain_failing: dict[str, Read] = {}
        self.largest_with: dict[str, int] = {}
        self.most_metrics = 100
        self.heavy: dict[str, int] = {}
        self.lacking: dict[str, str] = {}
        self.days: dict[str, dict[str, Any]] = {}

    def refusal(self, stored: Mapping[str, Any], metrics: list[str], fields: str) -> Read | None:
        if "summary" in fields and metrics:
            pytest.fail("comments in a request that must succeed")
        if "summary" in fields and self.comments_denied:
            return NO_COMMENTS
        if "summary" in fields and stored["id"] in self.summaries_failing:
            return self.summaries_failing[stored["id"]]
        if metrics and "failing" in stored:
            return stored["failing"]  # type: ignore[no-any-return]  # a node holds anything
        if not metrics and "summary" not in fields and stored["id"] in self.plain_failing:
            return self.plain_failing[stored["id"]]
        if len(metrics) > self.heavy.get(stored["id"], 100):
            return TOO_MUCH
        if self.lacking.get(stored["id"]) in metrics:
            return BAD_METRIC
        return super().refusal(stored, metrics, fields)

    def page(self, query: Mapping[str, str]) -> Read:
        if any(word in query["fields"] and int(query["limit"]) > most for word, most in self.largest_with.items()):
            return TOO_MUCH
        return super().page(query)

    def other(self, path: str, query: Mapping[str, str]) -> Read:
        key, _, edge = path.partition("/")
        metrics = query.get("metric", "").split(",")
        if self.dead & set(metrics):
            return BAD_METRIC
        if edge == "video_insights" and f"{PAGE}_{key}" in self.nodes:
            return 200, insights({"insights": self.nodes[f"{PAGE}_{key}"]["reel"]}, metrics)
        if key == PAGE and edge == "insights":
            if int(query["until"]) - int(query["since"]) > 90 * 86400:
                return error(100, "(#100) There cannot be more than 90 days between since and until")
            if refused := self.too_old(query):
                return refused
            if len(metrics) > self.most_metrics:
                return TOO_MUCH
            return 200, {"data": [self.series(metric, query) for metric in metrics if metric in self.days]}
        if path == PAGE:
            return 200, {"id": PAGE, "followers_count": 5150}
        return super().other(path, query)

    def series(self, metric: str, query: Mapping[str, str]) -> dict[str, Any]:
        times = {end: datetime.fromisoformat(end).timestamp() for end in self.days[metric]}
        points = [
            {"value": self.days[metric][end], "end_time": end.replace("+00:00", "+0000")}
            for end, time in times.items()
            if int(query["since"]) < time <= int(query["until"])
        ]
        return {"name": metric, "period": "day", "values": points}


def make(server: PlatformServer, **options: Any) -> FacebookFetcher:
    return FacebookFetcher(
        TOKEN, PAGE, base_url=server.url, api_version="v25.0", clock=lambda: NOW, sleep=lambda _: None, **options
    )


def refs(numbers: range, **more: Any) -> list[PostRef]:
    return [PostRef(f"{PAGE}_{n}", START + timedelta(hours=n), **more) for n in numbers]


def by_id(readings: Iterator[PostReading]) -> dict[str, PostReading]:
    found = list(readings)
    assert len({reading.platform_post_id for reading in found}) == len(found)
    return {reading.platform_post_id: reading for reading in found}


def posts_of(fetcher: FacebookFetcher) -> list[ListedPost]:
    return [post for listed in fetcher.list_posts(START, END) for post in listed]


@pytest.fixture
def served_page(server: PlatformServer) -> FakePage:
    """A page with three posts, which the server answers for."""
    served = FakePage([node(n) for n in range(3)])
    server.answer = served
    return served


@pytest.fixture
def page_fetcher(server: PlatformServer) -> Iterator[FacebookFetcher]:
    """The fetcher of that page."""
    made = make(server)
    yield made
    made.close()
