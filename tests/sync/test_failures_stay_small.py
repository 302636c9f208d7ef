"""What a failure does not cost: the account's other resources, the post's other figures, calls that nobody may answer."""

import json
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import PostAnalytics
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.sync import AnalyticsSyncService, plan
from tests.sync.token_world import DAY, LINKEDIN, TokenWorld, running

LAST = date(2026, 9, 30)
FIRST = LAST - DAY
THROTTLED = {
    "serviceErrorCode": 101,
    "message": "Resource level throttle limit for calls to this resource is reached.",
    "status": 429,
}


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """Accounts on all platforms, each with one post, published on FIRST."""
    with running(engine, monkeypatch) as world:
        yield world


def refresh(world: TokenWorld, session: Session, platform: str) -> list[str | None]:
    """A listing, and a reading of what it has not read; states of the units that have posts."""
    service, began = world.service(session), world.now()
    list(service.list_posts(platform, FIRST, LAST))
    days = list(service.read_days(platform, FIRST, LAST, reuse_since=began))
    session.expire_all()
    return [unit.state for day in days for unit in day.units if unit.publish_day == FIRST]


def test_a_throttled_resource_of_linkedin_leaves_the_others(world: TokenWorld, session: Session) -> None:
    assert refresh(world, session, "linkedin") == ["done"]
    world.sandbox.script_fault(
        "reply", status=429, body=json.dumps(THROTTLED), platform="linkedin", path_contains="/rest/posts", times=0
    )
    world.sandbox.clock.advance(3600)
    assert refresh(world, session, "linkedin") == ["done"], "statistics have a quota of their own"
    read_at = session.scalars(select(PostAnalytics.fetched_at).where(PostAnalytics.platform == "linkedin")).all()
    assert [moment for moment in read_at if moment >= world.now().replace(minute=0)]

    (own,) = world.service(session).read_account_days("linkedin", FIRST, LAST)
    assert (own.failure, own.found > 0) == (None, True)

    asked = len(world.sandbox.requests)
    list(world.service(session).list_posts("linkedin", FIRST, LAST))
    assert len(world.sandbox.requests) == asked, "what is throttled is not asked for again"


def test_a_figure_of_x_that_failed_is_read_a_little_later(world: TokenWorld, session: Session) -> None:
    post = next(post for post in world.sandbox.state.world.posts if post.platform == "twitter")
    failed = {
        "resource_type": "tweet",
        "field": "public_metrics.impression_count",
        "resource_id": post.post_id,
        "value": post.post_id,
        "type": "https://api.x.com/2/problems/field-hydration-failure",
    }
    row = {
        "id": post.post_id,
        "created_at": f"{post.published_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "public_metrics": {"like_count": 5, "reply_count": 1, "retweet_count": 1, "quote_count": 0},
    }
    said = json.dumps({"data": [row], "errors": [failed], "meta": {"result_count": 1}})
    world.sandbox.script_fault("reply", status=200, body=said, platform="twitter", times=2)

    assert refresh(world, session, "twitter") == ["waiting"]
    (reading,) = session.scalars(select(PostAnalytics).where(PostAnalytics.platform == "twitter")).all()
    assert (reading.likes_count, reading.impressions) == (5, None)

    world.sandbox.clock.advance(60)
    assert refresh(world, session, "twitter") == ["done"]
    session.refresh(reading)
    assert (reading.likes_count, reading.impressions) == (5, 100)


def test_an_account_that_needs_a_person_is_not_called_again_in_the_same_run(
    world: TokenWorld, session: Session
) -> None:
    assert refresh(world, session, "linkedin") == ["done"]
    denied = json.dumps({"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED", "message": "Not enough"})
    world.sandbox.script_fault(
        "reply", status=403, body=denied, platform="linkedin", path_contains="/rest/posts", times=0
    )
    world.sandbox.clock.advance(86_400)
    asked = len(world.sandbox.requests)
    report = world.service(session).sync_business_analytics(1, ["linkedin"])
    assert (report["synced"], len(world.sandbox.requests) - asked) == (0, 1)
    assert world.row(LINKEDIN).status == "needs_reauth"
    for _ in range(2):
        classes = {error["error_class"] for error in report["errors"]}
        assert classes == {"permission"}, "a scope that lacks is no token that died, however often it is told"
        report = world.service(session).sync_business_analytics(1, ["linkedin"])


def test_an_account_that_was_disconnected_meanwhile_stays_so(world: TokenWorld, session: Session) -> None:
    def disconnected(account: plan.Account) -> BasePlatformFetcher:
        world.change(LINKEDIN, status="disconnected", is_active=False)
        return FETCHERS["linkedin"].for_account(account.access_token, account.external_id, clock=world.now)

    service = AnalyticsSyncService(session, make_fetcher=disconnected, clock=world.now)
    denied = json.dumps({"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED", "message": "Not enough"})
    world.sandbox.script_fault("reply", status=403, body=denied, platform="linkedin", times=0)
    (listed,) = service.list_posts("linkedin", FIRST, LAST)
    assert listed.failure is not None
    assert listed.failure.error_class == "permission"
    assert world.row(LINKEDIN).status == "disconnected"
