"""Totals of a simulated Instagram account, whole and broken down, and the demographics (instagram.md section 4.3)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from analytics_pipeline.sandbox.model import Account, AccountDay, World
from tests.sandbox.graph_client import Client, serving

IG = "17841405822304914"
WINDOW = {"period": "day", "since": "2026-09-13", "until": "2026-09-15"}
TOTAL = {"metric_type": "total_value", **WINDOW}
FIRST, SECOND = date(2026, 9, 13), date(2026, 9, 14)
FIGURES = {"likes": 10, "comments": 20, "shares": 30, "bookmarks": 40, "impressions": 900, "clicks": 5, "reach": 800}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """All figures on one day, likes and saves alone on the other; 12 followers gained, then 5 lost."""
    days = [AccountDay("instagram", IG, FIRST, metric, value) for metric, value in FIGURES.items()]
    days += [AccountDay("instagram", IG, SECOND, metric, 1) for metric in ("likes", "bookmarks")]
    days += [AccountDay("instagram", IG, day, "follower_gain", gain) for day, gain in ((FIRST, 12), (SECOND, -5))]
    world = World(accounts=[Account("instagram", IG, access_token="ig", followers=900)], account_days=days)
    with serving(world, "instagram", "ig") as client:
        yield client


def total_of(client: Client, metric: str, **params: str) -> Any:
    (frame,) = client.json(f"{IG}/insights", metric=metric, **{**TOTAL, **params})["data"]
    return frame.get("total_value")


def test_interactions_count_saves_and_what_is_reported(client: Client) -> None:
    assert total_of(client, "total_interactions", until="2026-09-14") == {"value": 100}
    assert total_of(client, "total_interactions") == {"value": 102}


@pytest.mark.parametrize(
    ("metric", "breakdown", "values", "total"),
    [
        ("views", "media_product_type", ["FEED"], 900),
        ("views", "follower_type", ["FOLLOWER"], 900),
        ("profile_links_taps", "contact_button_type", ["CALL"], 5),
        ("reach", "follow_type", ["FOLLOWER"], 800),
        ("reach", "media_product_type,follow_type", ["FEED", "FOLLOWER"], 800),
    ],
)
def test_documented_breakdowns(client: Client, metric: str, breakdown: str, values: list[str], total: int) -> None:
    assert total_of(client, metric, breakdown=breakdown, until="2026-09-14") == {
        "value": total,
        "breakdowns": [
            {"dimension_keys": breakdown.split(","), "results": [{"dimension_values": values, "value": total}]}
        ],
    }


def test_follows_and_unfollows_come_apart(client: Client) -> None:
    assert total_of(client, "follows_and_unfollows", breakdown="follow_type") == {
        "breakdowns": [
            {
                "dimension_keys": ["follow_type"],
                "results": [
                    {"dimension_values": ["FOLLOWER"], "value": 12},
                    {"dimension_values": ["NON_FOLLOWER"], "value": 5},
                ],
            }
        ]
    }
    assert total_of(client, "follows_and_unfollows") is None


@pytest.mark.parametrize(("followers", "told"), [(100, True), (99, False), (0, False)])
def test_follows_need_100_followers(followers: int, told: bool) -> None:
    gained = [AccountDay("instagram", IG, FIRST, "follower_gain", 3)]
    world = World(accounts=[Account("instagram", IG, access_token="ig", followers=followers)], account_days=gained)
    with serving(world, "instagram", "ig") as client:
        asked = {"metric": "follows_and_unfollows", "breakdown": "follow_type", **TOTAL}
        assert bool(client.json(f"{IG}/insights", **asked)["data"]) is told


@pytest.mark.parametrize(
    ("metric", "breakdown"),
    [
        ("reach", "nonsense"),
        ("reach", "follower_type"),
        ("likes", "media_product_type"),
        ("views,likes", "follower_type"),
    ],
)
def test_other_breakdowns_are_refused(client: Client, metric: str, breakdown: str) -> None:
    status, error = client.error(f"{IG}/insights", metric=metric, breakdown=breakdown, **TOTAL)
    assert (status, error["code"]) == (400, 100)
    assert breakdown in error["message"]


@pytest.mark.parametrize("timeframe", [{}, {"timeframe": "last_7_days"}], ids=["none", "unknown"])
@pytest.mark.parametrize("metric", ["follower_demographics", "engaged_audience_demographics"])
def test_demographics_need_a_timeframe(client: Client, metric: str, timeframe: dict[str, str]) -> None:
    asked = {"metric": metric, "period": "lifetime", "metric_type": "total_value", "breakdown": "country"}
    status, error = client.error(f"{IG}/insights", **asked, **timeframe)
    assert (status, error["code"]) == (400, 100)
    assert "last_14_days" in error["message"]
    assert client.json(f"{IG}/insights", **asked, timeframe="this_month")["data"] == []
