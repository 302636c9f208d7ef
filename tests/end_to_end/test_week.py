"""A week of virtual time with faults: everything is found, read as the ladder says, and nothing is tried in vain.

The suite runs a small one. The whole, over 20 accounts per platform:

    python -m pytest -n 0 -s tests/end_to_end/test_week.py --week-accounts 20 --week-days 7 --week-seed 1
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount
from analytics_pipeline.sandbox.model import Account, ClockSettings, FacebookSettings, World
from analytics_pipeline.sandbox.platforms import PLATFORMS
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import generate_world
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import ledger
from analytics_pipeline.sync.accounts import connect
from tests.end_to_end import week_checks as checks
from tests.end_to_end.virtual_week import Week, make_time_virtual
from tests.end_to_end.week_checks import DAY, DEAD, HOUR, LATE

HISTORY = 32
"""Days before the beginning: posts reach all rungs of the ladder but the weekly one."""
QUIET = timedelta(hours=6)
"""At the end nothing goes wrong any more, so that all can come home."""
FAULTS = ("reset", "cut_body", "html", "status 500", "status 503", "throttled")
REVOKED_AFTER = timedelta(hours=3)
DOWN = "facebook"
"""Answers nothing but 503 for six hours. In the last fifth of the time, from LATE on, it also throttles the app now and then,
which holds up all accounts of Facebook and Instagram."""
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
    start = datetime.combine(datetime.now(UTC) + DAY, datetime.min.time(), UTC) + chance.randrange(24) * HOUR
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
        week.healthy = healthy
        week.live(end - QUIET, events)
        sandbox.state.faults.clear()
        week.live(end)
        print(
            f"\nseed {seed}: {accounts} accounts per platform, {days} days, {len(world.posts)} posts, {week.runs} runs, "
            f"{len(sandbox.requests)} calls, {sum(bool(r.fault) for r in sandbox.requests)} of them faulty, "
            f"{sum(map(len, week.readings.values()))} readings, {time.monotonic() - began:.0f} s"
        )
        until: dict[str, datetime] = {name: week.held.get(name, end) for name in PLATFORMS}
        wrong: list[Exception] = []
        found: list[Callable[[], None]] = [
            lambda: checks.assert_everything_was_found(engine, world, end),
            lambda: checks.assert_newest_readings_are_true(engine, world, end),
            lambda: checks.assert_the_ladder_was_kept(week, world, healthy, start, until),
            lambda: checks.assert_only_the_app_was_held(until, start, end - QUIET),
            lambda: checks.assert_dead_tokens_were_left_alone(sandbox, world, start + REVOKED_AFTER),
            lambda: checks.assert_the_ledger_is_clean(engine),
            lambda: checks.assert_billed_once(engine, sandbox),
        ]
        for check in found:
            try:
                check()
            except (AssertionError, LookupError) as error:  # what takes so long tells all that it has found
                wrong.append(error)
        if wrong:
            raise ExceptionGroup("what the week has found", wrong)
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
        account, kind, at = chance.choice(prone), chance.choice(FAULTS), start + chance.random() * span
        if kind == "throttled" and account.platform == "instagram":  # its headers speak of the app as well
            at = max(at, start + LATE * span)
        if kind != "throttled":
            events.append((at, fault(sandbox, account, kind, chance)))
        elif account.platform != "linkedin" or datetime.combine(at + DAY, datetime.min.time(), UTC) < end - QUIET:
            seconds = chance.choice((5, 70, 900, 3000))
            events.append((at, throttled(account, seconds)))
            events.append((at + timedelta(seconds=seconds), throttled(account, None)))
    for _ in range(max(1, span // (2 * DAY))):
        account, at = chance.choice(own[DOWN]), start + (LATE + (1 - LATE) * chance.random()) * span
        events.append((at, fault(sandbox, account, "status 429", chance)))
    down = start + 90 * timedelta(minutes=1) + chance.random() * (span - 9 * HOUR)
    events.append((down, lambda: sandbox.script_fault("status", platform=DOWN, status=503, times=0)))
    events.append((down + 6 * HOUR, sandbox.state.faults.clear))
    events += [(start + REVOKED_AFTER, revoked(sandbox, own[platform][-1])) for platform in DEAD]
    return healthy, events


def fault(sandbox: SandboxServer, account: Account, kind: str, chance: random.Random) -> Callable[[], None]:
    """The next one to nine calls with the account's token suffer it."""
    word, _, status = kind.partition(" ")
    details: dict[str, Any] = {"status": int(status)} if status else {}
    details["times"] = chance.choice((1, 1, 2, 3, 9))
    if status == "429":
        details |= {"retry_after": str(chance.choice((5, 70, 900, 3000))), "times": chance.choice((1, 2))}
    return lambda: sandbox.script_fault(word, platform=account.platform, external_id=account.external_id, **details)


def throttled(account: Account, seconds: int | None) -> Callable[[], None]:
    """The platform refuses all calls for the account for so long after the first one, in its own words; None = no more.

    X and Meta name the end in their headers; LinkedIn speaks of a limit of calls a day, whose end is midnight.
    """

    def happen() -> None:
        account.rate_limit_after, account.rate_limit_seconds = (None, None) if seconds is None else (0, float(seconds))

    return happen


def revoked(sandbox: SandboxServer, account: Account) -> Callable[[], None]:
    """The platform takes the account's token no more."""

    def happen() -> None:
        token = sandbox.state.tokens.find(account.platform, account.access_token)
        assert token is not None
        token.state = "revoked"

    return happen
