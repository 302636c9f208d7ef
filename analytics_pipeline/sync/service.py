"""The sync service: what assets, the command line and the application call to bring figures up to date.

Here: checking of arguments, accounts side by side, days and totals. Not here: the work on one account
(`listing.py`, `reading.py`), states of units (`ledger.py`).
"""

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics_pipeline import logs
from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import ladder, listing, plan, reading
from analytics_pipeline.sync.errors import InvalidRequestError
from analytics_pipeline.sync.interpreter import set_for_replies
from analytics_pipeline.sync.ledger import Failure
from analytics_pipeline.sync.plan import Account
from analytics_pipeline.sync.results import DayResult, SyncTotals, UnitResult
from analytics_pipeline.sync.work import AccountResult, AccountWork, FetcherFactory

T = TypeVar("T")

LISTING_OVERLAP = timedelta(days=2)
"""A sync lists again what was published this long before the last listing: those of the platforms lag behind."""


DISCOVERED = timedelta(days=1)
"""A refresh lists today and so many days before it for new posts, whatever the ladder says."""


def fetcher_from_settings(account: Account) -> BasePlatformFetcher:
    """The platform's fetcher for the account, with hosts and versions from the settings."""
    return FETCHERS[account.platform].for_account(account.access_token, account.external_id)


class AnalyticsSyncService:
    """Brings posts and figures up to date, and keeps the ledger.

    `db` is a SQLAlchemy session on the pipeline's database; work on accounts runs in sessions of its own on the same
    engine. `clock` gives the moment (UTC) that readings carry: the present, unless a past one is replayed.
    """

    def __init__(
        self,
        db: Session,
        *,
        make_fetcher: FetcherFactory = fetcher_from_settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        run_id: str | None = None,
    ) -> None:
        self._db = db
        self._engine = db.get_bind().engine
        self._make_fetcher = make_fetcher
        self._clock = clock
        self._run_id = run_id
        threads = get_settings().sync_threads
        self._calling = threading.BoundedSemaphore(threads)
        # While half of the accounts wait for the platform, the others store what it said.
        self._accounts_at_once = 2 * threads

    # --- what the application and the command line ask for

    def sync_business_analytics(
        self,
        business_id: int,
        platforms: Sequence[str] | None = None,
        limit: int | None = None,
        on_unit: Callable[[UnitResult], None] | None = None,
    ) -> dict[str, Any]:
        """Finds a business's new posts and reads the figures of its posts; with `limit`, of the newest `limit` only.

        Returns `{"total_posts", "synced", "failed", "rate_limited", "api_calls", "posts_read", "cost_usd",
        "unknown_errors", "by_platform": {platform: the same}, "by_account": [{"platform", "account", …the same}],
        "errors": [{"platform", "account", "error_class", "message", …}]}`. The first four count posts; `posts_read` are
        posts that the platform returned, listings included; `cost_usd` is None where no platform charges. An error without
        `publish_day` is of the account: its new posts could not be found.
        `on_unit` hears of every sync unit as it ends. Raises InvalidRequestError for an unknown business or platform or
        a limit below 1.
        """
        if self._db.get(Business, business_id) is None:
            raise InvalidRequestError(f"there is no business {business_id}")
        chosen = self._known_platforms(platforms)
        if limit is not None and limit < 1:
            raise InvalidRequestError(f"limit must be at least 1, not {limit}")
        began = self._clock()
        accounts = plan.accounts(self._db, chosen, business_id)
        totals = {account.id: SyncTotals() for account in accounts}
        for listed in self._side_by_side(accounts, self._list_new_posts):
            totals[listed.account.id].usage += listed.usage
            if listed.failure is not None:
                totals[listed.account.id].errors.append(_unlisted(listed.account, listed.failure))
        for unit in self._read_newest(accounts, began, limit):
            totals[unit.social_account_id].add(unit)
            if on_unit is not None:
                on_unit(unit)
        return _report(accounts, totals)

    def sync_single_post(self, post_id: int) -> dict[str, Any]:
        """Reads one post's figures now; returns the same report as `sync_business_analytics`.

        Raises InvalidRequestError for a post that is unknown or was deleted, and for one of a disconnected account.
        """
        post = self._db.get(PublishedPost, post_id)
        if post is None:
            raise InvalidRequestError(f"there is no post {post_id}")
        if post.status == "deleted":
            raise InvalidRequestError(f"post {post_id} was deleted on {post.platform}; its last figures stay")
        accounts = [a for a in plan.accounts(self._db, [post.platform]) if a.id == post.social_account_id]
        if not accounts:
            raise InvalidRequestError(f"the account of post {post_id} is disconnected: connect it again first")
        of_day = plan.posts(self._db, accounts[0], [post.published_on], None, self._clock())
        planned = [p for p in of_day if p.id == post_id]
        self._db.commit()
        return _report(accounts, {accounts[0].id: SyncTotals.of(reading.read_posts(self._work(accounts[0]), planned))})

    def get_sync_status(self, business_id: int) -> dict[str, Any]:
        """`{"total_posts", "synced_posts", "last_sync_at", "sync_percentage"}` of a business.

        A post counts as synced once it has a reading. `last_sync_at` is UTC, None before the first sync;
        `sync_percentage` is None without posts. Raises InvalidRequestError for an unknown business.
        """
        if self._db.get(Business, business_id) is None:
            raise InvalidRequestError(f"there is no business {business_id}")
        total, synced = self._db.execute(
            select(func.count(), func.count(PublishedPost.last_synced_at)).where(
                PublishedPost.business_id == business_id
            )
        ).one()
        last_sync = self._db.scalar(
            select(func.max(SocialAccount.last_sync)).where(SocialAccount.business_id == business_id)
        )
        self._db.commit()
        return {
            "total_posts": total,
            "synced_posts": synced,
            "last_sync_at": last_sync,
            "sync_percentage": round(100 * synced / total, 1) if total else None,
        }

    # --- what the assets ask for

    def list_posts(
        self, platform: str, first: date, last: date, only_due: bool = False, by_ladder: bool = False
    ) -> Iterator[AccountResult]:
        """Finds the posts of all accounts of a platform published on `first` to `last`.

        `only_due` lists only the accounts and days whose listing the ledger owes. `by_ladder` lists of each account the
        last two days, and what lies between these and its oldest day that is due, or the day until which its posts are
        known; not again what failed for a lasting reason.
        """
        accounts = plan.accounts(self._db, self._known_platforms([platform]))
        ranges = {account.id: [(first, last)] for account in accounts}
        given_up: dict[int, tuple[date, Failure]] = {}
        asked_once = not (only_due or by_ladder)
        if only_due:
            ranges = plan.owed_listings(self._db, self._clock(), first, last)
        elif by_ladder:
            due = self._due_by_ladder(platform)
            known = plan.listed_until(self._db, platform)
            given_up = plan.given_up_listings(self._db, platform, first, last)
            for account_id in ranges:
                start = first
                if account_id in due or account_id in known:  # else nothing tells how far back to look
                    oldest_due = due[account_id].listed_from if account_id in due else None
                    unknown = min(known.get(account_id, last), last) - DISCOVERED
                    start = max(first, min(oldest_due or last, unknown))
                if account_id in given_up:
                    start = max(start, given_up[account_id][0] + timedelta(days=1))
                ranges[account_id] = [(start, last)] if start <= last else []
        self._db.commit()
        for account in accounts:
            if account.id in given_up and not ranges[account.id]:
                yield AccountResult(account, failure=given_up[account.id][1])
        yield from self._side_by_side(
            [account for account in accounts if ranges.get(account.id)],
            lambda a: (listing.list_posts(self._work(a), *days, asked_once=asked_once) for days in ranges[a.id]),
        )

    def read_days(
        self,
        platform: str,
        first: date,
        last: date,
        *,
        only_due: bool = False,
        by_ladder: bool = False,
        reuse_since: datetime | None = None,
        on_unit: Callable[[UnitResult], None] | None = None,
    ) -> Iterator[DayResult]:
        """Reads the posts of a platform published on `first` to `last`; yields each day once its last unit has ended.

        `only_due` reads only what the ledger says is due, `by_ladder` also what the refresh ladder says. `reuse_since` as
        in `reading.read_days`; `on_unit` hears of every unit as it ends.
        """
        accounts = plan.accounts(self._db, self._known_platforms([platform]))
        due = self._due_by_ladder(platform) if by_ladder else {}
        left = dict.fromkeys(plan.days_between(first, last), 0)
        quiet = dict.fromkeys(left, sum(account.status == "connected" for account in accounts))
        ended: dict[date, list[UnitResult]] = {day: [] for day in left}
        for known, (units, of_connected) in plan.units_by_day(self._db, accounts, first, last).items():
            left[known] = units
            quiet[known] -= of_connected
        self._db.commit()

        def finish(day: date) -> DayResult:
            del left[day]
            return DayResult(platform, day, tuple(ended[day]), quiet[day])

        for day in [day for day, units in left.items() if not units]:
            yield finish(day)

        def read(account: Account) -> Iterator[UnitResult]:
            only: frozenset[date] | None = frozenset() if only_due or by_ladder else None
            if account.id in due:
                only = due[account.id].days
            return reading.read_days(self._work(account), first, last, only, reuse_since)

        for unit in self._side_by_side(accounts, read):
            if on_unit is not None:
                on_unit(unit)
            ended[unit.publish_day].append(unit)
            if unit.publish_day in left:
                left[unit.publish_day] -= 1
                if not left[unit.publish_day]:
                    yield finish(unit.publish_day)
        for day in list(left):
            yield finish(day)

    def read_account_days(
        self, platform: str, first: date, last: date, only: Collection[int] = ()
    ) -> Iterator[AccountResult]:
        """Stores account-level figures of a platform's accounts for the UTC days `first` to `last`.

        `only`: ids of the accounts, all without any.
        """
        accounts = [a for a in plan.accounts(self._db, self._known_platforms([platform])) if not only or a.id in only]
        self._db.commit()
        yield from self._side_by_side(accounts, lambda a: [listing.read_account_days(self._work(a), first, last)])

    # --- parts

    def _known_platforms(self, platforms: Sequence[str] | None) -> list[str]:
        for platform in platforms or ():
            if platform not in FETCHERS:
                raise InvalidRequestError(f"unknown platform {platform!r}: choose from {', '.join(FETCHERS)}")
        return list(platforms or FETCHERS)

    def _due_by_ladder(self, platform: str) -> dict[int, ladder.Due]:
        return ladder.due(self._db, platform, get_settings().refresh_ladder(platform), self._clock())

    def _work(self, account: Account) -> AccountWork:
        return AccountWork(self._engine, account, self._make_fetcher, self._clock, self._run_id, self._calling)

    def _list_new_posts(self, account: Account) -> Iterator[AccountResult]:
        """The older days that a failed listing has left in the ledger, then what was published since the last one.

        In this order, as else the newest would take all that a small quota allows, each time anew.
        """
        today = self._clock().astimezone(UTC).date()
        with Session(self._engine) as session:
            known = session.scalar(select(SocialAccount.listed_at).where(SocialAccount.id == account.id))
            first = (known - LISTING_OVERLAP).astimezone(UTC).date() if known else get_settings().analytics_start_date
            first = min(first, today)
            before = first - timedelta(days=1)
            owed = plan.owed_listings(session, self._clock(), date.min, before, account.id).get(account.id, [])
        for days in [*owed, (first, today)]:
            listed = listing.list_posts(self._work(account), *days)
            yield listed
            if listed.failure is not None and listed.failure.error_class == "throttled":
                return

    def _read_newest(self, accounts: Sequence[Account], began: datetime, limit: int | None) -> Iterator[UnitResult]:
        first, last = date(1970, 1, 1), began.astimezone(UTC).date()
        if limit is None:
            yield from self._side_by_side(
                accounts, lambda a: reading.read_days(self._work(a), first, last, reuse_since=began)
            )
            return
        newest = plan.newest_posts(self._db, accounts, limit, began, self._clock())
        self._db.commit()
        yield from self._side_by_side(
            [account for account in accounts if account.id in newest],
            lambda a: reading.read_posts(self._work(a), newest[a.id]),
        )

    def _side_by_side(self, accounts: Sequence[Account], work: Callable[[Account], Iterable[T]]) -> Iterator[T]:
        """The results of `work` on every account, as they come from a few threads. The first unexpected fault is raised."""
        results: queue.SimpleQueue[T | BaseException | None] = queue.SimpleQueue()
        cancelled = threading.Event()

        def run(account: Account) -> None:
            try:
                with logs.about(platform=account.platform, account=account.name, run=self._run_id):
                    for result in work(account):
                        results.put(result)
                        if cancelled.is_set():
                            return
            except BaseException as error:  # noqa: BLE001  # crosses to the caller's thread
                results.put(error)
            finally:
                results.put(None)

        with set_for_replies(), ThreadPoolExecutor(self._accounts_at_once, thread_name_prefix="sync") as pool:
            for account in accounts:
                pool.submit(run, account)
            try:
                ended = 0
                while ended < len(accounts):
                    result = results.get()
                    if result is None:
                        ended += 1
                    elif isinstance(result, BaseException):
                        raise result
                    else:
                        yield result
            finally:
                cancelled.set()
                pool.shutdown(cancel_futures=True)


def _unlisted(account: Account, failure: Failure) -> dict[str, Any]:
    return {
        "platform": account.platform,
        "account": account.name,
        "error_class": failure.error_class,
        "message": f"{account.name} was not listed for new posts: {failure.message}",
    }


def _report(accounts: Sequence[Account], totals: Mapping[int, SyncTotals]) -> dict[str, Any]:
    by_platform: dict[str, SyncTotals] = {}
    for account in accounts:
        by_platform[account.platform] = by_platform.get(account.platform, SyncTotals()) + totals[account.id]
    everything = sum(by_platform.values(), SyncTotals())
    return {
        **everything.counts(),
        "by_platform": {platform: of_platform.counts() for platform, of_platform in by_platform.items()},
        "by_account": [
            {"platform": account.platform, "account": account.name, **totals[account.id].counts()}
            for account in accounts
        ],
        "errors": everything.errors,
    }
