"""Checks of figures after a run, on stored readings: what fell, what cannot be, what is no longer reported."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from analytics_pipeline.assets.checks import (
    ABSURD_FIGURES,
    FIGURES_FELL,
    METRICS_REPORTED,
    compare_with_raw,
    figure_checks,
)
from analytics_pipeline.database.models import Business, PostAnalytics, PublishedPost, SocialAccount
from tests.sync.conftest import at

DAY = date(2026, 9, 1)


@pytest.fixture
def posts(session: Session) -> list[PublishedPost]:
    """Four posts of one LinkedIn page, published on DAY."""
    session.add(Business(name="Acme"))
    session.flush()
    session.add(SocialAccount(business_id=1, platform="linkedin", external_id="1", access_token="t"))
    session.flush()
    posts = [
        PublishedPost(
            business_id=1, social_account_id=1, platform="linkedin", platform_post_id=f"urn:{n}", published_at=at(DAY),
        )
        for n in range(4)
    ]  # fmt: skip
    session.add_all(posts)
    session.flush()
    return posts


def read(session: Session, post: PublishedPost, days_later: int, **figures: Any) -> None:
    """Stores a reading of the post."""
    session.add(
        PostAnalytics(
            post_id=post.id, platform=post.platform, platform_post_id=post.platform_post_id, published_on=DAY,
            fetched_at=at(DAY) + timedelta(days=days_later), **figures,
        )
    )  # fmt: skip
    session.flush()


def checks(session: Session, first: date = DAY) -> dict[str, dg.AssetCheckResult]:
    results = {str(result.check_name): result for result in figure_checks(session, "linkedin", first, first)}
    assert set(results) == {FIGURES_FELL, ABSURD_FIGURES, METRICS_REPORTED}
    assert {result.severity for result in results.values()} == {dg.AssetCheckSeverity.WARN}
    return results


def test_nothing_odd(session: Session, posts: list[PublishedPost]) -> None:
    for post in posts:
        read(session, post, 1, likes_count=3, impressions=10)
        read(session, post, 2, likes_count=3, impressions=12)
    assert all(result.passed for result in checks(session).values())


def test_the_newest_reading_is_compared_with_the_one_before(session: Session, posts: list[PublishedPost]) -> None:
    for days_later, likes in ((1, 9), (2, 5), (3, 7), (6, 4)):
        read(session, posts[0], days_later, likes_count=likes)
    fell = checks(session)[FIGURES_FELL]
    assert (fell.passed, fell.description) == (
        False,
        "1 figures fell, stored as they came; nothing is to be done. post urn:0 on 2026-09-07: likes 7 → 4",
    )
    assert checks(session, DAY + timedelta(days=1))[FIGURES_FELL].passed, "posts of another day are not looked at"


def test_figures_that_cannot_be(session: Session, posts: list[PublishedPost]) -> None:
    read(session, posts[0], 1, shares_count=-1)
    read(session, posts[1], 1, reach=11, impressions=10)
    read(session, posts[2], 1, impressions=10, likes_count=30, engagement_rate=300)
    read(session, posts[3], 1, impressions=None, reach=5)
    absurd = checks(session)[ABSURD_FIGURES]
    assert absurd.metadata["found"] == dg.MetadataValue.int(3)
    assert absurd.description == (
        "3 figures cannot be, stored as the platform gave them; the next reading looks again. "
        "post urn:0 on 2026-09-02: -1 shares; post urn:1 on 2026-09-02: reach 11 above 10 impressions; "
        "post urn:2 on 2026-09-02: an engagement rate of 300.0 %"
    )


def test_a_metric_that_no_post_has_any_more(session: Session, posts: list[PublishedPost]) -> None:
    for n, post in enumerate(posts):
        read(session, post, 1, likes_count=3, reach=9, clicks=2)
        read(session, post, 2, likes_count=3, reach=None, clicks=2 if n == 0 else None)
    lost = checks(session)[METRICS_REPORTED]
    assert not lost.passed
    assert str(lost.description).endswith(". reach, known of 4 posts at the reading before")


def test_one_post_without_a_metric_is_no_drift(session: Session, posts: list[PublishedPost]) -> None:
    for post in posts[:2]:
        read(session, post, 1, reach=9)
        read(session, post, 2, reach=None)
    assert checks(session)[METRICS_REPORTED].passed


def summary(session: Session, day: date, **totals: int | None) -> None:
    """A daily summary of LinkedIn, and one of all platforms, which is not compared."""
    for platform, posts in (("linkedin", totals.pop("posts")), ("all", 99)):
        values = {"total_posts": posts, **{f"total_{name}": total for name, total in totals.items()}}
        columns = ", ".join(["business_id", "platform", "period_type", "period_start", *values])
        given = ", ".join(f":{name}" for name in values)
        session.execute(
            text(f"insert into analytics_summaries ({columns}) values (1, :platform, 'daily', :day, {given})"),
            {"platform": platform, "day": day, **values},
        )


def test_summaries_are_those_of_the_posts(marts: Session, posts: list[PublishedPost]) -> None:
    for n, post in enumerate(posts):
        post.likes_count, post.comments_count, post.impressions = n, 1, 10
    marts.flush()
    summary(marts, DAY, posts=4, likes=6, comments=4, shares=None, impressions=40)
    equal = compare_with_raw(marts, DAY, DAY)
    assert (equal.passed, equal.description) == (True, "All equal.")

    posts[0].impressions, posts[1].shares_count = 11, 0
    marts.flush()
    differs = compare_with_raw(marts, DAY, DAY)
    assert not differs.passed
    assert differs.description == (
        "1 daily summaries differ; materialise these days again. "
        "Acme, linkedin, 2026-09-01: shares None, raw 0, impressions 40, raw 41"
    )
    assert compare_with_raw(marts, DAY + timedelta(days=1), DAY + timedelta(days=9)).passed, "other days"


def test_posts_without_a_summary_are_a_difference(marts: Session, posts: list[PublishedPost]) -> None:
    missing = compare_with_raw(marts, DAY, DAY)
    assert str(missing.description).endswith("Acme, linkedin, 2026-09-01: no summary of 4 posts")
