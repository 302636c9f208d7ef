"""What each platform says of its figures: complete, and nothing that is said not to be offered is ever stored."""

import pytest

from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.catalog import ACCOUNT_METRICS, POST_METRICS, MetricSource
from analytics_pipeline.platform_fetchers.facebook_metrics import PAGE_DAYS, POST_FIGURES, REEL_FIGURES
from analytics_pipeline.platform_fetchers.instagram_metrics import (
    DAY_SERIES,
    DAY_TOTALS,
    MEDIA_FIGURES,
    STORY_FIGURES,
)
from analytics_pipeline.platform_fetchers.linkedin_metrics import PAGE_FIELDS, POST_FIELDS
from analytics_pipeline.platform_fetchers.twitter_metrics import POST_METRICS as TWITTER_FIELDS

EVERYWHERE = {"engagement_rate", "click_through_rate"}
MAPPED = {
    ("linkedin", "post"): {*POST_FIELDS, "reactions_count", "video_views", "video_watch_time"},
    ("linkedin", "account"): {*PAGE_FIELDS, "followers", "follower_gain", "profile_views"},
    ("twitter", "post"): {*TWITTER_FIELDS, "shares_count", "reactions_count", "video_views", "video_watch_time"},
    ("twitter", "account"): {"followers"},
    ("facebook", "post"): {*POST_FIGURES, *REEL_FIGURES, "video_watch_time"} - {"video_watch_ms"},
    ("facebook", "account"): {*PAGE_DAYS.values(), "followers"},
    ("instagram", "post"): {*MEDIA_FIGURES, *STORY_FIGURES, "clicks", "video_views", "video_watch_time"}
    - {"video_watch_ms"},
    ("instagram", "account"): {*DAY_SERIES.values(), *DAY_TOTALS.values(), "followers"},
}


def sources(platform: str, level: str) -> list[MetricSource]:
    return [source for source in FETCHERS[platform].catalog if source.level == level]


@pytest.mark.parametrize("platform", FETCHERS)
def test_every_metric_stands_once_with_its_source(platform: str) -> None:
    assert sorted(s.metric for s in sources(platform, "post")) == sorted(POST_METRICS)
    assert sorted(s.metric for s in sources(platform, "account")) == sorted(ACCOUNT_METRICS)
    assert all(bool(s.source or s.note) == (s.how != "not offered") for s in FETCHERS[platform].catalog)


@pytest.mark.parametrize(("platform", "level"), MAPPED)
def test_what_is_said_is_what_is_mapped(platform: str, level: str) -> None:
    offered = {s.metric for s in sources(platform, level) if s.how != "not offered"}
    no_clicks = {"click_through_rate"} if "clicks" not in offered else set()
    assert offered == MAPPED[platform, level] | ((EVERYWHERE - no_clicks) if level == "post" else set())
