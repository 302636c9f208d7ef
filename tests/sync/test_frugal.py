"""What a sync costs, counted and billed at the sandbox, next to what report, ledger, usage and run metadata say."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from analytics_pipeline.assets.post_analytics import post_analytics_asset
from analytics_pipeline.assets.published_posts import published_posts_asset
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.database.models import (
    ApiUsage,
    Business,
    MediaOwner,
    PostAnalytics,
    PostAnalyticsDay,
    PublishedPost,
    RetiredMetric,
    SyncUnit,
)
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, plan
from analytics_pipeline.sync.accounts import connect
from tests.platform_fetchers.x_account import post_id

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
PRICES = {"post_read": Decimal("0.005"), "user_read": Decimal("0.010")}
ACCOUNTS = {"linkedin": "101", "twitter": "2200000001"}


class Here:
    """A sandbox with one account per platform, the same accounts in the database."""

    def __init__(self, sandbox: SandboxServer, engine: Engine) -> None:
        self.sandbox, self.engine = sandbox, engine

    def fetcher(self, account: plan.Account) -> BasePlatformFetcher:
        return FETCHERS[account.platform].for_account(
            account.access_token,
            account.external_id,
            base_url=f"{self.sandbox.url}/{account.platform}",
            clock=self.sandbox.clock.now,
            sleep=self.sandbox.clock.advance,
        )

    def sync(self, platform: str) -> dict[str, Any]:
        """A sync of the business as a process of its own would do it."""
        with Session(self.engine) as session:
            return self.service(session).sync_business_analytics(1, [platform])

    def service(self, session: Session) -> AnalyticsSyncService:
        return AnalyticsSyncService(session, make_fetcher=self.fetcher, clock=self.sandbox.clock.now, run_id="r")

    def billed(self) -> Decimal:
        """What X's own books say, in dollars."""
        return sum((PRICES[kind] for day in self.sandbox.billed.values() for kind in day.values()), start=Decimal(0))

    def calls(self) -> dict[str, int]:
        """Calls since the last question, by resource."""
        counted = Counter(record.path.split("/")[2] for record in self.sandbox.requests)
        self.sandbox.clear_requests()
        return dict(counted)

    def booked(self, column: Any) -> Any:
        with Session(self.engine) as session:
            return session.scalar(select(func.sum(column)))


def world(posts: int) -> World:
    """A post every forty minutes back from NOW, all with some activity."""
    made = World(clock=ClockSettings("fixed", NOW))
    for platform, number in ACCOUNTS.items():
        made.accounts.append(Account(platform, number, platform, access_token=f"token-{platform}"))
        for n in range(posts):
            published = NOW - timedelta(minutes=40 * n + 1)
            name = post_id(published, n) if platform == "twitter" else f"urn:li:share:{73 * 10**17 + n}"
            made.posts.append(Post(platform, number, name, published))
            made.observations.append(Observation(platform, name, published, likes=n, comments=1, shares=1))
    made.__post_init__()
    return made


@pytest.fixture
def here(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Here]:
    made: World = request.param
    with SandboxServer(made) as sandbox:
        with Session(engine) as session, session.begin():
            business = Business(name="Acme")
            session.add(business)
            session.flush()
            for account in made.accounts:
                connect(session, business, account.platform, account.external_id, account.access_token)
        yield Here(sandbox, engine)


def in_world(made: World) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("here", [made], indirect=True, ids=[f"{len(made.posts)} posts"])


@in_world(world(1000))
def test_x_bills_what_we_say_however_often_we_ask(here: Here) -> None:
    first = here.sync("twitter")
    assert (first["synced"], first["posts_read"], first["cost_usd"]) == (1000, 1000, 5.0)
    assert here.calls() == {"users": 10 + 1}, "the listing carries the figures: no post is read a second time"
    again = here.sync("twitter")
    assert (again["synced"], again["cost_usd"]) == (1000, 0.0), "all were paid today"
    assert here.billed() == here.booked(ApiUsage.cost_usd) == Decimal(5)

    here.calls()
    here.sandbox.clock.advance(86_400)
    with Session(here.engine) as session:
        days = [*here.service(session).read_days("twitter", date(2026, 8, 1), NOW.date())]
    assert here.calls() == {"tweets": 10}
    assert sum(unit.usage.cost_usd or 0 for day in days for unit in day.units) == Decimal(5)
    assert here.booked(SyncUnit.cost_usd) == Decimal(5), "the ledger shows the last reading of each unit"
    assert here.billed() == here.booked(ApiUsage.cost_usd) == Decimal(10)


@in_world(world(3))
def test_day_series_that_come_with_a_listing_are_kept(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWITTER_ANALYTICS_DAYS", "30")
    get_settings.cache_clear()
    assert here.sync("twitter")["synced"] == 3
    get_settings.cache_clear()
    assert here.calls() == {"users": 2, "tweets": 1}, "the series are asked for once, with the listing"
    with Session(here.engine) as session:
        kept = select(PostAnalyticsDay).join(PublishedPost).order_by(PublishedPost.published_at.desc())
        rows = [(row.day, row.likes_count, row.comments_count) for row in session.scalars(kept)]
    assert rows == [(NOW.date(), n, 1) for n in range(3)]


@in_world(world(1000))
def test_linkedin_takes_forty_calls_for_listing_statistics_and_reactions(here: Here) -> None:
    report = here.sync("linkedin")
    assert (report["synced"], report["api_calls"], report["cost_usd"]) == (1000, 40, None)
    assert here.calls() == {"posts": 12, "organizationalEntityShareStatistics": 20, "socialMetadata": 8}
    assert here.booked(ApiUsage.api_calls) == 40


@in_world(world(60))
def test_two_processes_at_once_pay_and_book_once(here: Here) -> None:
    here.sandbox.script_fault("delay", platform="twitter", seconds=0.2, times=0)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(here.sync, ["twitter", "twitter"]))
    assert sorted(report["cost_usd"] for report in reports) == [0.0, 0.3]
    assert here.billed() == here.booked(ApiUsage.cost_usd) == Decimal("0.3")


@in_world(world(60))
def test_the_metadata_of_a_run_add_up_to_the_bill(here: Here) -> None:
    resource = SimpleNamespace(fetcher=here.fetcher, now=here.sandbox.clock.now)
    assets = [published_posts_asset("twitter"), post_analytics_asset("twitter")]
    told: list[dict[str, Any]] = []
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            assets,
            instance=instance,
            resources={"database": DatabaseResource(), "twitter": resource},
            tags=range_tags(date(2026, 9, 28), date(2026, 9, 30)),
        )
        for entry in instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            assert entry.dagster_event is not None
            found = entry.dagster_event.step_materialization_data.materialization.metadata
            told.append({name: value.value for name, value in found.items()})
    listings = {(m["api_calls"], m["posts_read"], m["cost_usd"]) for m in told if "new_posts" in m}
    assert listings == {(1, 60, 0.3)}
    assert {(m["api_calls"], m["cost_usd"]) for m in told if "new_posts" not in m} == {(0, 0.0)}
    assert here.billed() == Decimal("0.3")


def one_token_sees_less() -> World:
    """Two pages with a post each; the token of the first lacks the scope of reactions."""
    made = World(clock=ClockSettings("fixed", NOW))
    scopes = frozenset({"r_organization_social", "rw_organization_admin"})
    for number, granted in (("101", scopes), ("102", scopes | {"r_organization_social_feed"})):
        made.accounts.append(Account("linkedin", number, number, access_token=f"token-{number}", scopes=granted))
        urn, published = f"urn:li:share:{number}", NOW - timedelta(hours=1)
        made.posts.append(Post("linkedin", number, urn, published))
        made.observations.append(Observation("linkedin", urn, published, likes=3, reaction_love=2))
    made.__post_init__()
    return made


@in_world(one_token_sees_less())
def test_what_one_token_may_not_see_costs_no_other_account(here: Here) -> None:
    for _ in range(2):
        assert here.sync("linkedin")["synced"] == 2
        here.sandbox.clock.advance(60)
    assert here.calls()["socialMetadata"] == 2 + 2, (
        "refused for many and for one, which is remembered; and asked for the other, twice"
    )
    with Session(here.engine) as session:
        refused = {(row.scope, row.metric) for row in session.scalars(select(RetiredMetric))}
        assert refused == {("1", "socialMetadata"), ("1", "socialMetadata.BATCH_GET")}
        rows = session.scalars(select(PostAnalytics).order_by(PostAnalytics.platform_post_id)).all()
        assert [row.reactions_count for row in rows] == [None, 5]


def shared_video() -> World:
    """Three posts with one video; its views are those of all three together."""
    made = world(0)
    for n, days in enumerate((40, 20, 1)):
        published = NOW - timedelta(days=days)
        made.posts.append(
            Post("twitter", ACCOUNTS["twitter"], post_id(published, n), published, "video", media_id="13_1")
        )
        made.observations.append(
            Observation("twitter", made.posts[-1].post_id, published, likes=1, impressions=9, video_views=100)
        )
    made.__post_init__()
    return made


@in_world(shared_video())
def test_the_views_of_one_video_are_counted_once_over_calls_and_runs(here: Here) -> None:
    def views() -> dict[str, int | None]:
        """The newest reading of each post."""
        with Session(here.engine) as session:
            rows = session.scalars(select(PostAnalytics).order_by(PostAnalytics.fetched_at)).all()
            return {row.platform_post_id: row.video_views for row in rows}

    here.sync("twitter")
    assert sorted(views().values(), key=str) == [300, None, None]
    (owner,) = [post for post, count in views().items() if count]
    here.sandbox.clock.advance(86_400)
    with Session(here.engine) as session:  # a run that only reads the newest one's day
        day = (NOW - timedelta(days=1)).date()
        list(here.service(session).read_days("twitter", day, day))
    assert [post for post, count in views().items() if count] == [owner]

    for post in here.sandbox.state.world.posts:
        if post.post_id == owner:
            post.deleted_at = here.sandbox.clock.now()
    here.sandbox.state.world.__post_init__()
    here.sandbox.clock.advance(86_400)
    for _ in range(2):
        here.sync("twitter")
        here.sandbox.clock.advance(86_400)
    with Session(here.engine) as session:
        status = session.scalar(select(PublishedPost.status).where(PublishedPost.platform_post_id == owner))
        assert (status, session.scalars(select(MediaOwner.platform_post_id)).all()) == ("deleted", [owner])
    assert sum(count or 0 for count in views().values()) == 300, "the deleted post keeps those that it was read with"
    assert {post for post, count in views().items() if count} == {owner}, "an heir would count them once more"


def edited_world(posts: int) -> World:
    """As `world`, with a post that was edited among the newest hundred and one among the third hundred."""
    made = world(posts)
    for age in (timedelta(hours=30), timedelta(days=7)):
        first, second = NOW - age, NOW - age + timedelta(minutes=20)
        old, new = post_id(first, 1_000), post_id(second, 1_001)
        made.posts += [Post("twitter", ACCOUNTS["twitter"], old, first)]
        made.posts += [Post("twitter", ACCOUNTS["twitter"], new, second, edit_of=old)]
        made.observations += [Observation("twitter", name, second, likes=5) for name in (old, new)]
    made.__post_init__()
    return made


@in_world(edited_world(450))
def test_a_listing_longer_than_the_quota_goes_on_where_it_was_stopped(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X gives some apps few calls per window: had each to begin anew, it would never come to an end."""
    monkeypatch.setenv("ANALYTICS_START_DATE", "2026-09-01")
    get_settings.cache_clear()
    told, calls = [], []
    for _ in range(4):
        here.sandbox.state.faults.clear()
        reset = int(here.sandbox.clock.now().timestamp()) + 15 * 60
        bucket = {"x-rate-limit-limit": "2", "x-rate-limit-remaining": "0", "x-rate-limit-reset": str(reset)}
        body = '{"title": "Too Many Requests"}'
        here.sandbox.script_fault(
            "reply", status=429, skip=2, times=0, path_contains="/2/users/", headers=bucket, body=body
        )
        report = here.sync("twitter")
        told.append((report["total_posts"], report["synced"]))
        calls.append(here.calls()["users"])
        here.sandbox.clock.advance(16 * 60)

    assert told == [(199, 199), (380, 380), (452, 452), (452, 452)], (
        "the day in which a listing stopped is not known yet"
    )
    assert calls == [3, 3, 2, 1]
    assert here.billed() == here.booked(ApiUsage.cost_usd) == Decimal("2.27"), "454 versions, each once"
    with Session(here.engine) as session:
        assert session.execute(select(func.count(), func.count(PublishedPost.last_synced_at))).one() == (452, 452)
        assert set(session.scalars(select(SyncUnit.state))) == {"done"}
