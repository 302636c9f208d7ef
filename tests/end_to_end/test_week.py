"""A week of virtual time with faults: everything is found, read as the ladder says, and nothing is tried in vain.

The suite runs a small one. The whole, over 20 accounts per platform:

    python -m pytest -n 0 -s tests/end_to_end/test_week.py --week-accounts 20 --week-days 7 --week-seed 1
"""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount
from analytics_pipeline.sandbox.model import PLATFORMS, Account, ClockSettings, FacebookSettings, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import generate_world
from analytics_pipeline.settings import TwitterPrices, get_settings
from analytics_pipeline.sync import ledger
from analytics_pipeline.sync.accounts import connect
from tests.end_to_end.virtual_week import Week, make_time_virtual, utc_hour

HISTORY = 32
"""Days before the beginning: posts reach all rungs of the ladder but the weekly one."""
QUIET = timedelta(hours=6)
"""At the end nothing goes wrong any more, so that all can come home."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAULTS = ("reset", "cut_body", "html", "status 500", "status 503")
DEAD = {"linkedin": 2, "instagram": 1}
"""The last account of each loses its token for ever, and nothing refreshes it. Then so many calls are made in all: LinkedIn
also says of a token made just now that it is revoked, so it is asked once more after some seconds."""
REVOKED_AFTER = timedelta(hours=3)
DOWN = "facebook"
"""Answers nothing but 503 for six hours. Here also some calls are throttled, which may hold up all accounts of the app."""
APP = {"CLIENT_ID": "sandbox-client", "CLIENT_SECRET": "sandbox-secret"}


def make_world(seed: int, start: datetime, accounts: int, days: int) -> World:
    """The demo's world without what goes wrong in it on purpose; the clock stands at `start`; X tokens can be refreshed."""
    end = start + timedelta(days=days)
    world = generate_world(seed, end, accounts, HISTORY + days, 1.0)
    for account in world.accounts:
        account.token_state, account.rate_limit_after = "valid", None
        if account.platform == "twitter":
            account.refresh_token = f"refresh-{account.external_id}"
    chance = random.Random(seed)
    for post in world.posts:
        post.deleted_at = None
        if post.published_at < end - 3 * DAY and chance.random() < 0.02:
            post.deleted_at = start + chance.random() * timedelta(days=days - 1)
    return World(
        world.name, world.accounts, world.posts, world.observations, world.account_days,
        clock=ClockSettings("fixed", start), facebook=FacebookSettings(retired_metrics=["post_video_views"]),
    )  # fmt: skip


def connect_all(engine: Engine, world: World, start: datetime) -> None:
    """Every account, with a month of history owed."""
    with Session(engine) as session, session.begin():
        business = Business(name="Acme")
        session.add(business)
        session.flush()
        for account in world.accounts:
            refreshed = account.platform == "twitter"
            connect(
                session, business, account.platform, account.external_id, account.access_token,
                display_name=account.external_id, refresh_token=account.refresh_token or None,
                token_expires_at=start + 2 * HOUR if refreshed else None,
            )  # fmt: skip
            row = session.scalars(select(SocialAccount).order_by(SocialAccount.id.desc()).limit(1)).one()
            first = (start - timedelta(days=HISTORY + 1)).date()
            ledger.owe_listing(session, row.id, row.platform, first, start.date())


@pytest.fixture
def size(request: pytest.FixtureRequest) -> tuple[int, int, int]:
    """Accounts per platform, days, seed."""
    return tuple(request.config.getoption(f"--week-{name}") for name in ("accounts", "days", "seed"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """For the schedules, which look for runs that go on; there are none."""
    with dg.instance_for_test() as instance:
        yield instance


@pytest.mark.timeout(3600)
def test_a_week(
    engine: Engine, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int, int]
) -> None:
    accounts, days, seed = size
    random.seed(seed)  # jitter
    chance = random.Random(seed)
    start = utc_hour(datetime.now(UTC))
    end = start + timedelta(days=days)
    world = make_world(seed, start, accounts, days)
    make_time_virtual(engine)
    began = time.monotonic()
    with SandboxServer(world) as sandbox:
        for name, value in {
            **sandbox.environment, **{f"TWITTER_{k}": v for k, v in APP.items()}, "SYNC_THREADS": "1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        week = Week(engine, sandbox, instance)
        connect_all(engine, world, start)
        for account in world.accounts_of("twitter"):
            token = sandbox.state.tokens.find("twitter", account.access_token)
            assert token is not None
            token.expires_at = start + 2 * HOUR
        healthy, events = plan_faults(chance, sandbox, world, start, end)
        week.live(end - QUIET, events)
        sandbox.state.faults.clear()
        week.live(end)
        print(
            f"\nseed {seed}: {accounts} accounts per platform, {days} days, {len(world.posts)} posts, {week.runs} runs, "
            f"{len(sandbox.requests)} calls, {sum(bool(r.fault) for r in sandbox.requests)} of them faulty, "
            f"{sum(map(len, week.readings.values()))} readings, {time.monotonic() - began:.0f} s"
        )
        assert_everything_was_found(engine, world, end)
        assert_newest_readings_are_true(engine, world, end)
        assert_the_ladder_was_kept(week, world, healthy, start)
        assert_dead_tokens_were_left_alone(sandbox, world, start + REVOKED_AFTER)
        assert_the_ledger_is_clean(engine)
        assert_billed_once(engine, sandbox)
    get_settings.cache_clear()


def plan_faults(
    chance: random.Random, sandbox: SandboxServer, world: World, start: datetime, end: datetime
) -> tuple[set[tuple[str, str]], list[tuple[datetime, Callable[[], None]]]]:
    """The accounts that nothing happens to, half of each platform but the one that is down; and what happens when."""
    own: dict[str, list[Account]] = {platform: world.accounts_of(platform) for platform in PLATFORMS}
    healthy = {a.key for name, each in own.items() if name != DOWN for a in each[: len(each) // 2]}
    prone = [account for each in own.values() for account in each[len(each) // 2 :]]
    span = end - QUIET - start
    events: list[tuple[datetime, Callable[[], None]]] = []
    for _ in range(round(span / HOUR * len(prone) / 12)):
        account = chance.choice(prone)
        kind = chance.choice((*FAULTS, "status 429") if account.platform == DOWN else FAULTS)
        events.append((start + chance.random() * span, fault(sandbox, account, kind, chance)))
    down = start + 90 * timedelta(minutes=1) + chance.random() * (span - 9 * HOUR)
    events.append((down, lambda: sandbox.script_fault("status", platform=DOWN, status=503, times=0)))
    events.append((down + 6 * HOUR, sandbox.state.faults.clear))
    events += [(start + REVOKED_AFTER, revoked(sandbox, own[platform][-1])) for platform in DEAD]
    return healthy, events


def fault(sandbox: SandboxServer, account: Account, kind: str, chance: random.Random) -> Callable[[], None]:
    """The next one to nine calls with the account's token suffer it."""
    word, _, status = kind.partition(" ")
    details: dict[str, Any] = {"status": int(status)} if status else {}
    if status == "429":
        details["retry_after"] = str(chance.choice((5, 70, 900, 3000)))
    details["times"] = chance.choice((1, 1, 2, 3, 9))
    return lambda: sandbox.script_fault(word, platform=account.platform, external_id=account.external_id, **details)


def revoked(sandbox: SandboxServer, account: Account) -> Callable[[], None]:
    """The platform takes the account's token no more."""

    def happen() -> None:
        token = sandbox.state.tokens.find(account.platform, account.access_token)
        assert token is not None
        token.state = "revoked"

    return happen


def living(world: World) -> list[Account]:
    """All accounts but those that are dead in the end."""
    dead = {world.accounts_of(platform)[-1].key for platform in DEAD}
    return [account for account in world.accounts if account.key not in dead]


def assert_everything_was_found(engine: Engine, world: World, end: datetime) -> None:
    """Every post that can be seen in the end, and was there at the last tick."""
    shown: set[tuple[Any, ...]] = {
        (post.platform, post.post_id)
        for account in living(world)
        for post in world.posts_of(account, end)
        if post.published_at < end - HOUR
    }
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT platform, platform_post_id FROM published_posts"))
        found: set[tuple[Any, ...]] = {tuple(row) for row in rows}
    assert len(shown) > len(world.posts) / 2
    assert shown - found == set()


def assert_newest_readings_are_true(engine: Engine, world: World, end: datetime) -> None:
    """Each post's newest figures are those that the sandbox had at the moment that they carry."""
    newest = text(
        "SELECT DISTINCT ON (post_id) platform, platform_post_id, fetched_at, likes_count, comments_count, impressions"
        " FROM post_analytics ORDER BY post_id, fetched_at DESC"
    )
    with engine.connect() as connection:
        read = {(row.platform, row.platform_post_id): row for row in connection.execute(newest)}
        cached = text("SELECT count(*) FROM published_posts p WHERE last_synced_at IS DISTINCT FROM"
            " (SELECT max(fetched_at) FROM post_analytics a WHERE a.post_id = p.id)")  # fmt: skip
        assert connection.scalar(cached) == 0
    wrong = []
    for account in living(world):
        for post in world.posts_of(account, end):
            if post.published_at >= end - HOUR:
                continue
            row = read[post.platform, post.post_id]
            truth = world.observation(post, row.fetched_at)
            figures = (truth.likes, truth.comments, truth.impressions) if truth else (0, 0, 0)
            if post.post_type == "story":  # Instagram tells no likes of stories
                figures = (None, *figures[1:])
            if (row.likes_count, row.comments_count, row.impressions) != figures:
                wrong.append((post.platform, post.post_type, post.post_id, tuple(row)[2:], figures))
    assert wrong == []


def assert_the_ladder_was_kept(week: Week, world: World, healthy: set[tuple[str, str]], start: datetime) -> None:
    """Posts of accounts that nothing happened to were read exactly as often as the ladder says."""
    wrong = []
    ticks: dict[str, list[datetime]] = {
        name: [began for began, platform in week.refreshed if platform == name] for name in PLATFORMS
    }
    for account in world.accounts:
        if account.key not in healthy:
            continue
        units: dict[date, list[Post]] = defaultdict(list)
        for post in world.posts:
            if (post.platform, post.external_id) == account.key and not post.parent_id:
                units[post.published_at.date()].append(post)
        for posts in units.values():
            if any(post.deleted_at for post in posts):
                continue
            for post in posts:
                read = hours(week.readings[post.platform, post.post_id])
                own = ticks[post.platform]
                # The listing of X reads figures too, that of Instagram those of some kinds of posts.
                expected = hours(ladder_readings(post, posts, start, own, listed=post.platform == "twitter"))
                if post.platform == "instagram" and set(expected) <= set(read):
                    expected = [at for at in hours(ladder_readings(post, posts, start, own, listed=True)) if at in read]
                if read != expected:
                    wrong.append(
                        (
                            post.platform,
                            post.published_at,
                            f"read {len(read)}, not {len(expected)}",
                            surplus(read, expected),
                        )
                    )
    assert not wrong, "\n".join(map(str, wrong))


RUNGS = ((DAY, HOUR), (7 * DAY, 6 * HOUR), (30 * DAY, DAY), (90 * DAY, 7 * DAY))
"""The default ladder, written down once more."""


def ladder_readings(
    post: Post, of_day: list[Post], start: datetime, ticks: list[datetime], listed: bool
) -> list[datetime]:
    """When a post is read: when it is found, and then with its day, whose youngest post says how often; when `listed` too."""
    moments = [start] if post.published_at < start else []  # the history, at once
    for tick in ticks:
        known = [other.published_at for other in of_day if other.published_at <= tick]
        if post.published_at > tick:
            continue
        newest, last = max(known), moments[-1] if moments else None
        every = next((every for younger, every in RUNGS if tick - newest < younger), None)
        due = last is None or (every is not None and epoch(last) // every < epoch(tick) // every)
        if listed:
            due |= (tick.date() - post.published_at.date()).days <= 1
        if post.platform == "twitter":  # once more before the private figures end
            due |= last is not None and last < newest + 28 * DAY <= tick < newest + 29 * DAY
        if due:
            moments.append(tick)
    return moments


def surplus(read: list[datetime], expected: list[datetime]) -> list[str]:
    """The hours in which a post was read and should not, or the other way round."""
    return [f"{moment:%d %Hh}" for moment in sorted(set(read) ^ set(expected))]


def hours(moments: list[datetime]) -> list[datetime]:
    """The hour of each; X is listed, and so read, twice in the first one."""
    return list(dict.fromkeys(moment.replace(minute=0, second=0, microsecond=0) for moment in moments))


def epoch(moment: datetime) -> timedelta:
    return moment - datetime(1970, 1, 1, tzinfo=UTC)


def assert_dead_tokens_were_left_alone(sandbox: SandboxServer, world: World, since: datetime) -> None:
    """A refusal for good is heard by one run, and is the last call of the account."""
    for platform, calls_in_all in DEAD.items():
        key = world.accounts_of(platform)[-1].key
        calls = [each for each in sandbox.requests if (each.platform, each.account) == key and each.at >= since]
        refused = [record.at for record in calls if record.status in (400, 401) and not record.fault]
        assert (len(refused), calls[-1].at) == (calls_in_all, refused[-1])
        assert refused[-1] - refused[0] < timedelta(minutes=1)


def assert_the_ledger_is_clean(engine: Engine) -> None:
    """All is done, but what waits for a new token, and says so."""
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT a.platform, u.state, a.status, u.error_message IS NULL OR a.status_reason IS NULL, count(*)"
                " FROM sync_units u JOIN social_accounts a ON a.id = u.social_account_id"
                " WHERE u.state <> 'done' GROUP BY 1, 2, 3, 4 ORDER BY 1")
        ).all()  # fmt: skip
    assert [tuple(row)[:4] for row in left] == [(name, "needs_reauth", "needs_reauth", False) for name in sorted(DEAD)]


def assert_billed_once(engine: Engine, sandbox: SandboxServer) -> None:
    """What the pipeline believes to have paid is what X has charged, each thing once a day."""
    prices = TwitterPrices.model_construct()
    charged = sum((getattr(prices, name) for day in sandbox.billed.values() for name in day.values()), Decimal(0))
    with engine.connect() as connection:
        paid = connection.scalar(text("SELECT sum(cost_usd) FROM api_usage WHERE platform = 'twitter'"))
    assert charged > 0
    assert paid == charged
