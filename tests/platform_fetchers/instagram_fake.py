"""An Instagram account of a few lines: media, stories, figures by day, and the ways to fail that a test switches on."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.instagram_metrics import METRICS
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import START, FakeGraph, Read, at, error
from tests.platform_fetchers.platform_server import PlatformServer

USER = "17841405822304914"
END = START + timedelta(days=366)
BEFORE_CONVERSION = error(
    100, "Invalid parameter", 2108006, error_user_title="Media posted before business account conversion"
)
FEW_VIEWERS = error(10, "(#10) Not enough viewers for the media to show insights")

FIGURES: Mapping[str, Any] = {
    "views": 9120,
    "reach": 7000,
    "likes": 412,
    "comments": 19,
    "saved": 33,
    "shares": 8,
    "replies": 4,
    "ig_reels_video_view_total_time": 7415250,
}


def media(number: int, media_type: str = "IMAGE", product: str = "FEED", **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "media_type": media_type,
        "media_product_type": product,
        "permalink": f"https://www.instagram.com/p/{number}/",
        "timestamp": at(number),
        "like_count": 400,
        "comments_count": 18,
        "insights": FIGURES,
    } | more


def reel(number: int, **more: Any) -> dict[str, Any]:
    return media(number, "VIDEO", "REELS", **more)


def names_it(metric: str) -> Read:
    text = f"(#100) The Media Insights API does not support the {metric} metric for this media product type."
    return error(100, text)


def also_names_it(metric: str) -> Read:
    return error(100, f"(#100) The metric {metric} is not supported for this media type")


class FakeAccount(FakeGraph):
    """An account. `without` lists metrics that a media does not have; `retired` ones no media has.

    One that `hides_product` is told without its `media_product_type`. `refuse` words a refusal by the name of the metric;
    `by_place` all are by its place in the list instead.
    """

    listing = "media"
    time_field = "timestamp"

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        super().__init__(USER, nodes)
        self.retired: set[str] = set()
        self.stories_per_page = 100
        self.story_refusals: list[Read] = []
        self.by_place = False
        self.refuse: Callable[[str], Read] = names_it
        self.days: dict[str, dict[date, int]] = {}

    def refusal(self, stored: Mapping[str, Any], metrics: list[str], fields: str) -> Read | None:
        if metrics and "failing" in stored:
            return stored["failing"]  # type: ignore[no-any-return]  # a node holds anything
        kind = str(stored["media_product_type"])
        allowed = set(METRICS[kind]) - set(stored.get("without", ())) - self.retired
        bad = next((metric for metric in metrics if metric not in allowed), None)
        if bad and (self.by_place or bad in self.retired):
            listed = ", ".join(sorted(allowed))
            return error(100, f"(#100) metric[{metrics.index(bad)}] must be one of the following values: {listed}")
        return self.refuse(bad) if bad else None

    def node(self, key: str, fields: str) -> Read:
        status, told = super().node(key, fields)
        if self.nodes[key].get("hides_product"):
            told.pop("media_product_type", None)
        return status, told

    def page(self, query: Mapping[str, str]) -> Read:
        stories = [node for node in self.nodes.values() if node["media_product_type"] == "STORY"]
        for story in stories:
            del self.nodes[story["id"]]
        reply = super().page(query)
        self.nodes |= {story["id"]: story for story in stories}
        return reply

    def other(self, path: str, query: Mapping[str, str]) -> Read:
        if path == f"{USER}/stories" and self.story_refusals:
            return self.story_refusals.pop()
        if path == f"{USER}/stories":
            stories = [node for node in self.nodes.values() if node["media_product_type"] == "STORY"]
            limit, offset = min(int(query["limit"]), self.stories_per_page), int(query.get("after", 0))
            following = f"https://elsewhere.example/v25.0/1/stories?after={offset + limit}"
            rows = [self.node(story["id"], query["fields"])[1] for story in stories[offset : offset + limit]]
            return 200, {"data": rows, "paging": {"next": following} if offset + limit < len(stories) else {}}
        if path.endswith("/insights") and query["metric"] == "profile_activity":
            return self.activity(self.nodes[path.split("/")[0]], query)
        if path == USER:
            return 200, {"id": USER, "followers_count": 777}
        if path == f"{USER}/insights":
            return self.account_insights(query)
        return super().other(path, query)

    def activity(self, stored: Mapping[str, Any], query: Mapping[str, str]) -> Read:
        """Clicks by a breakdown; withheld unless the media has some. Reels have none."""
        assert query["breakdown"] == "action_type"
        if "refused_clicks" in stored:
            return stored["refused_clicks"]  # type: ignore[no-any-return]  # a node holds anything
        if stored["media_product_type"] == "REELS" or "profile_activity" in self.retired:
            return names_it("profile_activity")
        if "clicks" not in stored:
            return 200, {"data": []}
        results = [
            {"dimension_values": [name], "value": n}
            for name, n in (("BIO_LINK_CLICKED", stored["clicks"]), ("call", 9))
        ]
        total = {"value": stored["clicks"] + 9, "breakdowns": [{"dimension_keys": ["action_type"], "results": results}]}
        return 200, {"data": [{"name": "profile_activity", "period": "lifetime", "total_value": total}]}

    def account_insights(self, query: Mapping[str, str]) -> Read:
        metrics, kind = query["metric"].split(","), query.get("metric_type")
        since, until = (datetime.fromtimestamp(int(query[name]), UTC).date() for name in ("since", "until"))
        if (until - since).days > 30:
            return error(100, "(#100) There cannot be more than 30 days between since and until")
        if refused := self.too_old(query):
            return refused
        if bad := self.dead & set(metrics):
            return error(
                100, f"(#100) Starting from version 22 and above, the {min(bad)} metric is no longer supported"
            )
        rows = []
        for metric in metrics:
            found = {day: n for day, n in self.days.get(metric, {}).items() if since <= day < until}
            row: dict[str, Any] = {"name": metric, "period": "day"}
            if kind == "total_value":
                if metric == "follower_count":
                    found = {}
                row["total_value"] = {"value": sum(found.values())} if found else {}
            else:
                if metric not in ("follower_count", "reach"):
                    found = {}
                row["values"] = [
                    {"value": n, "end_time": f"{day + timedelta(days=1)}T07:00:00+0000"} for day, n in found.items()
                ]
            rows.append(row)
        return 200, {"data": rows}


def make(server: PlatformServer, now: datetime = NOW, **options: Any) -> InstagramFetcher:
    return InstagramFetcher(
        TOKEN, USER, base_url=server.url, api_version="v25.0", clock=lambda: now, sleep=lambda _: None, **options
    )


def refs(numbers: range, post_type: str | None = "image") -> list[PostRef]:
    return [PostRef(str(n), START + timedelta(hours=n), post_type) for n in numbers]


def by_id(readings: Iterator[PostReading]) -> dict[str, PostReading]:
    found = list(readings)
    assert len({reading.platform_post_id for reading in found}) == len(found)
    return {reading.platform_post_id: reading for reading in found}


def known(reading: PostReading) -> dict[str, Any]:
    """The figures that a reading has."""
    assert reading.analytics is not None, reading.error
    notes = ("fetched_at", "platform", "platform_post_id", "platform_post_url", "engagement_rate", "click_through_rate")
    return {name: v for name, v in reading.analytics.items() if v is not None and name not in notes}


IMAGE_FIGURES = {
    "likes_count": 412,
    "comments_count": 19,
    "shares_count": 8,
    "bookmarks_count": 33,
    "impressions": 9120,
    "reach": 7000,
}
REEL_FIGURES = IMAGE_FIGURES | {"video_views": 9120, "video_watch_time": 7415.25}
STORY_FIGURES = {"comments_count": 4, "shares_count": 8, "impressions": 9120, "reach": 7000}


@pytest.fixture
def served_account(server: PlatformServer) -> FakeAccount:
    """An account with an image, a carousel and a reel, which the server answers for."""
    served = FakeAccount([media(1), media(2, "CAROUSEL_ALBUM"), reel(3)])
    server.answer = served
    return served


@pytest.fixture
def account_fetcher(server: PlatformServer) -> Iterator[InstagramFetcher]:
    """The fetcher of that account."""
    made = make(server)
    yield made
    made.close()
