"""A pipeline in virtual time: the sandbox's clock is the only one, and moves from one thing that happens to the next.

The schedules and the retry sensor are evaluated as the daemon does it, at the moments at which they are due. The runs
that they ask for are carried out by the sync service in this process, as the raw assets do (list, then read), without a
Dagster process per run: a week has 672 ticks. Not here: the world and its faults, what must be true in the end.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from analytics_pipeline.automation.retry_sensor import retry_requests
from analytics_pipeline.automation.schedules import MINUTES, SCHEDULES
from analytics_pipeline.database.engine import libpq_url
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostReading, PostRef
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.plan import Account
from analytics_pipeline.sync.tokens import refresh_due

START_TAG, END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
TOKENS_EVERY, RETRY_EVERY = timedelta(minutes=12), timedelta(seconds=30)

_VIRTUAL_NOW = """
CREATE SCHEMA virtual;
CREATE TABLE virtual.clock (moment timestamptz NOT NULL);
INSERT INTO virtual.clock VALUES (pg_catalog.now());
CREATE FUNCTION virtual.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT moment FROM virtual.clock';
"""
_NEXT_DUE = text("""
SELECT min(greatest(
    CASE WHEN state = 'waiting' THEN next_attempt_at WHEN posts_expected IS NULL THEN u.updated_at
        ELSE u.updated_at + interval '15 minutes 1 second' END,
    asked_at + interval '15 minutes'
)) FROM sync_units u JOIN social_accounts a ON a.id = u.social_account_id
WHERE state IN ('waiting', 'due') AND a.is_active AND a.status = 'connected'
""")


def make_time_virtual(engine: Engine) -> None:
    """From the next connection on, `now()` of this database is what `Week` says."""
    with psycopg.connect(libpq_url(engine.url), autocommit=True) as connection:
        connection.execute(_VIRTUAL_NOW)
        connection.execute(f'ALTER DATABASE "{engine.url.database}" SET search_path = virtual, public, pg_catalog')
    engine.dispose()


class Week:
    """One pipeline on one sandbox.

    `readings` are the moments at which a post was read, by (platform, post), `refreshed` those of refreshes, `held` the
    first, by platform, at which a `healthy` account was throttled.
    """

    def __init__(self, engine: Engine, sandbox: SandboxServer, instance: dg.DagsterInstance) -> None:
        self.engine, self.sandbox, self.instance = engine, sandbox, instance
        self.readings: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self.refreshed: list[tuple[datetime, str]] = []
        self.held: dict[str, datetime] = {}
        self.healthy: set[tuple[str, str]] = set()
        self.runs = 0

    def now(self) -> datetime:
        return self.sandbox.clock.now()

    def live(self, until: datetime, events: Sequence[tuple[datetime, Callable[[], None]]] = ()) -> None:
        """Everything that happens by itself until then, and the `events`."""
        pending = sorted(events, key=lambda event: event[0])
        ticks = {platform: self._next_tick(platform, self.now()) for platform in MINUTES}
        tokens = told = asked = self.now()
        while True:
            candidates = [*ticks.values(), tokens, *(at for at, _ in pending[:1])]
            if due := self._next_due():
                candidates.append(max(due, asked + RETRY_EVERY))
            moment = max(min(candidates), self.now())
            if moment >= until:
                self._set(until)
                return
            self._set(moment)
            while pending and pending[0][0] <= moment:
                pending.pop(0)[1]()
            if moment - told >= timedelta(hours=6):
                told = moment
                print(f"{moment:%d %H:%M}: {self.runs} runs, {len(self.sandbox.requests)} calls", flush=True)
            if tokens <= moment:
                list(refresh_due(self.engine, self.now, 60))
                tokens = moment + TOKENS_EVERY
            for platform in [name for name, tick in ticks.items() if tick <= moment]:
                self._refresh(platform, ticks[platform])
                ticks[platform] = self._next_tick(platform, self.now())
            if (due := self._next_due()) and max(due, asked + RETRY_EVERY) <= self.now():
                asked = self.now()
                self._retry()

    def _set(self, moment: datetime) -> None:
        if moment > self.now():
            self.sandbox.clock.set(moment)
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE virtual.clock SET moment = :now"), {"now": self.now()})

    @staticmethod
    def _next_tick(platform: str, after: datetime) -> datetime:
        tick = after.replace(minute=MINUTES[platform], second=0, microsecond=0)
        return tick if tick > after else tick + timedelta(hours=1)

    def _next_due(self) -> datetime | None:
        with self.engine.connect() as connection:
            due: datetime | None = connection.scalar(_NEXT_DUE)
        return due

    def _refresh(self, platform: str, tick: datetime) -> None:
        (schedule,) = (schedule for schedule in SCHEDULES if schedule.name == f"{platform}_refresh")
        with dg.build_schedule_context(
            self.instance, scheduled_execution_time=tick, resources={"database": DatabaseResource()}
        ) as context:
            request = schedule(context)
        if isinstance(request, dg.RunRequest):
            self.refreshed.append((self.now(), platform))
            self._run(platform, request)

    def _retry(self) -> None:
        with Session(self.engine) as session:
            requests = list(retry_requests(session, self.now(), {}))
        for request in requests:
            self._run(str(request.job_name).removesuffix("_sync"), request)

    def _run(self, platform: str, request: dg.RunRequest) -> None:
        """What a run of `<platform>_sync` does."""
        first, last = (date.fromisoformat(request.tags[tag]) for tag in (START_TAG, END_TAG))
        options: dict[str, Any] = (
            request.run_config.get("ops", {}).get(f"{platform}__post_analytics", {}).get("config", {})
        )
        began = self.now()
        self.runs += 1
        with Session(self.engine) as session:
            service = AnalyticsSyncService(
                session, make_fetcher=self._fetcher, clock=self.now, run_id=f"run-{self.runs}"
            )
            listed = list(service.list_posts(platform, first, last, **options))
            throttled = [r.account.external_id for r in listed if r.failure and r.failure.error_class == "throttled"]
            if not listed or not all(result.failure for result in listed):
                for day in service.read_days(platform, first, last, reuse_since=began, **options):
                    throttled += [
                        unit.account for unit in day.units if unit.touched and unit.error_class == "throttled"
                    ]
        if any((platform, account) in self.healthy for account in throttled):
            self.held.setdefault(platform, began)

    def _fetcher(self, account: Account) -> BasePlatformFetcher:
        fetcher = FETCHERS[account.platform].for_account(
            account.access_token, account.external_id, clock=self.now, sleep=self.sandbox.clock.advance
        )
        list_posts, fetch_many = fetcher.list_posts, fetcher.fetch_many

        def listing(start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
            for page in list_posts(start, end):
                for post in page:
                    if post.reading is not None and post.reading.analytics is not None:
                        self.readings[account.platform, post.platform_post_id].append(self.now())
                yield page

        def reading(posts: Sequence[PostRef]) -> Iterator[PostReading]:
            for each in fetch_many(posts):
                if each.error is None or each.error.error_class == "absent":  # LinkedIn, before there are any figures
                    self.readings[account.platform, each.platform_post_id].append(self.now())
                yield each

        fetcher.list_posts, fetcher.fetch_many = listing, reading  # type: ignore[method-assign]
        return fetcher
