"""Each row of the error tables of LinkedIn and X, fired at the pipeline: what ledger, account, post and books then say."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import ApiUsage, PostAnalytics, PublishedPost, SyncError, SyncUnit
from analytics_pipeline.sandbox.model import Post
from tests.platform_fetchers import test_linkedin_errors, test_twitter_errors
from tests.platform_fetchers.x_account import post_id
from tests.sync.token_world import IDS, TokenWorld, running

FIRST, LAST = date(2026, 9, 29), date(2026, 9, 30)
READS = {"linkedin": "ShareStatistics", "twitter": "/2/tweets"}
ROWS = [
    pytest.param(platform, status, body, error_class, id=f"{platform}-{status}-{number}")
    for platform, table in (("linkedin", test_linkedin_errors.ROWS), ("twitter", test_twitter_errors.ROWS))
    for number, (status, body, _, error_class) in enumerate(table)
]
UNKNOWN = {("linkedin", 418), ("linkedin", 405), ("twitter", 404), ("twitter", 405), ("twitter", 409), ("twitter", 200)}
STATES = {"token": "needs_reauth", "permission": "needs_reauth", "throttled": "waiting", "transient": "waiting"}


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """Accounts on all platforms, each with one post, published on FIRST."""
    with running(engine, monkeypatch) as world:
        yield world


@pytest.mark.parametrize(("platform", "status", "body", "error_class"), ROWS)
def test_row(
    world: TokenWorld,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    platform: str,
    status: int,
    body: Any,
    error_class: str,
) -> None:
    service = world.service(session)
    list(service.list_posts(platform, FIRST, LAST))
    read_before = session.scalar(select(func.count()).select_from(PostAnalytics))
    said = "<html>gateway</html>" if body is None else json.dumps(body)
    world.sandbox.script_fault(
        "reply", status=status, body=said, platform=platform, path_contains=READS[platform], times=0
    )
    (day,) = [day for day in service.read_days(platform, FIRST, LAST) if day.publish_day == FIRST]

    session.expire_all()
    unit = session.scalars(select(SyncUnit).where(SyncUnit.platform == platform, SyncUnit.publish_day == FIRST)).one()
    post = session.scalars(select(PublishedPost).where(PublishedPost.platform == platform)).one()
    of_post = session.scalars(select(SyncError.error_class)).all()
    of_version = status == 426 or "VERSION_MISSING" in said
    of_account = error_class in STATES or of_version
    assert unit.state == STATES.get(error_class, "parked" if of_version else "done")
    assert (unit.error_class, list(of_post)) == ((error_class, []) if of_account else (None, [error_class]))
    assert (unit.next_attempt_at is not None) == (unit.state == "waiting")
    assert post.status == ("unavailable" if error_class == "gone" else "published")
    account = world.row(list(IDS).index(platform) + 1)
    assert account.status == ("needs_reauth" if unit.state == "needs_reauth" else "connected")
    assert day.complete == (error_class == "gone"), "a day is only complete when its posts are read or explained"
    assert session.scalar(select(func.count()).select_from(PostAnalytics)) == read_before, "nothing is made up"

    unknown = session.scalar(select(func.sum(ApiUsage.unknown_errors)))
    assert bool(unknown) == ((platform, status) in UNKNOWN)
    assert ("its error table does not know" in caplog.text) == bool(unknown)


def test_a_post_of_x_that_comes_bare_is_known_and_in_the_ledger(world: TokenWorld, session: Session) -> None:
    row = {"id": post_id(datetime(2026, 9, 29, 9, tzinfo=UTC)), "text": "…"}
    bare = json.dumps({"data": [row], "meta": {"result_count": 1}})
    world.sandbox.script_fault("reply", status=200, body=bare, platform="twitter", times=0)
    service = world.service(session)
    list(service.list_posts("twitter", FIRST, LAST))
    (day,) = [day for day in service.read_days("twitter", FIRST, LAST) if day.publish_day == FIRST]
    assert [(unit.posts_expected, unit.posts_synced) for unit in day.units] == [(1, 0)]
    session.expire_all()
    (error,) = session.scalars(select(SyncError)).all()
    assert error.error_class == "bad_data"
    assert "came without figures" in error.message
    assert session.scalar(select(func.count()).select_from(PostAnalytics)) == 0


def test_linkedins_silence_about_a_deleted_post_is_told_from_that_about_a_quiet_one(
    world: TokenWorld, session: Session
) -> None:
    made = world.sandbox.state.world
    (deleted,) = [post for post in made.posts if post.platform == "linkedin"]
    quiet = Post("linkedin", IDS["linkedin"], "urn:li:share:7301000000000000002", deleted.published_at, "image")
    made.posts.append(quiet)
    made.__post_init__()
    statuses: list[dict[str, str]] = []
    for n in range(3):
        service = world.service(session)
        list(service.list_posts("linkedin", FIRST, LAST))
        (day,) = [day for day in service.read_days("linkedin", FIRST, LAST) if day.publish_day == FIRST]
        assert day.complete, "every absence is explained"
        session.expire_all()
        posts = session.scalars(select(PublishedPost).where(PublishedPost.platform == "linkedin")).all()
        statuses.append({post.platform_post_id: post.status for post in posts})
        if n == 0:
            deleted.deleted_at = world.now()
            made.__post_init__()
        world.sandbox.clock.advance(86_400)
    assert [status[deleted.post_id] for status in statuses] == ["published", "unavailable", "deleted"]
    assert [status[quiet.post_id] for status in statuses] == ["published"] * 3
    assert session.scalar(select(func.count()).select_from(PostAnalytics)) == 1, (
        "its last figures stay, none are made up"
    )
